"""Loaded bills and balances as one file, CSV or Parquet, written batch by batch.

In CSV text from outside is defused (`formulas`), and figures and references are plain. In Parquet text is as it is,
`amount_minor`, `line`, `record` and `corrects_record` are integers, and dates and times have types of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal, get_args

import polars as pl
from polars.io.plugins import register_io_source

from pipeline.core.payments.bill_status import BillStatus, bill_status
from pipeline.core.values.money import plain_amounts
from pipeline.report.formulas import defused_columns
from schemas.feed import Model

Format = Literal["csv", "parquet"]
PaidOf = Callable[[Collection[str]], Mapping[str, tuple[int, int | None]]]
"""Ids of bills → what is paid and, where known, what was due, in minor units."""
_TYPES: dict[str, Any] = {
    "file": pl.String,
    "sha256": pl.String,
    "line": pl.Int64,
    "record": pl.Int64,
    "feed": pl.String,
    "kind": pl.String,
    "outcome": pl.String,
    "customer_reference": pl.String,
    "account_reference": pl.String,
    "bill_reference": pl.String,
    "currency": pl.String,
    "amount": pl.String,
    "amount_minor": pl.Int64,
    "bill_date": pl.Date,
    "due_date": pl.Date,
    "customer_id": pl.String,
    "account_id": pl.String,
    "bill_id": pl.String,
    "corrects_file": pl.String,
    "corrects_record": pl.Int64,
    "loaded_at": pl.Datetime("us", "UTC"),
    "bill_paid": pl.String,
    "bill_paid_minor": pl.Int64,
    "bill_status": pl.String,
}
COLUMNS = pl.Schema(_TYPES)
"""`kind` is the billing model; `amount` is in major units; `corrects_…` name the original's record that this one stands
for. Where lines of a file make one bill, each is a row with the bill's reference, and `amount` is that of the line.
`bill_paid…` and `bill_status` are of the bill, as far as known here, and empty where payments are not configured."""
_FROM_OUTSIDE = (
    *("file", "customer_reference", "account_reference", "bill_reference"),
    *("customer_id", "account_id", "bill_id", "corrects_file"),
)
ROW_GROUP = 100_000
"""Rows of a Parquet row group: what its writer keeps in memory."""


def format_of(path: Path) -> Format | None:
    """By the ending of a file's name."""
    ending = path.suffix.lower().removeprefix(".")
    return ending if ending in get_args(Format) else None  # type: ignore[return-value]


def as_exported(
    rows: pl.DataFrame,
    *,
    file: str,
    sha256: str,
    feed: str,
    model: Model | None,
    original: str | None,
    paid: PaidOf,
) -> pl.DataFrame:
    """Rows of the ledger (columns: `ledger.ACCEPTED`) of one file as they are exported (columns: COLUMNS).

    Args:
        original: name of the first original that they stand for; None: of none.
        paid: what is paid of bills, by their ids.
    """
    is_bill, is_account = model == "bill", model == "account_balance"
    none = pl.lit(None, pl.String)
    account = pl.coalesce("account_reference", pl.col("reference") if is_account else none)
    return rows.with_columns(
        plain_amounts(rows["currency"], rows["amount_minor"]).alias("amount"),
        pl.lit(file).alias("file"),
        pl.lit(sha256).alias("sha256"),
        pl.lit(feed).alias("feed"),
        pl.lit(model, pl.String).alias("kind"),
        account.alias("account_reference"),
        (pl.col("reference") if is_bill else none).alias("bill_reference"),
        pl.col("bill_date", "due_date").str.to_date("%Y-%m-%d"),
        pl.lit(original, pl.String).alias("corrects_file"),
        (pl.col("corrects") if original else pl.lit(None, pl.Int64)).alias("corrects_record"),
        pl.from_epoch("loaded_at", "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        *_paid_columns(rows, paid),
    ).select(COLUMNS.names())


def _paid_columns(rows: pl.DataFrame, paid: PaidOf) -> list[pl.Series]:
    """What is paid of each row's bill; null where that is not known. Of lines of one bill, each says it."""
    ids = rows["bill_id"].to_list()
    known = paid({bill_id for bill_id in ids if bill_id is not None})
    found = [known.get(bill_id) for bill_id in ids]
    minor = pl.Series("bill_paid_minor", [each[0] if each else None for each in found], pl.Int64)
    statuses = [None if each is None else _status(*each) for each in found]
    return [
        plain_amounts(rows["currency"], minor).alias("bill_paid"),
        minor,
        pl.Series("bill_status", statuses, pl.String),
    ]


def _status(paid_minor: int, due_minor: int | None) -> str | None:
    """None where it is not known any more what was due."""
    if paid_minor <= 0:
        return BillStatus.UNPAID.value
    return bill_status(due_minor, paid_minor).value if due_minor else None


def write_accepted_csv(batches: Iterable[pl.DataFrame], file: IO[bytes]) -> None:
    """CSV after RFC 4180, but with LF as line end, in UTF-8, with a header also where there are no rows."""
    file.write(_as_csv(COLUMNS.to_frame(), header=True))
    for batch in batches:
        file.write(_as_csv(defused_columns(batch, _FROM_OUTSIDE), header=False))


def write_accepted_parquet(batches: Iterator[pl.DataFrame], file: IO[bytes]) -> None:
    """Parquet, compressed with Zstandard."""

    def source(*_asked: object) -> Iterator[pl.DataFrame]:
        """Asked for everything: nothing is selected below."""
        yield from batches

    frame = register_io_source(source, schema=COLUMNS)
    frame.sink_parquet(file, row_group_size=ROW_GROUP, engine="streaming")


def _as_csv(rows: pl.DataFrame, *, header: bool) -> bytes:
    return rows.write_csv(include_header=header, datetime_format="%Y-%m-%dT%H:%M:%SZ").encode()
