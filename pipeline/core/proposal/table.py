"""Where the header and the records of an unknown table are, and what else its lines are: titles, totals, footers.

A header is known by words (`name_meaning`) and by what is below it: names over values. What is neither header nor
record is counted, never dropped, so that a person is told.
"""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pipeline.core.mapping.header_names import begins_with, joined_names
from pipeline.core.proposal.name_meaning import meaning_of

SAMPLED = 1000
"""Records that are looked at; a proposal is a beginning, not a proof."""
_LOOKED_AT = 60
"""Filled lines among which the header is looked for."""
_LIKE_RECORDS = 0.7
"""Share of the columns of values in which a record has some."""
_SPARSE = 0.5
"""A line with at most this share of what records usually have filled is a total or a title, not a record."""
_JOINING = re.compile(r"\s+(?:of|the|de|du|des|der|del|do|da|van)\s+", re.IGNORECASE)
"""Words between those of a footer."""
_FOOTER_WORDS = frozenset(
    """total totals grand sum sums subtotal gesamt gesamtsumme summe summen endsumme somme totaux totale totaal suma
    soma saldo end eof report records record percentage percent count ende fin fim einde aantal anzahl nombre page
    general général generale geral trailer confidential printed""".split()  # noqa: SIM905 (a page of quotes reads worse)
)
"""Words at the beginning of lines below the records."""
_NUMBER = re.compile(
    r"[-+(\u2212]?\s?(?:[^\W\d_]{1,3}|[$€£¥₹]|R\$)?\s?[-+\u2212]?\.?[0-9][0-9.,'\u2019 \u00a0\u202f]*"
    r"(?:[eE][+-]?[0-9]+)?"
    r"[%)]?-?\s?(?:[^\W\d_]{1,3}|[$€£¥₹])?[-)]?"
)
_DATE = re.compile(
    r"(?:[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{2,4}"
    r"|[0-9]{1,2}[-/. ]{0,2}(?:de )?[^\W\d_]{3,10}\.?,?[-/. ]{0,2}(?:de )?[0-9]{2,4}"
    r"|[^\W\d_]{3,9}\.? [0-9]{1,2},? [0-9]{4})(?:[ T].*)?"
)


def is_number(text: str) -> bool:
    """Whether a text is a number in some notation, a currency sign beside it allowed."""
    return bool(_NUMBER.fullmatch(text))


def is_date(text: str) -> bool:
    """Whether a text looks like a date with separators or a month's name."""
    return bool(_DATE.fullmatch(text))


def is_value(text: str) -> bool:
    """Whether a text is surely no name of a column."""
    return is_number(text) or is_date(text) or "@" in text or bool(re.search("[0-9]{4}", text))


@dataclass(frozen=True, slots=True)
class TableRow:
    """One logical row."""

    line: int
    """Physical line on which it starts, from 1."""
    fields: tuple[str, ...]
    """Without spaces around them."""
    raw: str
    """Its first physical line as it is written."""

    @property
    def filled(self) -> int:
        """How many fields have something in them."""
        return sum(map(bool, self.fields))


@dataclass(frozen=True, slots=True)
class Table:
    """A file's beginning, sorted out."""

    names: tuple[str, ...]
    """Of its columns; `column 1` … where there is no header."""
    header: tuple[int, ...]
    """Physical lines of the header; none where there is no header."""
    first_line: int
    """Where a header is expected when nothing says where it is: line 1, or 2 behind a `sep=` line."""
    records: tuple[TableRow, ...]
    between: tuple[TableRow, ...] = ()
    """Lines between records that are none: totals, titles of groups, rules of dashes."""
    blanks: int = 0
    """Blank lines between records."""
    below: tuple[TableRow, ...] = ()
    """Lines below the last record."""
    above: tuple[TableRow, ...] = ()
    """Lines above the header."""
    footers: tuple[str, ...] = ()
    """How the lines of `below` begin, for `feed.footer`."""
    repeated: int = 0
    """Times that the header is between records again."""
    trailing: bool = False
    """Whether rows have one delimiter more than the header."""
    items_of: str = ""
    """The list of objects of which each record is an item; its fields have that name and a point in front."""

    @property
    def beginnings(self) -> tuple[str, ...]:
        """How the lines above the records begin, where each has a code such as `H` in its first field."""
        codes = [re.match("[A-Z0-9]{1,3}(?=[^A-Za-z0-9])", row.raw) for row in self.above]
        found = tuple(
            dict.fromkeys(
                row.raw[: code.end() + 1] for row, code in zip(self.above, codes, strict=True) if code
            )
        )
        is_clear = all(codes) and not any(begins_with(row.raw, found) for row in self.records)
        return found if is_clear else ()

    @property
    def needs_place(self) -> bool:
        """Whether the feed has to say where the header is."""
        return self.header != (self.first_line,)

    def texts(self, place: int) -> list[str]:
        """A column's texts, empty ones too."""
        return [row.fields[place] for row in self.records]


