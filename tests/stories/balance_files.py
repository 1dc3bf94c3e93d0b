"""Balance files of the stories, day by day, and copies of the ledger."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pipeline.cli import run_command
from pipeline.edge.ledger.place import LedgerPlace
from tests.stories.files import balances
from tests.stories.merchant import Merchant, Said

UNDATED = {
    "name": "undated",
    "match": "undated*.csv",
    "model": "customer_balance",
    "amount": {"unit": "major"},
}


def load(merchant: Merchant, day: str, *rows: str, words: tuple[str, ...] = (), prefix: str = "x") -> Said:
    """Load the balances of a day; each row is customer and balance."""
    given = balances(*(row.replace(",", ",ZAR,") for row in rows))
    return merchant.load(merchant.write(f"{prefix}_balances_{day}.csv", given), *words)


def held(merchant: Merchant, reference: str = "C-1") -> int:
    """What a customer owes, in cents."""
    return int(merchant.held("customers")[reference]["balance"])


def codes(merchant: Merchant, said: Said) -> str:
    return merchant.results(said)[0]["codes"]


def config(merchant: Merchant) -> Path:
    return merchant.folder / "config.yaml"


def backed_up(merchant: Merchant) -> LedgerPlace:
    """By the command; of PostgreSQL's own, which is marked as the documentation says."""
    copy = merchant.folder / "copy.sqlite"
    if not isinstance(merchant.ledger_place, Path):
        return merchant.copied_ledger(marked=True)
    assert run_command(["backup", str(copy), "--config", str(config(merchant))]) == 0
    return copy


def copied_file(merchant: Merchant) -> LedgerPlace:
    """The ledger as `cp` copies it while nothing runs."""
    return merchant.copied_ledger()


def restore(merchant: Merchant, copy: LedgerPlace) -> None:
    merchant.put_back(copy)


def mended(merchant: Merchant, rows: list[dict[str, str]], name: str, **changes: str) -> Said:
    """Load rejects with changes made to them."""
    return merchant.load(mended_file(merchant, rows, name, **changes))


def mended_file(merchant: Merchant, rows: list[dict[str, str]], name: str, **changes: str) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(row | changes for row in rows)
    return merchant.write(name, text.getvalue())
