"""Names that a server may show and that must never reach our disk, logs or terminal as they are."""

from __future__ import annotations

import os
from pathlib import Path

HOSTILE_NAMES: tuple[bytes, ...] = (
    b"",
    b"..",
    b"../escape.csv",
    b"../../../../tmp/escape.csv",
    b"/etc/cron.d/escape",
    b"incoming/inner.csv",
    b"..\\escape.csv",
    b"C:\\escape.csv",
    b"nul\x00byte.csv",
    b"new\nline.csv",
    b"return\r.csv",
    b"tab\t.csv",
    b"bell\x07.csv",
    b"escape\x1b[2J.csv",
    b"delete\x7f.csv",
    b"latin1-\xe9.csv",
    b"\xff\xfe.csv",
    b"half-\xc3",
    b"surrogate-\xed\xa0\x80.csv",
    b"overlong-\xc0\xaf.csv",
    "next-line\u0085.csv".encode(),
    "line-separator\u2028.csv".encode(),
    "paragraph\u2029.csv".encode(),
    "zero-width\u200b.csv".encode(),
    "right-to-left\u202egpj.csv".encode(),
    "byte-order\ufeff.csv".encode(),
    "soft-hyphen\u00ad.csv".encode(),
    "private\ue000.csv".encode(),
    "isolate\u2066.csv".encode(),
    b"long" * 64 + b".csv",
    "é".encode() * 128,
    b"\x80" * 10,
)


def create(folder: Path, name: bytes, content: bytes = b"") -> bool:
    """A file of that name, where the system takes it."""
    if b"/" in name:
        return False  # would be made somewhere else
    try:
        number = os.open(os.fsencode(folder) + b"/" + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except (OSError, ValueError):
        return False
    with os.fdopen(number, "wb") as file:
        file.write(content)
    return True


def raw_names(folder: Path) -> list[bytes]:
    """The names in a folder, as bytes."""
    return sorted(os.fsencode(path.name) for path in folder.iterdir())
