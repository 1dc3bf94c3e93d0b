"""What `totals --json` and `export --json` print."""

from __future__ import annotations

from datetime import date
from typing import Literal

from schemas.results import Moment, Number
from schemas.settings import Environment
from schemas.shape import Shape

DayKind = Literal["landed", "file", "loaded"]
"""Which day of a file counts: the day it landed, the date in its name (else the day it landed), or the day it was
loaded."""
Grouping = Literal["day", "feed", "model", "currency", "file"]


class Part(Shape):
    """Some records of one currency, and their money."""

    records: Number = 0
    amount_minor: int = 0
    """Of the records whose amount is known."""
    amount: str | None = None
    """The same in major units, such as `1234.50`; null where nothing is known: no record has a readable amount, or the
    currency is unknown."""
    amount_unreadable: Number = 0
    """Records whose amount is unknown: counted in `records`, not in the sums."""


class PaidTotals(Shape):
    """Bills that the files created, and what is paid of them as far as known here."""

    billed_minor: int
    billed: str | None
    """In major units, like `paid` and `open`."""
    bills_paid: Number
    """Bills of which something is paid."""
    paid_minor: int
    paid: str | None
    open_minor: int
    """Billed and not paid; what one bill is overpaid does not count for another."""
    open: str | None


class CurrencyTotals(Shape):
    """What became of the records of one currency. The outcomes add up to the total."""

    currency: str | None
    """`"?"`: the file's currency cannot be read. null: an earlier version reported the file, which has several
    currencies and did not count their records apart; only `records` is known here."""
    total: Part
    outcomes: dict[str, Part]
    """Only outcomes with records."""
    open: Part
    """Of the rejected, conflicting and refused records, and of those that a refused file did not send: those that
    nothing has closed."""
    written_off: Part
    refused_with_file: Part = Part()
    """Of `not_attempted`: records of refused files, which no run takes up again."""
    payments: PaidTotals | None = None
    """null where payments are not configured, or no bill was created."""


class GroupTotals(Shape):
    """The totals of a day, a feed, a model (bills or balances), a currency or a file."""

    name: str
    """Day (YYYY-MM-DD), feed, model, currency or file name."""
    sha256: str | None = None
    """Of a file alone."""
    state: str | None = None
    """Of a file alone: one of `State`, or `landed` while a run works on it."""
    files: Number
    """Originals, or with `loaded` also the corrections that loaded some of it."""
    currencies: list[CurrencyTotals]


class SelectionFacts(Shape):
    """Whose files were looked at, when, and which of them."""

    merchant: str
    environment: Environment
    timezone: str
    """Days are of this time zone."""
    as_of: Moment
    first_day: date | None
    last_day: date | None
    date: DayKind
    feeds: list[str]
    """Empty: all feeds."""


class TotalsResult(SelectionFacts):
    """`totals --json`. Chains count once: an original and its corrections together never have more records than the
    original."""

    by: Grouping | None
    files: Number
    """Originals; their corrections are not among them."""
    corrections: Number
    unread: list[str]
    """Names of files that have no report yet: nothing of them is in the sums."""
    currencies: list[CurrencyTotals]
    groups: list[GroupTotals]
    """By `by`; empty without it."""
    page: str | None
    """The month's page; null where none was asked for, or a run is at work, which writes it at its end."""
    exit_status: Number


class NotKept(Shape):
    """Records of one file that were loaded and that the ledger no longer has one by one."""

    file: str
    sha256: str
    records: Number
    amounts_minor: dict[str, int]
    """By currency."""
    reason: Literal["retention", "earlier_version", "reload"]
    """`retention`: older than `retention.outcomes_days`. `earlier_version`: loaded before the ledger kept amounts and
    lines; `billferry report` adds them while the landed copy is there. `reload`: the file is being loaded afresh."""


class Exported(Shape):
    """The exported records of one currency."""

    currency: str
    records: Number
    amount_minor: int
    amount: str | None
    """In major units."""


class ExportResult(SelectionFacts):
    """`export --json`."""

    path: str | None
    """null: on stdout."""
    format: Literal["csv", "parquet"]
    files: Number
    """Bill files with exported records."""
    records: Number
    currencies: list[Exported]
    not_kept: list[NotKept]
    exit_status: Number
    """1 where `not_kept` is not empty."""
