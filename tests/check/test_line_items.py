"""Lines of one bill are added up to the cent, or the whole bill is rejected; a plain Python oracle is the judge."""
# ruff: noqa: E501 (rows and what is said of them read best side by side)

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.mapping.feed_validation import feed_problems
from pipeline.core.outcomes import Outcome
from pipeline.core.rules import line_items
from pipeline.run.validate import first_requests
from tests.check.landing import checked, codes, feed, land, records, verdicts
from tests.seeds import cases, drawn

FILES = cases(16, soak=1_000)
HEADER = "customer_reference,bill_reference,currency,amount_due,customer_name,due_date,item"
FACTS: dict[str, Any] = {"line_items": "sum", "date_formats": ["%d/%m/%Y"], "max_reject_ratio": 1.0}
BOTH: dict[str, Any] = FACTS | {"line_items": {"sum": True, "identical": "sum"}}


def lines(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def sent(file: Any) -> dict[str, int]:
    """What would be sent: bill reference → amount."""
    bodies = [request["body"] for request in first_requests(file, 10_000)]
    amounts = {body["external_reference"]: body["amount_due"] for body in bodies}
    assert len(amounts) == len(bodies)
    return amounts


def test_the_lines_of_a_bill_are_one_bill_over_their_sum_wherever_they_stand(tmp_path: Path) -> None:
    rows = ["C-1,B-1,ZAR,10.00,Ann,,pen", "C-2,B-2,ZAR,5.00,,,ink", "C-1,B-1,ZAR,-2.50,Ann,,discount"]
    rows += ["C-1,B-1,ZAR,0.00,Ann,,free", "C-3,B-3,ZAR,0.01,,,pin"]
    file = checked(tmp_path, lines(*rows), **FACTS)
    assert verdicts(file) == ["accepted", "accepted", "line", "line", "accepted"]
    assert [record["duplicate_of"] for record in records(file)] == [None, None, 1, 1, None]
    assert sent(file) == {"B-1": 750, "B-2": 500, "B-3": 1}
    assert file.totals.amounts_minor["ZAR"] == {Outcome.NOT_ATTEMPTED: 1251}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["C-1,B-1,ZAR,1.00,,,a", "C-1,B-1,ZAR,1.00,,,a"], [["line_items.identical"]] * 2),
        (["C-1,B-1,ZAR,1.00,,,a", "C-1,B-1,ZAR,1.00,,,b"], [[], []]),
        (["C-1,B-1,ZAR,1.00,,,a", "C-2,B-1,ZAR,1.00,,,b"], [["line_items.differ"]] * 2),
        (["C-1,B-1,ZAR,1.00,,,a", "C-1,B-1,USD,1.00,,,b"], [["line_items.differ"]] * 2),
        (["C-1,B-1,ZAR,1.00,Ann,,a", "C-1,B-1,ZAR,1.00,,,b"], [["line_items.differ"]] * 2),
        (["C-1,B-1,ZAR,1.00,,1/2/2026,a", "C-1,B-1,ZAR,1.00,,01/02/2026,b"], [[], []]),
        (["C-1,B-1,ZAR,1.00,,1/2/2026,a", "C-1,B-1,ZAR,1.00,,2/2/2026,b"], [["line_items.differ"]] * 2),
        (["C-1,B-1,ZAR,ten,,,a", "C-1,B-1,ZAR,1.00,,,b"], [["amount_due.format"], ["line_items.other_line"]]),
        (["C-1,B-1,ZAR,999999.99,,,a", "C-1,B-1,ZAR,0.01,,,b"], [["amount_due.out_of_range"]] * 2),
        (["C-1,B-1,ZAR,5.00,,,a", "C-1,B-1,ZAR,-5.00,,,b"], [["amount_due.nothing_due"]] * 2),
        (["C-1,B-1,ZAR,5.00,,,a", "C-1,B-1,ZAR,-5.01,,,b"], [["amount_due.credit_note"]] * 2),
        (["C-1,B-1,ZAR,0.00,,,a", "C-2,B-2,ZAR,1000000.00,,,b"], [["amount_due.nothing_due"], ["amount_due.out_of_range"]]),
        (["C-1,B-1,ZAR,-0.01,,,a", "C-2,B-2,ZAR,0.00,,,b"], [["amount_due.credit_note"], ["amount_due.nothing_due"]]),
        (["C-1,B-1,ZAR,5000000.00,,,a", "C-1,B-1,ZAR,-4999999.00,,,b"], [[], []]),
        (["C-1,B-1,ZAR,1.00,,,a"] * 2 + ["C-1,B-1,ZAR,x,,,b"], [["line_items.identical"]] * 2 + [["amount_due.format", "line_items.identical"]]),
    ],
)  # fmt: skip
def test_one_bad_line_rejects_its_whole_bill(
    tmp_path: Path, rows: list[str], expected: list[list[str]]
) -> None:
    file = checked(tmp_path, lines(*rows, "C-9,B-9,ZAR,9.00,,,z"), **FACTS)
    assert codes(file) == [*expected, []]
    assert sent(file)["B-9"] == 900


