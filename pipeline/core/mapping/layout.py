"""Canonical columns of each billing model, and where each of them comes from in one file.

A `Layout` is a feed's mapping once a file's header is known; `fit_feed.lay_out` makes it. Source columns are
addressed by position, so that no header can collide with canonical names: the frame that a reader hands over has the
columns `field_0`, `field_1`, …
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemas.column_sources import SignedValue
from schemas.feed import Check, Feed, Model

CUSTOMER = ("customer_reference", "customer_name", "customer_email", "customer_phone")
"""Columns about the customer, which every model has."""
CANONICAL: dict[Model, tuple[str, ...]] = {
    "bill": (
        *CUSTOMER,
        "account_reference",
        "account_name",
        "bill_reference",
        "currency",
        "amount_due",
        "bill_date",
        "due_date",
    ),
    "account_balance": (
        *CUSTOMER,
        "account_reference",
        "account_name",
        "currency",
        "balance",
        "payments_included_until",
    ),
    "customer_balance": (*CUSTOMER, "currency", "balance", "payments_included_until"),
}
"""Model → its columns, in the order of the documentation. Metadata columns come on top."""
REQUIRED: dict[Model, tuple[str, ...]] = {
    "bill": ("customer_reference", "bill_reference", "currency", "amount_due"),
    "account_balance": ("customer_reference", "account_reference", "currency", "balance"),
    "customer_balance": ("customer_reference", "currency", "balance"),
}
"""Model → columns without which a file is refused; a currency may be the feed's instead."""
METADATA: dict[Model, tuple[str, ...]] = {
    "bill": ("metadata", "customer_metadata", "account_metadata"),
    "account_balance": ("metadata", "customer_metadata"),
    "customer_balance": ("metadata", "customer_metadata"),
}
"""Model → families of metadata, each with any number of columns `<family>.<key>`."""
AMOUNT: dict[Model, str] = {"bill": "amount_due", "account_balance": "balance", "customer_balance": "balance"}
"""Model → the column with its amount."""
DATES: dict[Model, tuple[str, ...]] = {
    "bill": ("bill_date", "due_date"),
    "account_balance": (),
    "customer_balance": (),
}
"""Model → columns with dates. Models without any take none."""

PART = re.compile(r"\{([^{}]+)\}")
"""A column in a template."""


@dataclass(frozen=True, slots=True)
class Field:
    """One source column, by its position in the file."""

    position: int


@dataclass(frozen=True, slots=True)
class ConstantText:
    """A text that is the same for every record."""

    text: str


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first filled of several sources."""

    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """A template. `lenient`: missing parts are left out and spaces folded; else they make the value absent."""

    pieces: tuple[Source, ...]
    lenient: bool


@dataclass(frozen=True, slots=True)
class TwoColumns:
    """An amount: debits and credits, or numbers and the signs of them (`signs` says which, and what they mean)."""

    first: Field
    second: Field
    signs: SignedValue | None = None


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """Values of one source column that say which records a feed leaves out."""

    key: Literal["where", "where_not"]
    """The key of the feed: `where` lists values to load, `where_not` values to leave out."""
    column: str
    """The file's own name, for messages."""
    position: int
    values: tuple[str, ...]
    """Without spaces around them; `""` is an empty one."""


