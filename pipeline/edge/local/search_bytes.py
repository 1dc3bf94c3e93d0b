"""Looks for texts in files as bytes, whatever a file is: the last look after something was to be removed everywhere."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

CHUNK_BYTES = 1_048_576
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1")


def needles_of(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Texts as they may be written in files: in several encodings, and as in JSON and HTML."""
    forms = {form for text in texts for form in (text, json.dumps(text)[1:-1], html.escape(text))}
    return tuple({form.encode(codec, "ignore") for form in forms for codec in _ENCODINGS})


def mentions(path: Path, needles: Sequence[bytes]) -> bool:
    """Whether a file contains any of the needles. A file that is gone mentions nothing."""
    overlap = max(map(len, needles), default=1) - 1
    before = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                window = before + chunk
                if any(needle in window for needle in needles):
                    return True
                before = window[-overlap:] if overlap else b""
    except FileNotFoundError:
        return False
    return False


def files_mentioning(folder: Path, needles: Sequence[bytes]) -> Iterator[Path]:
    """Regular files below a folder that contain any of the needles, in order of their names."""
    for path in sorted(folder.rglob("*")) if needles else ():
        if path.is_file() and not path.is_symlink() and mentions(path, needles):
            yield path
