"""Canonical columns of each billing model, and how a feed maps a file's own columns onto them.

A `Layout` is the mapping once a file's header is known. Source columns are addressed by position, so that no
header can collide with our own names: the frame that a reader hands over has the columns `field_0`, `field_1`, …
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.core import dates, rules
from pipeline.core.match import REJECT_COLUMNS, match_problems
from pipeline.core.money import exponents
from pipeline.core.phones import is_region
from pipeline.errors import FileRefused
from schemas.feed import NAME_PART, ColumnSource, Const, Feed, Model

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

_PART = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Field:
    """One source column, by its position in the file."""

    position: int


@dataclass(frozen=True, slots=True)
class Text:
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


Source = Field | Text | FirstOf | Joined


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
    reject_source: int | None = None
    """Position of `reject_source` in a corrected rejects file."""
    notes: tuple[str, ...] = field(default=())

    def metadata_keys(self, family: str) -> tuple[str, ...]:
        """Keys of `metadata`, `customer_metadata` or `account_metadata`, in the order they stand in JSON."""
        prefix = f"{family}."
        return tuple(name.removeprefix(prefix) for name in self.sources if name.startswith(prefix))

    def positions(self) -> set[int]:
        """Source columns that are read at all."""
        used = {position for source in self.sources.values() for position in _positions(source)}
        return used if self.reject_source is None else used | {self.reject_source}

    def message(self, code: str) -> str:
        """What a record's message says of a code, with the file's own column names."""
        return rules.message(code, columns=self.own_names.get(code.partition(".")[0], ()))


def is_canonical(column: str, model: Model) -> bool:
    """Whether a model has this column; metadata columns are `<family>.<key>`."""
    family, dot, key = column.partition(".")
    return column in CANONICAL[model] or bool(dot and key and family in METADATA[model])


def column_problems(feed: Feed) -> list[str]:
    """What is wrong with a feed before any file is seen; each a config error. Empty when all is well."""
    problems = [*match_problems(feed.match), *_format_problems(feed)]
    if feed.columns is None:
        return problems
    for column, source in feed.columns.items():
        problems += _unknown_column(column, feed.model)
        problems += _part_problems(column, source, feed)
    for column in REQUIRED[feed.model]:
        if column not in feed.columns and not (column == "currency" and feed.currency):
            problems.append(f"columns: {column} is required for model {feed.model} and not mapped")
    if _cycles(feed.columns):
        problems.append("columns: templates refer to each other in a circle")
    return problems


def _unknown_column(column: str, model: Model) -> Iterator[str]:
    if not is_canonical(column, model):
        nearest = _nearest(column, [*CANONICAL[model], *(f"{family}.<key>" for family in METADATA[model])])
        yield f"columns: {column} is no column of model {model}{nearest}"
    key = column.partition(".")[2]
    if len(key) > rules.MAX_METADATA_KEY_CHARACTERS:
        yield f"columns: {column}: a metadata key has at most {rules.MAX_METADATA_KEY_CHARACTERS} characters"


def _format_problems(feed: Feed) -> Iterator[str]:
    for date_format in feed.date_formats:
        try:
            dates.shape(date_format)
        except ValueError as error:
            yield f"date_formats: {error}"
            continue
        if not dates.is_whole_date(date_format):
            yield f"date_formats: {date_format} states no whole date"
    yield from _unknown_places(feed)
    for code in feed.expected_codes:
        if code not in rules.RULES or code.startswith("file."):
            yield f"expected_codes: {code} is no code of a record{_nearest(code, list(rules.RULES))}"


def _unknown_places(feed: Feed) -> Iterator[str]:
    """A currency or region that nobody knows: every record would be rejected, or every national number."""
    mapped = (feed.columns or {}).get("currency")
    for currency in (feed.currency, mapped.const.strip() if isinstance(mapped, Const) else None):
        if currency and currency not in exponents():
            yield f"currency: {currency} is no ISO 4217 code with minor units{_nearest(currency, list(exponents()))}"
    if feed.phone_region and not is_region(feed.phone_region):
        yield f"phone_region: {feed.phone_region} is no ISO 3166 region with phone numbers"


def _part_problems(column: str, source: ColumnSource, feed: Feed) -> Iterator[str]:
    name_parts = {part for part, _ in NAME_PART.findall(feed.match)}
    if isinstance(source, list) and not source:
        yield f"columns: {column} has an empty list of sources"
    for part in _all_parts(source):
        if part.startswith("file.") and part.removeprefix("file.") not in name_parts:
            yield f"columns: {column}: match has no part named {part.removeprefix('file.')}"


def _all_parts(source: ColumnSource) -> list[str]:
    if isinstance(source, Const):
        return []
    texts = source if isinstance(source, list) else [source]
    return [part for text in texts for part in _PART.findall(text)]


def _cycles(columns: Mapping[str, ColumnSource]) -> bool:
    def reaches(column: str, seen: frozenset[str]) -> bool:
        if column in seen:
            return True
        source = columns.get(column)
        return source is not None and any(reaches(part, seen | {column}) for part in _all_parts(source))

    # A template may name a source column that is called like the canonical one it fills: no circle.
    return any(
        reaches(part, frozenset({column}))
        for column in columns
        for part in _all_parts(columns[column])
        if part != column
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; nearest is {close[0]}" if close else ""


def lay_out(feed: Feed, header: Sequence[str], name_parts: Mapping[str, str], *, file_name: str) -> Layout:
    """Fit a feed to a file's header; FileRefused for duplicate or missing columns."""
    names = [name.strip() for name in header]
    _refuse_duplicates(names, feed, file_name)
    corrected = tuple(names[-len(REJECT_COLUMNS) :]) == REJECT_COLUMNS
    own = names[: -len(REJECT_COLUMNS)] if corrected else names
    fitting = _Fitting(feed, {name: position for position, name in enumerate(own)}, name_parts, file_name)
    sources, notes = fitting.run()
    return Layout(
        feed=feed,
        width=len(names),
        sources=sources,
        own_names={column: fitting.own_names(source) for column, source in sources.items()},
        reject_source=len(names) - 1 if corrected else None,
        notes=tuple(notes),
    )


