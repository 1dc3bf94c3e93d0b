"""The rejects file of a file, taken apart into the cells of its records, for a table in which they are corrected.

It reads alone. A file is read as its own correction would be, so that what a person edits is what the check reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import polars as pl

from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.file_names import REJECT_COLUMNS
from pipeline.core.mapping.fit_feed import lay_out
from pipeline.core.mapping.mended_records import delimited_record, fixed_record, json_record, same_text
from pipeline.edge.clock import utc_now
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.reader.corrected_rejects import with_detected_dialect
from pipeline.edge.reader.open_records import BillFile, open_records
from pipeline.errors import FileRefused
from pipeline.report.folders import REPORT_NAMES
from pipeline.report.html.index_page import report_of
from pipeline.run.balance_files import balance_files
from pipeline.run.file_repository import KnownFiles
from pipeline.run.stored_documents import StoredDocuments
from schemas.settings import Limits, Settings

MAX_REJECTS_BYTES = 16 << 20
"""Of a rejects file that is taken apart while somebody waits; of a larger one the feed is wrong, not the records."""
MOST_COUNTED = 64
"""Files of which the numbers of the records are kept."""
MOST_KEPT = 4
"""Files that were read last; each is as large as MAX_REJECTS_BYTES at most."""
_CODES, _MESSAGES, _NUMBER, _ = REJECT_COLUMNS
_CSV_NUMBER = re.compile(r'"([0-9]*)"[^"]{1,8}"[^"]*+(?:""[^"]*+)*+"\s*\Z')
_JSON_NUMBER = re.compile(r'"reject_record"\s*:\s*"?([0-9]+)')
_STRAY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What a browser does not send back as it was."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a record, as the merchant's own column has it."""

    position: int
    """Of its column in the rejects file, from 0."""
    column: str
    text: str
    is_faulty: bool
    """Whether a code of its record is about this column."""

    @property
    def may_change(self) -> bool:
        """Whether a browser sends it back as it is; else it can be corrected in the file alone."""
        return _STRAY.search(self.text) is None


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record of the table."""

    number: int
    """Of the record in the first original (`reject_record`)."""
    codes: tuple[str, ...]
    message: str
    cells: tuple[Cell, ...]
    text: str
    """As the rejects file has it, a stand-in between its fields where its delimiter is several characters."""


@dataclass(frozen=True)
class OpenedRejects:
    """The rejects file of a file, open for reading."""

    landed: LandedFile
    bill: BillFile
    batches: Sequence[pl.DataFrame]
    own_names: Mapping[str, tuple[str, ...]]
    """Field of a code → the file's own columns behind it."""

    @property
    def name(self) -> str:
        """`rejects.csv`, `.ndjson` or `.txt`."""
        return self.landed.path.name

    @cached_property
    def numbers(self) -> Sequence[tuple[int | None, bool]]:
        """Number of each record in its first original, if it is known, and whether its line is sound."""
        return list(self._numbers())

    def _numbers(self) -> Iterator[tuple[int | None, bool]]:
        place = self._places().get(_NUMBER)
        for batch in self.batches:
            if place is None:  # written by an earlier version
                yield from ((None, False) for _ in range(batch.height))
                continue
            fields = self.bill.records.fields(batch, [place]).select(f"field_{place}", "damage")
            pattern = _JSON_NUMBER if self.bill.text_format == "ndjson" else _CSV_NUMBER
            for text, (number, damage) in zip(batch["text"], fields.iter_rows(), strict=True):
                if damage is None and number and number.isascii() and number.isdigit():
                    yield int(number), True
                else:
                    found = pattern.search(text)
                    yield int(found[1]) if found and found[1] else None, False

    @cached_property
    def lines(self) -> Mapping[int, bool]:
        """Number of each record → whether a line of it is sound, in the order of the file."""
        found = dict[int, bool]()
        for number, sound in self.numbers:
            if number is not None:
                found[number] = sound or found.get(number, False)
        return found

    @cached_property
    def _sound(self) -> pl.Series:
        """Number of each record whose line is sound; null for another one."""
        return pl.Series([number if sound else None for number, sound in self.numbers], dtype=pl.Int64)

    def records(self, wanted: Collection[int]) -> list[RejectedRecord]:
        """Those of these numbers whose lines are sound, each once, in the order of the file."""
        found, start = dict[int, RejectedRecord](), 0
        for batch in self.batches:
            some = batch.with_columns(number=self._sound.slice(start, batch.height))
            start += batch.height
            some = some.filter(pl.col("number").is_in(list(wanted)))
            if not some.is_empty():
                for record in self._taken_apart(some):
                    found.setdefault(record.number, record)
        return list(found.values())

    def _taken_apart(self, batch: pl.DataFrame) -> Iterator[RejectedRecord]:
        names, places = self.bill.records.names, self._places()
        fields = self.bill.records.fields(batch.drop("number"), range(len(names)))
        rows = fields.select(f"field_{place}" for place in range(len(names))).rows()
        for number, text, row in zip(batch["number"], batch["text"], rows, strict=True):
            codes = tuple(
                each for each in (row[places[_CODES]] if _CODES in places else "").split(";") if each
            )
            faulty = self.columns_of(codes)
            yield RejectedRecord(
                number,
                codes,
                (row[places[_MESSAGES]] if _MESSAGES in places else None) or "",
                tuple(
                    Cell(place, name, self._shown(row[place]), name.strip() in faulty)
                    for place, name in enumerate(names)
                    if name.strip() not in REJECT_COLUMNS
                ),
                text,
            )

    def _shown(self, text: str | None) -> str:
        """Blanks around a value of fixed width are only its place."""
        return (text or "").strip(" ") if self.bill.text_format == "txt" else text or ""

    def columns_of(self, codes: Sequence[str]) -> set[str]:
        """The file's own columns that codes are about."""
        fields = {code.rpartition(".")[0] for code in codes}
        return {own.strip() for field in fields for own in self.own_names.get(field, (field,))}

    def _places(self) -> dict[str, int]:
        names = [name.strip() for name in self.bill.records.names]
        return {name: names.index(name) for name in REJECT_COLUMNS if name in names}

    def edited(self, record: RejectedRecord, sent: Mapping[int, str]) -> dict[int, str]:
        """Those of the values that came back (position → text) which are not the record's own."""
        return {
            cell.position: sent[cell.position]
            for cell in record.cells
            if cell.may_change and cell.position in sent and not same_text(sent[cell.position], cell.text)
        }

    def mended(self, record: RejectedRecord, edits: Mapping[int, str]) -> str:
        """The text of a record with these values. Raises DoesNotFit: one does not, in fixed width."""
        names = self.bill.records.names
        if self.bill.text_format == "csv":
            return delimited_record(
                record.text, edits, separator=self.bill.separator, delimiter=self.bill.delimiter
            )
        by_name = {names[position].strip(): value for position, value in edits.items()}
        if self.bill.text_format == "ndjson":
            return json_record(record.text, by_name)
        from pipeline.edge.reader.fixed_width import OURS, FixedFile  # noqa: PLC0415

        lines = self.bill.records
        if not isinstance(lines, FixedFile):
            raise TypeError("a file of fixed width is not read as one")
        return fixed_record(
            record.text, by_name, columns=lines.columns, length=lines.length, ours=re.compile(OURS)
        )

    @property
    def line_end(self) -> str:
        """Behind each of its lines."""
        return self.bill.line_end.decode(self.bill.text.codec)

    def file_of(self, texts: Sequence[str]) -> bytes:
        """A rejects file of these records alone: in UTF-8 with its mark, which holds whatever somebody types."""
        head = [self.bill.header.decode(self.bill.text.codec)] if self.bill.text_format != "ndjson" else []
        return "".join(f"{line}{self.line_end}" for line in (*head, *texts)).encode("utf-8-sig")


