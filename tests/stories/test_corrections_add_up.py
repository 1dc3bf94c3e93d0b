"""However often and however mangled rejects come back: one bill for each record, and no cent more."""

from __future__ import annotations

import csv
import io
import random
from decimal import Decimal

import pytest

from tests.stories.merchant import Merchant, Row, Said

NAME = "x_bills_2030-01-01.csv"
HEADER = "customer_reference,customer_email,account_reference,bill_reference,amount_due,due_date"
RECORDS = 12


def original(rng: random.Random) -> tuple[str, int]:
    """A file and the sum of its amounts in cents; every second record is to be rejected for its e-mail or reference."""
    lines, total = [HEADER], 0
    for number in range(RECORDS):
        cents = rng.randint(100, 999_999)
        total += cents
        email = rng.choice(["john@", "a@example.com"]) if number % 2 else "a@example.com"
        account = f"00{number}" if email == "john@" or not number % 2 else f"A/{number}"
        amount = f"{cents // 100}.{cents % 100:02}"
        lines.append(f"00{number},{email},{account},000{number},{amount},2030-01-31")
    return "\n".join([*lines, ""]), total


def mended(row: Row, rng: random.Random) -> Row:
    """A row as somebody brings it back: right, still wrong, changed on the way, or damaged by a spreadsheet."""
    right = row | {
        "customer_email": rng.choice(["john@example.com", "ann@example.com"]),
        "account_reference": row["account_reference"].replace("/", rng.choice("-_")),
    }
    match rng.randrange(8):
        case 0:
            return row
        case 1:
            return {
                name: text.lstrip("0") if name.endswith("_reference") else text
                for name, text in right.items()
            }
        case 2:
            return right | {"bill_reference": f"N-{rng.randrange(1000)}"}
        case 3:
            return right | {"amount_due": str(Decimal(row["amount_due"]) * 100)}
        case 4:
            return right | {"reject_record": rng.choice(["", "1", "99", row["reject_record"] + ".0"])}
        case _:
            return right


def written(rows: list[Row], rng: random.Random) -> str:
    text = io.StringIO()
    names = list(rows[0])
    rng.shuffle(names)
    writer = csv.DictWriter(text, names, delimiter=",")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def sum_of(merchant: Merchant) -> int:
    return sum(bill["amount_due"] for bill in merchant.held("bills").values())


def corrected(merchant: Merchant, pool: list[Row], rng: random.Random, number: int) -> Said | None:
    """Some rejects of one file, brought back under any name."""
    source = rng.choice(pool)["reject_source"]
    rows = [row for row in pool if row["reject_source"] == source and rng.random() < 0.7]
    if not rows:
        return None
    rng.shuffle(rows)
    path = merchant.write(f"back-{number}", written([mended(row, rng) for row in rows], rng))
    return merchant.load(path, *rng.choice([(), ("--limit", "1")]))


@pytest.mark.parametrize("seed", range(3))
def test_a_file_and_its_corrections_load_each_record_once_and_add_up(merchant: Merchant, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a test by seed)
    text, total = original(rng)
    first = merchant.load(merchant.write(NAME, text))
    pool = merchant.rejects(first)
    for number in range(10):
        said = corrected(merchant, pool, rng, number)
        if said is not None and "rejects.csv" in said.file["reports"]:
            pool += merchant.rejects(said)
        assert sum_of(merchant) <= total
        assert len(merchant.held("bills")) <= RECORDS
    for name in {each["file"]["name"] for each in merchant.run().files}:
        merchant.refuse(name, "--why", "over")
    merchant.run()
    for row in merchant.rejects(first):  # whatever is open still is loaded now, and everything is there once
        right = row | {
            "customer_email": "a@example.com",
            "account_reference": row["account_reference"].replace("/", "-"),
        }
        merchant.load(merchant.write(f"last-{row['reject_record']}", written([right], rng)))
    assert len(merchant.held("bills")) == RECORDS
    assert sum_of(merchant) == total