Source = Field | ConstantText | FirstOf | Joined | TwoColumns


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How to build each canonical column of a model from one file's columns.

    Compared by identity, so that expressions made of one can be kept with it.
    """

    feed: Feed
    width: int
    """Fields of a whole record, the reject columns of a corrected rejects file included."""
    sources: dict[str, Source]
    """Canonical column → source; metadata as `metadata.<key>`."""
    own_names: dict[str, tuple[str, ...]]
    """Canonical column → the file's own columns behind it, for messages."""
    rejects_of: str | None = None
    """The `reject_source` of a corrected rejects file."""
    rejects: Mapping[str, int] = field(default_factory=dict)
    """Our own columns in a rejects file → their positions."""
    checks: Mapping[Check, tuple[int, ...]] = field(default_factory=dict)
    """Check that the feed asks for → positions of the columns that must pass it."""
    filters: tuple[ValueFilter, ...] = ()
    """What `feed.where` and `feed.where_not` ask of the file's columns."""
    days_due: int | None = None
    """How many days after the bill date a bill is due; None where a column says it, or nothing."""
    hash_column: int | None = None
    """Position of the column whose digits are summed for the file's control totals."""
    notes: tuple[str, ...] = field(default=())

    def metadata_keys(self, family: str) -> tuple[str, ...]:
        """Keys of `metadata`, `customer_metadata` or `account_metadata`, in the order they stand in JSON."""
        prefix = f"{family}."
        return tuple(name.removeprefix(prefix) for name in self.sources if name.startswith(prefix))

    def positions(self) -> set[int]:
        """Positions of the source columns that are read at all: mapped, checked, filtered by, summed, or ours in a
        rejects file.

        All others are never turned into text, which is what makes wide files cheap.
        """
        used = {position for source in self.sources.values() for position in positions_of(source)}
        used |= self.own_positions()
        ours = {self.rejects[name] for name in ("reject_source", "reject_record") if name in self.rejects}
        return used | ours | ({self.hash_column} if self.hash_column is not None else set())

    def states(self, column: str) -> bool:
        """Whether the file states a canonical column, or what it is counted from."""
        return column in self.sources or (column == "due_date" and self.days_due is not None)

    def own_positions(self) -> set[int]:
        """Positions of the source columns whose own text is looked at: checked, or filtered by."""
        checked = {position for positions in self.checks.values() for position in positions}
        return checked | {each.position for each in self.filters}

    @property
    def is_correction(self) -> bool:
        """Whether the file is a corrected rejects file that has our columns."""
        return self.rejects_of is not None and "reject_source" in self.rejects

    def derived_references(self) -> tuple[str, ...]:
        """References that are not simply one source column: joined from several by a template, or with characters
        replaced (`feed.reference_replace`).

        Two different ones in the file can become the same, which would join two customers, accounts or bills into
        one. For these, and only these, `normalise.canonical` keeps what the file states, and `<reference>.collision`
        is checked.
        """
        references = [name for name in CANONICAL[self.feed.model] if name.endswith("_reference")]
        sources = {name: self.sources[name] for name in references if name in self.sources}
        return tuple(
            name for name, source in sources.items() if self.feed.reference_replace or _is_joined(source)
        )


def is_canonical(column: str, model: Model) -> bool:
    """Whether a model has this column; metadata columns are `<family>.<key>`."""
    family, dot, key = column.partition(".")
    return column in CANONICAL[model] or bool(dot and key and family in METADATA[model])


def nearest_hint(name: str, known: Sequence[str]) -> str:
    """`; nearest is <name>`: what a misspelled name was perhaps meant to be, as the end of a message; empty where
    nothing is near.
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; nearest is {close[0]}" if close else ""


def positions_of(source: Source) -> Iterator[int]:
    """The source columns that a value is made of, by position, in order."""
    match source:
        case Field(position):
            yield position
        case FirstOf(parts) | Joined(parts):
            for part in parts:
                yield from positions_of(part)
        case TwoColumns(first, second):
            yield from (first.position, second.position)
        case _:
            return


def _is_joined(source: Source) -> bool:
    """Whether a value is made of several source columns, in which `A`,`BC` and `AB`,`C` would become one."""
    match source:
        case Joined(pieces):
            return sum(any(True for _ in positions_of(piece)) for piece in pieces) > 1 or any(
                _is_joined(piece) for piece in pieces
            )
        case FirstOf(sources):
            return any(_is_joined(each) for each in sources)
        case _:
            return False


def is_stated_by_us(source: Source) -> bool:
    """Whether a value comes from the feed or the file name alone, not from the records."""
    return not any(True for _ in positions_of(source))