ALIKE = {
    "customer_reference": "C-1",
    "customer_name": "Ann",
    "customer_email": "a@b.co",
    "customer_phone": "+27821234567",
    "customer_metadata.k": "x",
    "account_reference": "A-1",
    "account_name": "House",
    "account_metadata.k": "x",
    "currency": "ZAR",
    "bill_date": "01/01/2026",
    "due_date": "01/02/2026",
    "metadata.k": "x",
}
OTHERWISE = {"currency": "USD", "bill_date": "02/01/2026", "due_date": "02/02/2026"}
OTHERWISE |= {"customer_email": "b@b.co", "customer_phone": "+27821234568"}


@pytest.mark.parametrize("column", ALIKE)
def test_the_lines_of_a_bill_agree_in_every_column_that_is_mapped(tmp_path: Path, column: str) -> None:
    columns = [*ALIKE, "bill_reference", "amount_due"]
    one = [*ALIKE.values(), "B-1", "1.00"]
    two = [*(ALIKE | {column: OTHERWISE.get(column, "y")}).values(), "B-1", "2.00"]
    nothing = [*(ALIKE | {column: ""}).values(), "B-1", "2.00"]
    facts = FACTS | {"columns": dict(zip(columns, columns, strict=True))}
    for other in (two, nothing) if column not in ("customer_reference", "currency") else (two,):
        file = checked(tmp_path, "\n".join(",".join(row) for row in (columns, one, other)) + "\n", **facts)
        assert all("line_items.differ" in found for found in codes(file))
    file = checked(
        tmp_path, "\n".join(",".join(row) for row in (columns, one, [*one[:-1], "2.00"])) + "\n", **facts
    )
    assert sent(file) == {"B-1": 300}


def test_equal_lines_are_added_up_where_the_feed_says_so(tmp_path: Path) -> None:
    rows = ["C-1,B-1,ZAR,1.00,,,a"] * 3
    assert sent(checked(tmp_path, lines(*rows), **BOTH)) == {"B-1": 300}


def test_sums_are_exact_where_64_bits_would_wrap(tmp_path: Path) -> None:
    most = "9" * 18
    rows = [f"C-1,B-1,ZAR,{most},,,{n}" for n in range(19)] + [
        f"C-1,B-1,ZAR,-{most},,,x{n}" for n in range(19)
    ]
    facts = FACTS | {"amount": {"unit": "minor"}}
    assert sent(checked(tmp_path, lines(*rows, "C-1,B-1,ZAR,7,,,y"), **facts)) == {"B-1": 7}
    file = checked(tmp_path, lines(*rows[:19]), **facts)
    assert codes(file) == [["amount_due.out_of_range"]] * 19
    wrapped = [*rows[:18], f"C-1,B-1,ZAR,{2**64 + 500 - 18 * int(most)},,,z"]
    assert codes(checked(tmp_path, lines(*wrapped), **facts)) == [["amount_due.out_of_range"]] * 19


def test_only_bills_have_lines() -> None:
    assert feed_problems(feed(line_items="sum")) == []
    assert feed(line_items="sum") == feed(line_items={"sum": True})
    (problem,) = feed_problems(feed(line_items="sum", model="customer_balance"))
    assert problem.startswith("line_items: records of model customer_balance")


