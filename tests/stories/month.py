"""A month of bill files, drawn by chance, and an oracle that adds it up from these files and the API alone.

Three feeds: bills in three currencies, balances of accounts, and bills of a feed whose files wait for a person, who
releases or refuses them. Some bills are corrected, some corrections are corrected; some are in conflict with what the
API holds, some are refused by it; some cannot be read at all. Some records are written off.
"""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import cycle
from pathlib import Path
from typing import Any

from pipeline.sandbox.faults import Scripted, status
from pipeline.sandbox.serve import SandboxApi
from tests.clocked import load_at
from tests.stories.merchant import Merchant
from tests.world import Json, Row, feed, rows_of

DECIMALS = {"ZAR": 2, "JPY": 0, "KWD": 3}
FEEDS = [
    feed("bills", "bill", "*_bills_{date:%Y-%m-%d}.csv"),
    feed("accounts", "account_balance", "*_accounts_{date:%Y-%m-%d}.csv"),
    feed("careful", "bill", "*_careful_{date:%Y-%m-%d}.csv", release="always"),
]
BILLS = (
    "customer_reference",
    "customer_email",
    "account_reference",
    "bill_reference",
    "currency",
    "amount_due",
    "due_date",
)
ACCOUNTS = ("customer_reference", "account_reference", "currency", "balance")
REFUSED, TAKEN = "REFUSED", "TAKEN"
"""In references: what the API refuses, and what it holds already with another amount."""
TIMES = 10
"""Days on which files land."""


def api_of_a_month() -> SandboxApi:
    """Refuses some bills for good."""
    named = f'"external_reference":"{REFUSED}'.encode()
    return SandboxApi(
        faults=Scripted({lambda request: request.method == "POST" and named in request.body: status(400)})
    )


