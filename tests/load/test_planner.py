"""Records become customers at work: each record once, in file order, with the last record's details."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import SpendKey, StoreOutcome, UpsertEntity
from pipeline.core.api.requests import BillRequest
from pipeline.core.api.send_order import CustomerQueue
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.reader import hash_buckets
from pipeline.load import planner
from pipeline.load.planner import Bucket, BucketPrefetcher, buckets, count_to_send
from schemas.feed import Model
from tests.checked_parts import write_parts

TEXTS = [
    *("customer_reference", "customer_name", "customer_email", "customer_phone", "customer_metadata"),
    *("account_reference", "account_name", "account_metadata", "bill_reference", "currency"),
    *("bill_date", "due_date", "metadata", "payments_included_until", "verdict"),
]


def write(folder: Path, rows: Sequence[dict[str, Any]], parts_of: int = 1000) -> Path:
    """Records as the check leaves them: Parquet parts in record order."""
    folder.mkdir(exist_ok=True)
    whole = []
    for record, row in enumerate(rows, start=1):
        defaults = dict.fromkeys(TEXTS) | {
            "record": record,
            "verdict": "accepted",
            "currency": "ZAR",
            "amount_minor": 1,
        }
        whole.append(defaults | row)
    schema: dict[str, Any] = dict.fromkeys(TEXTS, pl.String) | {"record": pl.Int64, "amount_minor": pl.Int64}
    write_parts(folder, pl.DataFrame(whole, schema=schema), parts_of)
    return folder


def bill(customer: str, account: str | None, reference: str, **more: Any) -> dict[str, Any]:
    return {"customer_reference": customer, "account_reference": account, "bill_reference": reference, **more}


@pytest.fixture
def sends(tmp_path: Path) -> Iterator[Sends]:
    with closing(open_sqlite_ledger(tmp_path / "ledger.sqlite", merchant="m", environment="test")) as ledger:
        Files(ledger).land(
            sha256="a" * 64,
            name="n",
            source="drop",
            feed="f",
            feed_print="p",
            name_parts={},
            rejects_of=None,
            size_bytes=1,
            at="2026-11-20T06:00:00Z",
        )
        yield Sends(ledger)


def take_all(found: Sequence[Bucket]) -> list[BillRequest]:
    return [
        part.row(row)
        for bucket in found
        for part in bucket.customers
        for group in part.groups
        for row in group.rows
    ]


def shape(part: CustomerQueue) -> tuple[str, list[tuple[str | None, list[int]]]]:
    return part.customer, [(g.account, [part.row(row).record for row in g.rows]) for g in part.groups]


def test_customers_come_in_file_order_and_their_records_by_account(tmp_path: Path, sends: Sends) -> None:
    rows = [
        bill("C2", "A3", "B1"),
        bill("C1", "A2", "B2"),
        bill("C1", None, "B3"),
        bill("C2", "A3", "B4"),
        bill("C1", "A1", "B5"),
        bill("C1", "A2", "B6"),
    ]
    (bucket,) = buckets(write(tmp_path / "r", rows, parts_of=2), "bill", sends, 1)
    assert [shape(part) for part in bucket.customers] == [
        ("C2", [("A3", [1, 4])]),
        ("C1", [("A2", [2, 6]), (None, [3]), ("A1", [5])]),
    ]


@pytest.mark.parametrize("bucket_records", [1_000_000, 2])
def test_only_accepted_records_without_a_final_outcome_are_sent(
    tmp_path: Path, sends: Sends, monkeypatch: pytest.MonkeyPatch, bucket_records: int
) -> None:
    monkeypatch.setattr(planner, "BUCKET_RECORDS", bucket_records)
    verdicts = ["accepted", "rejected", "duplicate", "accepted", "accepted", "accepted"]
    rows = [bill("C1", "A1", f"B{n}", verdict=verdict) for n, verdict in enumerate(verdicts)]
    sends.write(StoreOutcome(1, "B0", RecordOutcome(1, Outcome.CREATED)))
    sends.write(StoreOutcome(1, "B3", RecordOutcome(4, Outcome.IN_DOUBT)))
    sends.write(StoreOutcome(1, "B4", RecordOutcome(5, Outcome.REFUSED)))
    sends.write(StoreOutcome(2, "B5", RecordOutcome(6, Outcome.CREATED)))  # of another file
    records = write(tmp_path / "r", rows, parts_of=4)
    assert count_to_send(records) == 4
    assert [wanted.record for wanted in take_all(list(buckets(records, "bill", sends, 1)))] == [4, 6]


def test_a_file_with_nothing_to_send_gives_no_buckets(tmp_path: Path, sends: Sends) -> None:
    (tmp_path / "empty").mkdir()
    assert count_to_send(tmp_path / "empty") == 0
    assert list(buckets(tmp_path / "empty", "bill", sends, 1)) == []
    rejected = write(tmp_path / "r", [bill("C1", None, "B1", verdict="rejected")])
    assert count_to_send(rejected) == 0
    assert list(buckets(rejected, "bill", sends, 1)) == []


@pytest.mark.parametrize(("bucket_records", "window_records"), [(1_000_000, 1), (40, 120), (40, 1000)])
def test_every_record_is_in_exactly_one_part_however_many_buckets(
    tmp_path: Path, sends: Sends, monkeypatch: pytest.MonkeyPatch, bucket_records: int, window_records: int
) -> None:
    monkeypatch.setattr(planner, "BUCKET_RECORDS", bucket_records)
    monkeypatch.setattr(hash_buckets, "WINDOW_RECORDS", window_records)
    monkeypatch.setattr(planner, "BATCH_ROWS", 7)
    monkeypatch.setattr(planner, "CACHED_BATCHES", 2)
    rows = [bill(f"C{n % 37}", f"A{n % 74}" if n % 3 else None, f"B{n}") for n in range(300)]
    found = list(buckets(write(tmp_path / "r", rows, parts_of=100), "bill", sends, 1))
    assert len(found) == -(-300 // bucket_records)
    taken = [part for bucket in found for part in bucket.customers]
    assert len({part.customer for part in taken}) == len(taken) == 37
    wanted = [part.row(row) for part in taken for group in part.groups for row in group.rows]
    assert sorted(one.record for one in wanted) == list(range(1, 301))
    for one in wanted:
        row = rows[one.record - 1]
        account = one.account.reference if one.account else None
        assert (one.reference, one.customer.reference, account) == (
            row["bill_reference"],
            row["customer_reference"],
            row["account_reference"],
        )


def test_the_last_filled_details_of_a_customer_and_account_go_with_every_record(
    tmp_path: Path, sends: Sends
) -> None:
    rows = [
        bill("C1", "A1", "B1", customer_name="Ann", customer_email="a@example.com", account_name="Home"),
        bill(
            "C1", "A1", "B2", customer_name="Anne", customer_metadata=json.dumps({"zone": "1", "old": None})
        ),
        bill("C1", "A2", "B3", customer_phone="+27821234567", account_name="Shop"),
        bill("C2", "A3", "B4", customer_name="Ben"),
    ]
    (bucket,) = buckets(write(tmp_path / "r", rows), "bill", sends, 1)
    wanted = {one.record: one for one in take_all([bucket])}
    everything = {
        "name": "Anne",
        "email": "a@example.com",
        "phone": "+27821234567",
        "metadata": {"zone": "1"},
    }
    assert [wanted[n].customer.details for n in (1, 2, 3)] == [everything] * 3
    assert wanted[4].customer.details == {"name": "Ben"}
    accounts = [one.account.details if one.account else None for _, one in sorted(wanted.items())]
    assert accounts == [{"name": "Home"}, {"name": "Home"}, {"name": "Shop"}, {}]


def test_details_of_a_record_that_is_settled_already_still_count(tmp_path: Path, sends: Sends) -> None:
    """Or a file that goes on after a crash would give its first customers other details than before."""
    rows = [bill("C1", "A1", "B1"), bill("C1", "A1", "B2", customer_name="Anne")]
    sends.write(StoreOutcome(1, "B2", RecordOutcome(2, Outcome.CREATED)))
    (only,) = take_all(list(buckets(write(tmp_path / "r", rows), "bill", sends, 1)))
    assert only.customer.details == {"name": "Anne"}


def test_direct_bills_of_two_customers_do_not_share_details(tmp_path: Path, sends: Sends) -> None:
    rows = [bill("C1", None, "B1", account_name="stray"), bill("C2", None, "B2")]
    for one in take_all(list(buckets(write(tmp_path / "r", rows), "bill", sends, 1))):
        assert one.account is None


def test_what_the_ledger_knows_comes_with_the_bucket(tmp_path: Path, sends: Sends) -> None:
    sends.write(UpsertEntity(Entity("customer", "C1", "bcus_1")))
    sends.write(UpsertEntity(Entity("account", "A1", "bacc_1", owner="C1")))
    sends.write(UpsertEntity(Entity("bill", "B1", "bill_1", owner="C1")))
    sends.write(UpsertEntity(Entity("customer", "C9", "bcus_9")))
    spent = Intent("bill", "B2", 1, 1, "POST", "/", b"", "k", "content", 2, "C1", None, None, None, "t")
    sends.write(SpendKey(spent))
    rows = [bill("C1", "A1", "B1"), bill("C1", "A2", "B2"), bill("C2", None, "B3")]
    (bucket,) = buckets(write(tmp_path / "r", rows), "bill", sends, 1)
    assert {(one.kind, one.reference) for one in bucket.entities} == {
        ("customer", "C1"),
        ("account", "A1"),
        ("bill", "B1"),
    }
    assert bucket.generations == {("B2", "content"): 3}
    first, second = bucket.customers
    assert [first.customer_id, second.customer_id] == ["bcus_1", None]
    assert [group.account_id for group in first.groups] == ["bacc_1", None]


@pytest.mark.parametrize(("known", "is_read"), [(4, True), (5, False)])
def test_ids_in_the_ledger_are_read_in_advance_only_where_many_new_ones_will_come(
    tmp_path: Path, sends: Sends, monkeypatch: pytest.MonkeyPatch, known: int, is_read: bool
) -> None:
    monkeypatch.setattr(planner, "KNOWN_PER_NEW", 1)
    accounts = [Entity("account", f"KA{n}", f"bacc_{n}") for n in range(known - 1)]
    entities = [Entity("customer", "C9", "bcus_9"), Entity("bill", "B9", "bill_9"), *accounts]
    sends.write(*map(UpsertEntity, entities))
    rows = [bill(f"C{n % 2}", f"A{n % 2}", f"B{n}") for n in range(4)]  # two new customers, two new accounts
    (bucket,) = buckets(write(tmp_path / "r", rows), "bill", sends, 1)
    assert (bucket.known_ids is not None) is is_read
    if bucket.known_ids is not None:
        assert [(one.kind, one.id) in bucket.known_ids for one in entities] == [True, False, *[True] * 3]


def test_ids_in_the_ledger_come_with_the_first_bucket_alone(
    tmp_path: Path, sends: Sends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "BUCKET_RECORDS", 10)
    records = write(tmp_path / "r", [bill(f"C{n}", None, f"B{n}") for n in range(50)])
    known = [bucket.known_ids for bucket in buckets(records, "bill", sends, 1)]
    assert [one is not None for one in known] == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("model", "kind", "reference"),
    [("account_balance", "account", "A1"), ("customer_balance", "customer", "C1")],
)
def test_balances_are_about_their_own_entity(
    tmp_path: Path, sends: Sends, model: Model, kind: str, reference: str
) -> None:
    rows = [
        bill("C1", "A1" if model == "account_balance" else None, "", bill_reference=None, amount_minor=-5)
    ]
    (bucket,) = buckets(write(tmp_path / "r", rows), model, sends, 1)
    (wanted,) = take_all([bucket])
    assert (wanted.kind, wanted.reference, wanted.amount_minor) == (kind, reference, -5)


@pytest.mark.parametrize(
    ("limit", "records"), [(-1, []), (0, []), (1, [2]), (3, [2, 4, 5]), (99, [2, 4, 5, 6])]
)
def test_a_limit_takes_the_first_records_that_are_still_to_send(
    tmp_path: Path, sends: Sends, limit: int, records: list[int]
) -> None:
    rows = [bill(f"C{n % 2}", None, f"B{n}", verdict="rejected" if n == 2 else "accepted") for n in range(6)]
    sends.write(StoreOutcome(1, "B0", RecordOutcome(1, Outcome.CREATED)))
    found = list(buckets(write(tmp_path / "r", rows), "bill", sends, 1, up_to=1 + limit))
    assert sorted(one.record for one in take_all(found)) == records


def test_the_supply_gives_every_part_once_and_tells_of_each_bucket(
    tmp_path: Path, sends: Sends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "BUCKET_RECORDS", 10)
    records = write(tmp_path / "r", [bill(f"C{n}", None, f"B{n}") for n in range(50)])
    customers = [{part.customer for part in one.customers} for one in buckets(records, "bill", sends, 1)]

    async def main() -> tuple[list[str], int]:
        told: list[Bucket] = []
        supply = BucketPrefetcher(buckets(records, "bill", sends, 1))
        given = []
        while (part := await supply.next_customer(told.append)) is not None:
            assert part.customer in customers[len(told) - 1], "a part before its bucket is known"
            given.append(part.customer)
        assert await supply.next_customer(told.append) is None
        await supply.close()
        return given, len(told)

    given, told = asyncio.run(main())
    assert sorted(given) == sorted(f"C{n}" for n in range(50))
    assert told == 5


def test_a_supply_may_be_closed_half_way(
    tmp_path: Path, sends: Sends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "BUCKET_RECORDS", 1)
    records = write(tmp_path / "r", [bill(f"C{n}", None, f"B{n}") for n in range(20)])

    async def main() -> None:
        supply = BucketPrefetcher(buckets(records, "bill", sends, 1))
        assert await supply.next_customer(lambda _: None) is not None
        await supply.close()

    asyncio.run(main())