def numbered_rows(text: str, delimiter: str) -> list[TableRow]:
    """The first rows, blank ones too. Empty where a quote is not closed within a field's limits."""
    lines = re.split("\r\n|\n|\r", text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, before = [], 0
    try:
        for fields in islice(reader, SAMPLED + _LOOKED_AT):
            rows.append(TableRow(before + 1, tuple(each.strip() for each in fields), lines[before]))
            before = reader.line_num
    except csv.Error:
        return []
    return rows


def usual_width(rows: Sequence[TableRow]) -> int:
    """How many fields most rows have that have more than one."""
    widths = Counter(len(row.fields) for row in rows if row.filled > 1)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def sorted_out(rows: Sequence[TableRow], *, first_line: int, whole: bool) -> Table | None:
    """Find the header, the records and the rest; None where there is nothing like a table.

    `whole`: whether these are all rows of the file; else nothing is known of its end.
    """
    rows = [row for row in rows if row.line >= first_line]
    width = usual_width(rows)
    if width < 2:
        return None
    filled = [row for row in rows if row.filled]
    header = _header(filled, width)
    if header is None:
        if not _is_like_those_below(filled, width):
            return None
        names = tuple(f"column {number}" for number in range(1, width + 1))
        start = next((row.line for row in filled if len(row.fields) == width), first_line)
        above = tuple(row for row in filled if row.line < start)
        return with_records(Table(names, (), first_line, (), above=above), rows, start, whole=whole)
    names = joined_names([row.fields for row in header])
    above = tuple(row for row in filled if row.line < header[0].line)
    table = Table(names, tuple(row.line for row in header), first_line, (), above=above)
    return with_records(table, rows, header[-1].line + 1, whole=whole)


def _header(rows: Sequence[TableRow], width: int) -> list[TableRow] | None:
    """The rows of the header, mostly one."""
    until = _first_record(rows, width)
    candidates = [(at, row) for at, row in enumerate(rows[:_LOOKED_AT]) if _may_be_header(row, width)]
    candidates = [each for each in candidates if each[0] < until]
    hits = {at: sum(bool(meaning_of(each).concepts) for each in row.fields if each) for at, row in candidates}
    most = max(hits.values(), default=0)
    if most >= 2:
        at = next(at for at, _ in candidates if hits[at] >= 0.7 * most)
    else:
        found = [at for at, row in candidates if _is_over_values(row, rows[at + 1 :])]
        if not found:
            return None
        at = found[0]
    return _with_row_above(rows, at)


def _first_record(rows: Sequence[TableRow], width: int) -> int:
    """Where records surely begin: three in a row with values where most rows have them. A header is above that, for
    names below it are of another table, or of a total.
    """
    full = [row for row in rows if len(row.fields) == width]
    valued = [
        place
        for place in range(width)
        if full and sum(is_value(row.fields[place]) for row in full) >= 0.6 * len(full)
    ]
    if not valued:
        return len(rows)
    is_record = [
        len(row.fields) == width
        and sum(is_value(row.fields[place]) for place in valued) >= _LIKE_RECORDS * len(valued)
        and not all(map(_is_bucket, filter(is_value, row.fields)))
        for row in rows[:_LOOKED_AT]
    ]
    return next((at for at in range(len(is_record)) if is_record[at : at + 3] == [True] * 3), len(rows))


def _is_bucket(text: str) -> bool:
    """Whether a column of an age analysis may be named so: `30`, `0-30`, `> 90`."""
    return bool(re.fullmatch(r"[<>]?\s?[0-9]{1,3}(?:\s?[-–/]\s?[0-9]{1,3})?\s?\+?", text))


def _may_be_header(row: TableRow, width: int) -> bool:
    names = [each for each in row.fields if each]
    if len(names) < max(2, width / 2) or not width - 1 <= len(row.fields) <= width + 1:
        return False
    return sum(is_value(each) and not _is_bucket(each) for each in names) <= 0.2 * len(names)


def _is_over_values(row: TableRow, below: Sequence[TableRow]) -> bool:
    """Whether its texts are names, each another, and a column below has values."""
    names = [each for each in row.fields if each]
    rows = [each for each in below if len(each.fields) >= len(row.fields) - 1 and each.filled > 1]
    if len(set(names)) < len(names) or any(map(is_value, names)) or not rows:
        return False
    columns = range(min(len(each.fields) for each in (row, *rows)))
    return any(
        row.fields[place] and sum(is_value(each.fields[place]) for each in rows) >= 0.6 * len(rows)
        for place in columns
    )


def _is_like_those_below(rows: Sequence[TableRow], width: int) -> bool:
    """Whether the first row is a record: it has a value where most rows below have one."""
    full = [row for row in rows if len(row.fields) == width]
    if len(full) < 2:
        return False
    first, *below = full
    return any(
        is_value(first.fields[place])
        and sum(is_value(row.fields[place]) for row in below) >= 0.6 * len(below)
        for place in range(width)
    )


def _with_row_above(rows: Sequence[TableRow], at: int) -> list[TableRow]:
    """A row of groups right above names that are not unique belongs to the header."""
    row = rows[at]
    names = [each for each in row.fields if each]
    above = rows[at - 1] if at else None
    if above is None or above.line != row.line - 1 or len(set(names)) == len(names):
        return [row]
    groups = [each for each in above.fields if each]
    if len(groups) < 2 or any(map(is_value, groups)) or len(above.fields) > len(row.fields):
        return [row]
    return [above, row]


def with_records(table: Table, rows: Sequence[TableRow], start: int, *, whole: bool) -> Table:
    """The table with its records, and with what else is from line `start` on."""
    width = len(table.names)
    below = [row for row in rows if row.line >= start]
    trailing = _is_trailing(below, width)
    fits = [trimmed for row in below if (trimmed := _trimmed(row, width)) and trimmed.filled > 1]
    usual = statistics.median(row.filled for row in fits) if fits else 0
    names = tuple(each for each in table.names)
    records = [
        row for row in fits if row.filled > _SPARSE * usual and row.fields != names and not _is_rule(row)
    ][:SAMPLED]
    while whole and records and _is_total(records[-1]):
        records.pop()
    lines = {row.line for row in records}
    last = max(lines, default=0)
    rest = [row for row in below if row.line not in lines]
    between = [row for row in rest if row.line < last]
    table = replace(
        table,
        records=tuple(records),
        blanks=sum(not row.filled for row in between),
        between=tuple(row for row in between if row.filled and row.fields != names),
        repeated=sum(row.fields == names for row in between),
        below=tuple(row for row in rest if row.line > last and row.filled) if whole else (),
        trailing=trailing,
    )
    return replace(table, footers=tuple(dict.fromkeys(_footers(table))))


def _is_trailing(rows: Sequence[TableRow], width: int) -> bool:
    """Whether every row has one delimiter more than the header, and nothing behind it."""
    filled = [row for row in rows if row.filled > 1]
    return bool(filled) and all(len(row.fields) == width + 1 and not row.fields[-1] for row in filled)


def _trimmed(row: TableRow, width: int) -> TableRow | None:
    """A row as wide as the header; None for any other."""
    if len(row.fields) == width + 1 and not row.fields[-1]:
        return replace(row, fields=row.fields[:-1])
    return row if len(row.fields) == width else None


def _is_rule(row: TableRow) -> bool:
    """A line of dashes."""
    return all(not each or re.fullmatch("[-=_*]+", each) for each in row.fields)


def _is_total(row: TableRow) -> bool:
    """Whether its first text is nothing but words of footers, such as `Totals` or `Percentage of total`."""
    text = next((each for each in row.fields if each), "")
    rest = _JOINING.sub(" ", text)
    return rest.strip(" :.-*") == _label(rest).strip("*") != "" and not text[0].isdigit() and len(text) > 2


def _footers(table: Table) -> Iterator[str]:
    """How lines below the records begin, where words or signs say that they are none, and no record begins so."""
    for row in table.below:
        text = next((each for each in row.fields if each), "")
        label = _label(text)
        place = row.raw.find(label) if label else -1
        if place < 0:
            continue
        beginning = row.raw[: place + len(label)].removeprefix('"')
        if len(label) < 3:
            beginning += row.raw[place + len(label) :][:1]
        if not any(begins_with(each.raw, [beginning]) for each in table.records):
            yield beginning


def _label(text: str) -> str:
    """The words of a footer that are in no record's place: `Total`, `*** END OF REPORT`, `T`."""
    if found := re.match(r"[-=_*#]{2,10}", text):
        return found[0]
    if re.fullmatch("[A-Z]{1,3}|9{2,3}", text):
        return text
    words = list[str]()
    for word in re.findall(r"[^\W\d_]+|[^\w]+", text):
        if word.strip() and word.strip(" :.-").casefold() not in _FOOTER_WORDS:
            break
        words.append(word)
    return "".join(words).strip(" :.-")
