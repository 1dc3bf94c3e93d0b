"""What a command prints and how it ends in words: an expected error is one line, and with `--json` a document as well.

People are addressed on stderr, unless what they read is what the command is for; stdout then has one JSON document or
nothing. Names and messages from outside are made printable here: a file name may contain terminal escape sequences
(ECMA-48), and a terminal obeys them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import typer

from pipeline.core.error_document import error_document
from pipeline.core.names import printable
from pipeline.errors import BillferryError

USUAL_WIDTH = 80


def width_of(stream: TextIO) -> int | None:
    """The columns of the terminal that a stream goes to; None where it goes elsewhere, and lines stay as long as they
    are.

    `COLUMNS` goes first, as in POSIX utilities (XBD 8.3), but never makes a terminal of what is none. A terminal that
    reports 0 columns, as some consoles and pseudo-terminals do, counts as 80.
    """
    if not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    except OSError:
        return USUAL_WIDTH


_stamps = [False]
"""Whether lines on stderr begin with the time: one process runs one command, as it has one log."""


def stamp_lines(wanted: bool) -> None:
    """Say whether lines of `log_lines` begin with the time from now on."""
    _stamps[0] = wanted


def log_lines(text: str) -> str:
    """Lines for people as stderr has them: printable, and with the time (UTC, RFC 3339) where they go into a log."""
    text = printable_lines(text)
    if not _stamps[0] or sys.stderr.isatty():
        return text
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return "\n".join(f"{now} {line}" if line else "" for line in text.split("\n"))


def printable_lines(text: str) -> str:
    """The same lines with control characters escaped, so that they cannot steer a terminal; line feeds stay."""
    return "\n".join(map(printable, text.split("\n")))


def say(text: str, *, err: bool = False) -> None:
    """Print lines, wrapped at words on a terminal and whole elsewhere, so that a log can be searched by line.

    Args:
        text: one line or several; control characters in it are escaped.
        err: on stderr. Where stdout is a document, everything else must be.
    """
    width = width_of(sys.stderr if err else sys.stdout)
    text = printable_lines(text)
    if width is not None:
        from pipeline.cli.text_layout import wrapped

        text = wrapped(text, width)
    typer.echo(text, err=err)


def print_expected_error(error: BillferryError, words: list[str]) -> int:
    """Print an expected error on stderr, with `--json` also as the document on stdout; returns its exit status.

    Args:
        words: the command line. It is searched for `--json` as text, for an error may
            come before options were parsed.
    """
    for each in error.errors:
        say(log_lines(f"billferry: {printable(str(each))}"), err=True)
    if "--json" in words:
        print_errors([error_document(each) for each in error.errors], error.exit_status)
    return error.exit_status


def one_line(error: typer.TyperException) -> str:
    """Typer's message in the form of the program's own: on one line, a small letter first, no full stop."""
    text = " ".join(error.format_message().split()).rstrip(".")
    return text[:1].lower() + text[1:]


def command_of(error: typer.TyperException) -> str:
    """The command whose words were wrong, such as `billferry refuse`; its help says what it takes."""
    return str(getattr(getattr(error, "ctx", None), "command_path", "billferry"))


def print_errors(errors: Sequence[dict[str, Any]], exit_status: int) -> None:
    """The document of a command that ended before there was anything to say about files: a `RunResult`, so that
    programs read one shape.

    Args:
        errors: as `ErrorFacts` in `schemas/results.py`.
    """
    print_json({"run_id": None, "exit_status": exit_status, "files": [], "errors": errors})


def print_json(document: dict[str, Any]) -> None:
    """Print one document on stdout, never wrapped: `say` would break it at words on a terminal."""
    sys.stdout.write(pretty(document) + "\n")


def pretty(document: dict[str, Any]) -> str:
    """JSON (RFC 8259) for people and programs: indented, UTF-8 letters as they are."""
    return json.dumps(document, indent=2, ensure_ascii=False)
