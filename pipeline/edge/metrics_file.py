"""The metrics file, for the textfile collector of node_exporter: seen whole or not at all, and readable by others."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import DiskFull

READABLE = 0o644
"""The one file that others may read: the collector runs as somebody else, and here are counts and sums alone."""


def write_metrics(path: Path, text: str) -> None:
    """Put the text in place of what stands there. Raises DiskFull when it cannot be written."""
    part = path.with_name(f".{path.name}.{os.getpid()}")  # the collector reads *.prom only
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, READABLE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, READABLE)
            file.write(text)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DiskFull(where=path, problem=error.strerror) from error
