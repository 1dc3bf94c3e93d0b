"""What the config's `notify` is told once a day: what is open, held, unfinished and late, and what was loaded since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, time, tzinfo
from typing import Any

from pipeline.core.how_many import how_many
from pipeline.core.outcomes import AT_API
from pipeline.core.values.amount_text import format_amount
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.ledger.chains import Chain
from pipeline.edge.ledger.counted import Counted, added
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.place import ledger_place, may_be_there, open_merchants_ledger
from pipeline.monitoring.period_totals import portions_of
from pipeline.monitoring.system_status import system_status
from schemas.settings import Settings

MOST_NAMES = 20
"""Of each kind in the text for people; the numbers count all."""


def is_due(hour: str, last: datetime | None, now: datetime, settings: Settings) -> bool:
    """Whether today's digest has not been sent and its hour has come.

    Args:
        hour: `HH:MM` in the config's time zone.
        last: when the last one was sent; None: never.
        now: in UTC, as `last`.
    """
    local = now.astimezone(settings.zone)
    is_sent = last is not None and last.astimezone(settings.zone).date() >= local.date()
    return not is_sent and local.time() >= time.fromisoformat(hour)


def digest(settings: Settings, since: datetime, now: datetime) -> dict[str, Any] | None:
    """The day in numbers and in words; None before the first run. Times are UTC.

    Args:
        since: files that were finished later are counted as loaded.

    Returns:
        `since`; `loaded` {files, amounts_minor by currency}; `open` {records, amounts_minor, unreadable} of rejected
        records that nothing has closed yet; `held`, `unfinished`: names; `late`: feeds; `text`: the same in lines.

    Raises:
        LedgerDamaged, LedgerOfAnother, LedgerOutdated: as opening the ledger for reading does.
    """
    if not may_be_there(ledger_place(settings)):
        return None
    with closing(open_merchants_ledger(settings, read_only=True)) as ledger:
        return _digest(settings, ledger, since, now)


def _digest(settings: Settings, ledger: Ledger, since: datetime, now: datetime) -> dict[str, Any]:
    status = system_status(settings, ledger, now)
    loaded = {row.id for row in status.files if row.finished and (row.finished_at or "") >= rfc3339(since)}
    still_open = added(chain.open for chain in status.chains)
    facts = {
        "since": rfc3339(since),
        "loaded": {
            "files": len(loaded),
            "amounts_minor": dict(_loaded(status.chains, loaded, settings.zone)),
        },
        "open": {
            "records": still_open.records,
            "amounts_minor": still_open.amounts_minor,
            "unreadable": still_open.unreadable,
        },
        "held": [row.name for row in status.held],
        "unfinished": [row.name for row in status.unfinished],
        "late": [late.feed for late in status.late],
    }
    return facts | {"text": "\n".join(_lines(facts, still_open))}


def _loaded(chains: Iterable[Chain], files: Container[int], zone: tzinfo) -> Counter[str]:
    """Currency → minor units that these files (ids) brought to the API, each record of a chain once."""
    sums: Counter[str] = Counter()
    for chain in chains:
        for portion in portions_of(chain, "loaded", zone):
            if portion.row.id in files:
                for outcome in portion.by_outcome.keys() & set(AT_API):
                    sums.update(portion.by_outcome[outcome].amounts_minor)
    return sums


def _lines(facts: Mapping[str, Any], still_open: Counted) -> Iterator[str]:
    loaded = facts["loaded"]
    yield f"loaded since {facts['since']}: {how_many(loaded['files'], 'file')}{_money(loaded['amounts_minor'])}"
    if still_open.records:
        unknown = f", {still_open.unreadable} of unknown amount" if still_open.unreadable else ""
        yield (
            f"to correct or write off: {how_many(still_open.records, 'record')}"
            f"{_money(still_open.amounts_minor)}{unknown}"
        )
    for title in ("held", "unfinished", "late"):
        if names := facts[title]:
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            yield f"{title}: {', '.join(names[:MOST_NAMES])}{more}"


def _money(amounts_minor: Mapping[str, int]) -> str:
    shown = [format_amount(currency, minor) for currency, minor in amounts_minor.items() if minor]
    return f", {', '.join(shown)}" if shown else ""
