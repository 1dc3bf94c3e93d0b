"""A folder on another file system than that of the tests' own folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.openssh import missing

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (a file system in memory, which Linux has)


@contextmanager
def another_file_system() -> Iterator[Path]:
    """Removed afterwards."""
    if not SHARED_MEMORY.is_dir() or SHARED_MEMORY.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev:
        missing(f"{SHARED_MEMORY} is not a file system of its own")
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        yield Path(folder)
