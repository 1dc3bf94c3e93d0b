"""Which of a file's rejected records may be corrected in place now, which a correction has already, and why none may.

It reads alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipeline.core.csv_structure import PACKED
from pipeline.core.file_stages import LandedFile
from pipeline.core.how_many import how_many
from pipeline.core.openpgp import begins_encrypted
from pipeline.core.outcomes import REJECTS, FileState
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.rejected_records import Corrections
from pipeline.errors import FileRefused
from pipeline.run.corrections import Correcting
from pipeline.run.decide import people_who_dropped
from pipeline.run.opened_rejects import (
    MAX_REJECTS_BYTES,
    OpenedRejects,
    landed_before,
    landed_rejects,
    opened_as_it_is,
    opened_rejects,
    sound_numbers,
)
from pipeline.run.stored_documents import STORE_TROUBLES
from schemas.settings import Settings

_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class CorrectionUnderWay:
    """A correction that closes records once it is loaded."""

    sha256: str
    name: str
    by: str
    """Who dropped it, and where; empty where it came another way."""
    is_being_loaded: bool

    def __str__(self) -> str:
        """`corrected-bills.csv by thandi on the page, which is not loaded yet`."""
        by = f" by {self.by}" if self.by else ""
        return f"{self.name}{by}, which is {'being loaded' if self.is_being_loaded else 'not loaded yet'}"


@dataclass(frozen=True, slots=True)
class Mendable:
    """The rejected records of a file that nothing has closed."""

    numbers: tuple[int, ...]
    """Of those that can be edited, in the order of the file."""
    damaged: tuple[int, ...] = ()
    """Of those whose line is damaged, so that it has no cells."""
    on_their_way: Mapping[int, CorrectionUnderWay] = field(default_factory=dict)
    """Number → the correction that has it already."""
    why_not: str | None = None
    """Why none can be edited here, where there are some; a sentence without its full stop."""
    none_left: str | None = None
    """Why there are none; the same."""
    lines: Mapping[int, int] = field(default_factory=dict)
    """Number → the record's line in the first original, where that is known."""
    original: str | None = None
    """Name of the first original, where that is another file than the one that is shown."""

    def called(self, number: int) -> str:
        """What a person is told of a record: its line, as reports have it, or else its number."""
        line = self.lines.get(number)
        return f"record {number}" if line is None else f"line {line}"

    @property
    def waiting(self) -> Mapping[CorrectionUnderWay, int]:
        """How many records each of these corrections has."""
        return Counter(self.on_their_way.values())


def mendable(
    settings: Settings,
    ledger: Ledger,
    row: FileRow,
    rejects: OpenedRejects | None,
    *,
    only: Collection[int] | None = None,
) -> Mendable:
    """Which records of a file corrections may still close, by the ledger.

    Args:
        rejects: of that file.
        only: nothing but these is asked about; None: all.
    """
    if rejects is None:
        return Mendable((), none_left=_no_rejects(row))
    correcting = Correcting.of(ledger, rejects.landed)
    if correcting is None:
        return Mendable((), why_not="its original is not known here")
    if (refusal := correcting.refusal) is not None:
        return Mendable((), why_not=_in_the_way(row, correcting.original) or refusal.message)
    if not rejects.lines and rejects.numbers:
        problem = "an earlier version wrote its file of rejects, without the column reject_record"
        return Mendable((), why_not=f"{problem}; have it written again (billferry report {row.sha256[:8]})")
    some = rejects.lines.keys() if only is None else [each for each in only if each in rejects.lines]
    # A control character can be read, but a browser does not send it back.
    damaged = Corrections(ledger).damaged(row.id, only)
    damaged |= {each for each in some if not rejects.lines[each]}
    original = correcting.original
    return replace(
        _Open(settings, ledger, row, original).of(some, damaged, only),
        lines=Corrections(ledger).lines(original.id, only),
        original=original.name if original.id != row.id else None,
    )


def mendable_at_a_glance(settings: Settings, ledger: Ledger, row: FileRow) -> Mendable:
    """The same, quickly: what is rejected of an original the ledger tells, however many records that are.

    Raises as `opened_rejects`.
    """
    landed = landed_rejects(settings, ledger, row)
    correcting = Correcting.of(ledger, landed) if landed is not None else None
    if row.rejects_of is not None or correcting is None or correcting.refusal is not None:
        return mendable(settings, ledger, row, opened_rejects(settings, ledger, row))
    return _Open(settings, ledger, row, row).of(None, Corrections(ledger).damaged(row.id))


