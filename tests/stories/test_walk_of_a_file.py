"""One landed file on its way from the start of a run to its written report: few hops, and hardly a way back."""

from __future__ import annotations

from collections import Counter

from tests.ledger_of_world import sqlite_alone
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.stories.walk import walk

MOST_VISITS = 2


@sqlite_alone  # the rooms of the other are visited more often, statement by statement
def test_no_file_of_the_house_is_visited_more_than_twice_on_the_way_to_the_report(merchant: Merchant) -> None:
    merchant.write("x_bills_2030-01-05.csv", bills("C1,A1,B1,1.00"), merchant.drop)
    merchant.run()  # what is imported late is here now
    merchant.write("x_bills_2030-01-06.csv", bills("C1,A1,B2,2.00"), merchant.drop)
    with walk(last="write_report") as seen:
        said = merchant.run()
    assert said.named("x_bills_2030-01-06.csv")["state"] == "loaded"
    assert seen.ended
    assert seen.visits[0] == "run/run_pass.py"
    assert [name for name, visits in Counter(seen.visits).items() if visits > MOST_VISITS] == []
    order = [
        "collect/fetch_ahead.py",
        "run/process_file.py",
        "check/check.py",
        "load/loader.py",
        "report/write.py",
    ]
    assert [name for name in seen.visits if name in order] == ["collect/fetch_ahead.py", *order]
    assert seen.visits.index("collect/collect.py") < seen.visits.index("collect/fetch_ahead.py")
