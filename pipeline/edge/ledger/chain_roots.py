"""Which original a correction leads to, of all files at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.edge.ledger.file_rows import ALL_DIGITS, FileRow


def roots_of(rows: Iterable[FileRow]) -> dict[int, int]:
    """Id of each file → id of its first original, its own where it corrects none of them."""
    return named_roots((row.id, row.sha256, row.name, row.rejects_of) for row in rows)


def named_roots(files: Iterable[tuple[int, str, str, str | None]]) -> dict[int, int]:
    """Id of a file → id of its first original, its own where it corrects none that is known.

    As `Files.original_of`, for all at once. `files`: id, sha256, name, rejects_of.
    """
    known = list(files)
    by_digits: dict[str, list[tuple[int, str]]] = {}
    for file_id, sha256, name, _ in known:
        for digits in (sha256[:8], sha256):
            by_digits.setdefault(digits, []).append((file_id, name))
    parent = {file_id: _parent(rejects_of, by_digits) for file_id, _, _, rejects_of in known}
    roots = {}
    for file_id in parent:
        top, seen = file_id, {file_id}
        while (above := parent[top]) is not None and above not in seen:
            seen.add(above)
            top = above
        roots[file_id] = top
    return roots


def _parent(rejects_of: str | None, by_digits: Mapping[str, Sequence[tuple[int, str]]]) -> int | None:
    """The file that a `reject_source` names; the digits count, and the name where several have them."""
    name, _, digits = (rejects_of or "").rpartition(".")
    found = by_digits.get(digits, ()) if len(digits) in {8, ALL_DIGITS} else ()
    if len(found) > 1:
        found = [one for one in found if one[1] == name]
    return found[0][0] if len(found) == 1 else None
