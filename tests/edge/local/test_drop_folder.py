"""The drop folder: whole files only, no links followed, nothing overwritten."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.core.file_stages import RemoteFile
from pipeline.core.names import label, moved_name, name_problem
from pipeline.edge import disk
from pipeline.edge.local import DropFolder, atomic_move, read_named
from pipeline.errors import ConfigError, SourceError, SourceFileUnsettled
from schemas.settings import Drop
from tests.servers.another_disk import another_file_system
from tests.servers.hostile_names import HOSTILE_NAMES, create, raw_names


@pytest.fixture
def drop(tmp_path: Path) -> DropFolder:
    (tmp_path / "drop").mkdir()
    settings = Drop(folder=tmp_path / "drop", archive=tmp_path / "archive", quarantine=None, settle_s=0)
    return DropFolder(settings)


def remote(drop: DropFolder, name: str) -> RemoteFile:
    listed = next(file for file in drop.list().files if file.name == name)
    return RemoteFile("drop", name, listed.size_bytes, listed.modified_at, datetime.now(UTC))


def test_the_folder_is_made_for_us_alone_when_it_is_missing(tmp_path: Path) -> None:
    assert DropFolder(Drop(folder=tmp_path / "var" / "drop")).list().files == ()
    assert (tmp_path / "var" / "drop").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"drop\.folder"):
        DropFolder(Drop(folder=tmp_path / "file" / "drop")).list()


def test_a_file_is_listed_and_read_whole(drop: DropFolder, tmp_path: Path) -> None:
    content = os.urandom(3_000_001)
    (tmp_path / "drop" / "a.csv").write_bytes(content)
    (tmp_path / "drop" / "folder").mkdir()
    assert [(file.name, file.size_bytes) for file in drop.list().files] == [("a.csv", 3_000_001)]
    assert b"".join(drop.blocks(remote(drop, "a.csv"))) == content
    assert drop.read_head(remote(drop, "a.csv"), 100) == content[:100]


def test_hostile_names_links_and_pipes_are_reported(drop: DropFolder, tmp_path: Path) -> None:
    made = [name for name in HOSTILE_NAMES if create(tmp_path / "drop", name)]
    assert len(made) > 20
    (tmp_path / "drop" / "link.csv").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "drop" / "pipe.csv")
    (tmp_path / "drop" / "good.csv").write_bytes(b"x")
    listing = drop.list()
    taken = [name for name in made if name_problem(name) is None]
    assert {file.name for file in listing.files} == {"good.csv", *map(label, taken)}
    assert len(listing.oddities) == len(made) - len(taken) + 2


@pytest.mark.parametrize(
    "raw", [b"M\xfcller\\%FC\xe2\x80\x8b.csv", b"\x01%25.csv", b"\xff" * 250, "é".encode() * 125]
)
@pytest.mark.parametrize("archive", ["beside", "on another file system"])
def test_a_file_of_an_odd_name_is_read_and_archived_under_its_own_bytes(
    tmp_path: Path, raw: bytes, archive: str, elsewhere: Path
) -> None:
    folder, there = tmp_path / "drop", tmp_path / "archive" if archive == "beside" else elsewhere
    drop = DropFolder(Drop(folder=folder, archive=there))
    drop.list()
    assert create(folder, raw, b"bytes")
    seen = remote(drop, label(raw))
    assert drop.read_head(seen, 3) == b"byt"
    assert b"".join(drop.blocks(seen)) == b"bytes"
    assert drop.move(seen, "archive", moved_name(seen.name, "0" * 64)) is not None
    (archived,) = raw_names(there)
    assert archived.removesuffix(b".00000000") in {raw, raw[:246]}
    assert raw_names(folder) == []


@pytest.mark.parametrize("stand_in", ["link", "pipe"])
def test_a_file_that_turns_into_a_link_or_pipe_is_not_followed(
    drop: DropFolder, tmp_path: Path, stand_in: str
) -> None:
    path = tmp_path / "drop" / "a.csv"
    path.write_bytes(b"a")
    seen = remote(drop, "a.csv")
    path.unlink()
    path.symlink_to("/etc/passwd") if stand_in == "link" else os.mkfifo(path)
    with pytest.raises(SourceError):
        list(drop.blocks(seen))
    with pytest.raises(SourceError):
        drop.read_head(seen, 10)


@pytest.mark.parametrize("change", ["grow", "shrink", "replace", "remove", "touch"])
def test_a_file_that_changes_while_it_is_read_is_unsettled(
    drop: DropFolder, tmp_path: Path, change: str
) -> None:
    path = tmp_path / "drop" / "a.csv"
    path.write_bytes(os.urandom(3_000_000))
    blocks = drop.blocks(remote(drop, "a.csv"))
    next(blocks)
    if change == "grow":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "shrink":
        os.truncate(path, 2_000_000)
    elif change == "replace":
        (tmp_path / "other").write_bytes(os.urandom(3_000_000))
        (tmp_path / "other").replace(path)
    elif change == "remove":
        path.unlink()
    else:
        os.utime(path, (1, 1))
    with pytest.raises(SourceFileUnsettled):
        list(blocks)


def test_a_file_that_changed_since_it_was_listed_is_unsettled(drop: DropFolder, tmp_path: Path) -> None:
    (tmp_path / "drop" / "a.csv").write_bytes(b"a")
    seen = remote(drop, "a.csv")
    (tmp_path / "drop" / "a.csv").write_bytes(b"ab")
    with pytest.raises(SourceFileUnsettled):
        list(drop.blocks(seen))
    with pytest.raises(SourceFileUnsettled):
        drop.move(seen, "archive", "a.csv.1")


@pytest.mark.parametrize("missing", [[], ["renameat2"], ["renameat2", "link"]], ids=" and ".join)
@pytest.mark.parametrize("archive", ["beside", "on another file system"])
def test_a_move_never_overwrites_whatever_the_file_system_can_do(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, missing: list[str], archive: str
) -> None:
    if "renameat2" in missing:
        monkeypatch.setattr(disk, "_rename_in_one", not_here)
    if "link" in missing:
        monkeypatch.setattr(disk, "_rename_by_link", not_here)
    there = tmp_path / "archive" if archive == "beside" else elsewhere
    there.mkdir(exist_ok=True)
    drop = DropFolder(Drop(folder=tmp_path / "drop", archive=there))
    drop.list()
    (there / "a.csv.1").write_bytes(b"earlier")
    (tmp_path / "drop" / "a.csv").write_bytes(b"later")
    assert drop.move(remote(drop, "a.csv"), "archive", "a.csv.1") == "a.csv.1.2"
    assert (there / "a.csv.1").read_bytes() == b"earlier"
    assert (there / "a.csv.1.2").read_bytes() == b"later"
    assert raw_names(there) == [b"a.csv.1", b"a.csv.1.2"]
    assert raw_names(tmp_path / "drop") == []


def test_where_its_own_bytes_cannot_be_kept_a_file_is_archived_by_its_label(
    drop: DropFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = disk.rename_exclusively

    def rename_as_windows_does(source: Path, target: Path) -> bool:
        if set(os.fsencode(target.name)) & set(b"\\\xfc"):
            raise OSError(errno.EILSEQ, "not a name here")
        return rename(source, target)

    monkeypatch.setattr(atomic_move, "rename_exclusively", rename_as_windows_does)
    assert create(tmp_path / "drop", b"M\xfcller\\x.csv", b"bytes")
    seen = remote(drop, "M%FCller%5Cx.csv")
    assert drop.move(seen, "archive", moved_name(seen.name, "0" * 64)) == "M%FCller%5Cx.csv.00000000"
    assert raw_names(tmp_path / "archive") == [b"M%FCller%5Cx.csv.00000000"]
    assert drop.list().files == ()


def not_here(*_: object) -> None:
    raise OSError(errno.EINVAL, "not on this file system")


def test_moving_twice_is_no_error(drop: DropFolder, tmp_path: Path) -> None:
    (tmp_path / "drop" / "a.csv").write_bytes(b"a")
    seen = remote(drop, "a.csv")
    assert drop.move(seen, "archive", "a.csv.1") == drop.move(seen, "archive", "a.csv.1") == "a.csv.1"


def test_a_move_that_was_killed_halfway_is_finished(drop: DropFolder, tmp_path: Path) -> None:
    (tmp_path / "drop" / "a.csv").write_bytes(b"a")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.csv.1").hardlink_to(tmp_path / "drop" / "a.csv")
    assert drop.move(remote(drop, "a.csv"), "archive", "a.csv.1") == "a.csv.1"
    assert drop.list().files == ()


def test_without_a_folder_for_it_a_file_stays(drop: DropFolder, tmp_path: Path) -> None:
    (tmp_path / "drop" / "a.csv").write_bytes(b"a")
    assert drop.move(remote(drop, "a.csv"), "quarantine", "a.csv.1") is None
    assert (tmp_path / "drop" / "a.csv").exists()


def test_a_file_that_somebody_took_away_is_an_error(drop: DropFolder, tmp_path: Path) -> None:
    (tmp_path / "drop" / "a.csv").write_bytes(b"a")
    seen = remote(drop, "a.csv")
    (tmp_path / "drop" / "a.csv").unlink()
    with pytest.raises(SourceError, match="is gone"):
        drop.move(seen, "archive", "a.csv.1")


def test_a_named_file_is_read_through_a_link_and_a_missing_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    assert b"".join(read_named(tmp_path / "link.csv")) == b"abc"
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(SourceError):
            list(read_named(path))


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system."""
    with another_file_system() as folder:
        yield folder
