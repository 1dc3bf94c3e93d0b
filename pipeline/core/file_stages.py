"""The hops a bill file takes, each a frozen type named for what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.core.names import SHORT_DIGITS
from pipeline.core.totals import Totals
from schemas.feed import Feed
from schemas.results import ControlFacts

if TYPE_CHECKING:  # no circle: it needs polars, which a run without files does not import
    from pipeline.core.values.amount_spread import Spread

SourceName = Literal["sftp", "drop", "named", "page"]
"""Where a file comes from: the SFTP server, the drop folder, named on the command line, or dropped on the page."""
SOURCES: tuple[SourceName, ...] = ("sftp", "drop")
"""Where a run looks, in this order."""
TextFormat = Literal["csv", "ndjson", "txt"]
"""What our own plain text of a bill file is, `txt` for fixed width; a spreadsheet becomes CSV."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A regular file in a source's listing. Names of files are labels: see `core.names`."""

    name: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Oddity:
    """An entry of a source's folder that is never taken, and why."""

    name: str
    problem: str


LINK = "a symbolic link, and links are not followed; put the file itself there"
NOT_REGULAR = "not a regular file"
ASIDE = "set aside while it was being moved; a run restores it as soon as no other file has its name"


@dataclass(frozen=True, slots=True)
class Listing:
    """What a source's folder holds."""

    files: tuple[Listed, ...]
    oddities: tuple[Oddity, ...] = ()
    aside: tuple[bytes, ...] = ()
    """Files that a move has set aside and not brought to its end, by the names they have meanwhile."""
    notes: tuple[str, ...] = ()
    """What else is strange, as sentences fit to print."""
    cut: str | None = None
    """Why this is not all that is there, where it is not."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file seen at a source, not yet ours. Times are UTC."""

    source: SourceName
    name: str
    size_bytes: int
    modified_at: datetime
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class LandedFile:
    """Our verified copy of a bill file."""

    sha256: str
    path: Path
    name: str
    name_parts: dict[str, str]
    """Named parts of the file name; dates as YYYY-MM-DD."""
    size_bytes: int
    origin: SourceName
    feed: Feed
    rejects_of: str | None = None
    """`<file name>.<first 8 of sha256>` when this is a corrected rejects file."""
    control: bytes | None = None
    """Content of the control file beside it, as far as `control.MAX_SIDECAR_BYTES` and one byte more."""

    digits: int = SHORT_DIGITS
    """How many digits of its SHA-256 name its reports; all where an earlier file has the same first ones."""

    @property
    def short_name(self) -> str:
        """`<file name>.<first 8 of sha256>`: names its report folder and its `reject_source`."""
        return f"{self.name}.{self.sha256[: self.digits]}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a whole file is refused."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a whole file waits for a person before anything (more) of it is sent (design §4, `held`)."""

    code: str
    """A rule of the catalogue, such as `file.out_of_proportion`."""
    message: str
    changes: tuple[str, ...] = ()
    """What a correction changes that was sound in its original, one sentence each: such a hold is lifted by
    `release --accept-changes` alone."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A landed file after every rule.

    `records` is a folder of Parquet parts in record order, with these columns:

    - `record` (Int64, 1-based), `line` (Int64, the physical line it starts on), `byte_start`, `byte_end`
      (Int64, span in the bytes of `text_path`, without the line end)
    - `customer_reference`, `customer_name`, `customer_email`, `customer_phone`, `customer_metadata`,
      `account_reference`, `account_name`, `account_metadata`, `bill_reference`, `currency`, `bill_date`, `due_date`,
      `metadata`, `payments_included_until` (String, null where absent; dates YYYY-MM-DD; metadata as JSON objects whose
      null values are absent)
    - `amount_minor` (Int64, minor units of `currency`; `amount_due` or `balance`; null when unreadable)
    - `currency_readable` (Boolean: false puts the record under `"?"` in totals)
    - `verdict` (String: `accepted`, `rejected`, `duplicate`, or `line`: its amount is added to another one's), `codes`
      (List[String]), `message` (String or null), `duplicate_of` (Int64: the record that is sent in its place)
    - `stated_<name>` (String) for references that the feed alters or joins: what the file states
    """

    landed: LandedFile
    records: Path
    totals: Totals
    header: bytes = b""
    """The header line's original bytes, without byte order mark and line end."""
    line_end: bytes = b"\n"
    byte_order_mark: bytes = b""
    codec: str = "utf-8"
    """Encoding of the text as Python calls it, with its byte order."""
    delimiter: str = ""
    """Between the fields of its text; empty where that is the feed's."""
    text_format: TextFormat = "csv"
    plain_copy: Path | None = None
    """Our unpacked copy, or the CSV of a spreadsheet; None where the landed file itself is the text."""
    refusal: Refusal | None = None
    holds: tuple[Hold, ...] = ()
    """Why it is held, unless a person has released it."""
    spreads: tuple[Spread, ...] = ()
    """Of what would be sent, by currency; none of a refused file. A held file's report has those of what is left."""
    notes: tuple[str, ...] = ()
    code_counts: dict[str, int] = field(default_factory=dict)
    control: ControlFacts | None = None
    """Declared and counted totals, when its feed has any."""
    payments_included_until: str | None = None
    """What its balances include of payments, where its control file says so and a record does not."""
    own_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Field of a code → the file's own columns behind it."""

    readable_again: Callable[[], AbstractContextManager[LandedFile]] | None = None
    """Brings back, for as long as a block lasts, what is not left on the disk: an encrypted file as it can be read, and
    our plain copy of that."""

    @property
    def text_path(self) -> Path:
        """The text that byte spans point into, where it is left on the disk."""
        return self.plain_copy or self.landed.path

    def readable(self) -> AbstractContextManager[LandedFile]:
        """The landed file as it can be read, for as long as a block lasts."""
        return nullcontext(self.landed) if self.readable_again is None else self.readable_again()

    @contextmanager
    def text(self) -> Iterator[Path]:
        """The text that byte spans point into, for as long as a block lasts."""
        with self.readable() as landed:
            yield self.plain_copy or landed.path
