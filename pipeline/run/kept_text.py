"""What is kept of a checked file when its landed copy is removed for a customer's sake.

Its records without that customer's details, and the text of the records in its rejects but for that customer's, so that
reports can be written again and refused records be sent again.
"""

from __future__ import annotations

import io
import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import polars as pl

from pipeline.core.file_stages import CheckedFile
from pipeline.core.outcomes import REJECTS
from pipeline.edge.reader.kept_records import Change
from pipeline.report.results import Outcomes, write_results

PERSONAL = (
    *("customer_name", "customer_email", "customer_phone", "customer_metadata"),
    *("account_name", "account_metadata", "metadata"),
)
"""Columns of checked records with details."""


class _Nowhere(io.BytesIO):
    """A file that keeps nothing: only the rows are wanted."""

    def write(self, text: Any, /) -> int:
        return memoryview(text).nbytes


@dataclass(slots=True)
class KeptText:
    """Writes the text that is kept of one file, and changes its values to fit."""

    checked: CheckedFile
    outcomes: Outcomes
    reference: str
    needles: Sequence[bytes]
    """Of the customer: a damaged record that mentions it belongs to nobody, and is not kept either."""
    _spans: list[tuple[int, int, int]] = field(default_factory=list)
    """Record, and where its text is kept."""

    def __call__(self, file: BinaryIO) -> Change:
        """Write the text of all rejects but the customer's; what is to be done with the values of each part."""
        with self.checked.text() as path, path.open("rb") as text, _Nowhere() as nowhere:
            if path.stat().st_size:
                with mmap.mmap(text.fileno(), 0, access=mmap.ACCESS_READ) as original:
                    write_results(
                        self.checked, self.outcomes, nowhere, lambda rows: self._take(rows, original, file)
                    )
        spans = pl.DataFrame(
            self._spans,
            schema={"record": pl.Int64, "kept_start": pl.Int64, "kept_end": pl.Int64},
            orient="row",
        )
        return lambda values: self._changed(values, spans)

    def _take(self, rows: pl.DataFrame, original: mmap.mmap, file: BinaryIO) -> None:
        others = rows.filter(
            pl.col("outcome").is_in([outcome.value for outcome in REJECTS])
            & (pl.col("customer_reference") != self.reference).fill_null(value=True)
        ).drop_nulls("byte_start")
        for record, start, end in others.select("record", "byte_start", "byte_end").iter_rows():
            raw = original[start:end]
            if not any(needle in raw for needle in self.needles):
                at = file.tell()
                file.write(raw)
                self._spans.append((record, at, at + len(raw)))
                file.write(b"\n")

    def _changed(self, values: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
        ours = (pl.col("customer_reference") == self.reference).fill_null(value=False)
        named = [name for name in PERSONAL if name in values.columns]
        joined = values.join(spans, on="record", how="left", maintain_order="left")
        return joined.with_columns(
            pl.col("kept_start").alias("byte_start"),
            pl.col("kept_end").alias("byte_end"),
            *(pl.when(ours).then(None).otherwise(name).alias(name) for name in named),
        ).drop("kept_start", "kept_end")
