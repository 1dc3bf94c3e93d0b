"""The page on Python: its blocks are run one after another, and print what is shown."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.desk import Desk, desk
from tests.docs.blocks import fences
from tests.docs.conftest import ROOT

__all__ = ["desk"]

NAME = "za_citypower_bills_2026-12-01.csv"
BILLS = """customer_reference,account_reference,bill_reference,currency,amount_due
C-1,A-1,INV-1,ZAR,1250.75
C-2,A-2,INV-2,ZAR,310.00
"""


def blocks_of_the_page() -> list[tuple[str, str]]:
    text = (ROOT / "docs/how-to/python.md").read_text(encoding="utf-8")
    return [(kind, block) for kind, block, *_ in fences(text) if kind in {"python", "text"}]


def test_what_the_page_shows_is_what_plain_code_prints(desk: Desk) -> None:
    desk.configure(
        feeds=[{"name": "bills", "match": "*_bills_{date}.csv", "model": "bill", "amount": {"unit": "major"}}]
    )
    for folder in (desk.folder, desk.folder / "drop"):
        (folder / NAME).write_text(BILLS)
    shown = "".join(block for kind, block in blocks_of_the_page() if kind == "text")
    code = "\n".join(block for kind, block in blocks_of_the_page() if kind == "python")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=desk.folder,
        env={"PYTHONPATH": str(ROOT), "HOME": str(desk.folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ran.stderr, ran.stdout) == ("", shown)
    assert {bill["external_reference"] for bill in desk.api.snapshot()["bills"]} == {"INV-1", "INV-2"}
