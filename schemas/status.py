"""What `status --json` prints."""

from __future__ import annotations

from typing import Literal

from schemas.results import Breakdown, ChainPart, ComparisonFacts, HoldFacts, Moment, Number, State
from schemas.settings import Environment
from schemas.shape import Shape


class LastRun(Shape):
    """The run that began last."""

    run_id: str
    started_at: Moment
    finished_at: Moment | None
    """null, like `exit_status`, while it is running, or if it was killed."""
    process: str | None
    """Where the ledger is in PostgreSQL and it has not ended: the process at work (`host:number`), or empty where none
    is. Else null."""
    exit_status: Number | None
    states: dict[str, Number]
    """How many files came to which state."""


class OpenFiles(ChainPart):
    """What corrections or people have yet to close, each record once."""

    files: Number
    """Files that a run or a person has yet to finish, or with records in this sum."""


class InDoubt(Shape):
    """Requests that may have worked, and records whose outcome is unknown; the next run settles them first."""

    records: Number
    requests: Number
    since: Moment | None


class LateFeedFacts(Shape):
    """A feed without a file by its hour."""

    feed: str
    due_at: Moment
    last_at: Moment | None
    """When its last file arrived; null: there was none yet."""


class Decided(Shape):
    """What a person decided about a held file."""

    word: Literal["release", "refuse"]
    at: Moment
    by: str


class Dropped(Shape):
    """Who dropped a file on the page."""

    at: Moment
    by: str


class FileStatus(Shape):
    """One file. `open`, `corrected` and `written_off` are of its whole chain, and stand with the original alone."""

    name: str
    sha256: str
    state: State
    source: str
    """`sftp`, `drop`, `named` (on the command line) or `page`."""
    feed: str
    landed_at: Moment
    finished_at: Moment | None
    records: Breakdown | None
    """null, like `amounts_minor`, before its first report."""
    amounts_minor: dict[str, Breakdown] | None
    amount_unreadable: Number
    """Records with an unreadable amount: counted in `records`, not in the sums."""
    comparison: ComparisonFacts | None
    """Only of a report of payments that was compared."""
    is_open: bool
    """Whether a run or a person has yet to do something about it."""
    open: ChainPart
    corrected: ChainPart
    written_off: ChainPart
    corrects: str | None
    """Name of the original; null for an original."""
    holds: list[HoldFacts]
    """Why it is held; empty otherwise."""
    dropped: Dropped | None
    """null for a file that came another way."""
    decision: str | None
    """What was decided about it, in words; null where nothing was."""
    decided: Decided | None


class PaymentsFacts(Shape):
    """How payments stand."""

    last_received_at: Moment | None
    not_read: Number
    """Deliveries that the next run reads."""
    open: dict[str, Number]
    """Outcome → payments: `unmatched` and `conflict` need a person, `waiting` its bill."""
    files_pending: Number
    """Payments files that are not handed over yet."""


class WorkerFacts(Shape):
    """A process that helps with the loads of other hosts: `billferry worker`, or a run that shares its file."""

    name: str
    """Its host and process, `<host>:<number>`."""
    since: Moment
    file: str | None
    """Name of the file that it loads a part of; null while it waits."""
    records: Number
    """Records that it has settled since it began."""


class StatusResult(Shape):
    """`status --json`. Filters leave files out, and what they add; all else is of the whole ledger."""

    as_of: Moment
    merchant: str
    environment: Environment
    timezone: str
    """The times of the lines for people; all times here are in UTC."""
    last_run: LastRun | None
    open: OpenFiles
    files: list[FileStatus]
    """The oldest first."""
    states: dict[str, Number]
    unfinished: list[str]
    """Names of files that the next run goes on with."""
    held: list[str]
    in_doubt: InDoubt
    waiting: dict[str, list[str]]
    """By source: names of files that no run has taken yet. `drop` as it is now, `sftp` as it was when last listed."""
    owed: dict[str, Number]
    """By source: moves and uploads that the next run makes up for."""
    owed_to_store: dict[str, Number]
    """By host: documents of files that it has still to put into the store."""
    late: list[LateFeedFacts]
    payments: PaymentsFacts | None
    """null where payments are not configured, or none was received yet."""
    workers: list[WorkerFacts]
    """Empty where the ledger is one host's own."""
    open_intents: Number
    """`in_doubt.requests`, for programs that want one number."""
    owed_moves: Number
    """The sum of `owed`."""
