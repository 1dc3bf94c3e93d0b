"""Which row of a file looks like its header: by the names that a feed maps, never by what else is there."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.core.mapping.layout import CANONICAL, PART
from schemas.column_sources import columns_of
from schemas.feed import Feed


def names_in_use(feed: Feed) -> set[str]:
    """Names of a file's own columns that the feed reads: mapped, in templates, checked, filtered by or summed up;
    without
    `columns`, the canonical ones.
    """
    stated = [text for source in (feed.columns or {}).values() for text in columns_of(source)]
    parts = [part for text in stated for part in PART.findall(text)]
    control = feed.control
    summed = [control.hash_total.column] if control and control.hash_total else []
    canonical = CANONICAL[feed.model] if feed.columns is None else ()
    return {*stated, *parts, *feed.checks, *feed.where, *feed.where_not, *summed, *canonical}


def comparable(name: str, feed: Feed) -> str:
    """A column's name as it is compared: without spaces around it, with its accents composed (Unicode's NFC), and with
    `header_match: loose` in small letters.
    """
    plain = unicodedata.normalize("NFC", name.strip())
    return unicodedata.normalize("NFC", plain.casefold()) if feed.header_match == "loose" else plain


class ColumnPlaces(Mapping[str, int]):
    """Positions of a file's columns, found by names as the feed has them; iteration gives the file's own names."""

    def __init__(self, places: Mapping[str, int], feed: Feed) -> None:
        self._places, self._feed = places, feed
        self._folded = {comparable(name, feed): place for name, place in places.items()}

    def __getitem__(self, name: str) -> int:
        place = self._places.get(name)
        return self._folded[comparable(name, self._feed)] if place is None else place

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def likely_header(
    rows: Iterable[tuple[int, Sequence[str]]], feed: Feed, read: Sequence[str] = ()
) -> tuple[int, tuple[str, ...]] | None:
    """The first row, by its number, that has most of the names in use, and those of them that it has.

    At least two are needed, or all of them, and more than there are in the header that was `read`. Only these may be
    shown: what else is in the row may be a value.
    """
    known = {comparable(name, feed) for name in names_in_use(feed)}
    most = max(min(2, len(known)) - 1, len({comparable(name, feed) for name in read} & known))
    best: tuple[int, tuple[str, ...]] | None = None
    for number, fields in rows:
        found = tuple(dict.fromkeys(field.strip() for field in fields if comparable(field, feed) in known))
        if len(found) > most:
            best, most = (number, found), len(found)
    return best


def starts_with(fields: Sequence[str], names: Sequence[str], feed: Feed) -> bool:
    """Whether a row begins with these names."""
    return [comparable(field, feed) for field in fields[: len(names)]] == [
        comparable(name, feed) for name in names
    ]


def begins_with(text: str, beginnings: Sequence[str]) -> bool:
    """Whether a line begins with one of these texts, be it quoted or not."""
    return text.removeprefix('"').startswith(tuple(beginnings)) or text.startswith(tuple(beginnings))


def joined_names(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The names of a header of several rows: what each column has in them, from above, with a space between."""
    if len(rows) == 1:
        return tuple(rows[0])
    width = max(map(len, rows), default=0)
    columns = ([row[place].strip() for row in rows if place < len(row)] for place in range(width))
    return tuple(" ".join(filter(None, column)) for column in columns)
