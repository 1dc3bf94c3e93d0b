"""A ledger opens for its own merchant only, is seen by its owner only, and says what is wrong with it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.edge.ledger import database
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.errors import DiskFull, LedgerDamaged, LedgerOfAnother, LedgerOutdated, LedgerTooNew
from tests.edge.ledger.conftest import land, opened


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_ledger_is_made_and_opens_again(path: Path) -> None:
    with closing(opened(path)) as ledger:
        land(Files(ledger))
    assert version_of(path) == len(MIGRATIONS)
    with closing(opened(path)) as ledger:
        assert len(Files(ledger).all()) == 1


def test_every_commit_is_synced_and_read_beside(path: Path) -> None:
    with closing(opened(path)) as ledger:
        assert ledger.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert ledger.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert ledger.execute("PRAGMA foreign_keys").fetchone()[0] == 1


@pytest.mark.parametrize("other", [{"merchant": "metrowater"}, {"environment": "live"}])
@pytest.mark.parametrize("read_only", [False, True])
def test_the_ledger_of_another_is_refused(path: Path, other: dict[str, str], read_only: bool) -> None:
    opened(path).close()
    with pytest.raises(LedgerOfAnother, match=r"belongs to citypower \(test\)") as refused:
        opened(path, read_only=read_only, **other)
    assert refused.value.exit_status == 2


def test_a_ledger_of_a_newer_program_is_left_alone(path: Path) -> None:
    opened(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerTooNew, match=r"to version 99.*update Billferry on this host"):
        opened(path)
    assert version_of(path) == 99


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database_is_told(path: Path, read_only: bool) -> None:
    path.write_bytes(b"customer_reference,balance\n" * 100)
    before = path.read_bytes()
    with pytest.raises(LedgerDamaged) as damaged:
        opened(path, read_only=read_only)
    assert damaged.value.exit_status == 70
    assert path.read_bytes() == before


def test_a_damaged_ledger_is_told_when_it_is_used(path: Path) -> None:
    with closing(opened(path)) as ledger:
        for number in range(200):
            land(Files(ledger), f"{number:064x}", name="n" * 500)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))

    def use() -> None:
        with closing(opened(path)) as ledger:
            land(Files(ledger), "f" * 64)
            Files(ledger).unfinished()

    with pytest.raises(LedgerDamaged):
        use()


def test_read_only_changes_nothing(path: Path) -> None:
    opened(path).close()
    before = path.read_bytes()
    with closing(opened(path, read_only=True)) as ledger:
        assert Files(ledger).all() == []
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            land(Files(ledger))
    assert path.read_bytes() == before


def test_a_ledger_that_was_never_filled_is_told_when_it_is_only_read(path: Path) -> None:
    """As left by a run that was killed between making the file and its tables; the next run goes on."""
    path.touch()
    with pytest.raises(LedgerOutdated, match="the next billferry run upgrades it") as outdated:
        opened(path, read_only=True)
    assert outdated.value.exit_status == 3, "run again: nothing is damaged"
    opened(path).close()
    opened(path, read_only=True).close()


def test_a_reader_sees_what_the_writer_committed_and_no_more(path: Path) -> None:
    with closing(opened(path)) as writer, closing(opened(path, read_only=True)) as reader:
        land(Files(writer))
        assert len(Files(reader).all()) == 1
        with Files(writer).together():
            land(Files(writer), "b" * 64)
            assert len(Files(reader).all()) == 1
        assert len(Files(reader).all()) == 2


def test_all_files_of_the_ledger_are_its_owners_under_any_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(opened(path)) as ledger:
            land(Files(ledger))
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"ledger.sqlite": 0o600, "ledger.sqlite-wal": 0o600, "ledger.sqlite-shm": 0o600}


def test_a_ledger_that_others_could_read_is_closed_to_them(path: Path) -> None:
    opened(path).close()
    path.chmod(0o644)
    opened(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_several_steps_together_are_all_or_nothing(path: Path) -> None:
    with closing(opened(path)) as ledger:
        files = Files(ledger)

        def half() -> None:
            with files.together():
                land(files)
                with files.together():
                    land(files, "b" * 64)
                raise ValueError("planted")

        with pytest.raises(ValueError, match="planted"):
            half()
        assert files.all() == []
        with files.together():
            land(files)
        assert len(files.all()) == 1


# -- migrations ----------------------------------------------------------------------------------------------

NEXT = "ALTER TABLE files ADD COLUMN note TEXT; CREATE TABLE notes (id INTEGER PRIMARY KEY) STRICT;"


def test_an_older_ledger_is_copied_before_it_is_changed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(opened(path)) as ledger:
        land(Files(ledger))
    old = len(MIGRATIONS)
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, NEXT))
    copy = path.with_name(f"ledger.sqlite.before-v{old + 1}")
    copy.write_bytes(b"left by a migration that was cut off")
    with closing(opened(path)) as ledger:
        assert ledger.execute("SELECT name, note FROM files").fetchone()[:] == ("bills.csv", None)
    assert (version_of(path), version_of(copy)) == (old + 1, old)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(path).close()
    old = len(MIGRATIONS)
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, NEXT + "CREATE TABLE files (id);"))
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        opened(path)
    assert version_of(path) == old
    with closing(sqlite3.connect(path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(files)")]
    assert "note" not in columns


# -- no room -------------------------------------------------------------------------------------------------


def test_a_ledger_without_room_to_grow_says_so_and_keeps_what_it_had(path: Path) -> None:
    with closing(opened(path)) as ledger:
        files = Files(ledger)
        land(files)
        pages = ledger.execute("PRAGMA page_count").fetchone()[0]
        ledger.execute(f"PRAGMA max_page_count = {pages}")

        def fill() -> None:
            for number in range(1, 500):
                land(files, f"{number:064x}", name="n" * 500)

        with pytest.raises(DiskFull) as full:
            fill()
        assert full.value.exit_status == 3
        kept = len(files.all())
        ledger.execute("PRAGMA max_page_count = 100000")
        land(files, "b" * 64)
        assert len(files.all()) == kept + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted by root, and where mounting is allowed")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)  # what the error was raised in may hold it open


def test_a_full_disk_is_told_and_the_ledger_is_whole_afterwards(small_disk: Path) -> None:
    path = small_disk / "ledger.sqlite"
    landed = 0

    def fill() -> None:
        nonlocal landed
        with closing(opened(path)) as ledger:
            for number in range(2000):
                land(Files(ledger), f"{number:064x}", name="n" * 500)
                landed += 1

    with pytest.raises(DiskFull):
        fill()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    with closing(opened(path)) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert len(Files(ledger).all()) == landed > 0


def test_a_ledger_in_a_folder_that_is_not_there_is_told_in_one_line(path: Path) -> None:
    with pytest.raises(DiskFull, match="No such file or directory"):
        opened(path.parent / "gone" / "ledger.sqlite")
    with pytest.raises(DiskFull):
        opened(path.parent / "gone" / "ledger.sqlite", read_only=True)
