"""The audit that every fault test ends with: what the files say against what the API holds, the ledger and the reports.

Independent of the pipeline: csv, json, sqlite3 and decimal only.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.files import KIND, BillFile, Line

Json = dict[str, Any]
Row = dict[str, str]

KINDS = ("customers", "accounts", "bills")
LOADED = frozenset({"created", "updated", "unchanged"})
FAILED = frozenset({"refused", "conflict"})
ENTITY = {"customer": "customers", "account": "accounts", "bill": "bills"}

Ask = Callable[[str], list[tuple[Any, ...]]]


def audit(
    given: Iterable[BillFile],
    state: Json,
    work_dir: Path,
    ask: Ask,
    *,
    may_end_in: Collection[str] = (),
    paid: Mapping[str, int] | None = None,
) -> list[str]:
    """Everything that is wrong, in words; nothing when all is well.

    Files come in the order they were given, so of balances the last one counts. `may_end_in` are outcomes other than
    a loaded one that rows may have: `refused` and `conflict`. `paid` says what was paid by reference since a balance
    was set; a payment may not be lost.
    """
    books = _Books(state)
    problems = list(books.doubles())
    reports = [_Report.of(file, work_dir) for file in given]
    for report in reports:
        problems += report.problems(books, ask, frozenset(may_end_in))
    problems += _against_state(reports, books, paid or {})
    problems += _created_twice(reports)
    problems += _ledger(ask, books)
    return problems


class _Books:
    """The API's state by kind and reference, and by id."""

    def __init__(self, state: Json) -> None:
        self.held: dict[str, dict[str, list[Json]]] = {kind: defaultdict(list) for kind in KINDS}
        self.by_id: dict[str, Json] = {}
        for kind in KINDS:
            for entity in state[kind]:
                self.held[kind][entity["external_reference"]].append(entity)
                self.by_id[entity["id"]] = entity

    def doubles(self) -> Iterator[str]:
        for kind in KINDS:
            for reference, entities in self.held[kind].items():
                if len(entities) > 1:
                    yield f"double: {len(entities)} {kind} are called {reference}"

    def one(self, kind: str, reference: str) -> Json | None:
        return next(iter(self.held[kind].get(reference, [])), None)


