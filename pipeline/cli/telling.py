"""How a command ends in words: an expected error is one line, and with `--json` one document as well."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from pipeline.errors import BillferryError


def tell(error: BillferryError, words: list[str]) -> int:
    typer.echo(f"billferry: {error}", err=True)
    if "--json" in words:
        print_error(error.code, str(error), error.exit_status)
    return error.exit_status


def one_line(error: typer.TyperException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    return text[:1].lower() + text[1:]


def print_error(code: str, message: str, exit_status: int) -> None:
    """The document of a command that ended before there was anything to say about files."""
    error = {"code": code, "message": message}
    print_json({"run_id": None, "exit_status": exit_status, "files": [], "error": error})


def print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(pretty(document) + "\n")


def pretty(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
