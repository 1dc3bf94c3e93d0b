"""What a command says and how it ends in words: an expected error is one line, and with `--json` a document as well."""

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
    """The columns of the terminal that a stream goes to; None where it goes elsewhere."""
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
    """Lines that cannot steer a terminal."""
    return "\n".join(map(printable, text.split("\n")))


def say(text: str, *, err: bool = False) -> None:
    """Print lines, wrapped at words on a terminal."""
    width = width_of(sys.stderr if err else sys.stdout)
    text = printable_lines(text)
    if width is not None:
        from pipeline.cli.terminal import wrapped

        text = wrapped(text, width)
    typer.echo(text, err=err)


def tell(error: BillferryError, words: list[str]) -> int:
    for line in error.lines:
        say(f"billferry: {printable(line)}", err=True)
    if "--json" in words:
        print_error(error.code, "\n".join(map(printable, error.lines)), error.exit_status)
    return error.exit_status


def one_line(error: typer.TyperException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    return text[:1].lower() + text[1:]


def command_of(error: typer.TyperException) -> str:
    """The command whose words were wrong, such as `billferry refuse`; its help says what it takes."""
    return str(getattr(getattr(error, "ctx", None), "command_path", "billferry"))


def print_error(code: str, message: str, exit_status: int) -> None:
    """The document of a command that ended before there was anything to say about files."""
    error = {"code": code, "message": message}
    print_json({"run_id": None, "exit_status": exit_status, "files": [], "error": error})


def print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(pretty(document) + "\n")


def pretty(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
