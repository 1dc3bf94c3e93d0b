"""Invoices whose lines are rows of their own: one bill over their sum, and every row has the bill's outcome."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
import yaml

from pipeline.sandbox.faults import NoFaults, Scripted, drop_after, status
from tests.stories.merchant import Merchant, Row, Said
from tests.stories.test_corrected_rejects import written

NAME = "x_bills_2030-01-01.csv"
HEADER = "customer_reference,account_reference,bill_reference,amount_due,item"
ROWS = (
    "C-1,A-1,B-1,10.00,pen",
    "C-2,A-2,B-2,7.50,ink",
    "C-1,A-1,B-1,10.00,ink",
    "C-1,A-1,B-3,5.00,pad",
    "C-1,A-1,B-1,-1.25,discount",
)


@pytest.fixture
def shop(merchant: Merchant) -> Merchant:
    """A merchant whose bills have lines."""
    merchant.settings["feeds"][0] |= {"line_items": "sum", "unusual": "load", "max_reject_ratio": 1.0}
    return merchant


def file(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def amounts(merchant: Merchant) -> dict[str, int]:
    return {reference: bill["amount_due"] for reference, bill in merchant.held("bills").items()}


def test_one_bill_is_created_over_the_sum_and_every_line_is_told_so(shop: Merchant) -> None:
    shop.write(NAME, file(*ROWS), shop.drop)
    said = shop.run()
    assert said.exit_status == 0
    assert said.outcomes() == {"created": 5}
    assert said.requests["POST bills"] == 3
    assert amounts(shop) == {"B-1": 1875, "B-2": 750, "B-3": 500}
    rows = shop.results(said)
    assert [row["amount_minor"] for row in rows] == ["1000", "750", "1000", "500", "-125"]
    bill = shop.held("bills")["B-1"]["id"]
    assert [row["bill_id"] == bill for row in rows] == [True, False, True, False, True]
    assert len({row["customer_id"] for row in rows if row["customer_reference"] == "C-1"}) == 1
    sums = said.file["amounts_minor"]["ZAR"]
    assert (sums["total"], sums["created"]) == (3125, 3125)


def test_a_held_file_shows_the_amounts_of_its_bills_and_not_of_their_first_lines(shop: Merchant) -> None:
    shop.settings["feeds"][0]["release"] = "always"
    shop.write(
        NAME, file("C-1,A-1,B-1,10.00,pen", "C-2,A-2,B-2,20.00,ink", "C-1,A-1,B-1,90.00,pad"), shop.drop
    )
    held = shop.run().file["held_amounts"]["ZAR"]
    assert held == {
        "records": 2,
        "total_minor": 12_000,
        "smallest_minor": 2_000,
        "median_minor": 2_000,
        "largest_minor": 10_000,
    }


def test_a_bad_line_rejects_its_bill_and_the_corrected_lines_load_it_whole(shop: Merchant) -> None:
    shop.write(NAME, file(*(row.replace("-1.25,d", "1.25O,d") for row in ROWS)), shop.drop)
    first = shop.run()
    assert first.exit_status == 1
    assert first.outcomes() == {"created": 2, "rejected": 3}
    rejects = shop.rejects(first)
    assert [row["reject_codes"] for row in rejects] == ["line_items.other_line"] * 2 + ["amount_due.format"]
    mended: list[Row] = [row | {"amount_due": row["amount_due"].replace("1.25O", "-1.25")} for row in rejects]
    shop.write("again.csv", written(mended), shop.drop)
    second = shop.run()
    assert (second.exit_status, second.outcomes()) == (0, {"created": 3})
    assert amounts(shop) == {"B-1": 1875, "B-2": 750, "B-3": 500}


def test_a_correction_that_lacks_a_line_of_a_bill_sends_nothing_of_it(shop: Merchant) -> None:
    shop.write(NAME, file(*(row.replace("-1.25,d", "1.25O,d") for row in ROWS)), shop.drop)
    rejects = shop.rejects(shop.run())
    mended: list[Row] = [row | {"amount_due": row["amount_due"].replace("1.25O", "-1.25")} for row in rejects]
    shop.write("some.csv", written(mended[1:]), shop.drop)
    said = shop.run()
    assert (said.outcomes(), said.file["codes"]) == ({"rejected": 2}, {"line_items.incomplete": 2})
    assert set(amounts(shop)) == {"B-2", "B-3"}
    shop.write("all.csv", written(mended), shop.drop)
    assert shop.run().outcomes() == {"created": 3}
    assert amounts(shop)["B-1"] == 1875


def test_a_bill_in_conflict_has_all_its_lines_in_the_rejects(shop: Merchant) -> None:
    shop.post(
        "bills",
        {
            "external_reference": "B-1",
            "currency": "ZAR",
            "amount_due": 1000,
            "customer": {"external_reference": "C-0"},
        },
    )
    shop.write(NAME, file(*ROWS), shop.drop)
    said = shop.run()
    assert said.outcomes() == {"created": 2, "conflict": 3}
    assert [row["bill_reference"] for row in shop.rejects(said)] == ["B-1"] * 3
    assert {row["codes"] for row in shop.results(said) if row["outcome"] == "conflict"} == {
        "bill_reference.differs"
    }
    assert said.file["amounts_minor"]["ZAR"]["conflict"] == 1875


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_after_a_kill_every_bill_is_there_once_over_all_its_lines(
    shop: Merchant, number: signal.Signals
) -> None:
    bills = 40
    rows = [
        f"C-{n % bills // 8},A-{n % bills // 2},B-{n % bills},{n + 1}.00,item {n}" for n in range(3 * bills)
    ]
    shop.settings["api"]["max_in_flight"] = 4
    shop.switch(latency_s=0.03)
    shop.write(NAME, file(*rows), shop.drop)
    config = shop.folder / "config.yaml"
    config.write_text(yaml.safe_dump(shop.settings))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while len(shop.api.snapshot()["bills"]) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    process.wait(15)
    assert 0 < len(shop.held("bills")) < bills
    shop.switch()
    said = shop.run()
    assert (said.exit_status, said.outcomes()) == (0, {"created": 3 * bills})
    assert amounts(shop) == {f"B-{n}": 100 * sum(n + 1 + k * bills for k in range(3)) for n in range(bills)}
    assert len({row["bill_id"] for row in shop.results(said)}) == bills


def test_a_canary_sends_whole_bills_and_the_rest_later(shop: Merchant) -> None:
    path = shop.write(NAME, file(*ROWS))
    assert shop.load(path, "--limit", "1").outcomes() == {"created": 3, "not_attempted": 2}
    assert amounts(shop) == {"B-1": 1875}
    shop.release(NAME)
    assert shop.load(path).outcomes() == {"created": 5}
    assert amounts(shop) == {"B-1": 1875, "B-2": 750, "B-3": 500}


def spread_over_its_lines(merchant: Merchant, said: Said, bill: str, outcome: str, attempts: str) -> None:
    """All lines of a bill say the same of it, each beside an amount of its own; nothing is lost."""
    rows = [row for row in merchant.results(said) if row["bill_reference"] == bill]
    assert [row["amount_minor"] for row in rows] == ["1000", "1000", "-125"]
    assert {(row["outcome"], row["attempts"]) for row in rows} == {(outcome, attempts)}
    assert len({tuple(row[name] for name in ("customer_id", "account_id", "bill_id")) for row in rows}) == 1
    sums = said.file["amounts_minor"]["ZAR"]
    assert (sums["total"], sums[outcome]) == (3125, 1875)


def test_all_lines_of_a_bill_in_doubt_are_in_doubt_and_the_next_run_settles_them(shop: Merchant) -> None:
    shop.settings["api"]["max_attempts"] = 2
    shop.api.faults = Scripted(
        {
            lambda sent: b'"B-1"' in sent.body: drop_after(),
            lambda sent: sent.method == "GET" and "B-1" in sent.path: status(503),
        }
    )
    shop.write(NAME, file(*ROWS), shop.drop)
    said = shop.run()
    assert (said.exit_status, said.outcomes()) == (3, {"created": 1, "in_doubt": 3, "not_attempted": 1})
    spread_over_its_lines(shop, said, "B-1", "in_doubt", "2")
    shop.api.faults = NoFaults()
    said = shop.run()
    assert (said.exit_status, said.outcomes()) == (0, {"created": 5})
    assert {row["bill_id"] for row in shop.results(said) if row["bill_reference"] == "B-1"} == {
        shop.held("bills")["B-1"]["id"]
    }
    assert amounts(shop) == {"B-1": 1875, "B-2": 750, "B-3": 500}


def test_a_retry_sends_a_refused_bill_again_over_all_its_lines(shop: Merchant) -> None:
    shop.api.faults = Scripted({lambda sent: b'"B-1"' in sent.body: status(402, stored=True)})
    shop.write(NAME, file(*ROWS), shop.drop)
    said = shop.run()
    assert (said.exit_status, said.outcomes()) == (1, {"created": 2, "refused": 3})
    spread_over_its_lines(shop, said, "B-1", "refused", "1")
    assert len(shop.rejects(said)) == 3
    shop.api.faults = NoFaults()
    again = shop.json_command("retry", "all")
    assert (again.exit_status, again.outcomes()) == (0, {"created": 5})
    assert again.file["amounts_minor"]["ZAR"]["created"] == 3125
    assert amounts(shop) == {"B-1": 1875, "B-2": 750, "B-3": 500}


PEN_AND_INK = ("C-1,A-1,B 1,10.00,pen", "C-1,A-1,B 1,20.00,ink", "C-2,A-2,B-2,5x,pad")


def rejects_of(shop: Merchant, *rows: str) -> list[Row]:
    return shop.rejects(shop.load(shop.write(NAME, file(*rows))))


def mended(shop: Merchant, name: str, rows: list[Row], **values: str) -> Said:
    return shop.load(shop.write(name, written([row | values for row in rows])))


def test_lines_that_a_correction_loaded_are_not_loaded_again_in_another_order(shop: Merchant) -> None:
    lines = rejects_of(shop, *PEN_AND_INK)[:2]
    assert mended(shop, "one.csv", lines, bill_reference="B-1").outcomes() == {"created": 2}
    again = mended(shop, "two.csv", lines[::-1], bill_reference="B-1x")
    assert (again.outcomes(), again.file["codes"]) == ({"conflict": 2}, {"correction.repeated": 2})
    same = mended(shop, "three.csv", lines[::-1], bill_reference="B-1")
    assert (same.outcomes(), dict(same.requests)) == ({"unchanged": 2}, {})
    assert amounts(shop) == {"B-1": 3000}


def test_a_bill_one_of_whose_lines_stands_twice_for_one_of_the_original_is_not_sent(shop: Merchant) -> None:
    pen, ink, _ = rejects_of(shop, *PEN_AND_INK)
    said = mended(shop, "one.csv", [pen, ink, pen | {"item": "pen 2"}], bill_reference="B-1")
    assert (said.outcomes(), said.file["codes"]) == ({"conflict": 3}, {"correction.repeated": 3})
    assert not amounts(shop)
    assert mended(shop, "two.csv", [pen, ink], bill_reference="B-1").outcomes() == {"created": 2}
    assert amounts(shop) == {"B-1": 3000}


def test_a_bill_that_is_joined_by_a_line_loaded_before_is_not_sent(shop: Merchant) -> None:
    pen, ink, pad = rejects_of(shop, *PEN_AND_INK)
    pad |= {"amount_due": "5.00"}
    assert mended(shop, "one.csv", [pad]).outcomes() == {"created": 1}
    moved = pad | {"customer_reference": "C-1", "account_reference": "A-1"}
    said = mended(shop, "two.csv", [pen, ink, moved], bill_reference="B-1")
    assert (said.outcomes(), said.file["codes"]) == ({"conflict": 3}, {"correction.repeated": 3})
    assert amounts(shop) == {"B-2": 500}
    assert mended(shop, "three.csv", [pen, ink], bill_reference="B-1").outcomes() == {"created": 2}
