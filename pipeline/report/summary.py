"""One bill file in numbers: its state, its totals by outcome, as summary.json has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.file_stages import CheckedFile, Hold, LandedFile
from pipeline.core.outcomes import OPEN, REJECTS, FileState, Outcome
from pipeline.core.totals import Totals
from pipeline.errors import FileRefused, FileTooLarge
from pipeline.report.results import RejectedRow, Tally
from schemas.results import (
    AmountFacts,
    Breakdown,
    ChainFacts,
    ConflictFacts,
    FileFacts,
    HoldFacts,
    RefusalFacts,
    RequestCounts,
    RunFacts,
    Summary,
)


@dataclass(frozen=True, slots=True)
class FileReport:
    """What is reported of one file, and where: its summary, and what exit status and terminal need beside it."""

    summary: Summary
    folder: Path | None = None
    """None when the file has no report of its own."""
    paths: dict[str, Path] = field(default_factory=dict)
    """Report files by kind: `summary`, `results`, and `rejects` when there are any."""
    unexpected_rejects: int = 0
    """Records rejected, refused or in conflict with a code that their feed does not list in `expected_codes`."""
    first_rejects: tuple[RejectedRow, ...] = ()


def summarise(
    checked: CheckedFile,
    tally: Tally,
    *,
    run: RunFacts,
    requests: RequestCounts,
    notes: Iterable[str],
    reports: list[str],
    chain: Callable[[Summary], ChainFacts | None],
) -> Summary:
    """The summary of a file whose rows have been counted, as summary.json holds it; amounts in minor units by currency.

    Args:
        requests: how many requests this run sent for this file, by kind.
        notes: sentences that come behind those of the check.
        reports: names of the report's files, without folder.
        chain: from the rest of the summary, what became of rejects since.
    """
    refusal = checked.refusal
    summary = Summary(
        file=file_facts(checked.landed),
        run=run,
        state=_state(checked, tally.totals, dry_run=run.dry_run).value,
        records=_breakdown(_over_currencies(tally.totals)),
        amounts_minor=_by_currency(tally.totals.amounts_minor),
        amount_unreadable=tally.totals.amount_unreadable,
        records_by_currency=_by_currency(tally.totals.records),
        unreadable_by_currency=_by_currency(tally.totals.unreadable),
        requests=requests,
        control=checked.control,
        refusal=RefusalFacts(code=refusal.code, message=refusal.message) if refusal else None,
        holds=[_hold(hold) for hold in checked.holds],
        held_amounts=_amounts(checked, tally.totals) if checked.holds else {},
        notes=[*checked.notes, *notes],
        codes=dict(sorted(tally.codes.items())),
        conflicts=[
            ConflictFacts(line=row.line, codes=row.codes.split(";"), message=row.message)
            for row in tally.first_conflicts
        ],
        reports=reports,
    )
    return summary.model_copy(update={"chain": chain(summary)})


def as_file(summary: Summary) -> bytes:
    """As summary.json has it."""
    return summary.model_dump_json(indent=2).encode() + b"\n"


def no_chain(_summary: Summary) -> None:
    """Nothing is known of a chain where nothing is remembered."""


def without_report(
    file: FileFacts,
    state: FileState,
    *,
    run: RunFacts,
    refusal: RefusalFacts | None = None,
    notes: Iterable[str] = (),
) -> FileReport:
    """What is reported of a file that no record was read of: unmatched, refused by its name, or already loaded."""
    return FileReport(
        Summary(
            file=file,
            run=run,
            state=state.value,
            records=Breakdown(),
            amounts_minor={},
            refusal=refusal,
            notes=list(notes),
        )
    )


def refused_unread(name: str, refused: FileRefused | FileTooLarge, *, run: RunFacts) -> FileReport:
    """What is reported of a file that is refused before any record of it was read.

    Its state is `unmatched` where its name fits no feed, else `refused`. It has a name and no hash: such a file may not
    even have been read once.
    """
    refusal = RefusalFacts(code=refused.rule, message=refused.reason)
    state = FileState.UNMATCHED if refused.rule == "file.unmatched" else FileState.REFUSED
    return without_report(FileFacts(name=name), state, run=run, refusal=refusal)


def file_facts(landed: LandedFile) -> FileFacts:
    """Which file this is: name, SHA-256 of its bytes as they came (packed or not), size, feed and model."""
    return FileFacts(
        name=landed.name,
        sha256=landed.sha256,
        size_bytes=landed.size_bytes,
        feed=landed.feed.name,
        kind=landed.feed.kind,
        model=None if landed.feed.is_of_reports else landed.feed.model,
        encrypted=landed.feed.pgp is not None,
    )


def _state(checked: CheckedFile, totals: Totals, *, dry_run: bool) -> FileState:
    """The state of a file after its rows were counted; the first that applies.

    A held file of which a request is in doubt is unfinished: the next run must settle that request without being asked.
    """
    rejects = any(totals.count(outcome) for outcome in REJECTS)
    if checked.refusal is not None:
        return FileState.REFUSED
    if dry_run:
        return FileState.VALIDATED_WITH_REJECTS if rejects else FileState.VALIDATED
    if checked.holds and not totals.count(Outcome.IN_DOUBT):
        return FileState.HELD
    if any(totals.count(outcome) for outcome in OPEN):
        return FileState.UNFINISHED
    return FileState.LOADED_WITH_REJECTS if rejects else FileState.LOADED


def _hold(hold: Hold) -> HoldFacts:
    return HoldFacts(code=hold.code, message=hold.message, changes=list(hold.changes))


def _amounts(checked: CheckedFile, totals: Totals) -> dict[str, AmountFacts]:
    """By currency, what a file would still send: records; sum, least, median and largest amount in minor units."""
    return {
        spread.currency: AmountFacts(
            records=spread.records,
            total_minor=totals.amounts_minor[spread.currency][Outcome.NOT_ATTEMPTED],
            smallest_minor=spread.smallest_minor,
            median_minor=spread.median_minor,
            largest_minor=spread.largest_minor,
        )
        for spread in checked.spreads
    }


def _over_currencies(totals: Totals) -> dict[Outcome, int]:
    return {outcome: totals.count(outcome) for outcome in Outcome}


def _by_currency(counted: Mapping[str, Mapping[Outcome, int]]) -> dict[str, Breakdown]:
    return {currency: _breakdown(counted[currency]) for currency in sorted(counted)}


def _breakdown(by_outcome: Mapping[Outcome, int]) -> Breakdown:
    """Outcomes without a record are there as 0, so that readers of the JSON need no defaults."""
    parts = {outcome.value: by_outcome.get(outcome, 0) for outcome in Outcome}
    return Breakdown(total=sum(parts.values()), **parts)
