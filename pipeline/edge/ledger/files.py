"""Files, sightings and hand-overs in the ledger. Every method is one durable step."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pipeline.core.names import SHORT_DIGITS, label_typed
from pipeline.core.outcomes import FileState, Outcome
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger, LedgerRow
from pipeline.edge.ledger.file_rows import (
    ALL_DIGITS,
    ENDED_STATES,
    FINISHED_STATES,
    OPEN_STATES,
    FileRow,
    Handover,
)
from pipeline.edge.ledger.kept_references import keep_references
from pipeline.edge.ledger.loads_under_way import LoadsUnderWay
from pipeline.edge.ledger.rejected_records import Corrections, settle
from pipeline.errors import FileRefused

NEXT_LANDING = "(SELECT coalesce(max(landing), 0) + 1 FROM files)"
"""SQL: the next place in the order of landing."""
_SELECT = (
    "SELECT *, EXISTS (SELECT 1 FROM files AS earlier WHERE earlier.id < files.id"
    " AND earlier.sha256 >= substr(files.sha256, 1, 8)"
    " AND earlier.sha256 < substr(files.sha256, 1, 8) || 'g') AS digits FROM files"
)
"""A file whose first digits an earlier one has is named by all of its own, for good: landing order never changes."""


class Files:
    """The ledger's files. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def land(
        self,
        *,
        sha256: str,
        name: str,
        source: str,
        feed: str,
        feed_print: str,
        name_parts: Mapping[str, str],
        rejects_of: str | None,
        size_bytes: int,
        at: str,
        as_of: str | None = None,
    ) -> FileRow:
        """Remember a landed file, or take up one that is not finished (its bytes may come under a new name).

        Args:
            sha256: of its bytes, hexadecimal; what the file is known by.
            name_parts: from the file name, by the feed's pattern.
            rejects_of: see FileRow.
            at: the time, RFC 3339.
            as_of: day that its balances are of, YYYY-MM-DD; None for bills.

        Returns:
            The file as the ledger knows it now.
        """
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO files (sha256, name, source, feed, feed_print, name_parts, rejects_of, size_bytes,"  # noqa: S608
                " state, landed_at, as_of, landing) VALUES (?,?,?,?,?,?,?,?,'landed',?,?,"
                f" {NEXT_LANDING}) ON CONFLICT (sha256) DO UPDATE SET as_of = excluded.as_of,"
                " name = excluded.name, source = excluded.source, feed = excluded.feed,"
                " feed_print = excluded.feed_print, name_parts = excluded.name_parts,"
                " rejects_of = excluded.rejects_of, state = 'landed', finished_at = NULL",
                (
                    sha256,
                    name,
                    source,
                    feed,
                    feed_print,
                    json.dumps(dict(name_parts), sort_keys=True),
                    rejects_of,
                    size_bytes,
                    at,
                    as_of,
                ),
            )
        row = self.by_sha256(sha256)
        if row is None:
            raise RuntimeError("a row just written is not there")
        return row

    def start_afresh(self, file_id: int, *, at: str, came_back: bool, feed_changed: bool) -> None:
        """Forget a file's settled outcomes, so that every record is looked at again. Open intents stay.

        It lands once more, after all others.

        Args:
            at: the time, RFC 3339.
            came_back: its bytes came again as news, without a new date.
            feed_changed: its records may get other references now; those that they were loaded under are kept.
        """
        with transaction(self._db):
            settle(self._db, file_id)
            keep_references(self._db, file_id, feed_changed=feed_changed)
            self._db.execute(
                "DELETE FROM outcomes WHERE file_id = ?1 AND record NOT IN"
                " (SELECT record FROM intents WHERE file_id = ?1)",
                (file_id,),
            )
            self._db.execute("DELETE FROM accepted WHERE file_id = ?", (file_id,))
            self._db.execute(
                f"UPDATE files SET landed_at = ?, came_back = ?, landing = {NEXT_LANDING} WHERE id = ?",  # noqa: S608
                (at, came_back, file_id),
            )

    def take_up_refused(self, file_id: int) -> int:
        """Make a finished file's refused records open again, for `retry`; how many there were."""
        with transaction(self._db):
            refused = self._db.execute(
                "DELETE FROM outcomes WHERE file_id = ? AND outcome = ?", (file_id, Outcome.REFUSED)
            ).rowcount
            if refused:
                self._db.execute("UPDATE files SET state = 'unfinished' WHERE id = ?", (file_id,))
        return refused

    def with_outcomes(self, *, finished_before: str) -> list[int]:
        """Ids of files that were finished before that time (RFC 3339) and whose outcomes are still kept.

        A file with an open intent is not among them: its outcome is needed to settle that.
        """
        marks = ",".join("?" * len(OPEN_STATES))
        rows = self._db.execute(
            f"SELECT id FROM files WHERE finished_at < ? AND state NOT IN ({marks})"  # noqa: S608 (only marks)
            " AND EXISTS (SELECT 1 FROM outcomes WHERE file_id = files.id)"
            " AND NOT EXISTS (SELECT 1 FROM intents WHERE file_id = files.id)",
            (finished_before, *OPEN_STATES),
        ).fetchall()
        return [file_id for (file_id,) in rows]

    def forget_outcomes(self, file_ids: Iterable[int]) -> None:
        """Remove the outcomes of these files, and what is exported beside them; their summaries stay."""
        for file_id in file_ids:
            with transaction(self._db):
                self._db.execute("DELETE FROM accepted WHERE file_id = ?", (file_id,))
                self._db.execute("DELETE FROM outcomes WHERE file_id = ?", (file_id,))

    def finished_since(self, at: str) -> list[FileRow]:
        """Files that were finished at that time (RFC 3339) or later."""
        rows = self._db.execute(f"{_SELECT} WHERE finished_at >= ?", (at,))
        return [_file(row) for row in rows]

    def unsettled_requests(self) -> tuple[int, str | None]:
        """How many requests are in doubt, of all files, and when the oldest of them was first sent."""
        count, since = self._db.execute("SELECT count(*), min(first_sent_at) FROM intents").fetchone()
        return count, since

    def count_outcomes(self, outcome: Outcome) -> int:
        """Records of open files with that outcome."""
        marks = ",".join("?" * len(OPEN_STATES))
        row = self._db.execute(
            "SELECT count(*) FROM outcomes JOIN files ON files.id = outcomes.file_id"  # noqa: S608 (only marks)
            f" WHERE state IN ({marks}) AND outcome = ?",
            (*OPEN_STATES, outcome),
        ).fetchone()
        return int(row[0])

    def kept_outcomes(self, file_id: int) -> int:
        """How many records of a file have an outcome here; retention forgets them."""
        row = self._db.execute("SELECT count(*) FROM outcomes WHERE file_id = ?", (file_id,)).fetchone()
        return int(row[0])

    def named(self, name: str) -> list[FileRow]:
        """Files of that name, as somebody typed it, or whose SHA-256 begins with it (at least 8 digits)."""
        digits = name.lower() if re.fullmatch(r"[0-9a-fA-F]{8,64}", name, re.ASCII) else None
        rows = self._db.execute(
            f"{_SELECT} WHERE name = ? OR substr(sha256, 1, ?) = ? ORDER BY id",
            (label_typed(name), len(digits or ""), digits),
        )
        return [_file(row) for row in rows]

    def by_sha256(self, sha256: str) -> FileRow | None:
        """The file with these bytes; None when the ledger does not know it."""
        row = self._db.execute(f"{_SELECT} WHERE sha256 = ?", (sha256,)).fetchone()
        return _file(row) if row else None

    def by_short_name(self, short_name: str) -> FileRow | None:
        """The file that `<file name>.<digits of its SHA-256>` names. The digits count, for a file may be renamed.

        Raises FileRefused when they are those of several files and the name does not tell which.
        """
        name, _, digits = short_name.rpartition(".")
        if len(digits) not in {SHORT_DIGITS, ALL_DIGITS}:
            return None
        rows = [_file(row) for row in self._db.execute(f"{_SELECT} WHERE {_has_prefix('?1')}", (digits,))]
        if len(rows) > 1:
            rows = [row for row in rows if row.name == name] or rows
        if len(rows) > 1:
            whole = " or ".join(f"{row.name}.{row.sha256}" for row in rows)
            raise FileRefused(
                name=short_name,
                rule="file.rejects_unknown",
                problem=f"its reject_source names {len(rows)} files",
                remedy=f"write the one that is meant into that column: {whole}",
            )
        return rows[0] if rows else None

    def digits_of(self, sha256: str) -> int:
        """How many digits of its SHA-256 name a file's reports, also of one that is not known yet."""
        row = self.by_sha256(sha256)
        if row is not None:
            return row.digits
        other = self._db.execute(f"{_SELECT} WHERE {_has_prefix('?1')}", (sha256[:SHORT_DIGITS],)).fetchone()
        return SHORT_DIGITS if other is None else ALL_DIGITS

    def original_of(self, short_name: str) -> FileRow | None:
        """The first original that a `reject_source` leads to: a correction may have been corrected itself."""
        row, seen = self.by_short_name(short_name), set[int]()
        while row is not None and row.rejects_of is not None and row.id not in seen:
            seen.add(row.id)
            row = self.by_short_name(row.rejects_of)
        return row

    def together(self) -> AbstractContextManager[None]:
        """Several steps as one durable step: a transaction for the length of the block."""
        return transaction(self._db)

    def unfinished(self) -> list[FileRow]:
        """Files that a run must take up first, held ones among them, in landing order."""
        marks = ",".join("?" * len(OPEN_STATES))
        rows = self._db.execute(
            f"{_SELECT} WHERE state IN ({marks}) ORDER BY id",
            OPEN_STATES,
        )
        return [_file(row) for row in rows]

    def with_ids(self, ids: Iterable[int]) -> list[FileRow]:
        """These files, in landing order."""
        query = f"{_SELECT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"  # noqa: S608
        rows = self._db.execute(query, (json.dumps(list(ids)),))
        return [_file(row) for row in rows]

    def all(self) -> list[FileRow]:
        """Every file, in landing order."""
        return [_file(row) for row in self._db.execute(f"{_SELECT} ORDER BY id")]

    def newest(self, most: int) -> list[FileRow]:
        """The files that landed last, newest first."""
        rows = self._db.execute(f"{_SELECT} ORDER BY id DESC LIMIT ?", (most,))
        return [_file(row) for row in rows]

    def count(self) -> int:
        """How many files the ledger knows."""
        return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0])

    def last_finished(self) -> str | None:
        """When a file was finished last, RFC 3339; None when none was."""
        found: str | None = self._db.execute("SELECT max(finished_at) FROM files").fetchone()[0]
        return found

    def finish(self, file_id: int, *, state: str, at: str, summary: str) -> None:
        """Remember what became of a file, once its outcomes and reports are durable.

        `at`: RFC 3339. `summary`: JSON, as in summary.json.
        """
        with transaction(self._db):
            self._db.execute(
                "UPDATE files SET state = ?1, finished_at = ?2, summary = ?3,"
                " copied_print = CASE WHEN ?5 = 1 THEN NULL ELSE copied_print END WHERE id = ?4",
                (state, at, summary, file_id, state in FINISHED_STATES),
            )
            memory = Corrections(self._db)
            self._db.execute("DELETE FROM load_progress WHERE file_id = ?", (file_id,))
            if state in ENDED_STATES:
                LoadsUnderWay(self._db).end_stop_of(file_id)
                memory.release_claims(file_id)
            memory.count_chains(file_id, refused=state == FileState.REFUSED)

    def sightings(self, source: str) -> list[dict[str, Any]]:
        """What earlier runs saw: name, size_bytes, modified_at, first_seen_at, sha256, finished.

        `sha256` only of a file that a run began to work on: one that was fetched before its run was killed is new.
        """
        rows = self._db.execute(
            "SELECT seen.name, seen.size_bytes, seen.modified_at, seen.first_seen_at, files.state,"
            " coalesce(files.sha256, (SELECT min(archive) FROM archive_members WHERE archive = seen.sha256)) AS sha256"
            " FROM sightings AS seen LEFT JOIN files ON files.sha256 = seen.sha256 WHERE seen.source = ?",
            (source,),
        ).fetchall()
        return [{**dict(row), "finished": self._is_finished(row["sha256"], row["state"])} for row in rows]

    def _is_finished(self, sha256: str | None, state: str | None) -> bool:
        """Whether a file is, or all files of an archive."""
        if state is not None or sha256 is None:
            return state in FINISHED_STATES
        return all(each in FINISHED_STATES for _, each in self.archive_members(sha256))

    def remember_archive(self, sha256: str, members: Sequence[str]) -> None:
        """Note which bill files are in an archive, by their SHA-256s; all of them have landed."""
        with transaction(self._db):
            self._db.execute("DELETE FROM archive_members WHERE archive = ?", (sha256,))
            self._db.executemany(
                "INSERT INTO archive_members (archive, position, member) VALUES (?, ?, ?)",
                [(sha256, position, member) for position, member in enumerate(members)],
            )

    def archive_members(self, sha256: str) -> list[tuple[str, str | None]]:
        """SHA-256 and state of the bill files in an archive, in its order; no state where no run has begun to work on
        one.
        """
        rows = self._db.execute(
            "SELECT inside.member, files.state FROM archive_members AS inside"
            " LEFT JOIN files ON files.sha256 = inside.member WHERE inside.archive = ? ORDER BY inside.position",
            (sha256,),
        )
        return [(member, state) for member, state in rows]

    def remember_sightings(self, source: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace what is remembered of a source by what it shows now.

        Args:
            rows: name, size_bytes, modified_at, first_seen_at and sha256 (None until it is fetched) of each file.
        """
        with transaction(self._db):
            self._db.execute("DELETE FROM sightings WHERE source = ?", (source,))
            self._db.executemany(
                "INSERT INTO sightings (source, name, size_bytes, modified_at, first_seen_at, sha256)"
                " VALUES (:source, :name, :size_bytes, :modified_at, :first_seen_at, :sha256)",
                [{**row, "source": source} for row in rows],
            )

    def remember_fetched(self, source: str, name: str, sha256: str) -> None:
        """Note which bytes a file that was seen turned out to have."""
        self._db.execute(
            "UPDATE sightings SET sha256 = ? WHERE source = ? AND name = ?", (sha256, source, name)
        )

    def add_handover(
        self,
        *,
        sha256: str,
        source: str,
        name: str,
        size_bytes: int,
        modified_at: str,
        place: str,
        report: str | None,
    ) -> None:
        """Note that a file is to be moved and its reports uploaded, once it is finished.

        Args:
            size_bytes, modified_at: as the file was fetched; another one may have its name by now.
            place: `archive` or `quarantine`.
            report: name of the report folder; None keeps the one that is noted already.
        """
        self._db.execute(
            "INSERT INTO handovers (sha256, source, name, size_bytes, modified_at, place, report)"
            " VALUES (?,?,?,?,?,?,?) ON CONFLICT (source, name, sha256) DO UPDATE SET"
            " size_bytes = excluded.size_bytes, modified_at = excluded.modified_at, place = excluded.place,"
            " report = coalesce(excluded.report, handovers.report)",
            (sha256, source, name, size_bytes, modified_at, place, report),
        )

    def pending_handovers(self, source: str) -> list[Handover]:
        """What is still to be done at a source, oldest first."""
        rows = self._db.execute("SELECT * FROM handovers WHERE source = ? ORDER BY id", (source,))
        return [Handover(**dict(row)) for row in rows]

    def remove_handover(self, handover_id: int, *, stays: bool) -> None:
        """A hand-over is done.

        Args:
            stays: whether the file stayed where it was. If not, its sighting goes as well: the name may come, or
                have come, again with other bytes of the same size and within the same second.
        """
        with transaction(self._db):
            if not stays:
                self._db.execute(
                    "DELETE FROM sightings WHERE (source, name, size_bytes, modified_at) ="
                    " (SELECT source, name, size_bytes, modified_at FROM handovers WHERE id = ?)",
                    (handover_id,),
                )
            self._db.execute("DELETE FROM handovers WHERE id = ?", (handover_id,))


def _has_prefix(digits: str) -> str:
    """A condition for SHA-256s that begin with `digits`, written so that their index answers it."""
    return f"files.sha256 >= {digits} AND files.sha256 < {digits} || 'g'"


def _file(row: LedgerRow) -> FileRow:
    """A row of `_SELECT` as FileRow; JSON columns are decoded."""
    values = dict(row)
    values["digits"] = ALL_DIGITS if values["digits"] else SHORT_DIGITS
    values["name_parts"] = json.loads(values["name_parts"])
    values["summary"] = json.loads(values["summary"]) if values["summary"] else None
    return FileRow(**values)
