"""Who waits for changes in a folder is woken by each, and by nothing else for long."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from pipeline.edge.local.folder_changes import DEBOUNCE_MS, FolderWatcher


def settled(changes: FolderWatcher) -> None:
    """Until the first call, which comes because something may have changed before anybody listened."""
    assert changes.wait(5)
    while changes.wait(0.5):
        pass


@pytest.mark.parametrize("change", ["new", "grow", "rename", "remove"])
def test_a_change_wakes_within_a_second(tmp_path: Path, change: str) -> None:
    file = tmp_path / "a.csv"
    if change != "new":
        file.write_text("1")
    with FolderWatcher(tmp_path) as changes:
        settled(changes)
        began = time.monotonic()
        if change == "rename":
            file.rename(tmp_path / "b.csv")
        elif change == "remove":
            file.unlink()
        else:
            file.write_text("22")
        assert changes.wait(60)
        assert time.monotonic() - began < 20
    assert DEBOUNCE_MS < 1000, "what it waits for by itself"


def test_what_came_before_anybody_listened_wakes_too(tmp_path: Path) -> None:
    with FolderWatcher(tmp_path) as changes:
        assert changes.wait(5)


def test_nothing_wakes_where_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    with FolderWatcher(tmp_path) as changes:
        settled(changes)
        (tmp_path / "below" / "a.csv").write_text("1")
        began = time.monotonic()
        assert not changes.wait(0.7)
        assert time.monotonic() - began >= 0.7


def test_a_folder_that_comes_later_or_is_replaced_is_watched_then(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    with FolderWatcher(folder) as changes:
        assert not changes.wait(0.2)
        folder.mkdir()
        settled(changes)
        shutil.rmtree(folder)
        folder.mkdir()
        settled(changes)
        (folder / "a.csv").write_text("1")
        assert changes.wait(2)


def test_without_a_folder_only_time_passes() -> None:
    with FolderWatcher(None) as changes:
        assert not changes.wait(0.05)
        assert not changes.wait(-1)
