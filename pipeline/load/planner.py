"""From the records Parquet to customers at work, a bounded window at a time.

Records are taken per hash bucket of customers: no sort of the whole file, no dict of all references. Within a
bucket customers come in file order.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.core.api.intents import Entity
from pipeline.core.api.requests import LEAF_OF, ROW, BillRequest, request_from_row
from pipeline.core.api.send_order import AccountGroup, CustomerQueue
from pipeline.core.rules.line_items import summed
from pipeline.edge.reader.checked_parts import (
    accepted,
    count_lines,
    parts_of,
    scan_parts,
    sendable,
    sent_amounts,
)
from pipeline.edge.reader.hash_buckets import in_buckets, windows
from pipeline.load.known_ids import KnownIds
from pipeline.load.ledger_access import LedgerReader
from schemas.feed import Model

BUCKET_RECORDS = 100_000
"""Records of a bucket, about: the memory of planning grows with them."""
BATCH_ROWS = 1024
KNOWN_PER_NEW = 4
"""Ids that are read from the ledger in advance for each new one. Reading one takes a tenth of what asking for one does
(1.3 µs and 15 µs), and where customers are known already, nothing is asked."""
CACHED_BATCHES = 64
"""Batches of requests kept as Python objects: of the customers at work, whose rows lie near each other."""

CUSTOMER_DETAILS = ("customer_name", "customer_email", "customer_phone", "customer_metadata")
ACCOUNT_DETAILS = ("account_name", "account_metadata")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Customers of one hash bucket, with what the ledger knows of them and of their records."""

    customers: Iterator[CustomerQueue]
    """Made as they are taken: a hundred thousand of them at once would be most of the memory."""
    entities: list[Entity]
    """Known customers, accounts and, for bills, the bills."""
    generations: dict[tuple[str, str], int]
    """(reference, content) → the generation of key to use next, where earlier keys are spent."""
    new_parents: int
    """How many customers and accounts that records name as parents are not known."""
    known_ids: KnownIds | None = None
    """Only with the first bucket: ids of all customers and accounts in the ledger, where reading them pays."""


class Rows:
    """Rows of a frame as requests, converted batch by batch so that few Python objects exist at once."""

    def __init__(self, frame: pl.DataFrame, model: Model) -> None:
        """`frame` has the columns of `ROW`, in the order of sending."""
        self._frame = frame.select(ROW)
        self._model = model
        self._batches: OrderedDict[int, list[dict[str, Any]]] = OrderedDict()

    def __call__(self, number: int) -> BillRequest:
        """The request of a row, counted from 0. Cheap for rows near those asked for last."""
        batch, offset = divmod(number, BATCH_ROWS)
        rows = self._batches.get(batch)
        if rows is None:
            rows = self._frame.slice(batch * BATCH_ROWS, BATCH_ROWS).to_dicts()
            self._batches[batch] = rows
            if len(self._batches) > CACHED_BATCHES:
                self._batches.popitem(last=False)
        return request_from_row(rows[offset], self._model)


def count_to_send(records: Path) -> int:
    """Accepted records of a checked file (which may hold no records at all); `records`: its folder of Parquet parts."""
    if not parts_of(records):
        return 0
    return int(_accepted(records).select(pl.len()).collect().item())


def not_sent(records: Path, sent: pl.Series) -> pl.LazyFrame:
    """Amounts (`sent_amounts`) of a checked file's accepted records that are not among those that were `sent`."""
    return _unsettled(sent_amounts(*parts_of(records)), sent)


def buckets(
    records: Path, model: Model, reader: LedgerReader, file_id: int, *, up_to: int | None = None
) -> Iterator[Bucket]:
    """The accepted records that have no final outcome yet, bucket by bucket.

    Arguments as of `frames_to_send`. Reads the ledger and blocks: `BucketPrefetcher` calls it in a thread.
    """
    settled = reader.settled_records(file_id)
    frames = frames_to_send(records, settled, size=BUCKET_RECORDS, up_to=up_to)
    for at, (frame, number) in enumerate(frames):
        bucket = bucket_of(frame, model, reader)
        # Customers are in a bucket by chance, so each bucket has about as many new ones as the first.
        yield bucket if at else replace(bucket, known_ids=_known_ids(reader, bucket.new_parents * number))


