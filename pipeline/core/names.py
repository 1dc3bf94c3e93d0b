"""File names from outside: which are usable, which are unfinished uploads, and how a moved file is called.

A remote name never becomes part of a local path; it is a label. Names that cannot be a safe label are left where
they are and reported.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

MAX_NAME_BYTES = 255
"""What file systems take. Source: NAME_MAX of ext4, XFS, APFS; NTFS takes 255 UTF-16 units."""

UNFINISHED_ENDINGS = (".part", ".partial", ".filepart", ".tmp", ".writing", "~")
"""Endings that uploading programs use until a file is whole."""

SIDECAR_ENDING = ".ctl"
SHORT_DIGITS = 8


def decoded(raw: bytes) -> str | None:
    """The name as text, or None when it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def name_problem(raw: bytes) -> str | None:
    """Why a name cannot be used, or None. Invisible characters count: two names must not look alike by them."""
    name = decoded(raw)
    if name is None:
        return "not UTF-8"
    if name in {"", ".", ".."}:
        return "not a file name"
    if "/" in name or "\\" in name:
        return "a path separator in the name"
    if len(raw) > MAX_NAME_BYTES:
        return f"longer than {MAX_NAME_BYTES} bytes"
    if any(unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" for char in name):
        return "a control or invisible character in the name"
    return None


def is_unfinished(name: str) -> bool:
    """Whether a name says that its file is hidden, or still being written."""
    return name.startswith((".", "~$")) or name.lower().endswith(UNFINISHED_ENDINGS)


def shown(raw: bytes, max_chars: int = 80) -> str:
    """A name as it can be printed and logged: printable ASCII, all else escaped, cut with an ellipsis."""
    text = raw.decode(errors="surrogateescape").encode("ascii", "backslashreplace").decode()
    text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def shown_name(name: str) -> str:
    """The same of a name that came as text, bytes that are no UTF-8 included."""
    return shown(name.encode(errors="surrogateescape"))


def printable(line: str) -> str:
    """A line that cannot steer a terminal, whatever file name or answer of the API stands in it."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in line
    )


def moved_name(name: str, sha256: str) -> str:
    """`<file name>.<first 8 of sha256>`, as its report is called: a file's name once it is moved."""
    return _with_ending(name, f".{sha256[:SHORT_DIGITS]}")


def free_names(name: str) -> Iterator[str]:
    """`name`, `name.2` … `name.99`: where a moved file may go, since nothing is ever overwritten."""
    yield name
    for copy in range(2, 100):
        yield _with_ending(name, f".{copy}")


def _with_ending(name: str, ending: str) -> str:
    kept = name.encode()[: MAX_NAME_BYTES - len(ending)].decode(errors="ignore")
    return kept + ending
