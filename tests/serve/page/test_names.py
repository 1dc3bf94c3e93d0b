"""Names of files are shown as they are wherever a page or a report names one; free text is masked."""

from __future__ import annotations

import pytest

from tests.serve.page.browsing import showing
from tests.serve.page.test_correcting import address, loaded, sent_with
from tests.serve.page.test_from_drop_to_load import address_in, shown_in
from tests.stories.files import bills
from tests.stories.merchant import Merchant

NAME = "za_0821234567_bills_2026-11-01.csv"
AGAIN = "again_0837654321_bills_2026-11-02.csv"
FILE = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,ten")


@pytest.mark.timeout(300)
def test_what_was_not_possible_names_the_file_as_it_is(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        where = address_in(me.drop({NAME: FILE.encode()}))
        merchant.run()
        shown = shown_in(me.get(where))
        assert me.post(f"{where}refuse", shown=shown, why="call 0821234567 or a@b.example").status == 303
        merchant.run()
        late = me.post(f"{where}release", shown=shown)
        said = me.get(where).said
    assert late.status == 409
    assert f" {NAME} is not held, but refused" in late.said
    assert "call [number] or [e-mail]" in said


@pytest.mark.timeout(300)
def test_reasons_and_notes_name_other_files_as_they_are(merchant: Merchant) -> None:
    merchant.settings["feeds"][0]["release"] = "always"
    path = merchant.write(NAME, FILE)
    merchant.load(path)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me, NAME)
        early = merchant.write("early.csv", next(merchant.work_dir.glob("reports/*/rejects.csv")).read_text())
        merchant.load(early)
        told = f"{NAME} is held, and its rejects can be corrected once it is loaded"
        assert told in me.get(address(me, "early.csv")).said
        merchant.release(NAME)
        merchant.load(merchant.write(AGAIN, FILE))
        table = me.get(f"{where}correct/")
        change = {"Line_3_amount_due": "20.00", "Line_3_customer_reference": "C-9"}
        told = sent_with(me, where, table, "check", **change).said
        assert f"valid in {AGAIN}" in told
        assert f"{AGAIN} has the same bytes as {NAME}" in me.get(where).said


@pytest.mark.timeout(300)
def test_who_corrected_a_record_first_is_named_as_it_is(merchant: Merchant) -> None:
    """In the report of the second one, which is of the same original."""
    loaded(merchant, FILE, NAME)
    rejects = next(merchant.work_dir.glob("reports/*/rejects.csv")).read_text()
    first = "first_0829999999.csv"
    merchant.load(merchant.write(first, rejects.replace(",ten,", ",20.00,")))
    second = merchant.load(merchant.write("second.csv", rejects.replace(",ten,", ",21.00,")))
    assert second.outcomes() == {"conflict": 1}
    report = (merchant.report(second.file) / "report.html").read_text()
    assert f"corrected already by record 1 of {first}, with other content" in report