@dataclass
class Month:
    """One merchant's November, as it is loaded file by file."""

    merchant: Merchant
    rng: random.Random
    originals: list[Path] = field(default_factory=list)
    corrections: list[Path] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Names of files that a person refused."""
    waiting: set[str] = field(default_factory=set)
    """Names of files that still wait for a person."""
    written_off: set[tuple[str, int]] = field(default_factory=set)
    """Names and records of originals."""
    _number: int = 0
    _words: Iterator[str] = field(default_factory=lambda: cycle(("refuse", "release", "wait", "release")))
    """In turn, so that every month has each of them."""

    def load(self, files: int) -> None:
        """Land and load so many originals over the month, with corrections in between."""
        self.merchant.settings["feeds"] = [dict(each) for each in FEEDS]
        self.merchant.settings["timezone"] = "Africa/Johannesburg"
        self.merchant.write_config()
        each_time = -(-files // TIMES)
        for time in range(TIMES):
            # 22:30 UTC is half past midnight of the next day in Johannesburg.
            now = datetime(2026, 11, 1 + 3 * time - (time == TIMES - 1), 22, 30, tzinfo=UTC)
            fresh = [self._original() for _ in range(min(each_time, files - len(self.originals)))]
            self.originals += fresh
            load_at(now, self.merchant.config, *fresh)
            self._decide(now, fresh)
            if time % 2:
                self._write_off()
                self._correct(now)

    def _original(self) -> Path:
        self._number += 1
        kind = self.rng.choices(("bills", "accounts", "careful"), (6, 2, 2))[0]
        name = f"n{self._number}_{kind}_2026-11-{self.rng.randint(1, 28):02}.csv"
        if kind == "accounts":
            rows = [self._account(number) for number in range(self.rng.randint(1, 6))]
            return self.merchant.write(name, _csv(ACCOUNTS, rows))
        rows = [self._bill(number) for number in range(self.rng.randint(1, 12))]
        if self.rng.random() < 0.3 and not is_broken(rows[0]):
            rows.append(rows[0])  # the same record again
        return self.merchant.write(name, _csv(BILLS, rows))

    def _amount(self, currency: str) -> str:
        digits = DECIMALS.get(currency, 2)
        return str(Decimal(self.rng.randint(1, 9_999_999)).scaleb(-digits))

    def _account(self, number: int) -> Row:
        currency = self.rng.choice(list(DECIMALS))
        sign = self.rng.choice(("", "", "-"))
        name = f"{self._number}-{number}"
        balance = "owing" if self.rng.random() < 0.1 else sign + self._amount(currency)
        return dict(zip(ACCOUNTS, (f"C-{name}", f"A-{name}", currency, balance), strict=True))

    def _bill(self, number: int) -> Row:
        name, currency = f"{self._number}-{number}", self.rng.choice(list(DECIMALS))
        row = dict(
            zip(
                BILLS,
                (f"C-{name}", "", f"A-{name}", f"B-{name}", currency, self._amount(currency), "2026-12-01"),
                strict=True,
            )
        )
        match self.rng.randint(0, 11):
            case 0:
                row["customer_email"] = "john@"
            case 1:
                row["amount_due"] = "forty"
            case 2:
                row["currency"] = "XXY"
            case 3:
                row["bill_reference"] = f"{REFUSED}-{name}"
            case 4:
                row["bill_reference"] = f"{TAKEN}-{name}"
                self.merchant.post(
                    "bills",
                    {
                        "external_reference": row["bill_reference"],
                        "currency": "ZAR",
                        "amount_due": 1,
                        "customer": {"external_reference": f"T-{name}"},
                    },
                )
        return row

    def _decide(self, now: datetime, files: list[Path]) -> None:
        """Files that are held are released, refused, or left waiting."""
        held = [path for path in files if "_careful_" in path.name]
        for path in held:
            word = next(self._words)
            if word == "release":
                self.merchant.release(path.name)
            elif word == "refuse":
                self.merchant.refuse(path.name, "--why", "not ours")
                self.refused.add(path.name)
            else:
                self.waiting.add(path.name)
        if held:
            load_at(now, self.merchant.config, *held)

    def _write_off(self) -> None:
        """A record of some file will never come. A person may try that with one that is corrected, too."""
        rejects = [path for path in self._rejects() if not path.parent.name.startswith("mended-")]
        path = self.rng.choice(rejects)
        name, number = path.parent.name.rpartition(".")[0], self.rng.choice(rows_of(path))["reject_record"]
        if self.merchant.command("write-off", name, "--records", number, "--why", "gone").exit_status == 0:
            self.written_off.add((name, int(number)))

    def _rejects(self) -> list[Path]:
        return sorted((self.merchant.work_dir / "reports").glob("*/rejects.csv"))

    def _correct(self, now: datetime) -> None:
        """Some rejects are corrected; what stays wrong may be corrected the next time."""
        fresh: list[Path] = []
        for rejects in self._rejects():
            if self.rng.random() < 0.7:
                continue
            rows = rows_of(rejects)
            for row in rows:
                if self.rng.random() < 0.7:
                    self._mend(row)
            name = f"mended-{len(self.corrections) + len(fresh)}.csv"
            fresh.append(self.merchant.write(name, _csv(list(rows[0]), rows)))
        self.corrections += fresh
        if fresh:
            load_at(now, self.merchant.config, *fresh)

    def _mend(self, row: Row) -> None:
        if "balance" in row:
            row["balance"] = self._amount(row["currency"])
            return
        row["customer_email"] = ""
        if row["amount_due"] == "forty":
            row["amount_due"] = self._amount(row["currency"])
        if row["currency"] == "XXY":
            row["currency"] = "ZAR"


def _csv(columns: Any, rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


# -- the oracle --

Money = dict[str, tuple[int, int, int]]
"""Currency → records, minor units, records whose amount is unknown."""


@dataclass
class Reckoned:
    """What a month must add up to."""

    total: Money
    loaded: Money
    left: Money
    """Neither loaded nor the same record again."""
    open: Money
    """Those of them that somebody has to correct."""
    open_by_file: dict[str, int]
    """Name of an original → how many of its records that are."""
    written_off: Money
    ids: dict[str, str]
    """Reference of each loaded bill → its id."""


def reckon(month: Month) -> Reckoned:
    """From the bytes of the input files and what the API holds: nothing of what Billferry says."""
    total, loaded, left, still, written_off = (
        defaultdict[str, tuple[int, int, int]](lambda: (0, 0, 0)) for _ in range(5)
    )
    open_by_file: dict[str, int] = defaultdict(int)
    ids: dict[str, str] = {}
    held = month.merchant.api.snapshot()
    bills = {bill["external_reference"]: bill for bill in held["bills"]}
    accounts = {account["external_reference"]: account for account in held["accounts"]}
    corrected = _corrected(month)
    for path in month.originals:
        seen: set[tuple[str, ...]] = set()
        for number, row in enumerate(rows_of(path), start=1):
            again = tuple(row.values()) in seen
            seen.add(tuple(row.values()))
            found = next(
                (
                    each
                    for each in (row, *corrected.get((path.name, number), ()))
                    if _is_held(each, bills, accounts)
                ),
                None,
            )
            currency, minor = _money(found or row)
            one = (1, minor or 0, int(minor is None))
            _add(total, currency, one)
            if not again and found is not None:
                _add(loaded, currency, one)
                if "bill_reference" in found:
                    ids[found["bill_reference"]] = bills[found["bill_reference"]]["id"]
            elif not again:
                _add(left, currency, one)
                if (path.name, number) in month.written_off:
                    _add(written_off, currency, one)
                elif path.name not in month.refused and (path.name not in month.waiting or is_broken(row)):
                    _add(still, currency, one)
                    open_by_file[path.name] += 1
    return Reckoned(
        dict(total),
        dict(loaded),
        dict(left),
        dict(still),
        dict(sorted(open_by_file.items())),
        dict(written_off),
        ids,
    )


def is_broken(row: Row) -> bool:
    """Whether a row breaks a rule by itself."""
    currency, minor = _money(row)
    return minor is None or currency == "?" or row.get("customer_email") == "john@"


def _corrected(month: Month) -> dict[tuple[str, int], list[Row]]:
    """Name and record of an original → rows that were sent to stand for it."""
    found: dict[tuple[str, int], list[Row]] = defaultdict(list)
    source_of: dict[str, str] = {}
    for path in month.corrections:
        for row in rows_of(path):
            source = row["reject_source"].rsplit(".", 1)[0]
            source_of[path.name] = source
            while source in source_of:
                source = source_of[source]
            found[source, int(row["reject_record"])].append(row)
    return found


def _money(row: Row) -> tuple[str, int | None]:
    """Currency, or "?"; minor units, or None where there is no such amount."""
    currency = row["currency"] if row["currency"] in DECIMALS else "?"
    try:
        amount = Decimal(row.get("amount_due") or row["balance"]).scaleb(DECIMALS[currency])
    except (InvalidOperation, KeyError):
        return currency, None
    return currency, int(amount) if amount == int(amount) else None


def _is_held(row: Row, bills: dict[str, Json], accounts: dict[str, Json]) -> bool:
    """Whether the API holds what a row says."""
    currency, minor = _money(row)
    if "balance" in row:
        account = accounts.get(row["account_reference"])
        return account is not None and (account.get("currency"), account.get("balance")) == (currency, minor)
    bill = bills.get(row["bill_reference"])
    return bill is not None and (bill["currency"], bill["amount_due"]) == (currency, minor)


def _add(sums: defaultdict[str, tuple[int, int, int]], currency: str, one: tuple[int, int, int]) -> None:
    before = sums[currency]
    sums[currency] = (before[0] + one[0], before[1] + one[1], before[2] + one[2])


def outcomes_in(totals: Json, *names: str) -> Money:
    """The sum of some outcomes (or `total`, `open`) of `totals --json`, without currencies that have none."""
    found: Money = {}
    for each in totals["currencies"]:
        named = each["outcomes"] | {name: each[name] for name in ("total", "open", "written_off")}
        parts = [named[name] for name in names if name in named]
        records, minor, unknown = (
            sum(part[key] for part in parts) for key in ("records", "amount_minor", "amount_unreadable")
        )
        if records:
            found[each["currency"]] = (records, minor, unknown)
    return found
