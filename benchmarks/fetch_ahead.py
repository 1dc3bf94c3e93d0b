"""A whole `run` over SFTP beside its stages alone: what fetching the next files while one is loaded is worth.

`python -m benchmarks.fetch_ahead --files 10 --megabytes 50` prints it for other sizes: at 50 ms an answer, 50 MB take
minutes a file.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from benchmarks.load_inputs import write_bills
from benchmarks.merchant import IN_FLIGHT, Merchant, stub_api
from benchmarks.surroundings import surroundings
from pipeline.core.file_stages import RemoteFile
from pipeline.edge.local.landing import land_blocks
from pipeline.edge.sftp.source import SftpSource
from schemas.settings import Sftp
from tests.servers.openssh import OpenSsh
from tests.servers.proxy import SpoilingProxy

FILES, MEGABYTES = 10, 1.0
ANSWER_MS = 50
BILL_BYTES = 148
"""Of one line of `write_bills`, about."""
AT_MOST = 1.15
"""Of the slowest stage alone. More is written down all the same."""


@dataclass(frozen=True, slots=True)
class Place:
    """A merchant whose files are on an SFTP server."""

    merchant: Merchant
    server: OpenSsh
    files: list[Path]

    @property
    def size_bytes(self) -> int:
        return sum(each.stat().st_size for each in self.files)

    def login(self, port: int) -> dict[str, object]:
        """The settings that reach the server by that port."""
        known_hosts = self.merchant.folder / f"known_hosts_{port}"
        key = " ".join(self.server.known_hosts_lines.split()[1:])
        known_hosts.write_text(f"[{self.server.host}]:{port} {key}\n")
        return {
            "host": self.server.host,
            "port": port,
            "username": self.server.username,
            "private_key_file": str(self.server.user_key),
            "known_hosts_file": str(known_hosts),
            "incoming": str(self.files[0].parent),
            "archive": None,
            "quarantine": None,
            "reports": None,
            "settle_s": 0,
        }

    def fetched_alone(self, port: int) -> float:
        """Seconds to fetch all files, one after another over one connection, hashed and synced."""
        landing = self.merchant.folder / "landing"
        start_s = time.perf_counter()
        with closing(SftpSource(Sftp(**self.login(port)))) as source:  # type: ignore[arg-type]
            for file in self.files:
                facts = file.stat()
                at = datetime.fromtimestamp(int(facts.st_mtime), UTC)
                land_blocks(source.blocks(RemoteFile("sftp", file.name, facts.st_size, at, at)), landing)
        took_s = time.perf_counter() - start_s
        shutil.rmtree(landing)
        return took_s

    def loaded_alone(self) -> float:
        """Seconds to check and load all files, which are here already."""
        self._afresh()
        return self.merchant.run("load", *self.files).took_s

    def end_to_end(self, port: int) -> float:
        """Seconds of one `run`: fetch, check, load, reports."""
        self._afresh(sftp=self.login(port))
        return self.merchant.run("run").took_s

    def _afresh(self, **settings: object) -> None:
        shutil.rmtree(self.merchant.folder / "var", ignore_errors=True)
        self.merchant.write_config()
        path = self.merchant.folder / "config.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        if settings:
            config.pop("drop")
        path.write_text(yaml.safe_dump({**config, **settings}), encoding="utf-8")


@contextmanager
def place(files: int, megabytes: float) -> Iterator[Place]:
    """Files of bills that differ, an SSH server that has them, and an API that takes its time."""
    with (
        tempfile.TemporaryDirectory() as folder,
        OpenSsh(Path(folder) / "openssh") as server,
        stub_api(None, "--answer-ms", str(ANSWER_MS)) as url,
    ):
        incoming = Path(folder) / "incoming"
        incoming.mkdir()
        names = [incoming / f"{number:03d}_bills.csv" for number in range(files)]
        count = round(megabytes * 1e6 / BILL_BYTES)
        for number, name in enumerate(names):
            write_bills(name, count, first=number * count)
        yield Place(Merchant(Path(folder), url), server, names)


def measure(files: int = FILES, megabytes: float = MEGABYTES) -> str:
    """Over a line as fast as this machine, and over one that takes as long to fetch as the load does: the worst case,
    for there neither stage hides behind the other.
    """
    with place(files, megabytes) as at:
        load_s = at.loaded_alone()
        rows = [_row("this machine's own", at, at.server.port, load_s)]
        slow_bytes_per_s = at.size_bytes / load_s
        with SpoilingProxy(at.server.port, bytes_per_s=slow_bytes_per_s) as line:
            rows.append(_row(f"{slow_bytes_per_s / 1e6:.2f} MB/s for each connection", at, line.port, load_s))
        return _section(files, at.size_bytes, rows)


def _row(line: str, at: Place, port: int, load_s: float) -> tuple[str, float, float, float]:
    return line, at.fetched_alone(port), load_s, at.end_to_end(port)


def _section(files: int, size_bytes: int, rows: list[tuple[str, float, float, float]]) -> str:
    verdicts = []
    table = [
        "| line | fetch alone | check and load alone | `billferry run` | of the slowest stage | one after another |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for line, fetch_s, load_s, run_s in rows:
        slowest_s = max(fetch_s, load_s)
        share, added = run_s / slowest_s, (fetch_s + load_s) / slowest_s
        alone = f"{fetch_s:.1f} s | {load_s:.1f} s"
        table.append(f"| {line} | {alone} | {run_s:.1f} s | **{share:.2f}** | {added:.2f} |")
        reached = "reached" if share <= AT_MOST else "**not reached**"
        verdicts.append(f"- {line}: {share:.2f}, at most {AT_MOST} is asked for: {reached}.")
    most = IN_FLIGHT * 1000 // ANSWER_MS
    return "\n".join(
        [
            "## Fetching while loading",
            "",
            f"{files} files, {size_bytes / 1e6:.0f} MB in all, from a local `sshd` into a stub of the API that answers",
            f"after {ANSWER_MS} ms, {IN_FLIGHT} requests in flight: {most} bills/s at most. The second line is as slow",
            "as the load, the worst case: neither hides behind the other. The last column is what fetching first and",
            "then loading would take, by addition. Once each.",
            f"{surroundings()}.",
            "",
            *table,
            "",
            *verdicts,
        ]
    )


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--files", type=int, default=FILES)
    words.add_argument("--megabytes", type=float, default=MEGABYTES, help="of each file")
    given = words.parse_args()
    print(measure(given.files, given.megabytes))


if __name__ == "__main__":
    main()
