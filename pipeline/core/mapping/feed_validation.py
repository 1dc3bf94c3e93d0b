"""What is wrong with a feed before any file is seen; each is a config error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pipeline.core.mapping.file_names import REJECT_COLUMNS, match_problems
from pipeline.core.mapping.header_names import names_in_use
from pipeline.core.mapping.item_lists import ItemList
from pipeline.core.mapping.layout import (
    AMOUNT,
    CANONICAL,
    METADATA,
    PART,
    REQUIRED,
    is_canonical,
    nearest_hint,
)
from pipeline.core.rules.api_limits import MAX_METADATA_KEY_CHARACTERS
from pipeline.core.values import date_formats
from pipeline.core.values.amount_text import exponents
from pipeline.core.values.phone_regions import is_region
from schemas.column_sources import ColumnSource, Const, DaysAfter, DebitCredit, SignedValue, columns_of
from schemas.feed import NAME_PART, WORKBOOK_FORMATS, Feed, Format, Model

OPEN = "?"
"""What `init --from` writes where a person has to decide; `edge/config` reports all of a feed's in one line."""
JSON_FORMATS: dict[Format | None, str] = {"ndjson": "NDJSON", "json": "a JSON array"}
"""Formats whose records are objects, and what they are called."""


def feed_problems(feed: Feed) -> list[str]:
    """What is wrong with a feed before any file is seen, each a sentence for a config error that begins with its key.

    Empty when all is well. Shapes and types are checked before (`schemas.feed`); here it is what keys mean together,
    and what the library's tables know. No sentence holds a secret: feeds have none.
    """
    problems = [*match_problems(feed.match), *_format_problems(feed), *_contradictions(feed)]
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
    """Keys of `columns` that the model lacks, and metadata keys that the API would refuse in every record."""
    if not is_canonical(column, model):
        meant = nearest_hint(column, [*CANONICAL[model], *(f"{family}.<key>" for family in METADATA[model])])
        yield f"columns: {column} is not a column of model {model}{meant}"
    key = column.partition(".")[2]
    if len(key) > MAX_METADATA_KEY_CHARACTERS:
        yield f"columns: {column}: a metadata key has at most {MAX_METADATA_KEY_CHARACTERS} characters"


def _format_problems(feed: Feed) -> Iterator[str]:
    """Date formats, currency, region and expected codes that nothing here knows."""
    for date_format in feed.date_formats:
        yield from (f"date_formats: {each}" for each in date_formats.problems(date_format))
    yield from _unknown_places(feed)
    if feed.expected_codes:
        yield from _unknown_codes(feed.expected_codes)


def _unknown_codes(codes: Iterable[str]) -> Iterator[str]:
    """Expected codes that no rule has."""
    from pipeline.core.rules.catalogue import RULES  # noqa: PLC0415 - rules load polars

    for code in codes:
        if code not in RULES or code.startswith("file."):
            yield f"expected_codes: {code} is not a rule code of records{nearest_hint(code, list(RULES))}"


def _unknown_places(feed: Feed) -> Iterator[str]:
    """A currency or region that is not in the tables.

    Every record would be rejected, or every national phone number, and only after the file had been fetched.
    """
    mapped = (feed.columns or {}).get("currency")
    for currency in (feed.currency, mapped.const.strip() if isinstance(mapped, Const) else None):
        if currency and currency not in exponents():
            hint = nearest_hint(currency, list(exponents()))
            yield f"currency: {currency} is not a recognised currency code{hint}"
    for text, meant in feed.currency_map.items():
        if meant not in exponents():
            yield f"currency_map: {meant} is not a recognised currency code{nearest_hint(meant, list(exponents()))}"
        if not text.strip():
            yield "currency_map: an empty text; feed.currency is the currency of records that do not state one"
    if feed.phone_region and not is_region(feed.phone_region):
        yield f"phone_region: {feed.phone_region} is not an ISO 3166 region with phone numbers"


