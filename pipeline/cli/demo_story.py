"""What the demo tells of a run: a few lines for each kind of file, so that all of it fits on one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pipeline.core.how_many import how_many
from pipeline.core.outcomes import AT_API, Outcome
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.report.summary import FileReport
from pipeline.report.summary_text import SHOWN_REJECTS
from pipeline.report.totals_text import KINDS
from pipeline.run.ui import Progress, Unit
from schemas.results import Summary


class OnlyWarnings:
    """A `run.ui.Ui` that leaves out all but warnings."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        """`warn` shows what somebody should read."""
        self.warn = warn

    def line(self, _: str) -> None:
        """Nothing."""

    log_line = line

    def file(self, _: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        """Nothing."""

    @contextmanager
    def stage(self, _verb: str, _name: str, _total: int, _unit: Unit) -> Iterator[Progress]:
        """Nothing."""
        yield lambda _done, _note=None, /: None


def by_kind(files: Sequence[Summary]) -> Iterator[str]:
    """For each kind of file: how many there were, what became of their records and money, and what was wrong."""
    for kind, name in KINDS.items():
        found = [file for file in files if file.file.model == kind]
        if found:
            yield f"{name}, {how_many(len(found), 'file')}: {_records(found)}"
            yield f"  loaded: {_money(found)}"
            codes = sum((Counter(file.codes) for file in found), Counter[str]())
            most = ", ".join(f"{code} ({count})" for code, count in codes.most_common(3))
            yield f"  rejected most often: {most}"


def _records(files: Sequence[Summary]) -> str:
    counts = sum((Counter(file.records.parts()) for file in files), Counter[str]())
    loaded = sum(counts[outcome] for outcome in AT_API)
    parts = [f"{how_many(loaded, 'record')} loaded"]
    if counts[Outcome.DUPLICATE]:
        parts.append(f"{grouped(counts[Outcome.DUPLICATE])} repeated and sent once")
    return ", ".join([*parts, f"{grouped(counts[Outcome.REJECTED])} rejected"])


def _money(files: Sequence[Summary]) -> str:
    sums: Counter[str] = Counter()
    for file in files:
        for currency, amounts in file.amounts_minor.items():
            sums[currency] += sum(amounts.parts()[outcome] for outcome in AT_API)
    return ", ".join(format_amount(currency, minor) for currency, minor in sums.items() if minor)
