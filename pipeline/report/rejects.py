"""rejects.csv or rejects.ndjson: the original text of what did not load, the reasons beside it, to be mended and
dropped back.

Original bytes are never altered. Only our own columns are written by us, and only in them may a character
that the file's encoding lacks be replaced.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from pipeline.core.file_stages import CheckedFile
from pipeline.core.outcomes import Outcome
from pipeline.edge.disk import new_file, remove
from pipeline.edge.reader.checked_parts import findings_of, parts_of, scan_parts, with_reject_numbers
from pipeline.report.rejects_csv import RejectsDialect
from pipeline.report.results import rejected_rows

if TYPE_CHECKING:  # only rejects of JSON need its patterns
    from pipeline.report.rejects_json_lines import JsonLinesRejects


@contextmanager
def rejects_file(checked: CheckedFile, path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """A reader of rows that writes the rejected ones to `path`, each as its original bytes with the reject columns
    behind.

    The rows it takes have `outcome` (String), `byte_start`, `byte_end` (Int64, span in `checked.text_path`), `codes`
    (String, joined by `;`, or null), `message` (String or null) and `reject_record` (Int64 or null).

    A file without rejects leaves no file: it is removed when the block ends.

    Raises:
        DiskFull: there is no room for the rejects.
    """
    dialect = _dialect(checked)
    text: BinaryIO | None = None
    with ExitStack() as stack, new_file(path) as file:
        file.write(checked.byte_order_mark + dialect.header_line())

        def add(rows: pl.DataFrame) -> None:
            nonlocal text
            rejects = rejected_rows(rows).drop_nulls("byte_start")  # what was removed has no text any more
            if rejects.is_empty():
                return
            text = text or stack.enter_context(stack.enter_context(checked.text()).open("rb"))
            spans = rejects.select("byte_start", "byte_end", "codes", "message", "reject_record").iter_rows()
            # Mapped for one window at a time: what was read for earlier ones no longer counts as this process's memory.
            with mmap.mmap(text.fileno(), 0, access=mmap.ACCESS_READ) as original:
                file.writelines(
                    dialect.record_line(original[start:end], codes or "", message or "", number)
                    for start, end, codes, message, number in spans
                )

        yield add
    if text is None:
        remove(path)


def _dialect(checked: CheckedFile) -> RejectsDialect | JsonLinesRejects:
    """How rejects of such a file are written."""
    if checked.text_format != "ndjson":
        return RejectsDialect.of(checked)
    from pipeline.report.rejects_json_lines import JsonLinesRejects  # noqa: PLC0415

    return JsonLinesRejects.of(checked)


def rejects_of_check(checked: CheckedFile, path: Path) -> bool:
    """Write to `path` what the check rejected, where nothing is sent. True when there was anything, and so a file.

    Raises:
        DiskFull: there is no room for the rejects.
    """
    with rejects_file(checked, path) as on_rejects:
        for part in parts_of(checked.records):
            rejected = findings_of(part).filter(verdict=Outcome.REJECTED.value)
            spans = with_reject_numbers(scan_parts(part)).select(
                "record", "byte_start", "byte_end", "reject_record"
            )
            rows = rejected.join(spans, on="record", how="inner").sort("record")
            on_rejects(rows.with_columns(pl.col("codes").list.join(";"), outcome="verdict").collect())
    return path.exists()
