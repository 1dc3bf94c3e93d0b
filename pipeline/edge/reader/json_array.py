"""A JSON array of objects as batches of records, however its text is broken into lines: an element is a record.

Memory is bounded by the block and the longest element allowed. An array that is never closed is refused: it is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

import polars as pl

from pipeline.core.csv_structure import DAMAGE, SUBSTITUTE
from pipeline.core.json_structure import ArrayScan, Element
from pipeline.edge.reader.record_batches import DENSE_LINES, DOS_END, IsTrailer, Unread, no_trailer
from pipeline.edge.reader.text import BLOCK_BYTES, TextFile
from pipeline.errors import FileRefused
from schemas.settings import Limits

_JSON, _UNDECODABLE = DAMAGE.index("record.json"), DAMAGE.index("record.undecodable")


@dataclass(frozen=True, slots=True)
class JsonArray:
    """What is between the brackets of an array."""

    name: str
    """Of the bill file, for messages."""
    limits: Limits
    file: TextFile
    line_end: str
    """`"\\n"` (which covers CRLF) or `"\\r"`."""

    def batches(
        self,
        *,
        is_trailer: IsTrailer = no_trailer,  # noqa: ARG002 (an array has none)
        progress: Callable[[int], None] | None = None,
        unread: Unread | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> Iterator[pl.DataFrame]:
        """See `open_records.Records`.

        Raises:
            FileRefused: the file breaks its limits, or is not one array from its first byte to its last.
        """
        return _Reading(self, unread or Unread()).batches(progress, block_bytes)

    def records_at(self, places: pl.DataFrame) -> pl.DataFrame:
        """See `open_records.Records`."""
        texts = pl.Series(self.file.texts(places), dtype=pl.String)
        return places.with_columns(text=texts, carriage=pl.lit(value=False), damage=pl.lit(None, pl.UInt8))

    def refuse(self, rule: str, problem: str, remedy: str) -> NoReturn:
        """Raise FileRefused."""
        raise FileRefused(name=self.name, rule=rule, problem=problem, remedy=remedy)


class _Reading:
    """One reading of an array: number, line and byte at which the next element may begin."""

    def __init__(self, array: JsonArray, unread: Unread) -> None:
        self.array, self.unread = array, unread
        self.scan = ArrayScan(array.limits.max_record_bytes)
        self.record, self.line = 0, 1
        self.byte = len(array.file.byte_order_mark)
        self._end = array.line_end.encode()

    def batches(self, progress: Callable[[int], None] | None, block_bytes: int) -> Iterator[pl.DataFrame]:
        """All elements in order."""
        text = held = b""
        for block, position in self.array.file.blocks(block_bytes):
            if not block:
                continue
            text, held = text + held, block
            yield from self._of_piece(text, final=False)
            text = text[self.scan.rest :]
            if progress:
                progress(position)
        text += held
        if text.endswith(DOS_END):
            text, self.unread.dos_end = text.removesuffix(DOS_END), True
        yield from self._of_piece(text, final=True)
        if not self.scan.closed:
            self.array.refuse(
                "file.json_array",
                "its JSON array is never closed, as of a file that was cut off, or other text follows it",
                "export or fetch it again whole, as one array",
            )

    def _of_piece(self, text: bytes, *, final: bool) -> Iterator[pl.DataFrame]:
        elements, before = self.scan.elements(text, final=final), 0
        while some := list(islice(elements, DENSE_LINES)):
            yield self._batch(text, before, some)
            before = some[-1].end
        if self.scan.followed:
            self.array.refuse(
                "file.json_array",
                f"another JSON array follows the first one, on line {self.line}",
                "export it again as one array, or as NDJSON",
            )
        passed = text[before : self.scan.rest]
        self.line += passed.count(self._end)
        self.byte += self.array.file.own_bytes(passed)

    def _batch(self, text: bytes, before: int, elements: list[Element]) -> pl.DataFrame:
        """Elements of a text, with what is before each of them from `before` on."""
        gaps, texts = list[str](), list[str]()
        for element in elements:
            gaps.append(text[before : element.start].decode())
            texts.append(text[element.start : element.end].decode())
            before = element.end
        size_bytes, end = self.array.file.size_bytes, self.array.line_end
        gap, own = pl.col("gap"), pl.col("text")
        ends = gap.str.count_matches(end, literal=True) + own.str.count_matches(end, literal=True)
        damage = (
            pl.when(own.str.contains(SUBSTITUTE, literal=True)).then(_UNDECODABLE).when("odd").then(_JSON)
        )
        odd = [element.damaged for element in elements]
        batch = (
            pl.DataFrame({"gap": gaps, "text": texts, "odd": odd})
            .with_columns(
                size=size_bytes(own), past=(size_bytes(gap) + size_bytes(own)).cum_sum(), ends=ends.cum_sum()
            )
            .select(
                record=pl.int_range(1, pl.len() + 1, dtype=pl.Int64) + self.record,
                line=self.line
                + pl.col("ends").cast(pl.Int64)
                - own.str.count_matches(end, literal=True).cast(pl.Int64),
                text=own,
                carriage=pl.lit(value=False),
                byte_start=self.byte + pl.col("past") - pl.col("size"),
                byte_end=self.byte + pl.col("past"),
                damage=damage.cast(pl.UInt8),
                ends="ends",
            )
        )
        self._refuse_beyond_limits(batch)
        self.record += len(elements)
        self.line += int(batch["ends"][-1])
        self.byte = int(batch["byte_end"][-1])
        return batch.drop("ends")

    def _refuse_beyond_limits(self, batch: pl.DataFrame) -> None:
        limits, remedy = self.array.limits, "split it, or raise the limit"
        too_long = batch.filter(pl.col("byte_end") - pl.col("byte_start") > limits.max_record_bytes)
        if not too_long.is_empty():
            problem = (
                f"more than {limits.max_record_bytes} bytes in one element, on line {too_long['line'][0]}"
            )
            self.array.refuse("file.record_too_long", problem, remedy)
        if self.record + batch.height > limits.max_records:
            self.array.refuse("file.too_many_records", f"more than {limits.max_records} records", remedy)
