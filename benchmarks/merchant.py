"""A merchant's folder to measure in: config, key, the stub of the API, and the real command as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.process import Finished, run
from benchmarks.stub_api import throw_away_ca
from tests.world import feed, merchant_config, write_config, write_key

ROOT = Path(__file__).parent.parent
BILLFERRY = str(Path(sys.executable).with_name("billferry"))
KEY = "sk_test_of_benchmarks"
IN_FLIGHT = 64
FEEDS = [
    feed("bills", "bill", "*bills*.csv", unusual=None),
    feed("accounts", "account_balance", "*accounts*.csv", "minor", unusual=None),
    feed("balances", "customer_balance", "*balances*.csv", "minor", unusual=None),
]


@dataclass(frozen=True, slots=True)
class Merchant:
    """`folder` holds the config, the key and, below `var`, all that runs leave."""

    folder: Path
    url: str
    ca: Path | None = None
    key: str = KEY

    def write_config(self, **more: Any) -> None:
        """The usual config, and further keys."""
        config = {**merchant_config(self.url, FEEDS, api={"max_in_flight": IN_FLIGHT}), **more}
        config["drop"]["quarantine"] = "quarantine"
        write_config(self.folder, config)
        write_key(self.folder, self.key)
        (self.folder / "drop").mkdir(exist_ok=True)

    def run(self, *words: str | Path, statuses: tuple[int, ...] = (0,)) -> Finished:
        """`billferry WORDS`, from its start to its end. Fails when it ends with another status."""
        config = () if "--help" in words else ("--config", self.folder / "config.yaml")
        command = [BILLFERRY, *map(str, (*words, *config))]
        return run(command, folder=ROOT, environment=self.trust, statuses=statuses)

    @property
    def trust(self) -> dict[str, str]:
        """What makes a client believe the stub's certificate."""
        return {"SSL_CERT_FILE": str(self.ca)} if self.ca else {}


@contextmanager
def stub_api(tls: Path | None = None, *more: str) -> Iterator[str]:
    """The address of a stub that serves in a process of its own; with a folder for its CA it speaks TLS."""
    with stub_process(tls, *more) as (url, _):
        yield url


@contextmanager
def stub_process(tls: Path | None = None, *more: str) -> Iterator[tuple[str, int]]:
    """As `stub_api`; the address, and the id of the process."""
    words = [sys.executable, "-m", "benchmarks.stub_api", *more]
    if tls is not None:
        throw_away_ca(tls)
        words += ["--tls", str(tls)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise SystemExit("the stub has no output")
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()