def frames_to_send(
    records: Path, settled: pl.Series, *, size: int, up_to: int | None = None
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Records to be sent, those of one customer in one frame (columns: `ROW`), in the order of sending.

    Within a file the last record's names, e-mails and phones count, so every row carries those.

    Args:
        records: the folder of the checked file's Parquet parts.
        settled: numbers (Int64) of records that are not sent any more.
        size: records of a frame, about.
        up_to: takes only the first, until so many records of the file have a final outcome.

    Yields:
        Each frame, and about how many there are in all.
    """
    number = -(-count_to_send(records) // size)
    if not number:
        return
    if not _unsettled(_accepted(records), settled).select(pl.len()).collect().item():
        return  # a run that was killed after its last record looks no further
    last_record = _last_record(records, settled, up_to)
    # A bill in several lines counts as one record above, and its lines take memory all the same.
    lines = count_lines(*parts_of(records))
    number += lines // size
    rows = (_rows(window, settled, has_lines=bool(lines)) for window in windows(parts_of(records)))
    for frame in in_buckets(rows, "customer_reference", number, records / "by_customer"):
        wanted = (
            (summed(frame) if lines else frame)
            .with_columns(
                *[_last(column, "customer_reference") for column in CUSTOMER_DETAILS],
                *[_last(column, "account_reference") for column in ACCOUNT_DETAILS],
            )
            .filter(~pl.col("is_settled") & (pl.col("record") <= last_record))
            # Customers, and the accounts of each, in the order in which they come in the file.
            .sort(
                pl.col("record").min().over("customer_reference"),
                pl.col("record").min().over("customer_reference", "account_reference"),
                "record",
            )
        )
        yield wanted.select(ROW).collect(), number


def _rows(window: list[Path], settled: pl.Series, *, has_lines: bool) -> pl.LazyFrame:
    """What is to be sent of neighbouring parts (columns: `ROW` and `is_settled`), in record order."""
    frame = (sendable(*window) if has_lines else accepted(*window)).select(ROW)
    first, last = (
        scan_parts(*window).select(pl.col("record").min(), last=pl.col("record").max()).collect().row(0)
    )
    here = settled.filter(settled.is_between(first, last))
    return frame.with_columns(is_settled=pl.col("record").is_in(here.implode()))


def bucket_of(frame: pl.DataFrame, model: Model, reader: LedgerReader) -> Bucket:
    """The customers of a frame of `frames_to_send`, and what the ledger knows of them in a few queries."""
    kind = LEAF_OF[model]
    references = frame["customer_reference"].unique()
    customers = reader.entities("customer", references)
    new_parents = references.len() - len(customers) if kind != "customer" else 0
    accounts: dict[str, Entity] = {}
    if kind != "customer":
        references = frame["account_reference"].drop_nulls().unique()
        accounts = reader.entities("account", references)
        new_parents += references.len() - len(accounts) if kind == "bill" else 0
    leaves = frame[f"{kind}_reference"]
    bills = reader.entities("bill", leaves) if kind == "bill" else {}
    return Bucket(
        customers=_customers(frame, model, customers, accounts),
        entities=[*customers.values(), *accounts.values(), *bills.values()],
        generations=reader.generations(kind, leaves),
        new_parents=new_parents,
    )


def _known_ids(reader: LedgerReader, new_parents: int) -> KnownIds | None:
    """Ids of all customers and accounts in the ledger, and room for so many new ones; None where it does not pay.

    A ledger of millions is not read for a file of ten records.
    """
    limit = new_parents * KNOWN_PER_NEW
    known = reader.count_parents(limit + 1)
    return KnownIds.of(reader.parent_ids(), known + new_parents) if known <= limit else None


def _customers(
    frame: pl.DataFrame, model: Model, customers: dict[str, Entity], accounts: dict[str, Entity]
) -> Iterator[CustomerQueue]:
    """The customers of a sorted frame, one queue each, whose rows follow each other in it."""
    rows = Rows(frame, model)
    sizes = frame.group_by("customer_reference", "account_reference", maintain_order=True).len()
    start = 0
    customer: str | None = None
    groups: list[AccountGroup] = []

    def queue(reference: str, groups: list[AccountGroup]) -> CustomerQueue:
        known = customers.get(reference)
        return CustomerQueue(reference, LEAF_OF[model], groups, rows, customer_id=known.id if known else None)

    for reference, account, size in sizes.iter_rows():
        if customer is not None and reference != customer:
            yield queue(customer, groups)
            groups = []
        customer = reference
        known = accounts.get(account) if account else None
        groups.append(
            AccountGroup(account, range(start, start + size), account_id=known.id if known else None)
        )
        start += size
    if customer is not None:
        yield queue(customer, groups)


def _accepted(records: Path) -> pl.LazyFrame:
    """Records that passed the check (columns: see `CheckedFile`)."""
    return accepted(*parts_of(records))


def _unsettled(frame: pl.LazyFrame, settled: pl.Series) -> pl.LazyFrame:
    """The rows whose `record` is not among the settled ones (Int64)."""
    return frame.join(pl.LazyFrame({"record": settled}), on="record", how="anti")


def _last(column: str, owner: str) -> pl.Expr:
    """The last filled value of a column for each owner, on every row of it."""
    return pl.col(column).drop_nulls().last().over(owner)


def _last_record(records: Path, settled: pl.Series, up_to: int | None) -> int:
    """The number of the last record to send; records are counted from 1, so 0 sends none."""
    if up_to is None:
        return 2**62
    limit = max(0, up_to - settled.len())
    first = _accepted(records).select("record").pipe(_unsettled, settled).sort("record").head(limit).collect()
    return int(first["record"].max() or 0) if limit else 0  # type: ignore[arg-type]


class BucketPrefetcher:
    """Customers one by one, the next bucket being read while the last one is at work."""

    def __init__(self, buckets: Iterator[Bucket]) -> None:
        self._buckets = buckets
        self._customers: Iterator[CustomerQueue] = iter(())
        self._ahead: asyncio.Task[Bucket | None] | None = self._read_ahead()

    async def next_customer(self, take_up: Callable[[Bucket], None]) -> CustomerQueue | None:
        """The next customer, or None when there is none left; `take_up` is called with each bucket that begins."""
        while (customer := next(self._customers, None)) is None and self._ahead is not None:
            bucket = await self._ahead
            self._ahead = self._read_ahead() if bucket is not None else None
            if bucket is not None:
                take_up(bucket)
                self._customers = bucket.customers
        return customer

    async def close(self) -> None:
        """Wait for a read under way: its thread uses the ledger."""
        if self._ahead is not None:
            await asyncio.wait([self._ahead])

    def _read_ahead(self) -> asyncio.Task[Bucket | None]:
        return asyncio.create_task(asyncio.to_thread(next, self._buckets, None))
