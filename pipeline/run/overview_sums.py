"""What the page over all files adds up; a chain that is counted may be taken away again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.core.outcomes import AT_API, FileState, Outcome
from pipeline.edge.ledger.chains import Chain
from pipeline.edge.ledger.counted import Counted
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.monitoring.portion_sums import counts_more
from pipeline.report.summary_text import money_of
from pipeline.run.chain_part import chain_part


@dataclass(frozen=True, slots=True)
class OverviewSums:
    """What the page over all files adds up, and which of them need somebody."""

    to_correct: Mapping[str, int]
    """SHA-256 of each original that is not closed → its records that nothing has closed."""
    to_correct_money: Sequence[str]
    """What those records add up to."""
    refused: Collection[str]
    """SHA-256 of those originals that were refused."""
    states: Mapping[str, int]
    """State → files, corrections and reports of payments among them."""
    held: Collection[str]
    """SHA-256 of the files that are held."""
    loaded: Mapping[str, Mapping[str, int]]
    """Model → currency → minor units that the API holds."""
    billed: Mapping[str, int]
    """Currency → minor units of all bills that files created."""
    need_somebody: Sequence[FileRow]
    """Newest first."""


@dataclass(slots=True)
class OverviewTally:
    """Counts chains for `OverviewSums`."""

    _to_correct: Counted = field(default_factory=Counted)
    _to_correct_of: dict[str, int] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _states: Counter[str] = field(default_factory=Counter)
    _held: set[str] = field(default_factory=set)
    _loaded: Counter[tuple[str, str]] = field(default_factory=Counter)
    _billed: Counter[str] = field(default_factory=Counter)
    _needing: dict[int, FileRow] = field(default_factory=dict)

    def count(self, chain: Chain) -> None:
        """Count a chain."""
        self._add(chain, 1)
        if chain.needs_correction:
            self._to_correct_of[chain.original.sha256] = chain.open.records
            if chain.original.state == FileState.REFUSED:
                self._refused.add(chain.original.sha256)
        self._held |= {row.sha256 for row in _files_of(chain) if row.held}
        self._needing |= {row.id: row for row in _needing(chain)}

    def take_away(self, chain: Chain) -> None:
        """Count a chain no more; it is as it was when it was counted."""
        self._add(chain, -1)
        self._to_correct_of.pop(chain.original.sha256, None)
        self._refused.discard(chain.original.sha256)
        self._held -= {row.sha256 for row in _files_of(chain)}
        for row in _needing(chain):
            self._needing.pop(row.id, None)

    def _add(self, chain: Chain, times: int) -> None:
        for row in _files_of(chain):
            counts_more(self._states, row.state, times)
        if chain.open.records:
            self._to_correct = self._to_correct.plus(chain.open, sign=times)
        for outcome, counted in chain.by_outcome.items():
            if outcome in AT_API:
                for currency, minor in counted.amounts_minor.items():
                    counts_more(self._loaded, (chain.model, currency), times * minor)
                    if outcome == Outcome.CREATED and chain.model == "bill":
                        counts_more(self._billed, currency, times * minor)

    def sums(self) -> OverviewSums:
        """Of all chains that are counted."""
        loaded: dict[str, dict[str, int]] = {}
        for (model, currency), minor in sorted(self._loaded.items()):
            loaded.setdefault(model, {})[currency] = minor
        return OverviewSums(
            to_correct=dict(self._to_correct_of),
            to_correct_money=money_of(chain_part(self._to_correct.known())),
            refused=set(self._refused),
            states=dict(self._states),
            held=set(self._held),
            loaded=loaded,
            billed=dict(self._billed),
            need_somebody=[self._needing[each] for each in sorted(self._needing, reverse=True)],
        )


def overview_sums(chains: Iterable[Chain]) -> OverviewSums:
    """Of all chains of a ledger."""
    tally = OverviewTally()
    for chain in chains:
        tally.count(chain)
    return tally.sums()


def _files_of(chain: Chain) -> Sequence[FileRow]:
    return chain.original, *chain.corrections


def _needing(chain: Chain) -> Iterable[FileRow]:
    """Files of a chain that need somebody."""
    if chain.needs_correction or chain.original.is_open:
        yield chain.original
    yield from (row for row in chain.corrections if row.is_open)
