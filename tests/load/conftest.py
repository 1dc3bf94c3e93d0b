"""A merchant with a config, a ledger and a Billing API on this machine: `merchant.load(...)` is a whole load."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.cli import run_command
from pipeline.sandbox.faults import Faults
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from pipeline.sandbox.switches import Switches

CONFIG = """
merchant: citypower
environment: test
work_dir: var
api: {{base_url: "{url}", key_file: key, timeout_s: {timeout_s}, max_in_flight: {max_in_flight},
      max_attempts: {max_attempts}, max_retry_s: {max_retry_s}, update_details: {update_details}}}
limits: {{max_reject_ratio: 1.0}}
feeds:
  - {{name: bills, match: "*bills*.csv", model: bill, amount: {{unit: major}}, unusual: load}}
  - {{name: accounts, match: "accounts_{{date:%Y-%m-%d}}.csv", model: account_balance, amount: {{unit: minor}},
      unusual: load}}
  - {{name: balances, match: "balances_{{date:%Y-%m-%d}}.csv", model: customer_balance, amount: {{unit: minor}},
      unusual: load}}
"""


@dataclass
class Loaded:
    """What a load printed and wrote."""

    exit_status: int
    document: dict[str, Any]
    errors: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = self.document["files"][0]
        return summary

    @property
    def outcomes(self) -> list[str]:
        return [row["outcome"] for row in self.rows]

    def counts(self) -> dict[str, int]:
        return {name: count for name, count in self.summary["records"].items() if count}


@dataclass
class Merchant:
    """One merchant on this machine."""

    folder: Path
    api: SandboxApi
    capsys: pytest.CaptureFixture[str]
    settings: dict[str, Any] = field(default_factory=dict)

    def configure(self, **settings: Any) -> None:
        self.settings |= settings
        defaults = {
            "timeout_s": 2,
            "max_in_flight": 8,
            "max_attempts": 6,
            "max_retry_s": 20,
            "update_details": "true",
        }
        values = defaults | {"url": self.api.url} | self.settings
        (self.folder / "config.yaml").write_text(CONFIG.format(**values))

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
        self.capsys.readouterr()
        status = run_command(
            ["load", str(path), "--config", str(self.folder / "config.yaml"), "--json", *words]
        )
        said = self.capsys.readouterr()
        document = json.loads(said.out)
        assert status == document["exit_status"]
        results = sorted((self.folder / "var" / "reports").glob(f"{path.name}.*/results.csv"))
        rows = pl.read_csv(results[-1], infer_schema=False).to_dicts() if results else []
        return Loaded(status, document, said.err, rows)

    def command(self, *words: str) -> Loaded:
        """Any command; of what it prints on stdout nothing is kept."""
        self.capsys.readouterr()
        status = run_command([*words, "--config", str(self.folder / "config.yaml")])
        return Loaded(status, {}, self.capsys.readouterr().err)

    def run(self) -> Loaded:
        """A pass of `run`, which takes up unfinished files."""
        self.capsys.readouterr()
        status = run_command(["run", "--config", str(self.folder / "config.yaml"), "--json"])
        said = self.capsys.readouterr()
        return Loaded(status, json.loads(said.out), said.err)

    def results(self, path: Path) -> list[dict[str, Any]]:
        """The rows of results.csv as they stand now."""
        results = sorted((self.folder / "var" / "reports").glob(f"{path.name}.*/results.csv"))
        return pl.read_csv(results[-1], infer_schema=False).to_dicts()

    def lose_ledger(self) -> None:
        for file in (self.folder / "var").glob("ledger.sqlite*"):
            file.unlink()

    def ledger(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "var" / "ledger.sqlite")) as connection:
            return connection.execute(sql).fetchall()

    def held(self, kind: str) -> dict[str, dict[str, Any]]:
        """What the API holds, by reference; fails when a reference is held twice."""
        entities = self.api.snapshot()[kind]
        by_reference = {entity["external_reference"]: entity for entity in entities}
        assert len(by_reference) == len(entities), f"a reference is held twice among {kind}"
        return by_reference

    def requests(self, method: str | None = None) -> list[tuple[str, str, int | None]]:
        """(method, path, status) as the API received them."""
        return [
            (line["method"], line["path"], line["status"])
            for line in self.api.snapshot()["requests"]
            if method in {None, line["method"]}
        ]


@pytest.fixture
def open_merchant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Merchant]]:
    opened: list[SandboxApi] = []

    def open_(switches: Switches | None = None, faults: Faults | None = None, **settings: Any) -> Merchant:
        api = SandboxApi(switches, faults=faults)
        api.start()
        opened.append(api)
        key = tmp_path / "key"
        key.write_text(TEST_KEY)
        key.chmod(0o600)
        merchant = Merchant(tmp_path, api, capsys)
        merchant.configure(**settings)
        return merchant

    yield open_
    for api in opened:
        api.stop()


@pytest.fixture
def merchant(open_merchant: Callable[..., Merchant]) -> Merchant:
    return open_merchant()
