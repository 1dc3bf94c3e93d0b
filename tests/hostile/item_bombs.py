"""Objects whose lists of items cost their sender nothing and would cost the reader everything."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.bombs import Make, content


def _with_items(note: bytes, *items: bytes) -> Iterator[bytes]:
    """A good object, and one with these items and a note."""
    yield b'{"c":"C-1","b":"B-1","lines":[{"a":1}]}\n'
    yield b'{"c":"C-2","b":"B-2","note":"' + note + b'","lines":[' + b",".join(items) + b"]}\n"


ITEMS: dict[str, tuple[str, Make]] = {
    "a long text beside many items": (
        "file.items_too_large",
        content(*_with_items(b"x" * 100_000, *[b'{"a":1}'] * 100_000)),
    ),
    "a text of 900 KB": (
        "file.items_too_large",
        content(*_with_items(b"x" * 900_000, b'{"a":1}', *[b"1"] * 20_000)),
    ),
    "300 000 items of nothing": ("file.too_many_rejects", content(*_with_items(b"", *[b"{}"] * 300_000))),
    "lists in lists": (
        "file.too_many_rejects",
        content(*_with_items(b"", *[b"[" * 400 + b"]" * 400] * 1_000)),
    ),
    "60 000 keys in an item": (
        "file.too_many_columns",
        content(*_with_items(b"", b"{" + b",".join(b'"%d":1' % key for key in range(60_000)) + b"}")),
    ),
}
"""Objects with lists of items that are refused."""
