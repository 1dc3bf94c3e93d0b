"""What processes of this machine, and a database, have used so far."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from tests.servers.postgres import Postgres

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CPU, _CPU_OF_ENDED_CHILDREN = slice(11, 13), slice(13, 15)
"""Fields of /proc/PID/stat after the name. Source: proc(5)."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of several hosts that load, their database and the stub of the API."""

    hosts_s: float
    """Processor time, as the other two."""
    database_s: float
    api_s: float
    log_bytes: int
    """Written to the database's log (WAL)."""
    table_bytes: int
    """The database's size."""
    wire_bytes: int
    """Over the loopback interface."""

    @property
    def processors_s(self) -> float:
        return self.hosts_s + self.database_s + self.api_s

    def since(self, before: Costs) -> Costs:
        return Costs(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(Costs)))


def used(server: Postgres, database: str, hosts: Sequence[int], api: int) -> Costs:
    """By now; `hosts` and `api` are ids of processes."""
    ((log_bytes, table_bytes),) = server.execute(
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, pg_database_size(current_database())",
        database,
    )
    processes = f"/proc/{server.pid}/task/{server.pid}/children"
    backends = sum(_cpu_s(int(each), _CPU) for each in Path(processes).read_text().split())
    return Costs(
        sum(_cpu_s(each, _CPU) for each in hosts),
        _cpu_s(server.pid, _CPU) + _cpu_s(server.pid, _CPU_OF_ENDED_CHILDREN) + backends,
        _cpu_s(api, _CPU),
        int(str(log_bytes)),
        int(str(table_bytes)),
        int(Path("/sys/class/net/lo/statistics/tx_bytes").read_text()),
    )


def _cpu_s(process: int, which: slice) -> float:
    try:
        facts = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return 0.0  # a backend that has just ended; its parent has its time
    return sum(map(int, facts.rpartition(")")[2].split()[which])) / TICKS_PER_S
