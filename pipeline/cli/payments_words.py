"""Payments in words: what `payments status` and `status` say of them, and the table of `payments list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.cells import cell_len

from pipeline.core.how_many import how_many
from pipeline.core.payments.payment_outcomes import OPEN_IN_WORDS
from pipeline.core.payments.status_words import PAYMENT_HEADINGS, REFUND_HEADINGS, payment_cells, refund_cells
from pipeline.core.values.amount_text import grouped
from schemas.payments import (
    PaymentsList,
)

_TO_THE_RIGHT = frozenset({0, 2})


def payments_in_words(payments: Mapping[str, Any] | None) -> Iterator[str]:
    """The lines of `status`, from its document; none where there is nothing to tell."""
    if payments is None:
        return
    for outcomes, word in ((("unmatched", "conflict"), "PAYMENTS TO CHECK"), (("waiting",), "payments")):
        told = [
            f"{grouped(payments['open'][each])} {OPEN_IN_WORDS[each]}"
            for each in outcomes
            if payments["open"].get(each)
        ]
        if told:
            yield f"{word}: {', '.join(told)}; billferry payments list --open"
    if payments["not_read"]:
        yield f"payments: {how_many(payments['not_read'], 'event')} received and not read yet; the next run reads them"
    if payments["files_pending"]:
        yield f"payments: {how_many(payments['files_pending'], 'file')} pending hand-over; the next run tries again"


def list_in_words(shown: PaymentsList, zone: ZoneInfo) -> Iterator[str]:
    """A table with a row for each payment event. Times are of the merchant's zone."""
    if not shown.payments:
        yield "No payments."
    else:
        yield from _table(PAYMENT_HEADINGS, [payment_cells(each, zone) for each in shown.payments])
    if shown.refunds:
        yield ""
        yield "Refunds, by the vendor's report:"
        yield from _table(REFUND_HEADINGS, [refund_cells(each, zone) for each in shown.refunds])


def _table(headings: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns that have something in them; numbers and amounts to the right."""
    rows = [headings, *lines]
    used = [place for place in range(len(headings)) if any(row[place] for row in lines)]
    widths = {place: max(cell_len(row[place]) for row in rows) for place in used}
    for row in rows:
        cells = (_set(row[place], widths[place], to_the_right=place in _TO_THE_RIGHT) for place in used)
        yield "  ".join(cells).rstrip()


def _set(text: str, width: int, *, to_the_right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if to_the_right else text + blanks
