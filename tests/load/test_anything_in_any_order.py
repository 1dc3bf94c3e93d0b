"""Files, faults, kills, re-drops, corrections and payments in any order: after each step everything still adds up.

Bills: never two of one reference, never another content than the first, and `created` adds up to one. Balances: what
the newest file that took effect said, less what was paid since.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pipeline.sandbox.faults import (
    NoFaults,
    Received,
    Scripted,
    Window,
    callback,
    drop_after,
    drop_before,
    status,
)
from pipeline.sandbox.serve import SandboxApi
from tests.clocked import load_at, run_at
from tests.world import World, feed

FEEDS = [
    feed("bills", "bill", "bills*.csv", "minor", currency="ZAR"),
    feed("balances", "customer_balance", "balances_{date:%Y-%m-%d}.csv", "minor", currency="ZAR"),
]
TODAY = datetime.now(UTC)
SOAK = bool(os.environ.get("SOAK"))

Row = tuple[int, int, int]
"""customer, bill, amount: few of each, so that they meet again."""
ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 7), st.sampled_from([100, 200])), min_size=1, max_size=6
)
FAULTS = st.sampled_from(["none", "drop_before", "drop_after", "500", "500_stored", "500_after_work", "429"])
EVERY = st.integers(2, 4)


def fault_of(name: str) -> Any:
    return {
        "drop_before": drop_before(),
        "drop_after": drop_after(),
        "500": status(500),
        "500_stored": status(500, stored=True),
        "500_after_work": status(500, stored=True, after_work=True),
        "429": status(429, retry_after="0"),
    }[name]


class Anything(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="billferry-any-"))
        self.api = SandboxApi()
        self.api.start()
        self.world = World(self.folder, self.api)
        self.world.set_up(FEEDS, folders=(), timeout_s=2, max_in_flight=4, max_attempts=3, max_retry_s=8)
        del self.world.settings["drop"]
        self.world.settings["limits"] = {"max_reject_ratio": 1.0}
        self.world.write_config()
        self.files: dict[str, Path] = {}
        self.number = 0
        self.day = 0
        self.expected: dict[str, int] = {}
        self.unfinished = False
        self.reports_lost_of: set[str] = set()

    def teardown(self) -> None:
        self.api.stop()
        shutil.rmtree(self.folder)

    # -- what happens --

    @rule(rows=ROWS, fault=FAULTS, every=EVERY)
    def bills_arrive(self, rows: list[Row], fault: str, every: int) -> None:
        self.load(self.bill_file(rows), fault, every)

    @rule(rows=ROWS, window=st.sampled_from(list(Window)), nth=st.integers(1, 4))
    def bills_arrive_and_the_process_is_killed(self, rows: list[Row], window: Window, nth: int) -> None:
        path = self.bill_file(rows)
        process = self.world.start("load", path)
        seen = Counter[str]()

        def is_it(received: Received) -> bool:
            seen["POST"] += received.method == "POST"
            return received.method == "POST" and seen["POST"] == nth

        self.api.faults = Scripted({is_it: callback(lambda _: process.kill(), window)})
        process.communicate(timeout=60)
        self.api.faults = NoFaults()
        self.unfinished = True

    @rule(pick=st.integers(0, 99), fault=FAULTS, every=EVERY)
    def a_file_is_dropped_again(self, pick: int, fault: str, every: int) -> None:
        bills = [path for name, path in self.files.items() if name.startswith("bills")]
        if bills:
            path = bills[pick % len(bills)]
            again = path.with_name(f"bills_again_{self.number}_{path.name}")
            self.number += 1
            shutil.copy(path, again)
            self.load(again, fault, every)

    @rule(
        balances=st.dictionaries(st.integers(0, 2), st.integers(-300, 300), min_size=1),
        fault=FAULTS,
        every=EVERY,
    )
    def balances_arrive(self, balances: dict[int, int], fault: str, every: int) -> None:
        self.settle()
        self.day += 1
        day = (TODAY + timedelta(days=self.day)).date().isoformat()
        path = self.folder / f"balances_{day}.csv"
        lines = [f"D{customer},{balance}" for customer, balance in balances.items()]
        path.write_text("\n".join(["customer_reference,balance", *lines]) + "\n")
        self.load(path, fault, every)
        self.settle()
        for row in self.results(path):
            if row["outcome"] == "conflict":
                # The API keeps what it held: the ledger does not know it, or cannot tell whether a send worked.
                assert row["codes"] in {"balance.not_ours", "balance.moved"}, row
                continue
            assert row["outcome"] in {"created", "updated", "unchanged"}, row
            self.expected[row["customer_reference"]] = int(row["amount_minor"])

    @rule(customer=st.integers(0, 2), amount=st.integers(1, 50))
    def a_customer_pays(self, customer: int, amount: int) -> None:
        self.settle()
        with contextlib.suppress(KeyError, ValueError):
            self.api.pay(f"D{customer}", amount)
            self.expected[f"D{customer}"] -= amount

    @rule(customer=st.integers(0, 2), balance=st.integers(-300, 300), amount=st.integers(1, 50))
    def a_payment_meets_a_lost_reply(self, customer: int, balance: int, amount: int) -> None:
        self.settle()
        name = f"D{customer}"
        self.day += 1
        path = self.folder / f"balances_{(TODAY + timedelta(days=self.day)).date().isoformat()}.csv"
        path.write_text(f"customer_reference,balance\n{name},{balance}\n")
        self.api.faults = Scripted(
            {
                lambda received: received.method == "PATCH": (
                    callback(lambda _: self.api.pay(name, amount), Window.AFTER_WORK),
                    drop_after(),
                )
            }
        )
        self.unfinished = self.call("load", str(path)) == 3
        self.api.faults = NoFaults()
        self.settle()
        (row,) = self.results(path)
        if row["codes"] == "balance.not_ours":
            return  # nothing was sent, and nobody has paid
        if row["outcome"] == "conflict":
            assert row["codes"] == "balance.moved"
            self.expected[name] = balance - amount
        else:
            assert row["outcome"] in {"created", "unchanged"}
            self.expected[name] = balance

    @rule()
    def the_ledger_is_lost(self) -> None:
        self.settle()
        self.reports_lost_of = {bill["external_reference"] for bill in self.api.snapshot()["bills"]}
        for file in (self.folder / "var").glob("ledger.sqlite*"):
            file.unlink()
        shutil.rmtree(self.folder / "var" / "reports", ignore_errors=True)
        self.files = {name: path for name, path in self.files.items() if name.startswith("bills")}

    @rule()
    def the_next_run_comes(self) -> None:
        self.settle()

    # -- how it happens --

    def bill_file(self, rows: list[Row]) -> Path:
        self.number += 1
        path = self.folder / f"bills_{self.number}.csv"
        lines = [f"C{customer},A{customer}-{bill % 2},B{bill},{amount}" for customer, bill, amount in rows]
        path.write_text(
            "\n".join(["customer_reference,account_reference,bill_reference,amount_due", *lines]) + "\n"
        )
        self.files[path.name] = path
        return path

    def load(self, path: Path, fault: str, every: int) -> None:
        seen = Counter[str]()

        def is_it(received: Received) -> bool:
            seen["all"] += 1
            return received.method != "GET" and seen["all"] % every == 0

        self.api.faults = NoFaults() if fault == "none" else Scripted({is_it: fault_of(fault)})
        exit_status = self.call("load", str(path))
        self.api.faults = NoFaults()
        assert exit_status in {0, 1, 3}, exit_status
        self.unfinished = self.unfinished or exit_status == 3
        self.files[path.name] = path

    def settle(self) -> None:
        if self.unfinished:
            assert self.call("run") in {0, 1}
            self.unfinished = False

    def call(self, *words: str) -> int:
        now, config = TODAY + timedelta(days=self.day), self.folder / "config.yaml"
        command = {"run": run_at, "load": load_at}[words[0]]
        told = command(now, config, *map(Path, words[1:]))
        assert told.exit_status != 70, told.stderr
        return told.exit_status

    def results(self, path: Path) -> list[dict[str, Any]]:
        found = sorted((self.folder / "var" / "reports").glob(f"{path.name}.*/results.csv"))
        return pl.read_csv(found[-1], infer_schema=False).to_dicts() if found else []

    # -- what must hold --

    @invariant()
    def everything_adds_up(self) -> None:
        state = self.api.snapshot()
        bills = Counter(bill["external_reference"] for bill in state["bills"])
        assert not [reference for reference, count in bills.items() if count > 1]
        if self.unfinished:
            return
        held = {bill["external_reference"]: bill for bill in state["bills"]}
        created: Counter[str] = Counter()
        for name, path in self.files.items():
            if not name.startswith("bills"):
                continue
            for row in self.results(path):
                assert row["outcome"] not in {"in_doubt", "not_attempted"}
                created[row["bill_reference"]] += row["outcome"] == "created"
                if row["outcome"] in {"created", "unchanged", "updated"}:
                    bill = held[row["bill_reference"]]
                    assert bill["amount_due"] == int(row["amount_minor"])
                    assert bill["account_reference"] == row["account_reference"]
                    assert bill["customer_reference"] == row["customer_reference"]
        assert {
            reference: created[reference] for reference in held if reference not in self.reports_lost_of
        } == {reference: 1 for reference in held if reference not in self.reports_lost_of}
        # Without the ledger a replayed answer to a request of doubtful fate counts as ours: once at most.
        assert not [reference for reference in self.reports_lost_of if created[reference] > 1]
        balances = {each["external_reference"]: each.get("balance") for each in state["customers"]}
        assert {name: balances.get(name) for name in self.expected} == self.expected


Anything.TestCase.settings = settings(
    max_examples=200 if SOAK else 3,
    stateful_step_count=20 if SOAK else 8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    print_blob=True,
    phases=(Phase.explicit, Phase.generate),  # shrinking would run for an hour; the seed is printed
)
TestAnything = Anything.TestCase
