"""What the API says is material from outside: none of it steers a terminal, a page or a spreadsheet."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline.sandbox.faults import Scripted, alter
from pipeline.sandbox.replies import Reply
from tests.stories.files import bills
from tests.stories.merchant import Merchant

HOSTILE = "bill_\x1b[2J\x1b]0;gone\x07"


def changed(reply: Reply, **fields: object) -> Reply:
    return replace(reply, body=json.dumps(json.loads(reply.body) | fields).encode())


@pytest.mark.parametrize("field", ["id", "customer_id", "account_id"])
@pytest.mark.parametrize("stored", [False, True])
def test_an_id_with_control_characters_is_never_taken(merchant: Merchant, field: str, stored: bool) -> None:
    """Told once, it is asked for again; told for good, the bill stays in doubt."""
    hostile = alter(lambda reply: changed(reply, **{field: HOSTILE}), stored=stored)
    merchant.api.faults = Scripted(
        {(lambda request: request.method == "POST"): hostile} if stored else {1: hostile}
    )
    said = merchant.load(merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00")))
    (row,) = merchant.results(said)
    assert (said.exit_status, row["outcome"]) == (0, "created")
    for path in merchant.report(said.file).iterdir():
        assert "\x1b" not in path.read_text(), path.name
    for path in (merchant.folder / "var").glob("ledger*"):
        assert b"\x1b[2J" not in path.read_bytes(), path.name
    assert list(merchant.held("bills")) == ["B-1"]


def test_an_api_that_gives_no_sane_id_at_all_leaves_the_bill_in_doubt(merchant: Merchant) -> None:
    hostile = alter(lambda reply: changed(reply, id=HOSTILE))
    merchant.api.faults = Scripted({(lambda _: True): hostile})
    said = merchant.load(merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00")))
    (row,) = merchant.results(said)
    assert (said.exit_status, row["outcome"]) == (3, "in_doubt")
    assert row["bill_id"] == ""
    assert "\x1b" not in said.stderr
    assert list(merchant.held("bills")) == ["B-1"]


def test_a_header_that_steers_a_terminal_is_shown_escaped(merchant: Merchant) -> None:
    text = bills("C-1,A-1,B-1,1.00,x").replace("amount_due", "amount_due,nice\x9b2J\x1b[2J")
    said = merchant.load(merchant.write("x_bills_2030-01-01.csv", text))
    assert said.exit_status == 0
    assert any("columns ignored: nice\\x9b2J\\x1b[2J" in note for note in said.file["notes"]), said.file
    for path in merchant.report(said.file).iterdir():
        assert not {"\x1b", "\x9b"} & set(path.read_text()), path.name