def _contradictions(feed: Feed) -> Iterator[str]:
    """Settings that are right by themselves and cannot both be meant.

    They are looked for here rather than in the shape, so that every one of them is reported at once.
    """
    sign = feed.amount.currency_sign
    if sign in exponents() and feed.currency is not None and feed.currency != sign:
        yield f"amount.currency_sign: {sign} is not the feed's currency {feed.currency}"
    if sign and feed.amount.negative == "cr" and sign.endswith(("CR", "DR")):
        yield f"amount.currency_sign: {sign} cannot be told from the CR and DR of amount.negative"
    if feed.model != "bill":
        yield from _of_bills_alone(feed)
    yield from _filter_contradictions(feed)
    yield from _header_contradictions(feed)
    yield from _fixed_contradictions(feed)
    yield from _items_contradictions(feed)
    for column, checks in feed.checks.items():
        if not checks:
            yield f"checks: {column} has an empty list of checks"
    control = feed.control
    if control is None:
        return
    if control.kind == "trailer" and (shown := _as_json(feed)):
        yield f"control.kind: {shown} has no trailer, for every record is an object; use sidecar"
    for each in control.sums:
        if each.currency is not None and each.currency not in exponents():
            yield f"control.sums: {each.currency} is not a recognised currency code"
    if control.marker and (feed.delimiter in control.marker or set(control.marker) & set('"\r\n')):
        yield "control.marker: it holds the delimiter, a quote or a line break"
    if control.marker and control.marker != control.marker.strip():
        yield "control.marker: it begins or ends with a space"


def _of_bills_alone(feed: Feed) -> Iterator[str]:
    """Keys that mean nothing, or the wrong thing, in a feed of balances."""
    if feed.due_before_bill_date == "note":
        yield f"due_before_bill_date: records of model {feed.model} have no due date"
    if feed.line_items is not None:
        yield f"line_items: records of model {feed.model} are balances, which have no lines"
    if feed.nothing_due == "skip":
        yield f"nothing_due: records of model {feed.model} are balances, and a balance of 0 clears a debt; leave it out"


def _filter_contradictions(feed: Feed) -> Iterator[str]:
    """Columns without a name, and values that are to be loaded and left out."""
    for key, columns in (("where", feed.where), ("where_not", feed.where_not)):
        if any(not column.strip() for column in columns):
            yield f"{key}: a column has no name"
    for column, values in feed.where.items():
        both = {value.strip() for value in values} & {
            value.strip() for value in feed.where_not.get(column, ())
        }
        if both:
            shown = ", ".join(value or "(empty)" for value in sorted(both))
            yield f"where_not: {column} has values that where has as well: {shown}"


def _part_problems(column: str, source: ColumnSource, feed: Feed) -> Iterator[str]:
    """What is wrong with the source of one canonical column: lists, amounts in two columns, parts of names."""
    name_parts = {part for part, _ in NAME_PART.findall(feed.match)}
    if isinstance(source, list) and not source:
        yield f"columns: {column} has an empty list of sources"
    if column in AMOUNT.values() and isinstance(source, list):
        yield (
            f"columns: {column} is one column: a list would turn a credit into a debt;"
            " write {debit: …, credit: …} or {value: …, sign: …, negative: […], positive: […]}"
        )
    if column not in AMOUNT.values() and isinstance(source, DebitCredit | SignedValue):
        yield f"columns: {column} is not an amount; only amounts can have two columns"
    if column in AMOUNT.values() and any(PART.search(text) for text in columns_of(source)):
        yield f"columns: {column} is one column; amounts cannot be joined, since 10 and 5 may be 10.5 or 10.05"
    if isinstance(source, DaysAfter):
        if column != "due_date":
            yield f"columns: {column} is not counted in days; only due_date is"
        if source.of not in (feed.columns or {}):
            yield f"columns: {column} is counted from {source.of}, which is not mapped"
    for part in _all_parts(source):
        if part.startswith("file.") and part.removeprefix("file.") not in name_parts:
            yield f"columns: {column}: match has no part named {part.removeprefix('file.')}"


