"""Killed at the n-th sync, write, rename or unlink inside a small run: nothing is torn, and the next run finishes it.

The middle and the last call of each name here; every point with SOAK=1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.ledger_of_world import sqlite_alone
from tests.load.conftest import Merchant

pytestmark = sqlite_alone

ROWS = [f"C{n // 4},A{n // 2},B{n},{n + 1}.00" for n in range(6)]
CALLS = {
    "sync": ("fdatasync", "fsync"),
    "write": ("pwrite64", "write"),
    "rename": ("rename", "renameat", "renameat2", "link"),
    "unlink": ("unlink", "unlinkat", "rmdir"),
}
POINTS = 1
SOAK = bool(os.environ.get("SOAK"))


def load_under_strace(merchant: Merchant, path: Path, *options: str) -> int:
    strace = ["strace", "-f", "-y", "-qq", "-o", str(merchant.folder / "trace"), *options]
    return merchant.spawn("load", path, under=strace).exit_status


def most_calls_of_a_thread(trace: Path, names: tuple[str, ...]) -> dict[str, int]:
    """The injection counts calls per thread, so this does too; without those of Python, which compiles only once."""
    ours = "\n".join(line for line in trace.read_text().splitlines() if "__pycache__" not in line)
    counts: Counter[tuple[str, str]] = Counter(re.findall(r"^([0-9]+) +([a-z0-9]+)\(", ours, re.MULTILINE))
    return {name: max((n for (_, call), n in counts.items() if call == name), default=0) for name in names}


@pytest.fixture(autouse=True)
def _needs_strace() -> None:
    if shutil.which("strace") is None:
        if os.environ.get("CI"):
            pytest.fail("strace is not installed")
        pytest.skip("strace is not installed")
    if subprocess.run(
        ["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False
    ).returncode:
        pytest.skip("processes may not be traced here")


def points(most: int) -> list[int]:
    if SOAK or most <= POINTS:
        return list(range(1, most + 1))
    return sorted({1 + round(step * (most - 1) / POINTS) for step in range(1, POINTS + 1)})


def assert_finished(merchant: Merchant, path: Path) -> None:
    done = merchant.load(path)
    assert done.exit_status == 0, done.stderr
    assert [row["outcome"] for row in merchant.results(path)] == ["created"] * len(ROWS)
    assert {name: bill["amount_due"] for name, bill in merchant.held("bills").items()} == {
        f"B{n}": (n + 1) * 100 for n in range(len(ROWS))
    }
    assert len(merchant.held("accounts")) == 3
    assert merchant.ledger("SELECT count(*) FROM intents") == [(0,)]
    assert merchant.ledger("PRAGMA integrity_check") == [("ok",)]
    left = [
        file.name
        for file in (merchant.folder / "var").rglob("*")
        if re.search(r"\.part|fetch-|writing", file.name)
    ]
    assert not left


@pytest.mark.timeout(3600 if SOAK else 120)
@pytest.mark.parametrize("kind", CALLS)
def test_a_run_killed_at_a_system_call_is_finished_by_the_next(merchant: Merchant, kind: str) -> None:
    names = CALLS[kind]
    first = merchant.bills(ROWS, name="bills0.csv")
    assert load_under_strace(merchant, first, "-e", f"trace={','.join(names)}") == 0
    most = most_calls_of_a_thread(merchant.folder / "trace", names)
    killed = 0
    for name, count in most.items():
        for number in points(count):
            start_over(merchant)
            path = merchant.bills(ROWS, name="bills.csv")
            inject = f"inject={name}:signal=SIGKILL:when={number}"
            status = load_under_strace(merchant, path, "-e", f"trace={name}", "-e", inject)
            killed += status != 0
            assert_finished(merchant, path)
    assert killed >= min(POINTS, sum(most.values())), "the kills did not hit"


def start_over(merchant: Merchant) -> None:
    """Another merchant altogether: no ledger, no reports, an API that holds nothing."""
    shutil.rmtree(merchant.folder / "var", ignore_errors=True)
    port = merchant.api.port
    merchant.api.stop()
    merchant.api = type(merchant.api)(port=port)
    merchant.api.start()
