"""The metrics file, for the textfile collector of node_exporter: seen whole or not at all, and readable by others."""

from __future__ import annotations

from pathlib import Path

from pipeline.edge.disk import replaced_file

READABLE = 0o644
"""The one file that others may read: the collector runs as somebody else, and here are counts and sums alone."""


def write_metrics(path: Path, text: str) -> None:
    """Put the text in place of what is there.

    Args:
        text: in the Prometheus text format, see `monitoring.exposition`.

    Raises:
        DiskFull: it cannot be written.
    """
    with replaced_file(path, mode=READABLE, durable=False) as file:  # the collector reads *.prom only
        file.write(text.encode())
