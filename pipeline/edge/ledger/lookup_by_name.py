"""How people name files of the ledger: by their name, or by digits of their SHA-256."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.core.names import SHORT_DIGITS
from pipeline.edge.ledger.file_rows import ALL_DIGITS, FileRow
from pipeline.errors import UsageError


def single_file_named(name: str, rows: Sequence[FileRow]) -> FileRow:
    """The only one of `rows`, which are the files that a name fits.

    Args:
        name: as somebody typed it, for the message.

    Raises:
        UsageError: there is none, or more than one; then it lists digits that tell them apart.
    """
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise UsageError(problem=f"the ledger knows no file {name}", remedy="see billferry status")
    digits = ", ".join(_distinct_prefixes([row.sha256 for row in rows]))
    raise UsageError(problem=f"{name} fits {len(rows)} files", remedy=f"name one by its digits: {digits}")


def _distinct_prefixes(hashes: Sequence[str]) -> list[str]:
    """As few digits of each as no two share, at least SHORT_DIGITS."""
    enough = next(
        length
        for length in range(SHORT_DIGITS, ALL_DIGITS + 1)
        if len({each[:length] for each in hashes}) == len(hashes)
    )
    return [each[:enough] for each in hashes]
