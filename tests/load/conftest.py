"""A merchant whose files are given by hand: `merchant.load(...)` is a whole load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.sandbox.faults import Faults
from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from tests.world import Row, Said, World, feed, rows_of

FEEDS = [
    feed("bills", "bill", "*bills*.csv"),
    feed("accounts", "account_balance", "accounts_{date:%Y-%m-%d}.csv", "minor"),
    feed("balances", "customer_balance", "balances_{date:%Y-%m-%d}.csv", "minor"),
]


@dataclass(frozen=True)
class Loaded(Said):
    """What a load said, and the rows of results.csv after it."""

    rows: list[Row] = field(default_factory=list)

    @property
    def row_outcomes(self) -> list[str]:
        return [row["outcome"] for row in self.rows]


@dataclass
class Merchant(World):
    """Neither drop folder nor SFTP server: `run` takes up unfinished files and nothing else."""

    def __post_init__(self) -> None:
        self.set_up(FEEDS, folders=(), timeout_s=2, max_in_flight=8, max_attempts=6, max_retry_s=20)
        del self.settings["drop"]
        self.settings["limits"] = {"max_reject_ratio": 1.0}
        self.write_config()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def bills(self, rows: Sequence[str], name: str = "bills.csv", columns: str = "") -> Path:
        """Rows of `customer,account,bill,amount` and what `columns` adds."""
        header = "customer_reference,account_reference,bill_reference,amount_due,currency" + columns
        lines = [",".join([*row.split(",")[:4], "ZAR", *row.split(",")[4:]]) for row in rows]
        return self.write(name, "\n".join([header, *lines]) + "\n")

    def balances(self, rows: Sequence[str], day: str = "2026-11-22") -> Path:
        """Rows of `customer,balance`."""
        lines = [f"{row},ZAR" for row in rows]
        return self.write(
            f"balances_{day}.csv", "\n".join(["customer_reference,balance,currency", *lines]) + "\n"
        )

    def load(self, path: Path, *words: str) -> Loaded:
        said = self.json_command("load", path, *words)
        written = any((self.work_dir / "reports").glob(f"{path.name}.*/results.csv"))
        return Loaded(**vars(said), rows=self.results(path) if written else [])

    def run(self) -> Said:
        """A pass of `run`, which takes up unfinished files."""
        return self.json_command("run")

    def results(self, path: Path) -> list[Row]:
        """The rows of results.csv as they stand now; of the last, where files of that name were loaded before."""
        results = sorted((self.work_dir / "reports").glob(f"{path.name}.*/results.csv"))
        return rows_of(results[-1])

    def requests(self, method: str | None = None) -> list[tuple[str, str, int | None]]:
        """(method, path, status) as the API received them."""
        return [
            (line["method"], line["path"], line["status"])
            for line in self.api.snapshot()["requests"]
            if method in {None, line["method"]}
        ]


@pytest.fixture
def open_merchant(tmp_path: Path) -> Iterator[Callable[..., Merchant]]:
    opened: list[SandboxApi] = []

    def open_(switches: Switches | None = None, faults: Faults | None = None, **settings: Any) -> Merchant:
        api = SandboxApi(switches, faults=faults)
        api.start()
        opened.append(api)
        merchant = Merchant(tmp_path, api)
        merchant.configure_api(**settings)
        return merchant

    yield open_
    for api in opened:
        api.stop()


@pytest.fixture
def merchant(open_merchant: Callable[..., Merchant]) -> Merchant:
    return open_merchant()
