"""Overview, list of files, month and each file's page: the same sums, whatever became of a file, and no false calm."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.serve.page.browsing import Answer, Visiting, showing
from tests.serve.page.test_correcting import sent_with
from tests.serve.page.test_files import address_of
from tests.serve.page.test_from_drop_to_load import address_in, shown_in
from tests.stories.files import bills
from tests.stories.merchant import Merchant

CORRECTED, PERSON, RULE, LEFT = (f"za_bills_2026-11-0{day}.csv" for day in range(1, 5))


def figures(page: Answer) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]*)</dt>\s*<dd class=\"large\">([^<]*)</dd>", page.text))


def column(page: Answer, title: str) -> dict[str, str]:
    """Name of each file → its cell."""
    rows = re.findall(r"<tr data-state.*?</tr>", page.text, re.DOTALL)
    return {
        re.findall(r">([^<>]+\.csv)<", row)[0]: re.findall(rf'data-label="{title}">([^<]*)<', row)[0]
        for row in rows
    }


def decided(me: Visiting, where: str, word: str) -> None:
    answer = me.post(f"{where}{word}", shown=shown_in(me.get(where)), why="the wrong month")
    assert answer.status == 303, answer.said


@pytest.mark.timeout(300)
def test_all_pages_count_the_same_whoever_refused_a_file(merchant: Merchant) -> None:
    merchant.settings["limits"]["max_reject_ratio"] = 0.5
    month = f"/months/{datetime.now(UTC):%Y-%m}/"
    rows = ("C-1,A-1,B-1,10.00", "C-1,A-1,B-4,10.00", "C-1,A-1,B-2,ten", "C-1,A-1,B-3,x")
    merchant.write(CORRECTED, bills(*rows), merchant.drop)
    bad = (f"C-3,A-3,B-3{number},x" for number in range(1, 5))
    merchant.write(RULE, bills("C-3,A-3,B-30,30.00", *bad), merchant.drop)
    merchant.run()
    with showing(merchant) as page:
        me = page.visitor()
        where = address_of(me.get("/files/").text, CORRECTED)
        table = me.get(f"{where}correct/")
        sent_with(me, where, table, "save", Line_4_amount_due="20.00")
        refused = bills("C-2,A-2,B-20,20.00", "C-2,A-2,B-21,21.00", "C-2,A-2,B-22,x")
        person = address_in(me.drop({PERSON: refused.encode()}))
        merchant.run()
        decided(me, person, "refuse")
        merchant.run()
        merchant.api.stop()
        merchant.write(LEFT, bills("C-4,A-4,B-4,40.00"), merchant.drop)
        merchant.run()

        overview, files, by_month = me.get("/"), me.get("/files/"), me.get(month)
        correct = {CORRECTED: "2", f"corrected-{CORRECTED}": "0", PERSON: "0", RULE: "5", LEFT: "0"}
        assert column(overview, "Still to correct") == column(files, "Still to correct") == correct
        assert figures(overview) == {
            "Files": "5",
            "Unfinished": "1",
            "Held": "1",
            "Refused": "2",
            "Files to correct": "2",
            "Records still to correct": "7",
        }
        assert "Have 1 refused file (5 records) put right" in overview.said
        assert "Correct 2 records of 1 file" in overview.said
        assert "1 file is not finished. The next run goes on with it" in overview.said

        assert "7 records are still to correct." in by_month.said
        assert "5 files, 1 of them a correction" in by_month.said
        counted = {title: int(number.replace("–", "0")) for title, number in figures(by_month).items()}
        assert counted["Still to correct"] == 7
        assert (counted["Refused with the file"], counted["In doubt or not sent"]) == (2 + 1, 1)
        told = re.findall(
            r'<span class="meaning">(not sent[^<]*)</span></th><td[^>]*>([0-9]+)<', by_month.text
        )
        assert told == [("not sent yet", "1"), ("not sent: the file was refused", "3")]
        assert figures(me.get(person))["Refused with the file"] == "2"


@pytest.mark.timeout(300)
def test_not_all_is_well_while_a_run_has_to_go_on(merchant: Merchant) -> None:
    left = "Nobody has to decide anything, but 1 file is not finished."
    well = "All is well. There is nothing to do."
    with showing(merchant) as page:
        me = page.visitor()
        assert well in me.get("/").said
        where = address_in(me.drop({PERSON: bills("C-2,A-2,B-20,20.00").encode()}))
        assert left in me.get("/").said
        merchant.run()
        assert "Look at 1 held file, then release or refuse" in me.get("/").said
        decided(me, where, "release")
        said = me.get("/").said
        assert left in said, "somebody has decided"
        assert "Look at" not in said
        merchant.run()
        assert well in me.get("/").said
        merchant.api.stop()
        merchant.write(LEFT, bills("C-4,A-4,B-4,40.00"), merchant.drop)
        merchant.run()
        assert left in me.get("/").said
        merchant.api.start()
        merchant.run()
        assert well in me.get("/").said