def opened_rejects(settings: Settings, ledger: Ledger, row: FileRow) -> OpenedRejects | None:
    """The rejects file in the report of a file; None where there is none.

    Raises:
        FileRefused: it cannot be read, its feed reads it otherwise by now, or it is too large to be edited here.
        ConfigError: its feed is gone. And as `StoredDocuments.bring_report`.
    """
    landed = landed_rejects(settings, ledger, row)
    return None if landed is None else opened_as_it_is(settings, landed)


def landed_rejects(settings: Settings, ledger: Ledger, row: FileRow) -> LandedFile | None:
    """The rejects file of a file as the correction that it becomes, not read yet; None where there is none.

    Raises as `opened_rejects`, but for what only reading tells.
    """
    StoredDocuments(settings, ledger).bring_report(row)
    path = _rejects_path(settings, row)
    if path is None:
        return None
    landed = replace(landed_before(settings, ledger, row), control=None)
    size_bytes = path.stat().st_size
    landed = replace(landed, path=path, size_bytes=size_bytes, rejects_of=landed.short_name)
    if size_bytes > MAX_REJECTS_BYTES:
        raise FileRefused(
            name=row.name,
            rule="file.too_large",
            problem="it has too many rejects to be corrected one by one",
            remedy=f"correct the feed or the file, or {path.name} itself",
        )
    if landed.feed.items is not None:
        raise FileRefused(
            name=row.name,
            rule="file.format",
            problem="its bills are lists of items, which have no table",
            remedy=f"correct them in {path.name}, and drop that",
        )
    return landed


