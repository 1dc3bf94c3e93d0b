"""Whatever the mask of who starts it, all of work_dir is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.desk import MIXED_BILLS, Desk
from tests.ledger_of_world import sqlite_alone


def open_to_others(folder: Path) -> dict[str, str]:
    """What somebody else may enter or read, and what its owner may not."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        mode = path.lstat().st_mode
        wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
        if stat.S_IMODE(mode) != wanted:
            found[str(path.relative_to(folder.parent))] = oct(stat.S_IMODE(mode))
    return found


@sqlite_alone  # of which a copy is a file
@pytest.mark.parametrize("mask", [0o000, 0o777], ids=oct)
def test_all_of_work_dir_is_private_under_any_mask(desk: Desk, mask: int) -> None:
    masked = f"import os\nos.umask({mask})"
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.put("drop/unknown.bin", "?")
    assert desk.spawn("run", "--dry-run", late=masked).exit_status == 1
    assert open_to_others(desk.folder / "var") == {}
    assert desk.spawn("run", late=masked).exit_status == 1
    with desk.start("watch", late=masked) as watch:
        assert watch.stderr is not None
        while "unmatched" not in watch.stderr.readline():
            pass
        watch.terminate()
    assert desk.spawn("backup", "var/copy.sqlite", late=masked).exit_status == 0
    (archived,) = (desk.folder / "archive").iterdir()
    assert desk.spawn("load", archived, "--feed", "bills", late=masked).exit_status == 0
    assert len(list((desk.folder / "var").rglob("*"))) > 8
    assert open_to_others(desk.folder / "var") == {}
