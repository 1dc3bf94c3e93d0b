"""What a run reports about its files: `summary.json`, and the document that `--json` prints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from schemas.feed import Kind, Model
from schemas.settings import Environment
from schemas.shape import Shape

State = Literal[
    "loaded",
    "loaded_with_rejects",
    "unfinished",
    "held",
    "refused",
    "already_loaded",
    "unmatched",
    "validated",
    "validated_with_rejects",
    "compared",
    "compared_with_differences",
]
"""The states of `pipeline.core.outcomes.FileState`, as they are in JSON."""

Number = Annotated[int, Field(ge=0)]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time in UTC; RFC 3339 in JSON."""


class FileFacts(Shape):
    """Which file. Unknown values are null: a file that matches no feed is never fetched."""

    name: str
    sha256: str | None = None
    size_bytes: Number | None = None
    feed: str | None = None
    kind: Kind = "bills"
    """`reconciliation`: the vendor's report of payments. It has no model and no records; see `comparison`."""
    model: Model | None = None
    encrypted: bool = False
    """Whether its feed has `pgp`: its rejects stay where they are, unless the feed has `upload_rejects`."""


class RunFacts(Shape):
    """Which run, and for whom."""

    id: str
    started_at: Moment
    finished_at: Moment
    """When this report was written."""
    merchant: str
    environment: Environment
    dry_run: bool = False
    audit_head: str | None = None
    """The newest entry of the audit trail then, as NUMBER:HASH: `billferry audit --verify` looks for it. null: nothing
    was written into the ledger.
    """


class Breakdown(Shape):
    """A total and its parts by outcome, in records or in minor units. The parts always add up to the total."""

    total: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    skipped: int = 0
    rejected: int = 0
    conflict: int = 0
    refused: int = 0
    in_doubt: int = 0
    not_attempted: int = 0

    @model_validator(mode="after")
    def _parts_add_up(self) -> Breakdown:
        if self.total != sum(self.parts().values()):
            raise ValueError("the outcomes do not add up to the total")
        return self

    def parts(self) -> dict[str, int]:
        """Every outcome and its share, without the total."""
        return self.model_dump(exclude={"total"})


class RequestCounts(Shape):
    """Requests to the Billing API for this file."""

    sent: Number = 0
    retried: Number = 0
    rate_limited: Number = 0
    looked_up: Number = 0


class ControlTotals(Shape):
    """Totals of a file. Amounts in minor units by currency."""

    records: Number | None = None
    amounts_minor: dict[str, int] = {}
    hash_total: Number | None = None


class ControlFacts(Shape):
    """The totals that a file declares, and those of its contents. Nothing is sent unless they match."""

    declared: ControlTotals | None = None
    """None: it declares no readable totals."""
    counted: ControlTotals


class RefusalFacts(Shape):
    """Why nothing of a file was sent."""

    code: str
    message: str


class HoldFacts(Shape):
    """Why a file waits for a person."""

    code: str
    message: str
    changes: list[str] = []
    """Changes of a correction to values that were right in its original: it needs `release --accept-changes`."""


class AmountFacts(Shape):
    """The amounts of one currency that a file would send, for a person to judge. In minor units."""

    records: Number
    total_minor: int
    smallest_minor: int
    median_minor: int
    """The middle amount; of two middle amounts, the smaller."""
    largest_minor: int


class ChainPart(Shape):
    """Records of a chain and their money, in minor units by currency."""

    records: Number = 0
    amounts_minor: dict[str, int] = {}
    amount_unreadable: Number = 0
    """Records whose amount is unknown: counted in `records`, not in the sums."""


class CorrectionFacts(Shape):
    """A correction of an original, or of one of its corrections."""

    name: str
    sha256: str
    state: str
    """One of `State`, or `landed` while a run works on it."""
    report: str | None = None
    """Folder of its report, beside that of the original; null while it has none."""
    closed: ChainPart
    """Records of the original that it loaded or left out, as it has them."""