def _header_contradictions(feed: Feed) -> Iterator[str]:
    """Keys about the header and the end of a file that do not fit each other, or the format."""
    if shown := _as_json(feed):
        for key in ("header", "names", "header_record", "footer"):
            if getattr(feed, key) is not None:
                yield f"{key}: {shown} has no header and no footer, for every line is an object"
    if feed.fixed is None and feed.has_header != (feed.names is None):
        yield "names: header: none needs the names of all columns in names, and names needs header: none"
    own = [name.strip() for name in feed.names or () if name.strip()]
    if len(set(own)) != len(own):
        yield "names: a name appears twice"
    if set(own) & set(REJECT_COLUMNS):
        yield "names: the columns of rejects.csv cannot be columns of a bill file"
    codec = feed.encoding if feed.format not in WORKBOOK_FORMATS else "utf-8"
    if any(name != name.encode(codec, "replace").decode(codec) for name in own):
        yield f"names: a name has characters that encoding {feed.encoding} does not have"
    if any(set(name) & set("\r\n\x00") for name in feed.names or ()):
        yield "names: a name has a line break"
    first = feed.header.starts_with if feed.header else None
    if first is not None and not any(name.strip() for name in first):
        yield "header.starts_with: all names are empty"


def _as_json(feed: Feed) -> str:
    """What the feed's files are called if their records are surely objects; else empty."""
    return JSON_FORMATS.get(feed.format, "JSON" if feed.items is not None else "")


def _items_contradictions(feed: Feed) -> Iterator[str]:
    """Formats whose records have no lists, and a list that nothing is read from."""
    if feed.items is None:
        return
    if feed.format not in (None, *JSON_FORMATS):
        yield f"items: only records of NDJSON and of a JSON array have lists; format is {feed.format}"
    if feed.fixed is not None:
        yield "items: fixed-width lines have no lists; leave it out"
    if not feed.items.strip():
        yield "items: the list has no name"
    elif not any(ItemList(feed, feed.items).is_field(name) for name in names_in_use(feed)):
        yield f"items: no field of an item is mapped in columns; it is called {feed.items}.<key>"


def _fixed_contradictions(feed: Feed) -> Iterator[str]:
    """Keys that say nothing of fixed-width lines, and places of columns that cannot be meant."""
    if feed.fixed is None:
        if feed.short_lines == "pad":
            yield "short_lines: only fixed-width lines have one length; this feed has no fixed"
        return
    if feed.format is not None:
        yield "format: fixed says how its files are read; leave format out"
    for key in ("delimiter", "sheet", "names"):
        if key in feed.model_fields_set:
            yield f"{key}: fixed-width lines have none; leave it out"
    if feed.header is not None and feed.header.starts_with:
        yield "header.starts_with: a header of fixed-width lines is named by its line, {row: 1}"
    if feed.control is not None and feed.control.kind == "trailer":
        yield "control.kind: the fields of a trailer are delimited, and fixed-width lines have none; use sidecar"
    if any(not name.strip() or name != name.strip() for name in feed.fixed):
        yield "fixed: a column has no name, or spaces around it"
    if set(feed.fixed) & set(REJECT_COLUMNS):
        yield "fixed: the columns of rejects.txt cannot be columns of a bill file"
    spans = {name: range(first, first + length) for name, (first, length) in feed.fixed.items()}
    for name, span in spans.items():
        for other, behind in spans.items():
            if span.start < behind.start <= span[-1] < behind[-1]:
                yield f"fixed: {name} and {other} overlap; a column may only lie within another one as a whole"


def _all_parts(source: ColumnSource) -> list[str]:
    """Names in braces in a source, in order."""
    return [part for text in columns_of(source) for part in PART.findall(text)]


def _cycles(columns: Mapping[str, ColumnSource]) -> bool:
    """Whether templates refer to each other in a circle, so that none of them could be filled."""

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
