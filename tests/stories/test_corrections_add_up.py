"""However often and however mangled rejects come back, and whenever it is killed: one bill a record, no cent more."""

from __future__ import annotations

import csv
import io
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.core.rules.correction_limits import FACTOR
from tests.check import workbooks
from tests.stories.killed_at_a_commit import KILLED, killed_at_a_commit
from tests.stories.merchant import Merchant, Row, Said

NAME = "x_bills_2030-01-01.csv"
HEADER = "customer_reference,customer_email,account_reference,bill_reference,amount_due,due_date,metadata.row"
"""`metadata.row` says of every bill for which record of the original it stands, whatever becomes of its references."""
RECORDS = 16
MOST_CENTS = 999_99
UNREADABLE = {str(number) for number in range(RECORDS) if number % 8 == 6}
"""Rows whose amount has a code: what they come back with is compared with what is usual alone."""
SOAK = bool(os.environ.get("SOAK"))
STEPS = 8 if SOAK else 4
SEEDS = range(60) if SOAK else (3,)


def original(rng: random.Random) -> tuple[str, dict[str, int]]:
    """A file and the cents of each row; three of four stay open: for an e-mail, a reference, an amount, or in conflict
    with what the API holds."""
    lines, cents_of = [HEADER], dict[str, int]()
    for number in range(RECORDS):
        cents = cents_of[str(number)] = rng.randint(100_00, MOST_CENTS)
        email = "john@" if number % 4 == 1 else "a@example.com"
        account = f"A/{number}" if number % 8 == 2 else f"00{number}"
        amount = f"{cents // 100}.{cents % 100:02}"
        amount = f"{amount}O" if str(number) in UNREADABLE else amount
        lines.append(f"00{number},{email},{account},{bill(number)},{amount},2030-01-31,{number}")
    return "\n".join([*lines, ""]), cents_of


def bill(number: int) -> str:
    return f"000{number}"


def in_conflict() -> list[str]:
    """References that the API holds already, with another amount."""
    return [bill(number) for number in range(RECORDS) if number % 4 == 3]


def right(row: Row) -> Row:
    """A row as it should have come; one in conflict under another reference."""
    taken = row["bill_reference"] in in_conflict()
    return row | {
        "customer_email": "a@example.com",
        "account_reference": row["account_reference"].replace("/", "-"),
        "amount_due": row["amount_due"].removesuffix("O"),
        "bill_reference": f"R-{row['metadata.row']}" if taken else row["bill_reference"],
    }


def mended(row: Row, rng: random.Random) -> Row:
    """A row as somebody brings it back: right, still wrong, changed on the way, or damaged by a spreadsheet."""
    good = right(row) | {"customer_email": rng.choice(["john@example.com", "ann@example.com"])}
    match rng.randrange(9):
        case 0:
            return row
        case 1:
            return {
                name: text.lstrip("0") if name.endswith("_reference") else text for name, text in good.items()
            }
        case 2:
            return good | {"bill_reference": f"N-{rng.randrange(1000)}"}
        case 3:
            return good | {"amount_due": str(Decimal(good["amount_due"]) * rng.choice([2, 100]))}
        case 4:
            return good | {"reject_record": rng.choice(["", "1", "99", row["reject_record"] + ".0"])}
        case _:
            return good


def saved(rows: list[Row], rng: random.Random) -> bytes:
    """As a spreadsheet may: any delimiter and encoding, quotes or none, columns in any order, empty ones behind; or as
    a workbook, with amounts as numbers where they are."""
    text = io.StringIO()
    names = list(rows[0])
    rng.shuffle(names)
    if rng.random() < 0.25:
        cells = [[_cell(row[name]) for name in names] for row in rows]
        header = workbooks.row(*map(workbooks.text, names))
        return workbooks.workbook(workbooks.sheet(header, *(workbooks.row(*each) for each in cells)))
    empty = [""] * rng.choice([0, 0, 3])
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    writer = csv.writer(text, delimiter=rng.choice(",;\t"), quoting=quoting)  # type: ignore[arg-type]
    writer.writerow([*names, *empty])
    writer.writerows([*(row[name] for name in names), *empty] for row in rows)
    return text.getvalue().encode(rng.choice(["utf-8", "utf-8-sig", "cp1252", "utf-16"]))


def _cell(value: str) -> str:
    is_amount = re.fullmatch(r"(0|[1-9][0-9]*)\.[0-9]{2}", value)
    return workbooks.number(value) if is_amount else workbooks.text(value)


def rejects(path: Path) -> list[Row]:
    """Rows of rejects, which are written as what they were rejected from."""
    content = path.read_bytes()
    text = content.decode("utf-16" if content[:2] == b"\xff\xfe" else "utf-8-sig")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    return [
        {name: value for name, value in row.items() if name}
        for row in csv.DictReader(io.StringIO(text), delimiter=delimiter)
    ]