@dataclass(frozen=True, slots=True)
class _AsItIs:
    """A file, and all by which it would be read otherwise."""

    mark: tuple[object, ...]
    landed: LandedFile = field(compare=False)
    limits: Limits = field(compare=False)


def opened_as_it_is(settings: Settings, landed: LandedFile) -> OpenedRejects:
    """A rejects file, corrected or not, of plain text, which needs no copy. Raises FileRefused."""
    return _read(_as_it_is(settings, landed))


def sound_numbers(settings: Settings, landed: LandedFile) -> frozenset[int]:
    """Numbers of the records in such a file whose lines are sound. Raises FileRefused."""
    return _sound_numbers(_as_it_is(settings, landed))


def _as_it_is(settings: Settings, landed: LandedFile) -> _AsItIs:
    found = landed.path.stat()
    mark = (
        *(landed.path, found.st_ino, found.st_mtime_ns, found.st_size),
        *(landed.name, landed.rejects_of, tuple(sorted(landed.name_parts.items()))),
        *(landed.feed.model_dump_json(), settings.limits.model_dump_json()),
    )
    return _AsItIs(mark, landed, settings.limits)


@lru_cache(MOST_COUNTED)
def _sound_numbers(file: _AsItIs) -> frozenset[int]:
    """Kept for longer than what is read: a page asks it of every correction that waits."""
    return frozenset(number for number, sound in _read(file).numbers if sound and number is not None)


@lru_cache(MOST_KEPT)
def _read(file: _AsItIs) -> OpenedRejects:
    """The next page of its table, and each check of what somebody types, take the file as it was read for the first."""
    landed = with_detected_dialect(file.landed)
    bill = open_records(landed, file.limits, landed.path.parent)
    layout = lay_out(
        landed.feed,
        bill.records.names,
        landed.name_parts,
        file_name=landed.name,
        rejects_of=landed.rejects_of,
    )
    return OpenedRejects(landed, bill, list(bill.records.batches()), layout.own_names)


def landed_before(settings: Settings, ledger: Ledger, row: FileRow) -> LandedFile:
    """A file as it landed. Raises ConfigError: its feed is gone."""
    reports = settings.work_dir / "reports"
    balances = balance_files(ledger, settings, utc_now, forced=False)
    return KnownFiles(ledger, settings, reports, balances).landed_from(row)


def _rejects_path(settings: Settings, row: FileRow) -> Path | None:
    reports = settings.work_dir / "reports"
    found = report_of(row, reports)
    if found is None or row.summary is None or row.is_report:
        return None
    return next(
        (
            reports / found[0] / name
            for name in REPORT_NAMES["rejects"]
            if (reports / found[0] / name).is_file()
        ),
        None,
    )
