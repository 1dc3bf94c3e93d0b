"""What a page shows of files that came by it: who dropped them, what was decided, how a feed was before. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.release_decisions import Decision, Fate, Person
from pipeline.edge.ledger.database import Ledger
from pipeline.edge.ledger.decisions import Decisions, LoadedAmounts
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.uploads import DroppedFile, Uploads
from pipeline.run.decide import print_of_shown


@dataclass(frozen=True, slots=True)
class WaitingUpload:
    """A file of the page that is not finished."""

    row: FileRow
    """`landed`: no run has checked it yet, or one is at work on it; `held`; `unfinished`."""
    upload: DroppedFile
    """Who dropped it, and when."""
    decision: Decision | None
    """What a person decided and no run has taken up yet."""
    shown: str
    """For the form that decides: `decide.HeldFileChoice.shown`."""


def waiting_uploads(ledger: Ledger) -> list[WaitingUpload]:
    """The files of the page that are not finished, the oldest first."""
    opened, pending = Uploads(ledger).open_files(), Decisions(ledger).all_pending()
    rows = {row.id: row for row in Files(ledger).with_ids(file_id for file_id, _ in opened)}
    return [
        WaitingUpload(
            rows[file_id], upload, pending.get(upload.sha256), print_of_shown(ledger, rows[file_id])
        )
        for file_id, upload in opened
        if file_id in rows
    ]


def uploader_of(ledger: Ledger, sha256: str) -> Person | None:
    """Who dropped a file on the page, the last one where several did; None: it came another way."""
    return Decisions(ledger).dropped_by(sha256)


def decisions_of(ledger: Ledger, sha256: str) -> list[tuple[Decision, Fate]]:
    """What people decided about a file, oldest first, each with what became of it; one that is pending comes last."""
    decisions = Decisions(ledger)
    found = decisions.settled(sha256)
    if (pending := decisions.pending(sha256)) is not None:
        found.append((pending, "pending"))
    return found


def feed_history(ledger: Ledger, feed: str, currency: str) -> list[LoadedAmounts]:
    """How large the amounts of a feed's last loaded files were, newest first: what a new file is compared with."""
    return Decisions(ledger).loaded_amounts(feed, currency)