@dataclass(frozen=True)
class _Report:
    """A file with its reports."""

    file: BillFile
    lines: list[Line]
    rows: list[Row]
    summary: Json

    @classmethod
    def of(cls, file: BillFile, work_dir: Path) -> _Report:
        digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
        folder = work_dir / "reports" / f"{file.name}.{digest[:8]}"
        with (folder / "results.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        return cls(file, list(file.lines()), rows, json.loads((folder / "summary.json").read_text()))

    def problems(self, books: _Books, ask: Ask, may_end_in: frozenset[str]) -> Iterator[str]:
        yield from self._rows_of_lines()
        yield from self._outcomes(may_end_in)
        yield from self._ids(books)
        yield from self._balance()
        yield from self._as_in_ledger(ask)

    def _rows_of_lines(self) -> Iterator[str]:
        if len(self.rows) != len(self.lines):
            yield f"results: {len(self.rows)} rows for {len(self.lines)} records of {self.file.name}"
            return
        for number, (line, row) in enumerate(zip(self.lines, self.rows, strict=True), start=1):
            said = (row["record"], row["currency"], row["amount_minor"], row["customer_reference"])
            if said != (str(number), line.currency, str(line.amount_minor), line.customer):
                yield f"results: row {number} of {self.file.name} is not what its record says"

    def _outcomes(self, may_end_in: frozenset[str]) -> Iterator[str]:
        for row in self.rows:
            if row["outcome"] not in LOADED | may_end_in:
                yield f"lost: record {row['record']} of {self.file.name} is {row['outcome']} ({row['codes']})"

    def _ids(self, books: _Books) -> Iterator[str]:
        for line, row in zip(self.lines, self.rows, strict=False):
            if row["outcome"] not in LOADED:
                continue
            wanted = {"customer_id": line.customer, "account_id": line.account}
            if self.file.model == "bill":
                wanted["bill_id"] = line.reference
            for name, reference in wanted.items():
                entity = books.by_id.get(row[name])
                found = entity["external_reference"] if entity else None
                if found != reference:
                    record = f"record {row['record']} of {self.file.name}"
                    yield f"ids: {name} of {record} belongs to {found}, not {reference}"

    def _balance(self) -> Iterator[str]:
        """Law 1, from the file itself."""
        records = dict(self.summary["records"])
        counted = Counter(row["outcome"] for row in self.rows)
        if records.pop("total") != len(self.lines) or +Counter(records) != counted:
            yield f"law 1: the records of {self.file.name} do not balance"
        for currency, amounts in self.summary["amounts_minor"].items():
            parts = dict(amounts)
            total = sum(line.amount_minor for line in self.lines if line.currency == currency)
            by_outcome: Counter[str] = Counter()
            for row in self.rows:
                if row["currency"] == currency:
                    by_outcome[row["outcome"]] += int(row["amount_minor"])
            del parts["total"]
            if amounts["total"] != total or any(
                by_outcome[outcome] != parts.get(outcome) for outcome in parts | by_outcome
            ):
                yield f"law 1: {currency} of {self.file.name} does not balance"
        if {line.currency for line in self.lines} != set(self.summary["amounts_minor"]):
            yield f"law 1: {self.file.name} has other currencies than its summary"

    def _as_in_ledger(self, ask: Ask) -> Iterator[str]:
        columns = ("record", "outcome", "customer_id", "account_id", "bill_id", "attempts")
        known = ask(
            f"SELECT {', '.join(f'o.{column}' for column in columns)} FROM outcomes o JOIN files f"  # noqa: S608
            f" ON f.id = o.file_id WHERE f.sha256 = '{self.summary['file']['sha256']}' ORDER BY record",
        )
        told = [tuple(row[column] for column in columns) for row in self.rows]
        if [tuple("" if value is None else str(value) for value in row) for row in known] != told:
            yield f"ledger: its outcomes of {self.file.name} are not those of results.csv"


def _against_state(reports: list[_Report], books: _Books, paid: Mapping[str, int]) -> Iterator[str]:
    """None missing, none too many; amounts to the cent; owners right."""
    wanted: dict[str, dict[str, Line]] = {kind: {} for kind in KINDS}
    owners: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for report in reports:
        leaf = KIND[report.file.model]
        for line, row in zip(report.lines, report.rows, strict=False):
            owners["customers"].add(line.customer)
            if line.account:
                owners["accounts"].add(line.account)
            if row["outcome"] in LOADED or (row["codes"] == "balance.moved" and line.reference in paid):
                wanted[leaf][line.reference] = line
            elif row["outcome"] == "refused" and leaf == "bills" and books.one("bills", line.reference):
                yield f"state: {line.reference} is told refused, and the API holds it"
    for kind in KINDS:
        for reference, line in wanted[kind].items():
            yield from _one(kind, line, books.one(kind, reference), paid)
        for reference in books.held[kind]:
            if reference not in wanted[kind] and reference not in owners[kind]:
                yield f"state: nobody asked for {reference} of the {kind}"


def _one(kind: str, line: Line, entity: Json | None, paid: Mapping[str, int]) -> Iterator[str]:
    if entity is None:
        yield f"missing: {line.reference} of the {kind}"
        return
    amount = entity["amount_due"] if kind == "bills" else entity.get("balance")
    due = line.amount_minor - (paid.get(line.reference, 0) if kind != "bills" else 0)
    if (amount, entity["currency"]) != (due, line.currency):
        yield f"amount: {line.reference} of the {kind} is {amount}, not {due}"
    if kind == "bills" and line.bill_date and entity["bill_date"] != line.bill_date:
        yield f"date: {line.reference} of the {kind}"
    if kind != "customers" and entity["customer_reference"] != line.customer:
        yield f"owner: {line.reference} of the {kind} is not {line.customer}'s"
    if kind == "bills" and entity.get("account_reference") != line.account:
        yield f"owner: {line.reference} of the {kind} is not on {line.account}"


def _created_twice(reports: list[_Report]) -> Iterator[str]:
    created = Counter(
        (report.file.model, line.reference)
        for report in reports
        for line, row in zip(report.lines, report.rows, strict=False)
        if row["outcome"] == "created"
    )
    for (_, reference), count in created.items():
        if count > 1:
            yield f"created: {reference} is told created {count} times"


def _ledger(ask: Ask, books: _Books) -> Iterator[str]:
    for kind, reference in ask("SELECT kind, reference FROM intents"):
        yield f"ledger: the intent of {kind} {reference} is open"
    for name, state in ask("SELECT name, state FROM files"):
        if state not in {"loaded", "loaded_with_rejects"}:
            yield f"ledger: {name} is {state}"
    for kind, reference, id_ in ask("SELECT kind, reference, id FROM entities"):
        entity = books.by_id.get(id_)
        if entity is None or entity["external_reference"] != reference:
            yield f"ledger: the id of {kind} {reference} is not the API's"
