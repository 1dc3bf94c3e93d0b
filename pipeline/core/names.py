"""File names from outside: their labels, which are unusable or unfinished, and how a moved file is called.

On a disk a name is any bytes. Everywhere else (ledger, reports, messages) a file goes by its label: the same text, with
invisible characters and bytes that are not UTF-8 percent-encoded. `raw_name` leads back, so a file keeps its own bytes
wherever it is moved. Names that could lead out of their folder are left where they are and reported.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MAX_NAME_BYTES = 255
"""What file systems take. Source: NAME_MAX of ext4, XFS, APFS; NTFS takes 255 UTF-16 units."""

UNFINISHED_ENDINGS = (".part", ".partial", ".filepart", ".tmp", ".writing", "~")
"""Endings that uploading programs use until a file is whole."""

SIDECAR_ENDING = ".ctl"
SHORT_DIGITS = 8

ASIDE_DIGITS = 16
KEPT_END_BYTES = 40
_ASIDE = re.compile(rb"\.move-[0-9a-f]{%d}\.(.+)\Z" % ASIDE_DIGITS, re.DOTALL)

_ESCAPE = re.compile(rb"%(?:0[1-9A-F]|1[0-9A-F]|25|5C|7F|[89A-F][0-9A-F])")
"""What a label writes for a byte of a usable name. NUL, slash and dot are not among them: no label leads out."""
_LEADS_OUT = re.compile(rb"[/\0]|\A\.{0,2}\Z|\A\.{1,2}\\")


def label(raw: bytes) -> str:
    """A name as text that can be stored, compared and printed; `raw_name` gives its bytes back if it is usable.

    An ordinary name is its own label. No two usable names share a label, so a percent sign is escaped where it would
    read as an escape; and no two look alike by characters that nobody sees.
    """
    if not raw:
        return "(no name)"
    if len(raw) > MAX_NAME_BYTES:
        return label(raw[:MAX_NAME_BYTES]) + "…"
    text = _ESCAPE.sub(lambda found: b"%25" + found[0][1:], raw).decode(errors="surrogateescape")
    is_plain = text.isprintable() and "\\" not in text
    shown = text if is_plain else "".join(_percent(char) if _is_unseen(char) else char for char in text)
    if not _LEADS_OUT.search(raw):
        return shown
    shown = shown.replace("/", "%2F")
    # Never taken for a hidden file, which would be passed over.
    return "%2E" + shown[1:] if shown.startswith(".") else shown


def raw_name(label: str) -> bytes:
    """The bytes of the usable name that a label stands for."""
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[0][1:].decode()), label.encode())


def label_of_path(name: str) -> str:
    """The label of a name as Python has it from the system, with surrogates for bytes that are not UTF-8."""
    return label(name.encode(errors="surrogateescape"))


def label_typed(text: str) -> str:
    """The label of a file that somebody named on the command line, by its label or by its own name."""
    return text if text.isprintable() and "\\" not in text else label_of_path(text)


def name_problem(raw: bytes) -> str | None:
    """Why a file of this name is never taken, or None."""
    if _LEADS_OUT.search(raw):
        return "its name could lead out of its folder"
    return f"its name is longer than {MAX_NAME_BYTES} bytes" if len(raw) > MAX_NAME_BYTES else None


def is_unfinished(name: str) -> bool:
    """Whether a name says that its file is hidden, or still being written."""
    return name.startswith((".", "~$")) or name.lower().endswith(UNFINISHED_ENDINGS)


def printable_bytes(raw: bytes, max_chars: int = 80) -> str:
    """A name as it can be printed and logged: printable ASCII, all else escaped, cut with an ellipsis."""
    text = raw.decode(errors="surrogateescape").encode("ascii", "backslashreplace").decode()
    text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def shown_name(name: str) -> str:
    """The same of a name that came as text, bytes that are no UTF-8 included."""
    return printable_bytes(name.encode(errors="surrogateescape"))


def printable(line: str) -> str:
    """A line that cannot steer a terminal, whatever file name or answer of the API stands in it."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in line
    )


def moved_name(name: str, sha256: str) -> str:
    """`<file name>.<first 8 of sha256>`, as its report is called: a file's label once it is moved."""
    return _with_ending(name, f".{sha256[:SHORT_DIGITS]}")


def free_names(name: str) -> Iterator[str]:
    """`name`, `name.2` … `name.99`: labels under which a moved file may go, since nothing is ever overwritten."""
    yield name
    for copy in range(2, 100):
        yield _with_ending(name, f".{copy}")


def aside_name(raw: bytes, digits: str) -> bytes:
    """Where a file stands aside in its own folder while it is moved: hidden, so that nobody takes it meanwhile.

    `digits` (16 hexadecimal ones) make it a name that nobody else has. A name that becomes too long loses its middle.
    """
    before = b".move-" + digits.encode() + b"."
    if len(before + raw) > MAX_NAME_BYTES:
        kept_end = raw[-KEPT_END_BYTES:].decode(errors="ignore").encode()
        raw = _cut(raw, MAX_NAME_BYTES - len(before) - len(kept_end)) + kept_end
    return before + raw


def name_set_aside(raw: bytes) -> bytes | None:
    """The name that a file which stands aside is given back; None when the name is not one of `aside_name`."""
    found = _ASIDE.match(raw)
    return found[1] if found and name_problem(found[1]) is None else None


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode(errors="surrogateescape"))


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char)[0] == "C" or char in "\u2028\u2029\\"


def _with_ending(name: str, ending: str) -> str:
    return label(_cut(raw_name(name), MAX_NAME_BYTES - len(ending)) + ending.encode())


def _cut(raw: bytes, most_bytes: int) -> bytes:
    """The beginning of a name, no character of it in half."""
    if len(raw) <= most_bytes:
        return raw
    ends = range(most_bytes, max(most_bytes - 4, 0), -1)
    return raw[: next((end for end in ends if raw[end] & 0xC0 != 0x80), most_bytes)]
