"""The first and the last line of a run, for whoever reads a log from top to bottom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.how_many import how_many
from pipeline.core.outcomes import AT_API, FileState
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.errors import EX_OK
from schemas.results import RunResult
from schemas.settings import Settings

NOTHING_WAITED = "nothing to do: no file was ready"
_WORDS = {
    FileState.LOADED: "loaded",
    FileState.LOADED_WITH_REJECTS: "loaded with rejects",
    FileState.VALIDATED: "can be loaded",
    FileState.VALIDATED_WITH_REJECTS: "can be loaded but for their rejects",
}
"""States in words where the state itself is not plain among others."""


def first_line(run_id: str, settings: Settings, *, dry_run: bool) -> str:
    """`run 3f2a1b0c begins: merchant citypower, environment live`."""
    kind = "dry run" if dry_run else "run"
    return f"{kind} {run_id[:8]} begins: merchant {settings.merchant}, environment {settings.environment}"


def last_line(result: RunResult, reports: Path) -> str:
    """`3 files: 2 loaded, 1 held, ZAR 1 234.00 loaded; reports: var/reports; exit status 1`.

    The money is that of records which the API holds by this run's files; what earlier runs loaded is not in it.
    """
    return "; ".join(_parts(result, reports))


def _parts(result: RunResult, reports: Path) -> Iterator[str]:
    count = len(result.files)
    if count:
        states = Counter(FileState(file.state) for file in result.files)
        told = [f"{grouped(states[state])} {_words(state)}" for state in FileState if states[state]]
        yield f"{how_many(count, 'file')}: {', '.join([*told, *_money(result)])}"
    elif result.exit_status == EX_OK:
        yield NOTHING_WAITED
    else:
        yield "no file was finished"
    if any(file.reports for file in result.files):
        yield f"reports: {reports}"
    if result.exit_status != EX_OK:
        yield f"exit status {result.exit_status}"


def _words(state: FileState) -> str:
    return _WORDS.get(state, state.replace("_", " "))


def _money(result: RunResult) -> Iterator[str]:
    """What each currency's loaded records come to."""
    sums: Counter[str] = Counter()
    for file in result.files:
        if FileState(file.state) is not FileState.ALREADY_LOADED:
            for currency, amounts in file.amounts_minor.items():
                sums[currency] += sum(amounts.parts()[outcome] for outcome in AT_API)
    for currency, minor in sums.items():
        if minor:
            yield f"{format_amount(currency, minor)} loaded"
