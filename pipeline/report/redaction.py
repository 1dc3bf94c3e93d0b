"""A report that cannot be written again, without what it says of one customer.

Used where our copy of the bill file is gone: records in rejects cannot be told apart safely then, so rejects go whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from pipeline.core.outcomes import REJECTS
from pipeline.core.personal_texts import REPLACED, without_texts
from pipeline.edge.disk import remove, replaced_file
from pipeline.report.folders import REPORT_NAMES
from pipeline.report.formulas import defused

_RESULTS = REPORT_NAMES["results"][0]


def report_names_customer(folder: Path, reference: str) -> bool:
    """Whether a report has records of the customer with that reference."""
    rows = _results(folder)
    return rows is not None and bool(rows.select(_of(reference).any()).item())


def redact_report(
    folder: Path,
    reference: str,
    texts: Sequence[str],
    removed: str,
    mentions: Callable[[Path], bool],
) -> None:
    """Remove the messages of a customer's records, and what may show its details: rejects, and the page.

    Rejects and page stay where none of its records is in them and nothing in them `mentions` it.

    Args:
        texts: the customer's, which messages of other records may quote.
        removed: what is said instead of a message.

    Raises:
        DiskFull: it cannot be written.
    """
    rows, in_rejects = _results(folder), False
    if rows is not None:
        ours = _of(reference)
        in_rejects = bool(rows.select((ours & pl.col("outcome").is_in(list(REJECTS))).any()).item())
        message = pl.col("message")
        for text in texts:
            message = message.str.replace_all(text, REPLACED, literal=True)
        shown = pl.when(ours & pl.col("message").is_not_null()).then(pl.lit(removed)).otherwise(message)
        changed = rows.with_columns(message=shown)
        if not changed.equals(rows):
            with replaced_file(folder / _RESULTS) as file:
                changed.write_csv(file)
    (summary,) = REPORT_NAMES["summary"]
    if mentions(folder / summary):  # a reason that somebody typed
        said = without_texts(json.loads((folder / summary).read_bytes()), texts)
        with replaced_file(folder / summary) as file:
            file.write(json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n")
    for name in (*REPORT_NAMES["rejects"], *REPORT_NAMES["page"]):
        if in_rejects or mentions(folder / name):
            remove(folder / name)


def _of(reference: str) -> pl.Expr:
    return (pl.col("customer_reference") == defused(reference)).fill_null(value=False)


def _results(folder: Path) -> pl.DataFrame | None:
    """All rows of results.csv as text; None where there is none that can be read."""
    try:
        return pl.read_csv(folder / _RESULTS, infer_schema=False)
    except (FileNotFoundError, pl.exceptions.PolarsError):
        return None
