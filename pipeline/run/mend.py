"""Rejected records corrected in place: what a person edited, checked as the correction that it becomes, and taken in.

The rules are those of any correction file, because it is one: it is made here, checked by a dry run of it, and then
taken in like one that somebody dropped. So it is held for a person, audited, and law 11 decides what it closes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.collect.named_files import of_its_feed
from pipeline.core.file_stages import Hold
from pipeline.core.mapping.mended_records import DoesNotFit
from pipeline.core.names import label_of_path, raw_name
from pipeline.core.release_decisions import Person
from pipeline.edge.config import Config
from pipeline.edge.disk import private_folder
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.local.landing import land_blocks
from pipeline.edge.local.lock import held_scratch_folder
from pipeline.edge.reader.checked_parts import findings_of, parts_of, scan_parts
from pipeline.errors import FileRefused
from pipeline.run.file_repository import FileInWork
from pipeline.run.load_stage import Loaded
from pipeline.run.mendable import Mendable, is_given_up, mendable
from pipeline.run.opened_rejects import OpenedRejects, RejectedRecord, opened_rejects
from pipeline.run.opening import open_preview
from pipeline.run.preview_child import ProgressFile
from pipeline.run.read_only import SendsNothing
from pipeline.run.release_gate import GatedFile
from pipeline.run.uploads import STREAMED, UploadResult, accept_upload
from pipeline.run.work_dir import existing_ledger

_CORRECTED = re.compile(r"^corrected-(?:[0-9]+-)?", re.ASCII)
_FIRST_LINE, _LINE_IN_LIST = (
    re.compile(r"^line ([0-9]+)(?=, )", re.ASCII),
    re.compile(r"(?<=[(; ])line ([0-9]+)(?=: )"),
)
"""Where a hold names a line of the correction: in a change, and among the amounts in its reason."""
_LOADABLE = ("line", "skipped")
"""Verdicts beside `accepted` that are no mistake of a record."""


@dataclass(frozen=True, slots=True)
class SentRecord:
    """What came back of one record: position of a column → its value, and whether it is right as it is."""

    cells: Mapping[int, str]
    as_it_is: bool = False


@dataclass(slots=True)
class MendedRecord:
    """A record that somebody edited."""

    record: RejectedRecord
    edits: Mapping[int, str]
    problem: str | None = None
    """What is still wrong with it."""
    codes: tuple[str, ...] = ()
    """Of what is wrong."""


@dataclass
class Mending:
    """What somebody made of the rejects of a file."""

    rejects: OpenedRejects
    shown: list[RejectedRecord]
    """The records that came back and can still be corrected."""
    found: Mendable
    mended: dict[int, MendedRecord] = field(default_factory=dict)
    """Number → those among them that somebody edited, or says to be right as they are."""
    too_late: dict[int, str] = field(default_factory=dict)
    """Number → why it cannot be corrected any more; somebody else has."""
    refusal: str | None = None
    """Why the whole correction would be refused."""
    holds: Sequence[Hold] = ()
    """What a person would have to look at before it is loaded."""
    content: bytes = b""

    @property
    def is_right(self) -> bool:
        """Whether there is something to save, and nothing wrong with it."""
        return (
            bool(self.mended)
            and not self.too_late
            and self.refusal is None
            and all(each.problem is None for each in self.mended.values())
        )


def open_for_mending(
    config: Config, ledger: Ledger, row: FileRow, *, only: Collection[int] | None = None
) -> tuple[OpenedRejects | None, Mendable]:
    """The rejects file of a file, and which of its records, or `only` of these, can be corrected in place. Raises as
    `opened_rejects`, but says of one that cannot be read why not.
    """
    try:
        rejects = opened_rejects(config.settings, ledger, row)
        return rejects, mendable(config.settings, ledger, row, rejects, only=only)
    except FileRefused as refused:
        return None, Mendable((), why_not=refused.reason)


def checked_mending(
    config: Config, ledger: Ledger, row: FileRow, sent: Mapping[int, SentRecord]
) -> Mending | None:
    """Check what came back of some records (number → values) as the correction that it would become.

    None: the rejects of the file are not here any more. Raises as `open_preview`.
    """
    rejects, found = open_for_mending(config, ledger, row, only=list(sent))
    if rejects is None:
        return None
    possible, known = set(found.numbers), rejects.records(list(sent))
    mending = Mending(rejects, [record for record in known if record.number in possible], found)
    for record in known:
        if record.number in possible:
            continue
        if rejects.edited(record, sent[record.number].cells) or sent[record.number].as_it_is:
            other = found.on_their_way.get(record.number)
            why = f"it is corrected in {other}" if other else "it is closed meanwhile"
            mending.too_late[record.number] = why
    texts = []
    for record in mending.shown:
        edits = rejects.edited(record, sent[record.number].cells)
        if not edits and not sent[record.number].as_it_is:
            continue
        mending.mended[record.number] = mended = MendedRecord(record, edits)
        try:
            texts.append((mended, rejects.mended(record, edits)))
        except DoesNotFit as error:
            mended.problem = f"{error}"
    if texts:
        mending.content = _as_new(ledger, rejects.file_of([text for _, text in texts]), rejects.line_end)
        _check(config, row, mending, [mended for mended, _ in texts])
    return mending


def _as_new(ledger: Ledger, content: bytes, line_end: str) -> bytes:
    """A correction that is no file which a person ended: that one stays ended, but its records may be corrected again,
    with the same values, too. Blank lines at the end of a file are no records.
    """
    files = Files(ledger)
    while (row := files.by_sha256(hashlib.sha256(content).hexdigest())) and is_given_up(ledger, row):
        content += line_end.encode()
    return content


class _Found(Exception):
    """What is asked for is known, and nobody wants a report of it."""


class _KeepsFindings(SendsNothing):
    """Sends nothing, and keeps what was found while the checked records are there. Then it is over: raises `_Found`."""

    judged: GatedFile | None = None

    def __init__(self) -> None:
        self.found: dict[int, tuple[tuple[str, ...], str]] = {}
        self.records: dict[int, int] = {}
        """Line of the correction → number of its record."""

    def load(self, work: FileInWork, judged: GatedFile) -> Loaded:  # noqa: ARG002
        """As it was judged."""
        self.judged = judged
        for part in parts_of(judged.checked.records):
            self.records |= dict(scan_parts(part).select("line", "record").collect().iter_rows())
            rows = findings_of(part).select("record", "verdict", "codes", "message").collect()
            for number, verdict, codes, message in rows.iter_rows():
                if verdict not in _LOADABLE:
                    self.found[number] = tuple(codes or ()), message or verdict
        raise _Found


def _check(config: Config, row: FileRow, mending: Mending, mended: Sequence[MendedRecord]) -> None:
    """A dry run of the correction; what it finds goes to its records, `mended`, in the order of the file."""
    loading = _KeepsFindings()
    with (
        held_scratch_folder(STREAMED, _folder(config)) as scratch,
        open_preview(config.settings, ProgressFile(scratch), scratch / "reports", loading) as opened,
    ):
        name = label_of_path(_name(row, mending.rejects))
        copy = land_blocks([mending.content], opened.context.landing, durable=False)
        try:
            landed = of_its_feed(copy, name, "page", opened.processor.matching, feed=None, control=None)
        except FileRefused as refused:
            mending.refusal = refused.reason
            return
        with suppress(_Found):
            opened.processor.work_on(landed, ())
    if loading.judged is None:
        mending.refusal = "the very same correction was made before"
        return
    checked = loading.judged.checked
    mending.refusal = checked.refusal.message if checked.refusal is not None else None
    numbers = {line: mended[record - 1].record.number for line, record in loading.records.items()}
    mending.holds = [_as_shown(hold, numbers, mending.found) for hold in checked.holds]
    for number, each in enumerate(mended, start=1):
        if number in loading.found:
            each.codes, each.problem = loading.found[number]


def _as_shown(hold: Hold, numbers: Mapping[int, int], found: Mendable) -> Hold:
    """A hold with the lines of its changes as the table has them. `numbers`: line of the correction → number of the
    record that is corrected there.
    """

    def line(match: re.Match[str]) -> str:
        number = numbers.get(int(match[1]))
        return match[0] if number is None else found.called(number)

    return replace(
        hold,
        message=_LINE_IN_LIST.sub(line, hold.message),
        changes=tuple(_FIRST_LINE.sub(line, each) for each in hold.changes),
    )


def save_mending(config: Config, row: FileRow, mending: Mending, by: Person) -> UploadResult:
    """Take the correction in under the person's name, and under a name that no other file has. `mending`: one that is
    right. Raises as `accept_upload`.
    """
    number = 1
    with existing_ledger(config.settings) as ledger:
        while ledger and Files(ledger).named(label_of_path(_name(row, mending.rejects, number))):
            number += 1
    return accept_upload(config, _name(row, mending.rejects, number), [mending.content], by=by)


def _name(row: FileRow, rejects: OpenedRejects, number: int = 1) -> str:
    """What the correction is called, as a browser would say it: `corrected-bills.csv`, `corrected-2-bills.csv`."""
    name = _CORRECTED.sub("", os.fsdecode(raw_name(row.name)), count=1)
    ending = Path(rejects.name).suffix
    name = name if name.lower().endswith(ending) else f"{name}{ending}"
    return f"corrected-{name}" if number == 1 else f"corrected-{number}-{name}"


def _folder(config: Config) -> Path:
    uploads = config.settings.work_dir / "uploads"
    private_folder(uploads)
    return uploads