@dataclass(frozen=True, slots=True)
class _Open:
    """The records of an original that are open, for the page of `row`: of itself, or of a correction of it."""

    settings: Settings
    ledger: Ledger
    row: FileRow
    original: FileRow

    def of(
        self, some: Collection[int] | None, damaged: Collection[int], only: Collection[int] | None = None
    ) -> Mendable:
        """Those among `some` records; None: all that were rejected. `only`: as of `mendable`."""
        states = Corrections(self.ledger).records(self.original.id, only)
        here = {each: states[each] for each in (states if some is None else some) if each in states}
        taken = {
            number: who for number, who in self._taken().items() if here.get(number) in {"open", "claimed"}
        }
        left = [number for number, state in here.items() if state == "open" and number not in taken]
        is_any = left or taken
        return Mendable(
            tuple(number for number in left if number not in damaged),
            tuple(number for number in left if number in damaged),
            taken,
            none_left=None if is_any else _all_closed(here.values()),
        )

    def _taken(self) -> dict[int, CorrectionUnderWay]:
        """Records that a correction has claimed, or contains while it is not loaded and nobody has given it up."""
        files, found = Files(self.ledger), dict[int, CorrectionUnderWay]()
        claims = Corrections(self.ledger).claims(self.original.id)
        claiming = {row.id: row for row in files.with_ids(set(claims.values()))} if claims else {}
        for row in files.unfinished():
            if row.rejects_of is None or row.sha256 == self.row.sha256:
                continue
            first = files.original_of(row.rejects_of)
            if first is not None and first.id == self.original.id and not is_given_up(self.ledger, row):
                under_way = self._under_way(row, is_begun=row.id in claiming)
                found |= dict.fromkeys(_contained(self.settings, self.ledger, row), under_way)
        begun = {each: self._under_way(row, is_begun=True) for each, row in claiming.items()}
        return found | {number: begun[by_file] for number, by_file in claims.items() if by_file in begun}

    def _under_way(self, row: FileRow, *, is_begun: bool) -> CorrectionUnderWay:
        by = ", ".join(map(str, people_who_dropped(self.ledger, row)))
        return CorrectionUnderWay(row.sha256, row.name, by, is_begun and row.state == "landed")


def is_given_up(ledger: Ledger, row: FileRow) -> bool:
    """Whether a person has ended a file, or the next run will, because one has asked for it."""
    pending = Decisions(ledger).pending(row.sha256) if row.held else None
    return row.was_refused_by_person or (pending is not None and pending.word == "refuse")


def _in_the_way(row: FileRow, original: FileRow) -> str | None:
    """Why nothing of a file that is shown can be corrected now, as its own page says it; None: for another reason."""
    if original.is_open:
        which = "it" if original.id == row.id else "its original"
        return f"its rejects can be corrected once {which} is loaded"
    if original.state == FileState.REFUSED:
        return "nothing of a refused file is loaded, so its rejects are corrected in the file itself"
    return None


def _no_rejects(row: FileRow) -> str:
    """Why there is no file of rejects."""
    if row.summary is None:
        return "no run has checked this file yet"
    rejected = sum((row.summary.get("records") or {}).get(each, 0) for each in REJECTS)
    return (
        "the rejects of this file are not kept any more"
        if rejected
        else "no record of this file was rejected"
    )


def _all_closed(states: Iterable[str]) -> str:
    """What became of rejected records none of which is open."""
    counted = Counter(states)
    told = [
        f"{how_many(counted[state], 'record')} {words}"
        for state, words in (("corrected", "corrected"), ("written_off", "written off"))
        if counted[state]
    ]
    return f"nothing is left to correct: {', '.join(told)}" if told else "nothing is left to correct"


def _contained(settings: Settings, ledger: Ledger, correction: FileRow) -> frozenset[int]:
    """Records of the original that a waiting correction would load, as far as that is seen at once."""
    try:
        landed = landed_before(settings, ledger, correction)
        if landed.size_bytes > MAX_REJECTS_BYTES or not _is_plain(landed):
            return frozenset()
        rejects = landed_rejects(settings, ledger, correction)
        left = {number for number, _ in opened_as_it_is(settings, rejects).numbers} if rejects else set()
        return sound_numbers(settings, landed) - left
    except (*STORE_TROUBLES, FileRefused, OSError):  # a run will say what is wrong with it
        return frozenset()


def _is_plain(landed: LandedFile) -> bool:
    with landed.path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return not head.startswith(PACKED) and not begins_encrypted(head) and landed.feed.items is None
