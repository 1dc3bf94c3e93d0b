"""A merchant's folder to measure in: config, key, the stub of the API, and the real command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stub_api import throw_away_ca

ROOT = Path(__file__).parent.parent
BILLFERRY = str(Path(sys.executable).with_name("billferry"))
KEY = "sk_test_of_benchmarks"
IN_FLIGHT = 64
CONFIG = """
merchant: citypower
environment: test
work_dir: var
api: {{base_url: "{url}", key_file: key, max_in_flight: {in_flight}}}
drop: {{folder: drop, settle_s: 0, archive: archive, quarantine: quarantine}}
feeds:
  - {{name: bills, match: "*bills*.csv", model: bill, amount: {{unit: major}}}}
  - {{name: accounts, match: "*accounts*.csv", model: account_balance, amount: {{unit: minor}}}}
  - {{name: balances, match: "*balances*.csv", model: customer_balance, amount: {{unit: minor}}}}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_anon_bytes: int


@dataclass(frozen=True, slots=True)
class Merchant:
    """`folder` holds the config, the key and, below `var`, all that runs leave."""

    folder: Path
    url: str
    ca: Path | None = None
    key: str = KEY

    def write_config(self) -> None:
        (self.folder / "config.yaml").write_text(CONFIG.format(url=self.url, in_flight=IN_FLIGHT))
        key = self.folder / "key"
        key.write_text(self.key)
        key.chmod(0o600)
        (self.folder / "drop").mkdir(exist_ok=True)

    def run(self, *words: str | Path, statuses: tuple[int, ...] = (0,)) -> Ran:
        """`billferry WORDS`, from its start to its end. Fails when it ends with another status."""
        config = () if "--help" in words else ("--config", self.folder / "config.yaml")
        return ran([BILLFERRY, *map(str, (*words, *config))], statuses=statuses, environment=self.trust)

    @property
    def trust(self) -> dict[str, str]:
        """What makes a client believe the stub's certificate."""
        return {"SSL_CERT_FILE": str(self.ca)} if self.ca else {}


@contextmanager
def stub_api(tls: Path | None = None) -> Iterator[str]:
    """The address of a stub that serves in a process of its own; with a folder for its CA it speaks TLS."""
    words = [sys.executable, "-m", "benchmarks.stub_api"]
    if tls is not None:
        throw_away_ca(tls)
        words += ["--tls", str(tls)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise SystemExit("the stub has no output")
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def ran(
    words: list[str], *, statuses: tuple[int, ...] = (0,), environment: Mapping[str, str] | None = None
) -> Ran:
    """Run a process to its end, looking at its anonymous memory meanwhile. Raises SystemExit when it fails."""
    start_s = time.perf_counter()
    with subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    ) as process:
        peak, before = 0, os.times()
        while process.poll() is None:
            peak = max(peak, anon_bytes(process.pid))
            time.sleep(0.01 if peak < 1 << 26 else 0.1)
        wall_s = time.perf_counter() - start_s
        said = process.stderr.read().decode() if process.stderr else ""
    if process.returncode not in statuses:
        raise SystemExit(f"{' '.join(words)}: {process.returncode}\n{said}")
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Ran(wall_s, cpu_s, peak)


def anon_bytes(pid: int | str) -> int:
    """Anonymous memory of a process now; 0 once it is gone. Source: proc(5), RssAnon."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    facts: Mapping[str, str] = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(facts.get("RssAnon", "0 kB").split()[0]) * 1024
