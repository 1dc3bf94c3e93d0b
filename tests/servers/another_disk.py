"""A folder on another file system than that of the tests' own folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.openssh import missing

DISKS = (Path("/dev/shm"), Path(__file__).resolve().parents[2] / ".cache", Path("/var/tmp"))  # noqa: S108
"""One in memory, which Linux has, and two that are on a real disk: the tests' own folders are on one of them."""


@contextmanager
def another_file_system() -> Iterator[Path]:
    """Removed afterwards."""
    own = Path(tempfile.gettempdir()).stat().st_dev
    others = [disk for disk in DISKS if disk.is_dir() and disk.stat().st_dev != own]
    if not others:
        missing(f"{' and '.join(map(str, DISKS))} are on one file system")
    with tempfile.TemporaryDirectory(dir=others[0]) as folder:
        yield Path(folder)