def _refuse_duplicates(names: Sequence[str], feed: Feed, file_name: str) -> None:
    if len(set(names)) == len(names):
        return
    places: dict[str, list[int]] = {}
    for number, name in enumerate(names, start=1):
        places.setdefault(name, []).append(number)
    # A file without a header has a record there, whose values must not show; only names that we know do.
    known = {*CANONICAL[feed.model], *REJECT_COLUMNS, *(feed.columns or {}), *_stated_sources(feed)}
    twice = [
        f"columns {' and '.join(map(str, numbers))}{f' ({name})' if name in known else ''}"
        for name, numbers in places.items()
        if len(numbers) > 1
    ]
    raise FileRefused(
        name=file_name,
        rule="file.duplicate_column",
        problem="the same name stands in the header twice: " + ", ".join(twice),
        remedy="each column needs a name of its own",
    )


def _stated_sources(feed: Feed) -> Iterator[str]:
    for source in (feed.columns or {}).values():
        if not isinstance(source, Const):
            yield from [source] if isinstance(source, str) else source


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
        if unmapped:
            notes.append("columns ignored: " + ", ".join(name or "(no name)" for name in unmapped))
        return sources, notes

    def _refuse_if_required(self, column: str, source: str) -> None:
        if column not in REQUIRED[self.feed.model] or (column == "currency" and self.feed.currency):
            return
        wanted = source if source == column else f"{source} (for {column})"
        raise FileRefused(
            name=self.file_name,
            rule="file.missing_column",
            problem=f"column {wanted} is not in the header{_nearest(source, list(self.positions))}",
            remedy=f"add it to the file, or map {column} in feed {self.feed.name}",
        )

    def _source(self, column: str, source: ColumnSource, seen: frozenset[str]) -> Source:
        if isinstance(source, Const):
            return Text(source.const)
        if isinstance(source, str):
            return self._one(column, source, seen)
        found: list[Source] = []
        for each in source:
            try:
                found.append(self._one(column, each, seen))
            except _Missing:
                continue
        if not found:
            raise _Missing(source[0] if source else column)
        return found[0] if len(found) == 1 else FirstOf(tuple(found))

    def _one(self, column: str, text: str, seen: frozenset[str]) -> Source:
        if text in self.positions:
            return Field(self.positions[text])
        if not _PART.search(text):
            raise _Missing(text)
        pieces: list[Source] = []
        for index, piece in enumerate(_PART.split(text)):
            if index % 2:
                pieces.append(self._part(piece, seen))
            elif piece:
                pieces.append(Text(piece))
        return Joined(tuple(pieces), lenient=column.endswith("_name"))

    def _part(self, part: str, seen: frozenset[str]) -> Source:
        if part in self.positions:
            return Field(self.positions[part])
        if part.startswith("file.") and part.removeprefix("file.") in self.name_parts:
            return Text(self.name_parts[part.removeprefix("file.")])
        if part in self.mapping and part not in seen:
            return self._source(part, self.mapping[part], seen | {part})
        if part == "currency" and self.feed.currency:
            return Text(self.feed.currency)
        raise _Missing(part)

    def _unmapped(self, sources: Mapping[str, Source]) -> list[str]:
        used = {position for source in sources.values() for position in _positions(source)}
        return [name for name, position in self.positions.items() if position not in used]

    def own_names(self, source: Source) -> tuple[str, ...]:
        by_position = {position: name for name, position in self.positions.items()}
        return tuple(dict.fromkeys(by_position[position] for position in _positions(source)))


def _positions(source: Source) -> Iterator[int]:
    match source:
        case Field(position):
            yield position
        case FirstOf(parts) | Joined(parts):
            for part in parts:
                yield from _positions(part)
        case _:
            return


def is_stated_by_us(source: Source) -> bool:
    """Whether a value comes from the feed or the file name alone, not from the records."""
    return not any(True for _ in _positions(source))