class WriteOffFacts(Shape):
    """Records that a person closed because they will never come."""

    at: Moment
    by: str
    why: str
    records: Number


class ChainFacts(Shape):
    """What became of the records of an original that it did not load."""

    original: str | None = None
    """Of a correction alone: its first original, `<file name>.<digits of its SHA-256>`, which has the figures."""
    superseded_by: str | None = None
    """Of a refused file: the later file of the same name that was loaded and closed it, named in the same way."""
    open: ChainPart = ChainPart()
    """Neither loaded by a correction nor written off."""
    corrected: ChainPart = ChainPart()
    written_off: ChainPart = ChainPart()
    corrections: list[CorrectionFacts] = []
    write_offs: list[WriteOffFacts] = []


class MatchedSum(Shape):
    """Payments of one currency that came to the same."""

    result: str
    """`both`, `amounts_differ`, `only_there`, `only_here`, `tie` or `refund`."""
    currency: str
    payments: Number
    """Of both sides; a pair counts once."""
    amount_minor: int
    """The vendor's, or where there is none what is known here."""


class ComparisonFacts(Shape):
    """What the comparison of the vendor's report with the payments known here came to."""

    begins: Moment | None
    """What the report is about, by its own lines or by its rows; null: it has no rows."""
    ends: Moment | None
    sums: list[MatchedSum]
    by_rule: dict[str, Number]
    """Rule → payments that are in both."""
    unreadable: Number
    """Rows that cannot be read."""
    new_refunds: Number
    """Refunds that no earlier report had."""


class ConflictFacts(Shape):
    """A record of which the API holds something else."""

    line: int
    codes: list[str]
    message: str
    """What differs, with both values of money and dates."""


class Summary(Shape):
    """`summary.json`: one file, in numbers."""

    file: FileFacts
    run: RunFacts
    state: State
    records: Breakdown
    amounts_minor: dict[str, Breakdown]
    """By currency; records with an unreadable currency are under `"?"`."""
    amount_unreadable: Number = 0
    """Records with an unreadable amount: counted in `records`, not in the sums."""
    records_by_currency: dict[str, Breakdown] = {}
    """`records`, by the same currencies as `amounts_minor`. Empty in summaries of earlier versions."""
    unreadable_by_currency: dict[str, Breakdown] = {}
    """`amount_unreadable`, by currency and outcome; only currencies with such records."""
    requests: RequestCounts = RequestCounts()
    control: ControlFacts | None = None
    """Only for files of a feed with control totals."""
    refusal: RefusalFacts | None = None
    holds: list[HoldFacts] = []
    """Why it is held; in a dry run, why it would be."""
    held_amounts: dict[str, AmountFacts] = {}
    """By currency; only for a file with `holds`."""
    conflicts: list[ConflictFacts] = []
    """The first 20; results.csv has all of them."""
    comparison: ComparisonFacts | None = None
    """Only for reports of payments that were compared. Their `records` and `amounts_minor` are empty."""
    chain: ChainFacts | None = None
    """Of a file with rejects, and of a correction. What a later correction or write-off changes is written again."""
    notes: list[str] = []
    codes: dict[str, int] = {}
    """How many records have each code."""
    reports: list[str] = []
    """Names of the report files beside this one, this one included."""


class ErrorFacts(Shape):
    """What went wrong in a run, apart from what its files' own summaries say."""

    code: str
    """Of docs/exit-statuses.md, or `bug`."""
    exit_status: Number
    """What it alone would make the run exit with."""
    message: str
    """What happened and where. The line on stderr is `message; remedy`."""
    remedy: str
    """What to do, or what becomes of it without you."""
    source: str | None = None
    """What it is about: an SFTP server or folder, a file, a feed, the API's address."""


class RunResult(Shape):
    """What `--json` prints on stdout. An exit status that is not 0 is explained by `errors` or by a file's state."""

    run_id: str | None
    """None: the run could not begin."""
    exit_status: Number
    files: list[Summary]
    errors: list[ErrorFacts] = []
