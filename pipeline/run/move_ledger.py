"""`ledger move`: takes the ledger from SQLite into the database that the config names."""

from __future__ import annotations

from contextlib import closing

from pipeline.core.audit_chain import verified
from pipeline.edge.config import Config
from pipeline.edge.disk import put_in_place
from pipeline.edge.ledger.audit import AuditTrail
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.place import ledger_place, open_postgres, sqlite_path
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.local.lock import only_run
from pipeline.errors import LedgerDamaged, UsageError
from pipeline.run.audited_command import audited_command

MOVED = ".moved"
"""Added to the name of the file that the ledger was in."""


def move_to_database(config: Config) -> str:
    """Copy the ledger into the database, prove that nothing is missing there, and give its file another name.

    Returns:
        What to print.

    Raises:
        UsageError: the config names no database, there is no ledger in SQLite, or the database holds one already.
        AnotherRun: a run is at work.
        LedgerDamaged: the copy differs, or its audit trail does; the file still counts.
        And as `open_ledger`.
    """
    settings = config.settings
    place, path = ledger_place(settings), sqlite_path(settings)
    if not isinstance(place, PostgresAddress):
        raise UsageError(
            problem="config.yaml names no database", remedy="write its address as ledger: postgresql://…"
        )
    if not path.exists():
        raise UsageError(problem=f"there is no ledger {path}", remedy="there is nothing to move")
    facts = {"merchant": settings.merchant, "environment": settings.environment}
    with only_run(settings.work_dir / "lock"):
        with (
            closing(open_sqlite_ledger(path, **facts)) as source,  # type: ignore[arg-type]
            closing(open_postgres(place, **facts)) as target,  # type: ignore[arg-type]
            target.hold(0.0),
        ):
            from pipeline.edge.ledger.postgres.move import move_ledger  # noqa: PLC0415 (an extra)

            copied = move_ledger(source, target)
            before, after = (verified(AuditTrail(each).entries()) for each in (source, target))
            if before != after:
                raise LedgerDamaged(where=place, problem="its audit trail is not the one that was copied")
        put_in_place(path, path.with_name(path.name + MOVED))
    with audited_command(settings, "ledger move") as note:
        note((), {"rows": sum(copied.values())})
    return (
        f"{place} holds the ledger now: {sum(copied.values())} rows of {len(copied)} tables, compared after the copy."
        f" {path.name}{MOVED} is as it was; keep it until the next backup of the database"
    )
