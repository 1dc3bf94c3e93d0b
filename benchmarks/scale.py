"""What a bill costs when 1, 2, 3 and 4 hosts load one file, and a model that tells four hosts from one and two.

As in `workers`, all is on this machine: hosts, database, stub of the API. So the processors are shared, and the model
has to say when they are what limits the load. It is a closed queueing network: each of 64 requests in flight per host
is with the API and the ledger's commit (a time that only the number of hosts changes, whose commits wait for each
other), or wants the processors (a time that is measured, and waited for). How many such requests end a second follows
by mean value analysis (Reiser and Lavenberg, 1980); several cores are one station that is as many times as fast, and a
wait that does not queue (Seidmann and others, 1987).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from benchmarks.merchant import IN_FLIGHT
from benchmarks.surroundings import surroundings
from benchmarks.workers import ANSWER_MS, Loaded, load
from tests.servers.postgres import Postgres

HOSTS = (1, 2, 3, 4)
BILLS = 40_000
WITHIN = 0.15
"""How far the model may be off."""
MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Model:
    """Seconds a bill: with API and commit where one host loads, what each further host adds to that, and of the
    processors where one host loads and where several do.

    Those are more, since the groups that hosts write beside each other are smaller than those of one.
    """

    elsewhere_s: float
    further_s: float
    alone_s: float
    together_s: float
    cores: int

    def per_s(self, hosts: int) -> float:
        """Bills a second."""
        processor_s = self.alone_s if hosts == 1 else self.together_s
        elsewhere_s = self.elsewhere_s + (hosts - 1) * self.further_s
        return throughput(hosts * IN_FLIGHT, elsewhere_s, processor_s, self.cores)


def throughput(in_flight: int, elsewhere_s: float, processor_s: float, cores: int) -> float:
    """By mean value analysis: requests a second of so many that go round."""
    queued_s = processor_s / cores
    apart_s = elsewhere_s + processor_s - queued_s
    waiting = per_s = 0.0
    for requests in range(1, in_flight + 1):
        at_processors_s = queued_s * (1 + waiting)
        per_s = requests / (apart_s + at_processors_s)
        waiting = per_s * at_processors_s
    return per_s


def fitted(one: Loaded, two: Loaded, cores: int) -> Model:
    """The model in which one host and two reach what they did."""
    alone_s, together_s = (each.costs.processors_s / each.bills for each in (one, two))
    elsewhere_s = _elsewhere_s(one, alone_s, cores)
    return Model(elsewhere_s, _elsewhere_s(two, together_s, cores) - elsewhere_s, alone_s, together_s, cores)


def _elsewhere_s(loaded: Loaded, processor_s: float, cores: int) -> float:
    """What a request waits for elsewhere, by halving: the more, the fewer end a second."""
    in_flight = loaded.hosts * IN_FLIGHT
    least, most = 0.0, in_flight / loaded.per_s
    for _ in range(60):
        middle = (least + most) / 2
        is_faster = throughput(in_flight, middle, processor_s, cores) > loaded.per_s
        least, most = (middle, most) if is_faster else (least, middle)
    return least


def measure() -> str:
    server = Postgres("fsync=on")
    try:
        loads = [load(server, hosts, BILLS, "--answer-ms", str(ANSWER_MS)) for hosts in HOSTS]
    finally:
        server.remove()
    cores = os.cpu_count() or 1
    model = fitted(loads[0], loads[1], cores)
    off = {each.hosts: model.per_s(each.hosts) / each.per_s - 1 for each in loads}
    return "\n".join(
        [
            "## What a bill costs",
            "",
            f"{BILLS} new bills, loaded by 1 to 4 hosts into an API that answers after {ANSWER_MS} ms. Hosts,",
            "database and stub are processes of this machine. Of the load alone, from the end of the check to its end.",
            f"{surroundings()}.",
            "",
            "| hosts | bills/s | processor time a bill, µs: hosts | database | stub of the API | cores busy |",
            "| --- | --- | --- | --- | --- | --- |",
            *(_row(each) for each in loads),
            "",
            f"A bill writes {_mean(loads, 'log_bytes'):.0f} bytes of the database's log (WAL) and takes",
            f"{_mean(loads, 'table_bytes'):.0f} bytes of its tables and indexes. Its requests and their answers are",
            f"{_mean(loads, 'wire_bytes'):.0f} bytes over the network, with the headers of HTTP and TCP.",
            "",
            f"Before the load, the check takes the host that leads {_one(loads, 'check_s')} µs a bill; after it, the",
            f"report takes {_one(loads, 'report_s')} µs.",
            "",
            f"The model, from one host and two: {model.elsewhere_s * 1000:.0f} ms elsewhere a bill and",
            f"{model.further_s * 1000:.1f} ms more for each further host, and of the",
            f"{cores} cores {model.alone_s * MICROSECONDS:.0f} µs alone,",
            f"{model.together_s * MICROSECONDS:.0f} µs where several load.",
            "",
            "| hosts | bills/s by the model | off by |",
            "| --- | --- | --- |",
            *(f"| {each.hosts} | {model.per_s(each.hosts):.0f} | {off[each.hosts]:+.0%} |" for each in loads),
            "",
            f"Four hosts within {WITHIN:.0%} are asked for{'' if abs(off[4]) <= WITHIN else ': not reached'}.",
        ]
    )


def _row(each: Loaded) -> str:
    costs = each.costs
    parts = (costs.hosts_s, costs.database_s, costs.api_s)
    times = " | ".join(f"{part / each.bills * MICROSECONDS:.0f}" for part in parts)
    return f"| {each.hosts} | {each.per_s:.0f} | {times} | {costs.processors_s / each.took_s:.2f} |"


def _one(loads: list[Loaded], stage: str) -> str:
    """Of one host; the others do not change it."""
    return f"{getattr(loads[0], stage) / loads[0].bills * MICROSECONDS:.0f}"


def _mean(loads: list[Loaded], what: str) -> float:
    return float(sum(getattr(each.costs, what) / each.bills for each in loads)) / len(loads)
