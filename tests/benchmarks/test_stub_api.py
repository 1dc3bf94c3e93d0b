"""What we are measured against answers as the real API would, so that a load of it is a whole load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.load_inputs import write_bills, write_bodies
from benchmarks.merchant import Merchant, stub_api
from benchmarks.stub_api import Connection


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


def told(*pieces: bytes) -> list[tuple[int, dict[str, Any]]]:
    """Statuses and bodies that answer requests arriving in these pieces."""
    connection, wire = Connection(), Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]
    for piece in pieces:
        connection.data_received(piece)
    answers = []
    for answer in wire.written.split(b"HTTP/1.1 ")[1:]:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}" in head.decode().lower()
        answers.append((int(head[:3]), json.loads(body)))
    return answers


def request(body: bytes, path: str = "/billing/bills", headers: str = "") -> bytes:
    known = headers or "Authorization: Bearer k\r\nIdempotency-Key: 1\r\n"
    return f"POST {path} HTTP/1.1\r\n{known}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_nested_bill_is_answered_with_its_own_fields_and_ids(tmp_path: Path) -> None:
    write_bodies(tmp_path / "bodies", 1)
    body = (tmp_path / "bodies").read_bytes().strip()
    ((status, bill),) = told(request(body))
    sent = json.loads(body)
    assert status == 201
    del sent["account"]
    assert sent.items() <= bill.items()
    assert (bill["id"], bill["customer_id"]) == ("bill_B-00000000", "bcus_C-00000000")
    assert bill["account_id"] == "bacc_A-00000000.bcus_C-00000000"
    assert (bill["status"], bill["amount_remaining"]) == ("unpaid", bill["amount_due"])


def test_requests_may_come_cut_anywhere_or_several_at_once() -> None:
    two = request(b'{"external_reference":"C-1"}', "/billing/customers") * 2
    for cut in range(len(two)):
        assert [status for status, _ in told(two[:cut], two[cut:])] == [201, 201]


def test_what_the_api_would_refuse_is_refused() -> None:
    assert told(request(b"{}", headers="Idempotency-Key: 1\r\n"))[0][0] == 401
    assert told(request(b"{}", headers="Authorization: Bearer k\r\n"))[0][0] == 400
    assert told(request(b"{}", path="/billing/other"))[0][0] == 404


def test_a_whole_load_of_it_creates_every_bill(tmp_path: Path) -> None:
    with stub_api() as url:
        merchant = Merchant(tmp_path, url)
        merchant.write_config()
        write_bills(tmp_path / "x_bills.csv", 50, per_customer=5)
        merchant.run("load", tmp_path / "x_bills.csv")
    (results,) = (tmp_path / "var" / "reports").glob("*/results.csv")
    rows = pl.read_csv(results)
    assert set(rows["outcome"]) == {"created"}
    assert rows["bill_id"].n_unique() == 50
    assert rows["account_id"].n_unique() == rows["customer_id"].n_unique() == 10
