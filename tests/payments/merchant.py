"""A merchant who loads bills and balances and gets payments: deliveries go straight into the inbox, as received."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.inbox.deliveries import WebhookDelivery, store_deliveries
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from tests.payments.kept_sums import assert_kept_sums_are_right
from tests.serve.running import payment_body
from tests.world import Json, Row, Said, World, feed, rows_of

BILLS = (
    "customer_reference,account_reference,bill_reference,amount_due\n"
    "C1,A1,B1,10.00\nC1,A1,B2,20.50\nC2,A2,B3,5.00\n"
)
BALANCES = "customer_reference,account_reference,balance\nC9,A9,100.00\n"
BOUND = {"merchant": "citypower", "environment": "test"}


@dataclass
class Merchant(World):
    """Commands run in this process."""

    def __post_init__(self) -> None:
        self.set_up(
            [
                feed("bills", "bill", "*_bills*.csv", currency="ZAR"),
                feed("balances", "account_balance", "*_balances*.csv", currency="ZAR"),
            ],
            folders=("drop", "archive"),
        )
        self.settings["payments"] = {"export": "each_run"}
        self.work_dir.mkdir(mode=0o700)

    def command(self, *words: str | Path) -> Said:
        """With the config as the settings are now."""
        self.write_config()
        said = super().command(*words)
        if inbox_path(self.work_dir).exists():
            with closing(open_inbox(inbox_path(self.work_dir), **BOUND)) as inbox:  # type: ignore[arg-type]
                assert_kept_sums_are_right(inbox)
        return said

    def load(self, text: str = BILLS, name: str = "may_bills.csv") -> None:
        path = self.folder / name
        path.write_text(text)
        assert self.command("load", path).exit_status == 0

    def ids(self, kind: str = "bills") -> dict[str, str]:
        """Reference → the API's id."""
        return {reference: entity["id"] for reference, entity in self.held(kind).items()}

    def receive(self, number: int, *, webhook_id: str | None = None, **data: Any) -> None:
        """A delivery that was acknowledged; `data` as of `payment_body`."""
        self.receive_body(payment_body(number, **data), webhook_id or f"msg_{number}")

    def receive_body(self, body: bytes, webhook_id: str) -> None:
        with closing(open_inbox(inbox_path(self.work_dir), **BOUND)) as inbox:  # type: ignore[arg-type]
            store_deliveries(inbox, [WebhookDelivery(webhook_id, 1, "webhook", body)], datetime.now(UTC))

    def listed(self, *words: str) -> list[Json]:
        said = self.command("payments", "list", "--json", *words)
        document = json.loads(said.stdout)
        payments: list[Json] = document["payments"]
        return payments

    def status(self) -> Json:
        document: Json = json.loads(self.command("payments", "status", "--json").stdout)
        return document

    def inbox(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(inbox_path(self.work_dir))) as connection:
            return connection.execute(sql).fetchall()

    def payments_files(self) -> list[Path]:
        return sorted((self.work_dir / "payments").glob("payments_*.csv"))

    def told(self) -> list[Row]:
        """Rows of all payments files, in order."""
        return [row for path in self.payments_files() for row in rows_of(path)]


def opened_ledger(work_dir: Path) -> Any:
    return closing(open_sqlite_ledger(work_dir / "ledger.sqlite", **BOUND))  # type: ignore[arg-type]


def fields_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))
