"""Fit a feed to the header of one file: which column of ours comes from which column of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pipeline.core.mapping.file_names import REJECT_COLUMNS, is_rejects_header
from pipeline.core.mapping.header_names import ColumnPlaces, comparable, names_in_use
from pipeline.core.mapping.layout import (
    CANONICAL,
    PART,
    REQUIRED,
    ConstantText,
    Field,
    FirstOf,
    Joined,
    Layout,
    Source,
    TwoColumns,
    ValueFilter,
    is_canonical,
    nearest_hint,
    positions_of,
)
from pipeline.core.names import printable
from pipeline.errors import FileRefused
from schemas.column_sources import ColumnSource, Const, DaysAfter, DebitCredit, SignedValue
from schemas.feed import Check, Feed

COLUMNS_IGNORED = "columns ignored: "
"""How the note begins that names columns which nothing reads."""


def lay_out(
    feed: Feed,
    header: Sequence[str],
    name_parts: Mapping[str, str],
    *,
    file_name: str,
    rejects_of: str | None = None,
) -> Layout:
    """Fit a feed to a file's header.

    `header`: the file's own names, as read. `name_parts`: what the named parts of `feed.match` stand for in its name.
    `rejects_of`: the `reject_source` of a corrected rejects file; a spreadsheet may have moved its columns and added
    empty ones, which is no reason to refuse it.

    Raises:
        FileRefused: a name that the feed reads is there twice, or a column that is required, checked or summed is
            missing.
    """
    names = [name.strip() for name in header]
    corrected = is_rejects_header(names)
    _refuse_duplicates(names, feed, file_name)
    rejects = {name: names.index(name) for name in REJECT_COLUMNS if corrected and name in names}
    others = [place for place, name in enumerate(names) if name not in rejects and (name or not corrected)]
    own = {names[place]: place for place in others}
    fitting = _Fitting(feed, ColumnPlaces(own, feed), name_parts, file_name)
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
        filters=tuple(fitting.filters()),
        days_due=fitting.days_due(sources),
        hash_column=fitting.position(hashed.column, "control.hash_total") if hashed else None,
        notes=tuple(notes),
    )


def _refuse_duplicates(names: Sequence[str], feed: Feed, file_name: str) -> None:
    """Raises FileRefused when a name that the feed reads is there twice: which column is meant cannot be known.

    Columns without a name, and others that nothing reads, do no harm.
    """
    known = {comparable(name, feed) for name in (*names_in_use(feed), *REJECT_COLUMNS)}
    places: dict[str, list[int]] = {}
    for number, name in enumerate(names, start=1):
        same = comparable(name, feed)
        places.setdefault(same if same in known else name, []).append(number)
    # A file without a header has a record there, whose values must not show; only names that we know do.
    twice = [
        f"columns {' and '.join(map(str, numbers))}{f' ({name})' if name in known else ''}"
        for name, numbers in places.items()
        if len(numbers) > 1 and (name in known or (name and feed.unmapped == "metadata"))
    ]
    if not twice:
        return
    raise FileRefused(
        name=file_name,
        rule="file.duplicate_column",
        problem="the same name appears twice in the header: " + ", ".join(twice),
        remedy="give each column a name of its own",
    )


def _known_names(feed: Feed) -> set[str]:
    """Names that may appear in a message: canonical ones, ours in rejects files, and those that the feed names."""
    return {*CANONICAL[feed.model], *REJECT_COLUMNS, *(feed.columns or {}), *names_in_use(feed)}


def _plain(name: str) -> str:
    """A name without what is often written in another way: capitals, spaces, signs."""
    return "".join(filter(str.isalnum, name.casefold()))


class _Missing(Exception):
    """A source column is not in the header. Never leaves this module: it becomes a refusal or a note."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class _Fitting:
    """One feed being fitted to one header. `positions`: name of a source column → its position."""

    def __init__(
        self, feed: Feed, positions: Mapping[str, int], name_parts: Mapping[str, str], file_name: str
    ) -> None:
        self.feed, self.positions, self.name_parts, self.file_name = feed, positions, name_parts, file_name
        self.mapping: dict[str, ColumnSource] = dict(feed.columns or {})
        if feed.columns is None:
            self.mapping = {name: name for name in CANONICAL[feed.model] if name in positions}
            self.mapping |= {name: name for name in positions if is_canonical(name, feed.model)}

    def run(self) -> tuple[dict[str, Source], list[str]]:
        """Canonical column → source, and notes on optional columns that are absent and source columns that nothing
        maps.

        With `unmapped: metadata` the latter become metadata under their own names.
        """
        sources: dict[str, Source] = {}
        absent: list[str] = []
        for column, source in self.mapping.items():
            if isinstance(source, DaysAfter):
                continue
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
        otherwise = {self.positions.get(name) for name in self._read_otherwise()}
        unmapped = [name for name in unmapped if self.positions[name] not in otherwise]
        if unmapped:
            notes.append(COLUMNS_IGNORED + ", ".join(printable(name) or "(no name)" for name in unmapped))
        return sources, notes

    def _read_otherwise(self) -> set[str]:
        """Columns that are checked, filtered by or summed up, though nothing maps them."""
        control = self.feed.control
        summed = {control.hash_total.column} if control and control.hash_total else set()
        return {*self.feed.checks, *self.feed.where, *self.feed.where_not, *summed}

    def _refuse_if_required(self, column: str, source: str) -> None:
        """Raises FileRefused where `column` is required; `source` is the column of the file that was looked for."""
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

    def filters(self) -> Iterator[ValueFilter]:
        """What the feed asks of columns for leaving records out. Raises FileRefused for a column that is not there."""
        asked: tuple[tuple[Literal["where", "where_not"], Mapping[str, list[str]]], ...] = (
            ("where", self.feed.where),
            ("where_not", self.feed.where_not),
        )
        for key, columns in asked:
            for name, values in columns.items():
                stripped = tuple(dict.fromkeys(value.strip() for value in values))
                yield ValueFilter(key, printable(name), self.position(name, key), stripped)

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

    def days_due(self, sources: Mapping[str, Source]) -> int | None:
        """How many days after the bill date a bill is due, where the feed says so and the file has one."""
        source = self.mapping.get("due_date")
        return source.days_after if isinstance(source, DaysAfter) and source.of in sources else None

    def _source(self, column: str, source: ColumnSource, seen: frozenset[str]) -> Source:
        """What a key of `feed.columns` means in this file. Raises _Missing for a source column that is not there.

        Of a list, sources that are not there are left out, as long as one is. `seen`: canonical columns whose
        templates are being resolved, so that one may use another without going round in circles.
        """
        if isinstance(source, DaysAfter):
            raise _Missing(column)  # a date that is counted has no text that a template could have
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
        """A source column of that name, else a template. A column whose name looks like a template wins."""
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
        """What stands for `{part}` in a template: a source column, a part of the file's name, another canonical
        column, or the feed's currency, in this order.
        """
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
        """Source columns that no canonical column uses, in order of the header."""
        used = {position for source in sources.values() for position in positions_of(source)}
        return [name for name, position in self.positions.items() if position not in used]

    def own_names(self, source: Source) -> tuple[str, ...]:
        """Names of the source columns behind a value, for messages; without characters that cannot be seen."""
        by_position = {position: name for name, position in self.positions.items()}
        return tuple(dict.fromkeys(printable(by_position[position]) for position in positions_of(source)))
