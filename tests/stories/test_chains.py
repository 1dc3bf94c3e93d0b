"""An original, its corrections and theirs are one chain: every record counts once, and what is closed is green."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.counted import Counted
from tests.stories.merchant import Json, Merchant, Row, Said
from tests.stories.test_corrected_rejects import written

NAME = "x_bills_2030-01-01.csv"
HEADER = (
    "customer_reference,customer_name,customer_email,account_reference,bill_reference,currency,amount_due\n"
)
ORIGINAL = (
    HEADER
    + """\
C-1,Good,,A-1,B-1,ZAR,10.00
C-2,Bad e-mail,john@,A-2,B-2,ZAR,20.00
C-3,Slash,,A/3,B-3,ZAR,30.01
C-4,No amount,,A-4,B-4,ZAR,forty
C-5,No currency,,A-5,B-5,XXY,50.00
C-6,Dollars,,A/6,B-6,USD,60.00
"""
)
RIGHT = {
    "B-2": {"customer_email": "john@example.com"},
    "B-3": {"account_reference": "A-3"},
    "B-4": {"amount_due": "40.00"},
    "B-5": {"currency": "ZAR"},
    "B-6": {"account_reference": "A-6"},
}


@pytest.fixture
def world(merchant: Merchant) -> Merchant:
    """Whose bills say their currency."""
    (bills,) = [each for each in merchant.settings["feeds"] if each["name"] == "bills"]
    del bills["currency"]
    return merchant


def load_original(merchant: Merchant) -> Said:
    return merchant.load(merchant.write(NAME, ORIGINAL))


def corrected(rows: list[Row], *bills: str) -> str:
    """Some rejects, corrected; the others stay as they are."""
    return written(
        [row | (RIGHT[row["bill_reference"]] if row["bill_reference"] in bills else {}) for row in rows]
    )


def correct(merchant: Merchant, said: Said, *bills: str, name: str = "mended.csv") -> Said:
    return merchant.load(merchant.write(name, corrected(merchant.rejects(said), *bills)))


def chains_of(merchant: Merchant) -> list[Chain]:
    """Every chain, as the ledger has it; the same whether each is asked for alone or with all."""
    with closing(merchant.opened_ledger()) as ledger:
        chains = Chains(ledger).all()
        assert [Chains(ledger).of(chain.original.id) for chain in chains] == chains
        return chains


def chain_of(merchant: Merchant) -> Chain:
    """The only chain."""
    (chain,) = chains_of(merchant)
    return chain


def summary_of(merchant: Merchant, said: Said) -> Json:
    """summary.json as it stands now."""
    found: Json = json.loads((merchant.report(said.file) / "summary.json").read_text())
    return found


def money(counted: Counted) -> tuple[int, dict[str, int], int]:
    return counted.records, dict(counted.amounts_minor), counted.unreadable


def test_what_is_open_is_told_in_records_and_in_money(world: Merchant) -> None:
    load_original(world)
    chain = chain_of(world)
    assert money(chain.open) == (5, {"USD": 6000, "ZAR": 5001}, 2)
    assert money(chain.total) == (6, {"USD": 6000, "ZAR": 6001}, 2)
    assert chain.corrections == ()
    assert not chain.is_closed


def test_a_chain_of_three_links_closes_one_record_after_another(world: Merchant) -> None:
    first = load_original(world)
    second = correct(world, first, "B-2", "B-4")
    chain = chain_of(world)
    assert {name: money(each) for name, each in chain.by_outcome.items()} == {
        "created": (3, {"ZAR": 7000}, 0),
        "rejected": (3, {"USD": 6000, "ZAR": 3001}, 1),
    }
    assert money(chain.open) == (3, {"USD": 6000, "ZAR": 3001}, 1)
    third = correct(world, second, "B-3", "B-5", name="mended-again.csv")
    chain = chain_of(world)
    assert money(chain.open) == (1, {"USD": 6000}, 0)
    assert [row.name for row in chain.corrections] == ["mended.csv", "mended-again.csv"]
    assert [money(chain.closed_by(row)) for row in chain.corrections] == [
        (2, {"ZAR": 6000}, 0),
        (2, {"ZAR": 8001}, 0),
    ]
    assert not chain.is_closed
    assert third.outcomes() == {"created": 2, "rejected": 1}
    correct(world, third, "B-6", name="mended-at-last.csv")
    chain = chain_of(world)
    assert money(chain.open) == (0, {}, 0)
    assert money(chain.by_outcome["created"]) == money(chain.total) == (6, {"USD": 6000, "ZAR": 15001}, 0)
    assert chain.is_closed
    held = world.held("bills").values()
    assert sum(bill["amount_due"] for bill in held if bill["currency"] == "ZAR") == 15001


def test_a_conflict_says_what_differs_in_results_page_and_json(world: Merchant) -> None:
    account = {"external_reference": "A-1", "customer": {"external_reference": "C-1"}}
    there = {"currency": "ZAR", "amount_due": 1_234_567, "due_date": "2030-01-31", "account": account}
    world.post("bills", {"external_reference": "B-1", **there})
    said = load_original(world)
    what = "amount_due (ZAR 10.00 in the file, ZAR 12 345.67 at the API)"
    (conflict,) = said.file["conflicts"]
    assert (conflict["line"], conflict["codes"]) == (2, ["bill_reference.differs"])
    assert what in conflict["message"]
    assert what in world.results(said)[0]["message"]
    assert what in (world.report(said.file) / "report.html").read_text()
    assert money(chain_of(world).open)[0] == 6, "a conflict is open, too"


def test_the_overview_shows_what_is_still_to_correct_and_closed_chains_in_green(world: Merchant) -> None:
    def row(name: str) -> str:
        page = (world.work_dir / "reports" / "index.html").read_text()
        return next(
            line for line in page.splitlines() if line.startswith("<tr data-state") and f">{name}<" in line
        )

    first = load_original(world)
    assert 'class="tag attention"' in row(NAME)
    second = correct(world, first, "B-2", "B-3")
    assert 'data-label="Still to correct">3<' in row(NAME)
    assert f"corrects {NAME}" in row("mended.csv")
    assert 'data-label="Still to correct">0<' in row("mended.csv"), "counted once"
    correct(world, second, "B-4", "B-5", "B-6", name="mended-again.csv")
    assert 'class="tag good"' in row(NAME)
    page = (world.report(first.file) / "report.html").read_text()
    assert 'class="verdict good"' in page
    assert f'href="../{world.report(second.file).name}/report.html"' in page
