"""What `--json` says of an error or a bug: `schemas.results.ErrorFacts`. Names of others are made printable."""

from __future__ import annotations

from pipeline.core.names import printable
from pipeline.errors import EX_BUG, EX_RECORDS, BillferryError

_ABOUT = ("source", "name", "feed", "base_url", "where")
"""Facts of errors that name what they are about, the closest first."""


def error_document(error: BillferryError) -> dict[str, str | int | None]:
    """Code, exit status, what happened, what to do, and what it is about."""
    about = next((str(error.facts[fact]) for fact in _ABOUT if error.facts.get(fact) is not None), None)
    return {
        "code": error.code,
        "exit_status": error.exit_status,
        "message": printable(error.message),
        "remedy": printable(error.remedy),
        "source": None if about is None else printable(about),
    }


def finding_document(code: str, message: str, remedy: str, source: str) -> dict[str, str | int | None]:
    """The same of what a check has found, which is no error: exit status 1."""
    return {"code": code, "exit_status": EX_RECORDS, "message": message, "remedy": remedy, "source": source}


def bug_document(where: str | None) -> dict[str, str | int | None]:
    """The same of a bug, which is in no tree of errors; `where` is the file or source that was at work."""
    at = printable(where) if where else None
    return {
        "code": "bug",
        "exit_status": EX_BUG,
        "message": f"{at}: a bug in billferry" if at else "a bug in billferry",
        "remedy": "report the trace on stderr",
        "source": at,
    }
