"""What of a file can still be corrected, where the rest is, and a correction that a person ended and makes again."""

from __future__ import annotations

import re

import pytest

from tests.serve.page.browsing import Answer, Visiting, showing
from tests.serve.page.test_correcting import address, fields_of, loaded, sent_with
from tests.serve.page.test_from_drop_to_load import address_in, shown_in
from tests.stories.files import bills
from tests.stories.merchant import Merchant

FILE = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,ten", "C-2,A-2,B-3,30.125", "C-2,A-2,B-4", "C-2,A-2,B-5,x")


def decided(me: Visiting, where: str, word: str) -> None:
    answer = me.post(f"{where}{word}", shown=shown_in(me.get(where)), why="not yet")
    assert answer.status == 303, answer.said


def links(page: Answer) -> set[str]:
    return set(re.findall(r'corrected already in <a href="([^"]*)"', page.text))


@pytest.mark.timeout(300)
def test_a_correction_that_a_person_ended_may_be_made_again_with_the_same_values(merchant: Merchant) -> None:
    loaded(merchant)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me)
        table = me.get(f"{where}correct/")
        made = list[str]()
        for _ in range(3):
            saved = sent_with(me, where, table, "save", Line_3_amount_due="20.00")
            assert saved.status == 303, saved.said
            made.append(address_in(saved))
            told = sent_with(me, where, table, "check", Line_3_amount_due="20.00")
            nth = f"{len(made)}-" if len(made) > 1 else ""
            assert f"Line 3: it is corrected in corrected-{nth}za_bills_2026-11-01.csv" in told.said
            merchant.run()
            if len(made) < 3:
                decided(me, made[-1], "refuse")  # counts at once, also before the next pass
                assert not links(me.get(where))
        assert len(set(made)) == 3
        decided(me, made[-1], "release")
        said = merchant.run()
        assert said.outcomes() == {"created": 1}, said.stderr
        late = sent_with(me, where, table, "check", Line_3_amount_due="20.00")
        assert "Line 3: it is closed meanwhile" in late.said
        states = merchant.status()["states"]
        assert (states["refused"], states["loaded"], states["loaded_with_rejects"]) == (2, 1, 1)

        customer = merchant.post("customers", {"external_reference": "S-1"})["id"]
        bill = {"external_reference": "B-3", "customer": customer, "currency": "ZAR", "amount_due": 1}
        merchant.post("bills", bill)
        other = address_in(sent_with(me, where, table, "save", Line_4_amount_due="30.12"))
        merchant.run()
        decided(me, other, "release")
        assert merchant.run().outcomes() == {"conflict": 1}
        assert "Correct 1 record here" in me.get(where).said, "the API did not take it"
        same = sent_with(me, where, table, "save", Line_4_amount_due="30.12")
        assert (same.status, "the very same correction was made before" in same.said) == (422, True)


@pytest.mark.timeout(300)
def test_what_can_be_corrected_is_counted_without_what_waits_and_at_its_end_the_page_says_why_none(
    merchant: Merchant,
) -> None:
    merchant.settings["limits"]["max_reject_ratio"] = 1
    loaded(merchant, FILE)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me)
        for said in (me.get(where).said, me.get(f"{where}correct/").said):
            assert "3 records" in said
            assert "1 record with a damaged line" in said
        assert "Correct 3 records here" in me.get(where).said
        table = me.get(f"{where}correct/")
        first = address_in(sent_with(me, where, table, "save", Line_3_amount_due="20.00"))
        for shown in (me.get(where), me.get(f"{where}correct/")):
            assert "1 record corrected already in corrected-za_bills_2026-11-01.csv" in shown.said
            assert links(shown) == {first}
        assert "Correct 2 records here" in me.get(where).said
        table = me.get(f"{where}correct/")
        assert fields_of(table)["records"] == "3,5"
        changes = {"Line_4_amount_due": "30.12", "Line_6_amount_due": "50.00"}
        second = address_in(sent_with(me, where, table, "save", **changes))
        for shown in (me.get(where), me.get(f"{where}correct/")):
            assert links(shown) == {first, second}
            assert "2 records corrected already in" in shown.said
            assert "records here" not in shown.said.replace("No record can be corrected here", "")
        merchant.run()
        for each in (first, second):
            decided(me, each, "release")
        merchant.run()
        assert "Correct 0" not in me.get(where).said
        assert "1 record with a damaged line" in me.get(where).said
        merchant.command("write-off", "za_bills_2026-11-01.csv", "--records", "all", "--why", "never comes")
        assert "Correct rejects" not in me.get(where).said
        ended = me.get(f"{where}correct/").said
    assert "No record can be corrected here Nothing is left to correct" in ended
    assert "Nothing is left to correct: 3 records corrected, 1 record written off." in ended


@pytest.mark.timeout(300)
def test_both_pages_count_alike_whatever_is_wrong_with_a_line(merchant: Merchant) -> None:
    merchant.settings["limits"]["max_reject_ratio"] = 1
    rows = (b"C-1,A-1,B-1,ten", b"", b"C-2,A-2", b"C-3,A-3,B-3,1.00,2.00", b'C-4,"A"x,B-4,1.00')
    more = (b"C-5,A-\xff,B-5,1.00", b"C-6,A-\x016,B-6,1.00", b"C-7,A-7,,x", b'C-8,A-8,B-8,"1.00')
    content = b"\n".join((bills().rstrip("\n").encode(), *rows, *more, b""))
    loaded(merchant, content)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me)
        at_a_glance, table = me.get(where).said, me.get(f"{where}correct/").said
    assert "Correct 2 records here" in at_a_glance
    damaged = re.findall(r"([0-9]+) records? with a damaged line", at_a_glance)
    assert damaged == re.findall(r"([0-9]+) records? with a damaged line", table)
    assert int(damaged[0]) > 4
