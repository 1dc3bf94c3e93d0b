"""What a file leaves to those who correct its rejects, and what its correction takes of it (law 11)."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.core.api.requests import LEAF_OF
from pipeline.core.files import CheckedFile, LandedFile, Refusal
from pipeline.core.outcomes import REJECTS, Outcome
from pipeline.core.rules import corrections
from pipeline.core.rules.corrections import COMPARED
from pipeline.core.rules.line_items import KEY
from pipeline.core.rules.missed_corrections import Missed
from pipeline.edge.ledger import Corrections, FileRow, Files, Ledger, LedgerOriginals, Sends
from pipeline.edge.reader.checked_parts import (
    accepted,
    count_lines,
    parts_of,
    scan_parts,
    sendable,
    with_reject_numbers,
)
from pipeline.errors import ConfigError
from pipeline.report import write_results
from pipeline.run.context import RunContext
from pipeline.run.progress import check_interruptibly
from schemas.feed import Model
from schemas.results import Summary

BY_CHECK = (Outcome.REJECTED, Outcome.DUPLICATE, Outcome.NOT_ATTEMPTED)
"""Outcomes of records that nothing was sent for: the check alone tells them."""
BUCKET_RECORDS = 100_000
_STOPPED = ("held", "refused")


@dataclass(slots=True)
class Remembering:
    """Reads the rows of an original's report, and remembers the rejected ones."""

    ledger: Ledger
    file_id: int
    checked: CheckedFile

    def __post_init__(self) -> None:
        if self._is_original:
            Corrections(self.ledger).forget(self.file_id)

    @property
    def _is_original(self) -> bool:
        return self.checked.landed.rejects_of is None

    def __call__(self, rows: pl.DataFrame) -> None:
        """Rows as `write_results` hands them over."""
        if self._is_original:
            Corrections(self.ledger).remember(self.file_id, self._rejected(rows))

    def _rejected(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Their values, and what their codes are about: those of the API are about no column."""
        rejects = rows.filter(pl.col("outcome").is_in([outcome.value for outcome in REJECTS]))
        codes = pl.when(outcome=Outcome.REJECTED.value).then("codes")
        return rejects.select("record", *COMPARED, corrections.concerned(codes, self.checked.own_names))

    def end(self) -> None:
        """Once the report has been written."""
        if self._is_original:
            Corrections(self.ledger).mark_contradictions(self.file_id, self.checked.landed.feed.model)


@dataclass(frozen=True, slots=True)
class Correcting:
    """The first original of a corrected rejects file, as the ledger knows it."""

    ledger: Ledger
    landed: LandedFile
    original: FileRow

    @classmethod
    def of(cls, ledger: Ledger | None, landed: LandedFile) -> Correcting | None:
        """None for a file that corrects none, and where there is no ledger to ask."""
        if ledger is None or landed.rejects_of is None:
            return None
        original = Files(ledger).original_of(landed.rejects_of)
        return None if original is None else cls(ledger, landed, original)

    @property
    def refusal(self) -> Refusal | None:
        """Why nothing of its original may be corrected now."""
        name, state = self.original.name, self.original.state
        if state in _STOPPED:
            todo = (
                "release that file and let it load, then send this one again"
                if state == "held"
                else "correct that file and send it again"
            )
            return Refusal(
                "file.original_not_loaded",
                f"{name} is {state}, and its rejects can be corrected once it is loaded; {todo}",
            )
        if not self.is_remembered:
            problem = (
                f"{name} was loaded by an earlier version, and its landed copy or its feed of then is gone"
            )
            return Refusal(
                "file.original_forgotten", f"{problem}; send the records in a bill file of their own, once"
            )
        return None

    @property
    def is_remembered(self) -> bool:
        """Whether its rejected records are known; ledgers of earlier versions do not hold them."""
        records = (self.original.summary or {}).get("records", {})
        rejected = sum(records.get(outcome, 0) for outcome in REJECTS)
        return not rejected or Corrections(self.ledger).count(self.original.id) > 0

    def originals(self, missed: Missed) -> LedgerOriginals:
        """What its records are compared with; `missed`: what the ledger may have."""
        records = (self.original.summary or {}).get("records", {})
        memory, row = Corrections(self.ledger), Files(self.ledger).by_sha256(self.landed.sha256)
        return LedgerOriginals(
            self.ledger,
            original_id=self.original.id,
            by_file=row.id if row else None,
            source=self.original.name,
            medians=memory.usual_medians(self.original.feed) | memory.medians(self.original.id),
            missed_some=missed.may_be_corrected(
                self.original.id, self.original.name_parts.get("date"), records
            ),
        )


class _Nowhere(io.BytesIO):
    """A file that keeps nothing: what is written stands in a report already."""

    def write(self, text: Any, /) -> int:
        return memoryview(text).nbytes


def recall(desk: RunContext, original: FileRow) -> None:
    """Remember what an original rejected that an earlier version loaded, from its landed copy, as far as that goes."""
    then = Summary.model_validate(original.summary, strict=False) if original.summary else None
    try:
        landed = desk.landed_from(original)
    except ConfigError:  # its feed is gone
        return
    if then is None or not landed.path.exists() or desk.feed_changed(landed, original):
        return
    checked = check_interruptibly(landed, landed.path.parent, desk.ui, limits=desk.settings.limits)
    counted = {each: checked.totals.count(each) for each in BY_CHECK}
    sent = then.records.total - sum(then.records.parts()[each] for each in BY_CHECK)
    if counted[Outcome.REJECTED] != then.records.rejected or desk.kept_outcomes(original.id) < sent:
        return
    remembering = Remembering(desk.connection(), original.id, checked)
    with _Nowhere() as nowhere:
        write_results(checked, desk.outcomes(original.id), nowhere, remembering)
    remembering.end()


def take(ledger: Ledger, checked: CheckedFile, file_id: int) -> None:
    """Take the records of the original before anything is sent for them; who comes second has its outcome then.

    Also for a file that others correct, when it is loaded again: what they loaded is not loaded once more.
    """
    correcting = Correcting.of(ledger, checked.landed)
    memory = Corrections(ledger)
    original_id = correcting.original.id if correcting else file_id
    if correcting is None and not memory.is_corrected(original_id):
        return
    settled = Sends(ledger).settled_records(file_id)
    for rows in _to_send(checked, settled):
        memory.claim(original_id, file_id, rows)


def _to_send(checked: CheckedFile, settled: pl.Series) -> Iterator[pl.DataFrame]:
    """`record`, `reject_record`, `reference` and `content` of what is to be sent, each bill whole: a line has the
    `record` of the first line of its bill, which is sent for all, and the `content` of all."""
    model = checked.landed.feed.model
    for values in _whole_bills(checked.records):
        rows = with_reject_numbers(values).filter(pl.col("reject_record").is_not_null()).collect()
        rows = rows.filter(~pl.col("lead").is_in(settled.implode())).sort("record")
        if not rows.is_empty():
            reference = pl.col(f"{LEAF_OF[model]}_reference").alias("reference")
            claims = rows.select("lead", "reject_record", reference).rename({"lead": "record"})
            yield _with_bills_content(claims.with_columns(content=_contents(rows, model)))


def _whole_bills(records: Path) -> Iterator[pl.LazyFrame]:
    """Values of the records that are to be sent and of their lines, and `lead`, the record that is sent for each."""
    parts = parts_of(records)
    lines = count_lines(*parts) if parts else 0
    if not lines:
        yield from (accepted(part).with_columns(lead="record") for part in parts)
        return
    number = 1 + scan_parts(*parts).select(pl.len()).collect().item() // BUCKET_RECORDS
    for index in range(number):
        mine = sendable(*parts).filter(pl.col(KEY).hash(seed=0) % number == index)
        yield mine.with_columns(lead=pl.col("record").min().over(KEY))


def _with_bills_content(claims: pl.DataFrame) -> pl.DataFrame:
    """The content of a bill of several lines is that of all of them, in whatever order they stand."""
    several = claims.filter(pl.len().over("record") > 1)
    found = {
        record: hashlib.blake2b("".join(sorted(contents)).encode(), digest_size=16).hexdigest()
        for record, contents in several.group_by("record").agg("content").iter_rows()
    }
    if not found:
        return claims
    common = pl.DataFrame({"record": list(found), "common": list(found.values())})
    return claims.join(common, on="record", how="left", maintain_order="left").select(
        "record", "reject_record", "reference", content=pl.coalesce("common", "content")
    )


def _contents(rows: pl.DataFrame, model: Model) -> pl.Series:
    """A hash of what is asked of the API for each record, however its file is laid out."""
    found = []
    for *values, metadata in rows.select(corrections.CONTENT).iter_rows():
        stated = {key: value for key, value in json.loads(metadata or "{}").items() if value is not None}
        text = json.dumps([model, *values, stated], sort_keys=True)
        found.append(hashlib.blake2b(text.encode(), digest_size=16).hexdigest())
    return pl.Series("content", found, dtype=pl.String)