@dataclass
class Office:
    """Somebody who brings rejects of one file back, and decides what is asked."""

    merchant: Merchant
    rng: random.Random
    cents_of: dict[str, int]
    pool: list[Row]
    accepted: dict[str, set[int]] = field(default_factory=dict)
    """Row of the original → other amounts that a person accepted for it."""
    killed: Counter[str] = field(default_factory=Counter)

    def bring_back(self, number: int) -> None:
        """Some rejects of one report, under any name, and what may happen then."""
        source = self.rng.choice(self.pool)["reject_source"]
        rows = [row for row in self.pool if row["reject_source"] == source and self.rng.random() < 0.7]
        if not rows:
            return
        self.rng.shuffle(rows)
        rows = [mended(row, self.rng) for row in rows]
        path = self.merchant.write(f"back-{number}", saved(rows, self.rng))
        words = self.rng.choice([(), (), ("--limit", "1")])
        if self.rng.random() < 0.8:
            self.kill(path, *words)
            self.check()
        said = self.merchant.load(path, *words)
        if said.state == "held" and self.rng.random() < 0.7:
            said = self.decide(path, rows) or said
        if "rejects.csv" in said.file["reports"]:
            self.pool += rejects(self.merchant.report(said.file) / "rejects.csv")
        self.check()

    def decide(self, path: Path, rows: list[Row]) -> Said | None:
        """Release a file that is held, changes and all, or refuse it."""
        if self.rng.random() < 0.3:
            self.merchant.refuse(path.name, "--why", "over")
            return None
        for row in rows:
            text = row["amount_due"]
            if not text.endswith("O"):
                amount = int(Decimal(text).scaleb(2))
                self.accepted.setdefault(row["metadata.row"], set()).add(amount)
        if self.rng.random() < 0.5:
            words = ("release", path.name, "--accept-changes", "--now")
            self.killed[str(self.killed_at(*words))] += 1
            return self.merchant.load(path)
        return self.merchant.release(path.name, "--accept-changes", "--now")

    def kill(self, path: Path, *words: str) -> None:
        """Load a file, and be killed at a transaction once or twice: of its claim, intents, outcomes or end."""
        for _ in range(self.rng.randint(1, 2)):
            self.killed[str(self.killed_at("load", str(path), *words))] += 1

    def killed_at(self, *words: str) -> int:
        number, when = self.rng.randint(1, 10), self.rng.choice(["before", "after"])
        config = str(self.merchant.folder / "config.yaml")
        return killed_at_a_commit(number, when, *words, "--config", config)

    def loaded(self) -> dict[str, int]:
        """Row of the original → cents of its bill."""
        found = dict[str, int]()
        for held in self.merchant.held("bills").values():
            if "row" in (held["metadata"] or {}):
                row = held["metadata"]["row"]
                assert row not in found, f"two bills for record {row}"
                found[row] = held["amount_due"]
        return found

    def check(self) -> None:
        """Each bill is that of its record, or what a person accepted, or usual where the amount was unreadable."""
        for row, cents in self.loaded().items():
            usual = row in UNREADABLE and cents <= FACTOR * MOST_CENTS
            assert usual or cents in {self.cents_of[row], *self.accepted.get(row, ())}, (
                f"another amount for {row}"
            )


@pytest.mark.timeout(900 if SOAK else 180)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_and_its_corrections_load_each_record_once_and_add_up(merchant: Merchant, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a test by seed)
    for reference in in_conflict():
        customer = {"external_reference": f"C-{reference}"}
        asked = {"external_reference": reference, "currency": "ZAR", "amount_due": 1, "customer": customer}
        merchant.post("bills", asked)
    text, cents_of = original(rng)
    first = merchant.load(merchant.write(NAME, text))
    assert first.outcomes() == {"created": 4, "rejected": 8, "conflict": 4}
    office = Office(merchant, rng, cents_of, merchant.rejects(first))
    for number in range(STEPS):
        office.bring_back(number)
    while waiting := [each["name"] for each in merchant.status()["files"] if each["state"] == "held"]:
        merchant.refuse(waiting[0], "--why", "over")
    merchant.run()
    open_rows = {row for row in cents_of if row not in office.loaded()}
    for row in merchant.rejects(first):  # whatever is open still is loaded now, and everything is there once
        path = merchant.write(f"last-{row['reject_record']}", saved([right(row)], rng))
        said = merchant.load(path)
        if said.state == "held":
            said = merchant.release(path.name, "--accept-changes", "--now")
        is_open = row["metadata.row"] in open_rows
        assert (said.outcomes().get("created", 0) == 1) == is_open, (row["metadata.row"], said.outcomes())
    loaded = office.loaded()
    assert set(loaded) == set(cents_of)
    office.check()
    assert all(loaded[row] == cents_of[row] for row in open_rows)
    unasked = [row for row in cents_of if row not in office.accepted and row not in UNREADABLE]
    assert sum(loaded[row] for row in unasked) == sum(cents_of[row] for row in unasked)
    assert office.killed[str(KILLED)], "the kills did not hit"
