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
from pipeline.report.comparison_csv import is_comparison, without_customer
from pipeline.report.folders import REPORT_NAMES
from pipeline.report.formulas import defused

_RESULTS = REPORT_NAMES["results"][0]


def report_names_customer(folder: Path, reference: str) -> bool:
    """Whether a report has records of the customer with that reference."""
    path = folder / _RESULTS
    if not path.exists():
        return False
    rows = pl.scan_csv(path, infer_schema=False, glob=False)
    try:
        return bool(rows.select(_of(reference).any()).collect(engine="streaming").item())
    except pl.exceptions.PolarsError:  # it cannot be read
        return False


def redact_comparison(results: Path, page: Path, reference: str) -> bool:
    """Empty the references of a customer in a comparison with the vendor's report, and remove its page where there were
    any; false: these are not the results of a comparison.

    Raises:
        DiskFull: it cannot be written.
    """
    if not results.exists() or not is_comparison(content := results.read_bytes()):
        return False
    changed = without_customer(content, reference)
    if changed != content:
        remove(page)
        with replaced_file(results) as file:
            file.write(changed)
    return True


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
    in_rejects = False
    if report_names_customer(folder, reference) or mentions(folder / _RESULTS):
        in_rejects = _redact_results(folder / _RESULTS, reference, texts, removed)
    (summary,) = REPORT_NAMES["summary"]
    if mentions(folder / summary):  # a reason that somebody typed
        said = without_texts(json.loads((folder / summary).read_bytes()), texts)
        with replaced_file(folder / summary) as file:
            file.write(json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n")
    for name in (*REPORT_NAMES["rejects"], *REPORT_NAMES["page"]):
        if in_rejects or mentions(folder / name):
            remove(folder / name)


def _redact_results(path: Path, reference: str, texts: Sequence[str], removed: str) -> bool:
    """Remove what messages may quote; whether any of the customer's records is in rejects."""
    rows, ours = pl.read_csv(path, infer_schema=False), _of(reference)
    message = pl.col("message")
    for text in texts:
        message = message.str.replace_all(text, REPLACED, literal=True)
    shown = pl.when(ours & pl.col("message").is_not_null()).then(pl.lit(removed)).otherwise(message)
    changed = rows.with_columns(message=shown)
    if not changed.equals(rows):
        with replaced_file(path) as file:
            changed.write_csv(file)
    return bool(rows.select((ours & pl.col("outcome").is_in(list(REJECTS))).any()).item())


def _of(reference: str) -> pl.Expr:
    return (pl.col("customer_reference") == defused(reference)).fill_null(value=False)
