"""What a command prints and how it ends in words: an expected error is one line, and with `--json` a document as well.

People are addressed on stderr, unless what they read is what the command is for; stdout then has one JSON document or
nothing. Names and messages from outside are made printable here: a file name may contain terminal escape sequences
(ECMA-48), and a terminal obeys them.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

import typer

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
    for line in error.lines:
        say(f"billferry: {printable(line)}", err=True)
    if "--json" in words:
        print_error(error.code, "\n".join(map(printable, error.lines)), error.exit_status)
    return error.exit_status


def one_line(error: typer.TyperException) -> str:
    """Typer's message in the form of the program's own: on one line, a small letter first, no full stop."""
    text = " ".join(error.format_message().split()).rstrip(".")
    return text[:1].lower() + text[1:]


def command_of(error: typer.TyperException) -> str:
    """The command whose words were wrong, such as `billferry refuse`; its help says what it takes."""
    return str(getattr(getattr(error, "ctx", None), "command_path", "billferry"))


def print_error(code: str, message: str, exit_status: int) -> None:
    """The document of a command that ended before there was anything to say about files.

    It has the keys of a `RunResult` (`run_id` null, `files` empty) and `error`, so that programs read one shape.

    Args:
        code: of the error's class (docs/exit-statuses.md), or `bug`.
    """
    error = {"code": code, "message": message}
    print_json({"run_id": None, "exit_status": exit_status, "files": [], "error": error})


def print_json(document: dict[str, Any]) -> None:
    """Print one document on stdout, never wrapped: `say` would break it at words on a terminal."""
    sys.stdout.write(pretty(document) + "\n")


def pretty(document: dict[str, Any]) -> str:
    """JSON (RFC 8259) for people and programs: indented, UTF-8 letters as they are."""
    return json.dumps(document, indent=2, ensure_ascii=False)
