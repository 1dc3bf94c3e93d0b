"""A full disk ends the run with one clear line; nothing is torn, and with room again it goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ledger_of_world import sqlite_alone
from tests.load.conftest import Merchant
from tests.seeds import some

pytestmark = sqlite_alone

ROWS = [f"C{n // 4},A{n // 2},B{n},{n + 1}.00" for n in range(400)]
SIZES_KIB = [100, 130, 160, 200, 260, 340, 440, 580]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """`var` on a file system of so many KiB and inodes, to read and write or not; calling again changes it."""
    var = tmp_path / "var"
    var.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(var)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs")

    def resize(size_kib: int, inodes: int | None = None, mode: str = "rw") -> None:
        count = f",nr_inodes={inodes}" if inodes else ""
        subprocess.run(["mount", "-o", f"remount,{mode},size={size_kib}k{count}", str(var)], check=True)

    yield resize
    subprocess.run(["umount", "-l", str(var)], check=True)


INODES = [3, 6, 9, 12, 14, 16]


@pytest.mark.parametrize("inodes", some(INODES, 3))
def test_a_disk_without_inodes_is_told_in_one_line_and_the_run_goes_on_when_there_are_some(
    merchant: Merchant, small_disk: Callable[..., None], inodes: int
) -> None:
    small_disk(65536, inodes)
    path = merchant.bills(ROWS[:8])
    full = merchant.command("load", str(path))
    assert full.exit_status == 3, full.stderr
    assert "free some disk space" in full.stderr
    assert "Traceback" not in full.stderr
    small_disk(65536, 1000)
    done = merchant.load(path)
    assert done.exit_status == 0, done.stderr
    assert len(merchant.held("bills")) == 8


@pytest.mark.parametrize(
    "words", [["load"], ["load", "--dry-run"], ["report"], ["retry"], ["status"], ["backup"]], ids=" ".join
)
def test_a_disk_that_became_read_only_is_told_in_one_line(
    merchant: Merchant, small_disk: Callable[..., None], words: list[str]
) -> None:
    small_disk(65536, 1000)
    path = merchant.bills(ROWS[:8])
    merchant.load(path)
    small_disk(65536, 1000, "ro")
    file = str(merchant.folder / "var" / "copy") if words == ["backup"] else str(path)
    said = merchant.command(*words, *([] if words == ["status"] else [file]))
    small_disk(65536, 1000, "rw")
    assert "Traceback" not in said.stderr
    assert said.exit_status == (0 if words == ["status"] and not said.stderr else 3), said.stderr


@pytest.mark.parametrize("size_kib", some(SIZES_KIB, 4))
def test_a_full_disk_is_told_in_one_line_and_the_run_goes_on_when_there_is_room(
    merchant: Merchant, small_disk: Callable[..., None], size_kib: int
) -> None:
    small_disk(size_kib)
    path = merchant.bills(ROWS)
    full = merchant.load(path)
    assert full.exit_status == 3, full.stderr
    assert "free some disk space" in full.stderr
    assert "Traceback" not in full.stderr
    left = [file.name for file in (merchant.folder / "var").rglob("*") if file.name.endswith(".part")]
    assert not left
    for results in (merchant.folder / "var").glob("reports/*/results.csv"):
        assert len(results.read_text().splitlines()) == len(ROWS) + 1
    small_disk(65536)
    done = merchant.load(path)
    assert done.exit_status == 0, done.stderr
    assert [row["outcome"] for row in merchant.results(path)] == ["created"] * len(ROWS)
    assert {name: bill["amount_due"] for name, bill in merchant.held("bills").items()} == {
        f"B{n}": (n + 1) * 100 for n in range(len(ROWS))
    }
