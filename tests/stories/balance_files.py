"""Balance files of the stories, day by day, and copies of the ledger."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

from pipeline.cli import run_command
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


def backed_up(merchant: Merchant) -> Path:
    copy = merchant.folder / "copy.sqlite"
    assert run_command(["backup", str(copy), "--config", str(config(merchant))]) == 0
    return copy


def copied_file(merchant: Merchant) -> Path:
    """The ledger as `cp` copies it while nothing runs."""
    return Path(shutil.copy(merchant.folder / "var" / "ledger.sqlite", merchant.folder / "copy.sqlite"))


def restore(merchant: Merchant, copy: Path) -> None:
    merchant.lose_ledger()
    shutil.copy(copy, merchant.folder / "var" / "ledger.sqlite")


def mended(merchant: Merchant, rows: list[dict[str, str]], name: str, **changes: str) -> Said:
    """Load rejects with changes made to them."""
    return merchant.load(mended_file(merchant, rows, name, **changes))


def mended_file(merchant: Merchant, rows: list[dict[str, str]], name: str, **changes: str) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(row | changes for row in rows)
    return merchant.write(name, text.getvalue())
