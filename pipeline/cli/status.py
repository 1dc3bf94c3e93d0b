"""`status`: the ledger in words and as one JSON document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from pipeline.core.money import shown
from pipeline.core.outcomes import FileState
from pipeline.edge.config import Config
from pipeline.edge.ledger import FileRow, Files, Sends, open_ledger
from pipeline.work_dir import ledger_path

SHOWN_FILES = 20


def status_document(config: Config) -> dict[str, Any]:
    """`files` (oldest first), `states` counted, `unfinished` names, `open_intents`, `owed_moves`."""
    settings = config.settings
    document: dict[str, Any] = {"merchant": settings.merchant, "environment": settings.environment}
    if not ledger_path(settings).exists():
        return document | {"files": [], "states": {}, "unfinished": [], "open_intents": 0, "owed_moves": 0}
    with closing(
        open_ledger(
            ledger_path(settings),
            merchant=settings.merchant,
            environment=settings.environment,
            read_only=True,
        )
    ) as ledger:
        files = Files(ledger)
        rows = files.all()
        return document | {
            "files": [_file(row) for row in rows],
            "states": dict(sorted(Counter(_state(row) for row in rows).items())),
            "unfinished": [row.name for row in files.unfinished()],
            "open_intents": len(Sends(ledger).open_intents()),
            "owed_moves": sum(len(files.owed(source)) for source in ("sftp", "drop")),
        }


def describe_status(document: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield f"{document['merchant']} ({document['environment']})"
    if not document["files"]:
        yield "no file was taken up yet"
        return
    yield "files: " + ", ".join(f"{count} {state}" for state, count in document["states"].items())
    yield f"requests in doubt: {document['open_intents']}; moves owed to a source: {document['owed_moves']}"
    left = len(document["files"]) - SHOWN_FILES
    if left > 0:
        yield f"({left} earlier files; all of them with --json)"
    for file in document["files"][-SHOWN_FILES:]:
        yield f"{file['state']:<22} {file['name']} ({file['sha256'][:8]}) {_outcomes(file)}".rstrip()


def _file(row: FileRow) -> dict[str, Any]:
    summary = row.summary or {}
    return {
        "name": row.name,
        "sha256": row.sha256,
        "state": _state(row),
        "source": row.source,
        "feed": row.feed,
        "landed_at": row.landed_at,
        "finished_at": row.finished_at,
        "records": summary.get("records"),
        "amounts_minor": summary.get("amounts_minor"),
    }


def _state(row: FileRow) -> str:
    """A file that was landed and not finished is one that a run works on now, or that a killed run left."""
    return FileState.UNFINISHED if row.state == "landed" else row.state


def _outcomes(file: dict[str, Any]) -> str:
    records = {name: count for name, count in (file["records"] or {}).items() if count and name != "total"}
    amounts = [
        shown(currency, parts["total"])
        for currency, parts in (file["amounts_minor"] or {}).items()
        if any(parts.values())
    ]
    return "; ".join([", ".join(f"{count} {name}" for name, count in records.items()), *amounts])
