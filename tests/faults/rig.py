"""A merchant for the fault tests: drop folder, config, ledger and a Billing API; runs in this process or another."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.cli import run_command
from pipeline.sandbox.faults import NoFaults, Received
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from tests.faults import files
from tests.faults.audit import audit
from tests.faults.files import BillFile, Model

Json = dict[str, Any]
Row = dict[str, str]

FEEDS = [
    {
        "name": "bills",
        "match": "bills_*.csv",
        "model": "bill",
        "amount": {"unit": "major"},
        "unusual": "load",
    },
    {
        "name": "accounts",
        "match": "accounts_*.csv",
        "model": "account_balance",
        "amount": {"unit": "major"},
        "unusual": "load",
    },
    {
        "name": "balances",
        "match": "balances_*.csv",
        "model": "customer_balance",
        "amount": {"unit": "major"},
        "unusual": "load",
    },
]
NAMES: dict[Model, str] = {
    "bill": "bills_{}.csv",
    "account_balance": "accounts_{}.csv",
    "customer_balance": "balances_{}.csv",
}
MOST_ROUNDS = 25
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Ran:
    """What one run said."""

    exit_status: int
    document: Json
    stderr: str

    def counts(self, name: str | None = None) -> dict[str, int]:
        """Records by outcome, of the file of that name or the only one."""
        (summary,) = [
            summary for summary in self.document["files"] if name in {None, summary["file"]["name"]}
        ]
        return {
            outcome: count for outcome, count in summary["records"].items() if count and outcome != "total"
        }


@dataclass
class Rig:
    folder: Path
    api: SandboxApi
    settings: Json = field(default_factory=dict)
    given: list[BillFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        key = self.folder / "api.key"
        key.touch(mode=0o600)
        key.write_text(TEST_KEY)
        for name in ("drop", "given"):
            (self.folder / name).mkdir()
        self.settings = {
            "merchant": "citypower",
            "environment": "test",
            "work_dir": "var",
            "api": {
                "base_url": self.api.url,
                "key_file": "api.key",
                "timeout_s": 0.3,
                "max_in_flight": 16,
                "max_attempts": 6,
                "max_retry_s": 10,
            },
            "drop": {"folder": "drop", "settle_s": 0, "archive": "archive", "quarantine": "quarantine"},
            "limits": {"max_reject_ratio": 1.0},
            "feeds": FEEDS,
        }
        self.configure()

    def configure(self, **api: Any) -> None:
        """Change settings of `api:`."""
        self.settings["api"] |= api
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.settings))

    @property
    def work_dir(self) -> Path:
        return self.folder / "var"

    # -- files --

    def drop(self, model: Model, given: list[str], name: str = "1") -> BillFile:
        """Rows of a model (see `files.HEADERS`) as a file in the drop folder."""
        path = self.folder / "given" / NAMES[model].format(name)
        path.write_text(files.text(model, given))
        (self.folder / "drop" / path.name).write_bytes(path.read_bytes())
        file = BillFile(path, model)
        self.given.append(file)
        return file

    def drop_many(self, model: Model, count: int, seed: int, name: str = "1") -> BillFile:
        return self.drop(model, files.rows(model, count, seed), name)

    # -- runs --

    def run(self, *words: str) -> Ran:
        return self._command(["run", *words])

    def load(self, file: BillFile, *words: str) -> Ran:
        """The same file by hand, whatever stands in the drop folder."""
        return self._command(["load", str(file.path), *words])

    def command(self, *words: str) -> Ran:
        """Any other command."""
        return self._command(words)

    def _command(self, words: Sequence[str]) -> Ran:
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            exit_status = run_command([*words, *self._config, "--json"])
        return Ran(exit_status, json.loads(out.getvalue()), err.getvalue())

    def run_until_done(self, rounds: int = MOST_ROUNDS) -> list[Ran]:
        """Runs until nothing is left to do. Fails when that is not so after that many rounds."""
        ran: list[Ran] = []
        while len(ran) < rounds:
            ran.append(self.run())
            if ran[-1].exit_status in {0, 1}:
                return ran
            assert ran[-1].exit_status == 3, ran[-1].stderr
        raise AssertionError(f"not done after {rounds} runs: {ran[-1].stderr} {self.api.faults}")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A run in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *(words or ("run",)), *self._config, "--json"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    @property
    def _config(self) -> list[str]:
        return ["--config", str(self.folder / "config.yaml")]

    # -- what came of it --

    def audit(self, **allowed: Any) -> list[str]:
        return audit(self.given, self.api.snapshot(), self.work_dir, **allowed)

    def calm(self) -> None:
        """No more faults."""
        self.api.faults = NoFaults()

    def lose_ledger(self) -> None:
        for path in self.work_dir.glob("ledger.sqlite*"):
            path.unlink()

    def ledger(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.work_dir / "ledger.sqlite")) as connection:
            return connection.execute(sql).fetchall()

    def change_ledger(self, sql: str) -> None:
        with closing(sqlite3.connect(self.work_dir / "ledger.sqlite")) as connection, connection:
            connection.execute(sql)

    def results(self, file: BillFile) -> list[Row]:
        (path,) = (self.work_dir / "reports").glob(f"{file.name}.*/results.csv")
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    def outcomes(self, file: BillFile) -> list[str]:
        return [row["outcome"] for row in self.results(file)]


class Killer:
    """Runs a client in a process of its own and lets the API kill it: `kill` is for `faults.callback`."""

    def __init__(self) -> None:
        self._client: subprocess.Popen[bytes] | None = None

    def run(self, rig: Rig) -> int:
        """The exit status of the run, `KILLED` when it was killed."""
        self._client = rig.start()
        return finish(self._client)

    def kill(self, _: Received) -> None:
        assert self._client is not None
        self._client.kill()
        self._client.wait(10)


def finish(client: subprocess.Popen[bytes]) -> int:
    """Waits for a client's end. Fails when it ends in a way that no run may."""
    _, said = client.communicate(timeout=60)
    assert client.returncode in {KILLED, 0, 1, 3}, said.decode()
    return client.returncode