@dataclass(frozen=True)
class Line:
    customer: str
    bill: str
    currency: str
    amount: str
    name: str
    item: str

    def __str__(self) -> str:
        return f"{self.customer},{self.bill},{self.currency},{self.amount},{self.name},,{self.item}"

    @property
    def minor(self) -> int | None:
        whole, _, cents = self.amount.removeprefix("-").partition(".")
        if not whole.isdigit() or len(cents) != 2:
            return None
        return int(whole + cents) * (-1 if self.amount.startswith("-") else 1)


def random_lines(chance: random.Random) -> list[Line]:
    made = []
    for _ in range(chance.randrange(1, 60)):
        bill = chance.randrange(25)
        amount = f"{chance.randrange(10 ** chance.randrange(1, 7))}.{chance.randrange(100):02}"
        amount = chance.choice([amount] * 9 + ["-" + amount, "0.00", "ten", ""])
        odd = chance.random() < 0.03
        made.append(
            Line(
                f"C-{bill + odd}",
                f"B-{bill}" if chance.random() > 0.02 else "",
                chance.choice(["ZAR"] * 30 + ["USD"]),
                amount,
                chance.choice(["Ann"] * 30 + ["Bo"]),
                f"item {chance.randrange(8)}",
            )
        )
    return made


def oracle(made: list[Line], *, identical: bool) -> tuple[dict[str, int], list[str]]:
    """What is sent, and the verdict of each line, by the rules as docs/files.md has them."""
    bills: dict[str, list[Line]] = defaultdict(list)
    for line in made:
        bills[line.bill].append(line)
    right: dict[str, int] = {}
    for bill, own in bills.items():
        amounts = [line.minor for line in own]
        if bill == "" or None in amounts or len({(one.customer, one.currency, one.name) for one in own}) > 1:
            continue
        total = sum(amount for amount in amounts if amount is not None)
        if 1 <= total <= 99_999_999 and (identical or len(set(own)) == len(own)):
            right[bill] = total
    seen: set[str] = set()
    told = []
    for line in made:
        told.append("rejected" if line.bill not in right else "line" if line.bill in seen else "accepted")
        seen.add(line.bill)
    return right, told


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("at_once", [5, 1_000_000])
def test_random_files_are_what_plain_python_says(
    tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_items, "LINES_AT_ONCE", at_once)
    chance = drawn()
    several = 0
    for number in range(FILES // 2):
        made = random_lines(chance)
        identical = chance.random() < 0.5
        file = checked(tmp_path, lines(*map(str, made)), **(BOTH if identical else FACTS))
        right, told = oracle(made, identical=identical)
        assert verdicts(file) == told, number
        assert sent(file) == right, number
        everything = sum(line.minor or 0 for line in made)
        assert sum(sum(by.values()) for by in file.totals.amounts_minor.values()) == everything
        assert file.totals.total_records == len(made)
        several += told.count("line")
    assert several > FILES


def test_lines_of_ndjson_are_the_same_lines_whatever_the_order_of_their_keys(tmp_path: Path) -> None:
    one = '{"customer_reference": "C-1", "bill_reference": "B-1", "currency": "ZAR", "amount_due": 1.25, "item": "a"}'
    two = '{"item": "a", "amount_due": 1.25, "customer_reference": "C-1", "bill_reference": "B-1", "currency": "ZAR"}'
    three = one.replace('"a"', '"b"')
    assert codes(checked(tmp_path, f"{one}\n{two}\n", **FACTS)) == [["line_items.identical"]] * 2
    assert sent(checked(tmp_path, f"{one}\n{three}\n", **FACTS)) == {"B-1": 250}


def test_two_references_that_become_one_bill_are_no_lines_of_it(tmp_path: Path) -> None:
    rows = ["C-1,B/1,ZAR,1.00,,,a", "C-1,B-1,ZAR,1.00,,,b"]
    file = checked(tmp_path, lines(*rows), reference_replace={"/": "-"}, **FACTS)
    assert verdicts(file) == ["rejected"] * 2
    assert land(tmp_path, lines(*rows)).feed.line_items is None
