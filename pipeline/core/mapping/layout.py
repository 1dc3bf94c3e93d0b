"""Canonical columns of each billing model, and how a feed maps a file's own columns onto them.

A `Layout` is the mapping once a file's header is known. Source columns are addressed by position, so that no
header can collide with our own names: the frame that a reader hands over has the columns `field_0`, `field_1`, …
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.core.mapping.file_names import REJECT_COLUMNS, is_rejects_header
from pipeline.core.names import printable
from pipeline.errors import FileRefused
from schemas.feed import Check, ColumnSource, Const, DebitCredit, Feed, Model, SignedValue, columns_of

CUSTOMER = ("customer_reference", "customer_name", "customer_email", "customer_phone")
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
    "account_balance": (*CUSTOMER, "account_reference", "account_name", "currency", "balance"),
    "customer_balance": (*CUSTOMER, "currency", "balance"),
}
REQUIRED: dict[Model, tuple[str, ...]] = {
    "bill": ("customer_reference", "bill_reference", "currency", "amount_due"),
    "account_balance": ("customer_reference", "account_reference", "currency", "balance"),
    "customer_balance": ("customer_reference", "currency", "balance"),
}
METADATA: dict[Model, tuple[str, ...]] = {
    "bill": ("metadata", "customer_metadata", "account_metadata"),
    "account_balance": ("metadata", "customer_metadata"),
    "customer_balance": ("metadata", "customer_metadata"),
}
AMOUNT: dict[Model, str] = {"bill": "amount_due", "account_balance": "balance", "customer_balance": "balance"}
DATES: dict[Model, tuple[str, ...]] = {
    "bill": ("bill_date", "due_date"),
    "account_balance": (),
    "customer_balance": (),
}

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


Source = Field | ConstantText | FirstOf | Joined | TwoColumns


@dataclass(frozen=True, slots=True)
class Layout:
    """How to build each canonical column of a model from one file's columns."""

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
    hash_column: int | None = None
    """Position of the column whose digits are summed for the file's control totals."""
    notes: tuple[str, ...] = field(default=())

    def metadata_keys(self, family: str) -> tuple[str, ...]:
        """Keys of `metadata`, `customer_metadata` or `account_metadata`, in the order they stand in JSON."""
        prefix = f"{family}."
        return tuple(name.removeprefix(prefix) for name in self.sources if name.startswith(prefix))

    def positions(self) -> set[int]:
        """Source columns that are read at all."""
        used = {position for source in self.sources.values() for position in _positions(source)}
        used |= {position for positions in self.checks.values() for position in positions}
        ours = {self.rejects[name] for name in ("reject_source", "reject_record") if name in self.rejects}
        return used | ours | ({self.hash_column} if self.hash_column is not None else set())

    @property
    def is_correction(self) -> bool:
        return self.rejects_of is not None and "reject_source" in self.rejects

    def derived_references(self) -> tuple[str, ...]:
        """References in which two of the file may become one: made of several columns, or with characters replaced."""
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
    """What a misspelled name was perhaps meant to be, as the end of a message."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; nearest is {close[0]}" if close else ""


def lay_out(
    feed: Feed,
    header: Sequence[str],
    name_parts: Mapping[str, str],
    *,
    file_name: str,
    rejects_of: str | None = None,
) -> Layout:
    """Fit a feed to a file's header; FileRefused for duplicate or missing columns.
    A spreadsheet may have moved the columns of a corrected rejects file (`rejects_of`), and added empty ones.
    """
    names = [name.strip() for name in header]
    corrected = is_rejects_header(names)
    _refuse_duplicates([name for name in names if name] if corrected else names, feed, file_name)
    rejects = {name: names.index(name) for name in REJECT_COLUMNS if corrected and name in names}
    others = [place for place, name in enumerate(names) if name not in rejects and (name or not corrected)]
    own = {names[place]: place for place in others}
    fitting = _Fitting(feed, own, name_parts, file_name)
    sources, notes = fitting.run()
    checks, checked_names = fitting.checks()
    hashed = None if corrected or not (feed.control and feed.control.hash_total) else feed.control.hash_total
    return Layout(
        feed=feed,
        width=len(names),
        sources=sources,
        own_names={column: fitting.own_names(source) for column, source in sources.items()}
        | {"column": checked_names},
        rejects_of=rejects_of,
        rejects=rejects,
        checks=checks,
        hash_column=fitting.position(hashed.column, "control.hash_total") if hashed else None,
        notes=tuple(notes),
    )


def _refuse_duplicates(names: Sequence[str], feed: Feed, file_name: str) -> None:
    if len(set(names)) == len(names):
        return
    places: dict[str, list[int]] = {}
    for number, name in enumerate(names, start=1):
        places.setdefault(name, []).append(number)
    # A file without a header has a record there, whose values must not show; only names that we know do.
    known = _known_names(feed)
    twice = [
        f"columns {' and '.join(map(str, numbers))}{f' ({name})' if name in known else ''}"
        for name, numbers in places.items()
        if len(numbers) > 1
    ]
    raise FileRefused(
        name=file_name,
        rule="file.duplicate_column",
        problem="the same name appears twice in the header: " + ", ".join(twice),
        remedy="give each column a name of its own",
    )


def _known_names(feed: Feed) -> set[str]:
    return {*CANONICAL[feed.model], *REJECT_COLUMNS, *(feed.columns or {}), *_stated_sources(feed)}


def _plain(name: str) -> str:
    """A name without what is often written in another way: capitals, spaces, signs."""
    return "".join(filter(str.isalnum, name.casefold()))


def _stated_sources(feed: Feed) -> Iterator[str]:
    for source in (feed.columns or {}).values():
        yield from columns_of(source)


class _Missing(Exception):
    """A source column is not in the header."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class _Fitting:
    """One feed being fitted to one header."""

    def __init__(
        self, feed: Feed, positions: Mapping[str, int], name_parts: Mapping[str, str], file_name: str
    ) -> None:
        self.feed, self.positions, self.name_parts, self.file_name = feed, positions, name_parts, file_name
        self.mapping: dict[str, ColumnSource] = dict(feed.columns or {})
        if feed.columns is None:
            self.mapping = {name: name for name in positions if is_canonical(name, feed.model)}

    def run(self) -> tuple[dict[str, Source], list[str]]:
        sources: dict[str, Source] = {}
        absent: list[str] = []
        for column, source in self.mapping.items():
            try:
                sources[column] = self._source(column, source, frozenset({column}))
            except _Missing as missing:
                self._refuse_if_required(column, missing.column)
                absent.append(missing.column)
        for column in REQUIRED[self.feed.model]:
            if column not in sources:
                self._refuse_if_required(column, column)
        notes = [f"columns not in the file: {', '.join(absent)}"] if absent else []
        unmapped = self._unmapped(sources)
        if self.feed.unmapped == "metadata":
            kept = {f"metadata.{name}": Field(self.positions[name]) for name in unmapped if name}
            unmapped = [name for name in unmapped if not name or f"metadata.{name}" in sources]
            sources = kept | sources
        unmapped = [name for name in unmapped if name not in self._read_otherwise()]
        if unmapped:
            notes.append("columns ignored: " + ", ".join(printable(name) or "(no name)" for name in unmapped))
        return sources, notes

    def _read_otherwise(self) -> set[str]:
        """Columns that are checked or summed up, though nothing maps them."""
        control = self.feed.control
        summed = {control.hash_total.column} if control and control.hash_total else set()
        return {*self.feed.checks, *summed}

    def _refuse_if_required(self, column: str, source: str) -> None:
        if column not in REQUIRED[self.feed.model] or (column == "currency" and self.feed.currency):
            return
        needed = source if source == column else f"{source} (for {column})"
        raise FileRefused(
            name=self.file_name,
            rule="file.missing_column",
            problem=f"column {needed} is not in the header{self._nearest(source)}",
            remedy=f"add it to the file, or map {column} in feed {self.feed.name}",
        )

    def _nearest(self, name: str) -> str:
        """The most similar column, where the header surely is one: else a record's values would show."""
        if len(self.positions) == 1:
            return ", which is one column (check feed.delimiter)"
        known = {_plain(each) for each in _known_names(self.feed)} - {""}
        is_header = any(_plain(each) in known for each in self.positions)
        return printable(nearest_hint(name, list(self.positions))) if is_header else ""

    def checks(self) -> tuple[dict[Check, tuple[int, ...]], tuple[str, ...]]:
        """Check → positions of the columns it is over, and the names of those columns."""
        found: dict[Check, tuple[int, ...]] = {}
        for name, checks in self.feed.checks.items():
            for check in checks:
                found[check] = (*found.get(check, ()), self.position(name, "checks"))
        return found, tuple(self.feed.checks)

    def position(self, name: str, key: str) -> int:
        """Where a column stands that a key of the feed names; FileRefused when it is not there."""
        if name not in self.positions:
            raise FileRefused(
                name=self.file_name,
                rule="file.missing_column",
                problem=f"column {name} (for {key}) is not in the header{self._nearest(name)}",
                remedy=f"add it to the file, or correct {key} in feed {self.feed.name}",
            )
        return self.positions[name]

    def _source(self, column: str, source: ColumnSource, seen: frozenset[str]) -> Source:
        if isinstance(source, Const):
            return ConstantText(source.const)
        if isinstance(source, str):
            return self._one(column, source, seen)
        if isinstance(source, DebitCredit):
            return TwoColumns(self._field(source.debit), self._field(source.credit))
        if isinstance(source, SignedValue):
            return TwoColumns(self._field(source.value), self._field(source.sign), source)
        found: list[Source] = []
        for each in source:
            try:
                found.append(self._one(column, each, seen))
            except _Missing:
                continue
        if not found:
            raise _Missing(source[0] if source else column)
        return found[0] if len(found) == 1 else FirstOf(tuple(found))

    def _field(self, name: str) -> Field:
        if name not in self.positions:
            raise _Missing(name)
        return Field(self.positions[name])

    def _one(self, column: str, text: str, seen: frozenset[str]) -> Source:
        if text in self.positions:
            return self._field(text)
        if not PART.search(text):
            raise _Missing(text)
        pieces: list[Source] = []
        for index, piece in enumerate(PART.split(text)):
            if index % 2:
                pieces.append(self._part(piece, seen))
            elif piece:
                pieces.append(ConstantText(piece))
        return Joined(tuple(pieces), lenient=column.endswith("_name"))

    def _part(self, part: str, seen: frozenset[str]) -> Source:
        if part in self.positions:
            return Field(self.positions[part])
        if part.startswith("file.") and part.removeprefix("file.") in self.name_parts:
            return ConstantText(self.name_parts[part.removeprefix("file.")])
        if part in self.mapping and part not in seen:
            return self._source(part, self.mapping[part], seen | {part})
        if part == "currency" and self.feed.currency:
            return ConstantText(self.feed.currency)
        raise _Missing(part)

    def _unmapped(self, sources: Mapping[str, Source]) -> list[str]:
        used = {position for source in sources.values() for position in _positions(source)}
        return [name for name, position in self.positions.items() if position not in used]

    def own_names(self, source: Source) -> tuple[str, ...]:
        by_position = {position: name for name, position in self.positions.items()}
        return tuple(dict.fromkeys(printable(by_position[position]) for position in _positions(source)))


def _positions(source: Source) -> Iterator[int]:
    match source:
        case Field(position):
            yield position
        case FirstOf(parts) | Joined(parts):
            for part in parts:
                yield from _positions(part)
        case TwoColumns(first, second):
            yield from (first.position, second.position)
        case _:
            return


def _is_joined(source: Source) -> bool:
    """Whether a value runs together out of several columns."""
    match source:
        case Joined(pieces):
            return sum(any(True for _ in _positions(piece)) for piece in pieces) > 1 or any(
                _is_joined(piece) for piece in pieces
            )
        case FirstOf(sources):
            return any(_is_joined(each) for each in sources)
        case _:
            return False


def is_stated_by_us(source: Source) -> bool:
    """Whether a value comes from the feed or the file name alone, not from the records."""
    return not any(True for _ in _positions(source))
