"""Objects with a list of items (`feed.items`), copied as NDJSON with one flat object for each item.

A small file may become a large one, since the fields of an object are repeated for each of its items: every byte of the
copy is counted. What cannot be taken apart is copied to the byte, so that it comes back in the rejects as it was.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, NoReturn, Unpack

import polars as pl

from pipeline.core.byte_text import original_bytes, searchable
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.item_lists import ItemList, on_one_line
from pipeline.edge.reader.compressed import UnpackBudget, plain_copy
from pipeline.edge.reader.json_lines import JsonBody, JsonFile, json_body, open_json
from pipeline.edge.reader.record_batches import BatchOptions, Unread
from pipeline.edge.reader.text import TextFile
from pipeline.errors import FileRefused
from schemas.settings import Limits

_WHOLE = 255
"""In place of a damage: none."""
_HEAD_BYTES = 65_536
"""Enough to see which line ends the file has."""


@dataclass(frozen=True, slots=True)
class FlatObjects:
    """A file of objects with items: our copy, opened, and what was no object in it, as sentences."""

    text: TextFile
    records: JsonFile
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Places:
    """Where the lines of our copy are from: of each that is not from the same line as the one before, or is otherwise
    damaged, its number, that line, and its damage.
    """

    firsts: array[int] = field(default_factory=lambda: array("I"))
    lines: array[int] = field(default_factory=lambda: array("I"))
    damages: array[int] = field(default_factory=lambda: array("B"))

    def add(self, number: int, line: int, damage: int | None) -> None:
        known = _WHOLE if damage is None else damage
        if not self.firsts or (self.lines[-1], self.damages[-1]) != (line, known):
            self.firsts.append(number)
            self.lines.append(line)
            self.damages.append(known)

    def frame(self) -> pl.DataFrame:
        """`first` (sorted), `own_line` (Int64) and `own_damage` (UInt8, null for none)."""
        damages = pl.Series(self.damages, dtype=pl.UInt8)
        return pl.DataFrame(
            {
                "first": pl.Series(self.firsts, dtype=pl.UInt32),
                "own_line": pl.Series(self.lines, dtype=pl.UInt32),
                "own_damage": damages.set(damages == _WHOLE, None),
            }
        )


@dataclass(frozen=True, slots=True)
class _FlatLines:
    """The lines of our copy, with the line numbers and the damage of the file itself."""

    lines: JsonBody
    places: pl.DataFrame

    @property
    def file(self) -> TextFile:
        return self.lines.file

    @property
    def line_end(self) -> str:
        return self.lines.line_end

    def batches(self, **options: Unpack[BatchOptions]) -> Iterator[pl.DataFrame]:
        for batch in self.lines.batches(**options):
            at = self.places["first"].search_sorted(batch["line"].cast(pl.UInt32), side="right") - 1
            own = self.places[at]
            yield batch.with_columns(
                line=own["own_line"].cast(pl.Int64),
                damage=pl.coalesce(own["own_damage"], batch["damage"]),
            )

    def records_at(self, places: pl.DataFrame) -> pl.DataFrame:
        return self.lines.records_at(places)


@dataclass(slots=True)
class _Copy:
    """Our copy while it is written. Use `write` once."""

    landed: LandedFile
    limits: Limits
    body: JsonBody
    items: ItemList
    file: IO[bytes]
    unread: Unread = field(default_factory=Unread)
    places: _Places = field(default_factory=_Places)
    count: int = 0

    def write(self) -> None:
        """Raises FileRefused where the file, or what is made of it, passes the limits."""
        text = self.body.file
        end = self.body.line_end
        line_end = (text.head(_HEAD_BYTES).partition("\r\n")[1] or end).encode(text.codec)
        budget = UnpackBudget(
            self.landed.name,
            text.path.stat().st_size,
            self.limits,
            rule="file.items_too_large",
            grows="repeated beside each item, the fields of its objects take",
            remedy="export one record for each item, or raise the limit",
        )
        self.file.write(text.byte_order_mark)
        for line, damage, piece in self._pieces(end):
            budget.spend(len(piece) + len(line_end))
            # Before each but the first: what a cut file ends with may be half a character.
            self.file.write(line_end + piece if self.count else piece)
            self.count += 1
            if self.count > self.limits.max_records:
                self._refuse(f"more than {self.limits.max_records} items")
            self.places.add(self.count, line, damage)
        if not self.count:  # an empty array stays one
            self.file.write("[]".encode(text.codec))

    def _pieces(self, end: str) -> Iterator[tuple[int, int | None, bytes]]:
        """What each line of the copy holds: the file's own line that it is from, its damage, and its bytes."""
        text = self.body.file
        with text.path.open("rb") as original:
            for batch in self.body.batches(unread=self.unread):
                columns = batch.select("line", "text", "byte_start", "byte_end", "damage")
                for line, record, start, stop, damage in columns.iter_rows():
                    if damage is None:
                        before, own = 0, line
                        for at, flat in self.items.flat(record):
                            own += record.count(end, before, at)
                            before = at
                            yield own, None, flat.encode(text.codec)
                    else:
                        original.seek(start)
                        yield line, damage, _on_one_line(original.read(stop - start), text.codec)

    def _refuse(self, problem: str) -> NoReturn:
        remedy = "split it, or raise the limit"
        raise FileRefused(name=self.landed.name, rule="file.too_many_records", problem=problem, remedy=remedy)


def open_items(
    landed: LandedFile, limits: Limits, body: JsonBody, items: ItemList, copy: Path
) -> FlatObjects:
    """Write our copy of objects with items to `copy`, and open that.

    Raises:
        FileRefused: it is no text of objects, or breaks its limits, also by what is made of it.
        DiskFull: no room for the copy.
    """
    with plain_copy(copy) as file:
        copying = _Copy(landed, limits, body, items, file)
        copying.write()
    text = replace(body.file, path=copy)
    lines = json_body(landed, limits, text, is_array=not copying.count)
    flat = _FlatLines(lines, copying.places.frame())
    return FlatObjects(text, open_json(landed, flat, limits, items), tuple(copying.unread.notes()))


def _on_one_line(raw: bytes, codec: str) -> bytes:
    """The same bytes, but for line ends: elements of an array may have several lines."""
    try:
        return original_bytes(on_one_line(searchable(raw, codec)), codec)
    except UnicodeDecodeError:  # half a unit of UTF-16, at the end
        return raw
