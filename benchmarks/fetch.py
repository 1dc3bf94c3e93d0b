"""Our fetch against OpenSSH's `sftp`, from a local sshd. Ours also hashes the file and syncs it to the disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.surroundings import surroundings
from pipeline.core.file_stages import RemoteFile
from pipeline.edge.local.landing import land_blocks
from pipeline.edge.sftp.source import SftpSource
from schemas.settings import Sftp
from tests.servers.openssh import OpenSsh

Fetch = Callable[[OpenSsh, Path, Path, Path], None]
"""Server, file there, known_hosts, where it goes."""
SIZE_BYTES = 512 << 20
TURNS = 7
AT_LEAST = 0.4
"""Of the rate of `sftp`. Less is a defect, and is written down all the same: figures that please are no measurement."""


def measure() -> str:
    """In turn, so that whatever else the machine does hits both alike. The first turn warms up and does not count."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder, OpenSsh(Path(folder) / "openssh") as server:
        file = Path(folder) / "bills.csv"
        _fill(file)
        known_hosts = Path(folder) / "known_hosts"
        known_hosts.write_text(server.known_hosts_lines)
        for _ in range(1 + TURNS):
            theirs.append(_timed(_by_sftp, server, file, known_hosts))
            ours.append(_timed(_by_us, server, file, known_hosts))
    return _section(ours[1:], theirs[1:])


def _section(ours: list[float], theirs: list[float]) -> str:
    ratio = median(theirs) / median(ours)
    openssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    rows = [_row("`sftp` (get)", theirs), _row("Billferry (get, SHA-256, fsync)", ours)]
    return "\n".join(
        [
            "## Fetching a file by SFTP",
            "",
            f"One file of {SIZE_BYTES >> 20} MiB from a local `sshd`, log-in included, {TURNS} times in turn.",
            f"{surroundings()}; {re.split('[ ,]', openssh)[0]}, paramiko {version('paramiko')}.",
            "",
            "| what | median | MiB/s (median) | MiB/s (slowest to fastest) |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            f"Ratio of the medians: **{ratio:.2f}** (at least {AT_LEAST} is asked for"
            f"{'' if ratio >= AT_LEAST else ': not reached'}).",
        ]
    )


def _row(what: str, seconds: list[float]) -> str:
    rates = [(SIZE_BYTES >> 20) / each for each in seconds]
    return (
        f"| {what} | {median(seconds):.2f} s | {median(rates):.0f} | {min(rates):.0f} to {max(rates):.0f} |"
    )


def _timed(fetch: Fetch, server: OpenSsh, file: Path, known_hosts: Path) -> float:
    target = file.with_name("fetched")
    start_s = time.perf_counter()
    fetch(server, file, known_hosts, target)
    took_s = time.perf_counter() - start_s
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    return took_s


def _by_us(server: OpenSsh, file: Path, known_hosts: Path, target: Path) -> None:
    settings = Sftp(
        host=server.host,
        port=server.port,
        username=server.username,
        private_key_file=server.user_key,
        known_hosts_file=known_hosts,
        incoming=str(file.parent),
    )
    facts = file.stat()
    modified_at = datetime.fromtimestamp(int(facts.st_mtime), UTC)
    remote = RemoteFile("sftp", file.name, facts.st_size, modified_at, modified_at)
    with closing(SftpSource(settings)) as source:
        landed = land_blocks(source.blocks(remote), target)
    if landed.size_bytes != SIZE_BYTES:
        raise SystemExit("the file was not fetched whole")


def _by_sftp(server: OpenSsh, file: Path, known_hosts: Path, target: Path) -> None:
    options = {
        "IdentityFile": server.user_key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": known_hosts,
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
    }
    given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    login = f"{server.username}@{server.host}:{file}"
    subprocess.run(
        ["sftp", "-q", "-F", os.devnull, *given, "-P", str(server.port), login, str(target)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    if target.stat().st_size != SIZE_BYTES:
        raise SystemExit("sftp has not fetched the whole file")


def _fill(file: Path) -> None:
    block = os.urandom(1 << 20)
    with file.open("wb") as out:
        for _ in range(SIZE_BYTES >> 20):
            out.write(block)
