"""Rejected records of originals in the ledger, and the one correction that replaces each of them (law 11).

Both are kept for good: a correction may come when the landed copy and the outcomes of its original are forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from statistics import median_low
from typing import TYPE_CHECKING

from pipeline.core.api.ledger_changes import StoreOutcome
from pipeline.core.outcomes import AT_API, Outcome, RecordOutcome
from pipeline.core.rules.compared_columns import COMPARED
from pipeline.core.rules.earlier_amounts import MOST_COMPARED
from pipeline.core.rules.uniqueness import UNIQUENESS, Uniqueness
from pipeline.edge.ledger.chain_sums import originals_corrected_by, refresh_chain_sums
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger, LedgerRow
from pipeline.edge.ledger.writes import write
from schemas.feed import Model

if TYPE_CHECKING:  # status and totals read what is here, and load no polars
    import polars as pl

RELEASED = (Outcome.CONFLICT, Outcome.REFUSED)
"""Outcomes of corrections that the API did not take: their originals may be corrected again."""


class Corrections:
    """Rejected records and their corrections over one connection. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    # -- originals --

    def forget(self, file_id: int) -> None:
        """Remove what is remembered of the rejected records of an original, before it is checked again."""
        self._db.execute("DELETE FROM rejected WHERE file_id = ?", (file_id,))

    def remember(self, file_id: int, records: pl.DataFrame) -> None:
        """Remember rejected records of an original: `record`, `line`, COMPARED, `concerned`, and what they count as:
        `outcome` and `counted`, the name of their currency in totals.
        """
        names = ("record", "line", *COMPARED, "concerned", "outcome", "counted")
        marks = ",".join("?" * (len(names) + 1))
        updates = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        rows = ((file_id, *row) for row in records.select(names).iter_rows())
        with transaction(self._db):
            self._db.executemany(
                f"INSERT INTO rejected (file_id, {','.join(names)}) VALUES ({marks})"  # noqa: S608
                f" ON CONFLICT (file_id, record) DO UPDATE SET {updates}",
                rows,
            )

    def records(self, file_id: int, only: Collection[int] | None = None) -> dict[int, str]:
        """Remembered records of an original, all or `only` these → `open`, `corrected`, `claimed` (a correction is
        under way) or `written_off`.
        """
        which, asked = among_these("was.record", only)
        rows = self._db.execute(
            "SELECT was.record, CASE WHEN aside.record IS NOT NULL OR settled = 1 THEN 'corrected'"  # noqa: S608
            " WHEN taken.record IS NOT NULL THEN 'claimed' WHEN gone.record IS NOT NULL THEN 'written_off'"
            " ELSE 'open' END FROM rejected AS was"
            " LEFT JOIN corrected AS taken ON taken.file_id = was.file_id AND taken.record = was.record"
            " LEFT JOIN left_out AS aside ON aside.file_id = was.file_id AND aside.record = was.record"
            " LEFT JOIN written_off AS gone ON gone.file_id = was.file_id AND gone.record = was.record"
            f" WHERE was.file_id = ?{which} ORDER BY was.record",
            (file_id, *asked),
        )
        return dict(tuple(row) for row in rows)

    def damaged(self, file_id: int, only: Collection[int] | None = None) -> set[int]:
        """Remembered records of an original, all or `only` of these, whose line is damaged, so that nothing in it can
        be told apart.
        """
        which, asked = among_these("record", only)
        rows = self._db.execute(
            f"SELECT record FROM rejected WHERE file_id = ? AND instr(concerned, ';*;') > 0{which}",  # noqa: S608
            (file_id, *asked),
        )
        return {record for (record,) in rows}

    def claims(self, file_id: int) -> dict[int, int]:
        """Records of an original that a correction has claimed and not loaded yet → id of that correction."""
        rows = self._db.execute(
            "SELECT record, by_file FROM corrected WHERE file_id = ? AND settled = 0", (file_id,)
        )
        return dict(tuple(row) for row in rows)

    def lines(self, file_id: int, only: Collection[int] | None = None) -> dict[int, int]:
        """Remembered records of an original, all or `only` these → the line of each in it, where that is known."""
        which, asked = among_these("record", only)
        rows = self._db.execute(
            f"SELECT record, line FROM rejected WHERE file_id = ? AND line IS NOT NULL{which}",  # noqa: S608
            (file_id, *asked),
        )
        return dict(tuple(row) for row in rows)

    def count_chains(self, file_id: int, *, refused: bool) -> None:
        """Once a file has its report: bring the sums of its chain up to date, and owe new reports to its original and
        to refused files of the same name, which it may have superseded.

        Args:
            refused: it is; otherwise what was written off of it as a whole counts no more.
        """
        with transaction(self._db):
            if not refused:
                self._db.execute("DELETE FROM written_off WHERE file_id = ? AND record = 0", (file_id,))
            originals = originals_corrected_by(self._db, file_id)
            refresh_chain_sums(self._db, [file_id, *originals])
            self._db.executemany(
                "INSERT INTO renewals (file_id) VALUES (?) ON CONFLICT DO NOTHING",
                [(each,) for each in originals],
            )
            self._db.execute(
                "INSERT INTO renewals SELECT earlier.id FROM files AS earlier JOIN files AS this"
                " ON this.id = ?1 AND earlier.name = this.name AND earlier.feed = this.feed"
                " WHERE earlier.id < ?1 AND earlier.state = 'refused' AND this.rejects_of IS NULL"
                " ON CONFLICT DO NOTHING",
                (file_id,),
            )

    def mark_contradictions(self, file_id: int, model: Model) -> None:
        """Add to `concerned` of records that contradict each other the columns in which they do, once all are
        remembered.
        """
        with transaction(self._db):
            for rule in UNIQUENESS[model]:
                self._mark_contradictions(file_id, rule)

    def _mark_contradictions(self, file_id: int, rule: Uniqueness) -> None:
        """The same for one rule: records that share its key, and between them differ in a column."""
        key, has_code = rule.key, f"instr(concerned, ';{rule.code};') > 0"
        if not self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM rejected WHERE file_id = ? AND {has_code})",  # noqa: S608
            (file_id,),
        ).fetchone()[0]:
            return
        content = [name for name in COMPARED if name != key] if rule.repeats else rule.content
        differing = " || ".join(
            f"CASE WHEN count(DISTINCT {name}) > 1 OR count({name}) NOT IN (0, count(*))"
            f" THEN ';{name};' ELSE '' END"
            for name in content
        )
        self._db.execute(
            f"UPDATE rejected SET concerned = concerned || found.differing FROM (SELECT {key} AS shared,"  # noqa: S608
            f" {differing} AS differing FROM rejected WHERE file_id = ?1 AND {has_code} GROUP BY {key}) AS found"
            f" WHERE file_id = ?1 AND {has_code} AND rejected.{key} = found.shared",
            (file_id,),
        )

    def count(self, file_id: int) -> int:
        """How many rejected records of an original are remembered."""
        row = self._db.execute("SELECT count(*) FROM rejected WHERE file_id = ?", (file_id,)).fetchone()
        return int(row[0])

    def medians(self, file_id: int) -> dict[str, int]:
        """Currency → median of the amounts that a file loaded, in minor units and without signs."""
        rows = self._db.execute(
            "SELECT currency, usual_twice_minor / 2 FROM spreads WHERE file_id = ? AND usual_twice_minor > 1",
            (file_id,),
        )
        return dict(tuple(row) for row in rows)

    def usual_medians(self, feed: str) -> dict[str, int]:
        """Currency → median of the medians of the last files (MOST_COMPARED) that a feed loaded, in minor units."""
        rows = self._db.execute(
            "SELECT currency, usual_twice_minor / 2 FROM (SELECT currency, usual_twice_minor, row_number() OVER"
            " (PARTITION BY currency ORDER BY loads.id DESC) AS age FROM loads JOIN spreads USING (file_id)"
            " WHERE feed = ? AND usual_twice_minor > 1) AS newest WHERE age <= ?",
            (feed, MOST_COMPARED),
        )
        found: dict[str, list[int]] = {}
        for currency, median in rows:
            found.setdefault(currency, []).append(median)
        return {currency: median_low(medians) for currency, medians in found.items()}

    # -- their corrections --

    def claim(self, original_id: int, file_id: int, rows: pl.DataFrame) -> None:
        """Claim rejected records for their corrections, durably, before anything of those is sent.

        A record of the original that is claimed already gives the newcomer its outcome at once: `unchanged` where its
        content is that of the first, else `conflict`. A bill is claimed whole: where one of its lines comes second,
        nothing of it is sent. A file that is its own original claims nothing, for it may be corrected already.

        Args:
            rows: `record` of the file (of a bill's lines the first, all in one frame), `reject_record` of the
                original,
                `reference`, `content`, `currency`, `amount_minor` of this line, in this order.
        """
        with transaction(self._db):
            if file_id != original_id:
                self._db.executemany(
                    "INSERT INTO corrected (file_id, record, by_file, by_record, reference, content,"
                    " currency, amount_minor) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
                    (
                        (original_id, number, file_id, record, *values)
                        for record, number, *values in rows.iter_rows()
                    ),
                )
            self._db.prepare_rows()
            write(self._db, self._repeated(original_id, file_id, rows))

    def _repeated(self, original_id: int, file_id: int, rows: pl.DataFrame) -> Iterator[StoreOutcome]:
        """Outcomes of records whose claim came second."""
        found = self._db.execute(
            "SELECT taken.record, by_file, by_record, content, settled, outcomes.outcome, name, customer_id,"
            " account_id, bill_id FROM corrected AS taken JOIN files ON files.id = by_file LEFT JOIN outcomes"
            " ON outcomes.file_id = by_file AND outcomes.record = by_record"
            " WHERE taken.file_id = ? AND taken.record IN (SELECT value FROM json_each(?))",
            (original_id, json.dumps(rows["reject_record"].to_list())),
        )
        first = {row["record"]: row for row in found}
        bills: dict[int, list[tuple[int, str, str]]] = {}
        for record, *line in rows.select("record", "reject_record", "reference", "content").iter_rows():
            bills.setdefault(record, []).append((line[0], line[1], line[2]))
        for record, lines in bills.items():
            _, reference, content = lines[0]
            taken = [first.get(number) for number, _, _ in lines]
            others = [row for row in taken if row and (row["by_file"], row["by_record"]) != (file_id, record)]
            if len({number for number, _, _ in lines}) < len(lines):
                yield StoreOutcome(file_id, reference, _conflict(record, "two lines correct the same record"))
            elif others:
                repeats = [_repeats(record, content, row) for row in others]
                worst = next((each for each in repeats if each.outcome is Outcome.CONFLICT), repeats[0])
                if len(others) < len(lines) and worst.outcome is not Outcome.CONFLICT:
                    worst = _conflict(record, "some lines of its bill are corrected already")
                yield StoreOutcome(file_id, reference, worst)

    def leave_out(self, original_id: int, file_id: int, rows: pl.DataFrame, *, afresh: bool) -> None:
        """Remember which of an original's records a correction left out: `reject_record` and `outcome`.

        Args:
            afresh: these are the first of the correction's report; what an earlier one left is forgotten.
        """
        with transaction(self._db):
            if afresh:
                self._db.execute("DELETE FROM left_out WHERE by_file = ?", (file_id,))
            self._db.executemany(
                "INSERT INTO left_out (file_id, record, by_file, outcome) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
                ((original_id, record, file_id, outcome) for record, outcome in rows.iter_rows()),
            )

    def is_corrected(self, original_id: int) -> bool:
        """Whether any record of this original is corrected."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM corrected WHERE file_id = ?)", (original_id,)
        ).fetchone()
        return bool(row[0])

    def release_claims(self, file_id: int) -> None:
        """Once a file is finished: what the API did not take may be corrected again; what it holds never."""
        with transaction(self._db):
            settle(self._db, file_id)
            self._db.execute(
                "DELETE FROM corrected WHERE by_file = ?1 AND settled = 0 AND by_record NOT IN"
                " (SELECT record FROM outcomes WHERE file_id = ?1 AND outcome NOT IN (?2, ?3))"
                " AND by_record NOT IN (SELECT record FROM intents WHERE file_id = ?1)",
                (file_id, *RELEASED),
            )


def among_these(column: str, only: Collection[int] | Collection[str] | None) -> tuple[str, tuple[str, ...]]:
    """SQL: a condition that a column is one of these, and its value; neither for None."""
    if only is None:
        return "", ()
    return f" AND {column} IN (SELECT value FROM json_each(?))", (json.dumps(list(only)),)  # noqa: S608


def settle(connection: Ledger, file_id: int) -> None:
    """Remember which corrections of a file the API holds, and as what, for its outcomes may be forgotten."""
    connection.execute(
        "UPDATE corrected SET settled = 1, outcome = known.outcome FROM outcomes AS known"
        " WHERE by_file = ?1 AND settled = 0 AND known.file_id = ?1 AND known.record = by_record"
        " AND known.outcome IN (?2, ?3, ?4)",
        (file_id, *AT_API),
    )
    refresh_chain_sums(connection, originals_corrected_by(connection, file_id))


def _repeats(record: int, content: str, taken: LedgerRow) -> RecordOutcome:
    """The outcome of a record whose original was claimed before, by the row `taken`."""
    is_held = bool(taken["settled"]) or taken["outcome"] in AT_API
    where = f"record {taken['by_record']} of {taken['name']}"
    if is_held and taken["content"] == content:
        return RecordOutcome(
            record,
            Outcome.UNCHANGED,
            message=f"corrected already by {where}, with the same content",
            customer_id=taken["customer_id"],
            account_id=taken["account_id"],
            bill_id=taken["bill_id"],
        )
    problem = (
        f"corrected already by {where}, with other content" if is_held else f"{where} corrects it already"
    )
    return _conflict(record, problem)


def _conflict(record: int, problem: str) -> RecordOutcome:
    """A conflict with the code `correction.repeated`."""
    message = f"{problem}; a record is corrected once"
    return RecordOutcome(record, Outcome.CONFLICT, ("correction.repeated",), message)
