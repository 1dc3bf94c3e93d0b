"""How long the command takes when there is little to do, and what it tells of a ledger of many files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.load_inputs import write_bills
from benchmarks.merchant import Merchant, stub_api
from benchmarks.process import Finished
from benchmarks.surroundings import surroundings
from tests.run.made_ledger import make_ledger

TURNS = 11
FEW, FILES = 10, 2_000
RECORDS = 1_000
"""Of each file in the ledger."""
ASKED_S = {
    "--help": 0.35,
    "run, with an empty drop folder": 1.0,
    f"validate of {FEW} records": 0.5,
    f"load of {FEW} records": 0.5,
    "status": 0.5,
    f"status of {FILES} files": 1.0,
    f"totals of {FILES} files": 1.0,
    f"totals of {FILES} files with their month page": 1.0,
}


def measure() -> str:
    with tempfile.TemporaryDirectory() as place, stub_api() as url:
        little, much = Path(place, "little"), Path(place, "much")
        for folder in (little, much):
            (folder / "var").mkdir(parents=True, mode=0o700)
        write_bills(little / "x_bills.csv", FEW)
        make_ledger(much / "var" / "ledger.sqlite", files=FILES, records=RECORDS)
        took = _turns(Merchant(little, url), Merchant(much, url))
    return "\n".join(
        [
            "## Starting up",
            "",
            f"Whole processes, {TURNS} times in turn. {FEW} records are bills with an account and a customer each,",
            f"loaded for the first time in each turn; {FILES} files have {RECORDS} records each.",
            f"{surroundings()}.",
            "",
            "| command | median | fastest to slowest | CPU, median | at most |",
            "| --- | --- | --- | --- | --- |",
            *[_row(what, found[1:], ASKED_S[what]) for what, found in took.items()],
        ]
    )


def _turns(little: Merchant, much: Merchant) -> dict[str, list[Finished]]:
    """What each command took, turn by turn. The first turn warms up and does not count."""
    for merchant in (little, much):
        merchant.write_config()
    file = little.folder / "x_bills.csv"
    commands: dict[str, Callable[[], Finished]] = dict(
        zip(
            ASKED_S,
            [
                lambda: little.run("--help"),
                lambda: little.run("run"),
                lambda: little.run("validate", file),
                lambda: _first_load(little, file),
                lambda: little.run("status"),
                lambda: much.run("status"),
                lambda: much.run("totals"),
                lambda: much.run("totals", "--month", "2026-11"),
            ],
            strict=True,
        )
    )
    took: dict[str, list[Finished]] = {what: [] for what in ASKED_S}
    for _ in range(1 + TURNS):
        for what, command in commands.items():
            took[what].append(command())
    return took


def _first_load(merchant: Merchant, file: Path) -> Finished:
    shutil.rmtree(merchant.folder / "var")
    return merchant.run("load", file)


def _row(what: str, found: list[Finished], at_most_s: float) -> str:
    walls = [each.took_s for each in found]
    reached = "" if median(walls) <= at_most_s else ": not reached"
    return (
        f"| billferry {what} | {median(walls):.2f} s | {min(walls):.2f} to {max(walls):.2f} s"
        f" | {median(each.cpu_s for each in found):.2f} s | {at_most_s:.2f} s{reached} |"
    )
