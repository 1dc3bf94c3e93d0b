"""Files come whole from an SFTP server and are moved without overwriting; on OpenSSH and on asyncssh."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.core.file_stages import RemoteFile
from pipeline.core.names import label, moved_name, name_problem
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import ConfigError, SourceError, SourceFileUnsettled
from tests.servers.hostile_names import HOSTILE_NAMES, create, raw_names
from tests.servers.places import Place


@pytest.fixture
def source(place: Place) -> Iterator[SftpSource]:
    with closing(SftpSource(place.settings)) as source:
        yield source


def remote(source: SftpSource, name: str) -> RemoteFile:
    listed = next(file for file in source.list().files if file.name == name)
    return RemoteFile("sftp", name, listed.size_bytes, listed.modified_at, datetime.now(UTC))


def test_a_file_is_listed_with_its_size_and_time(place: Place, source: SftpSource) -> None:
    path = place.put("za_bills_2026.csv", b"12345")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    (place.incoming / "a folder").mkdir()
    listing = source.list()
    assert [(file.name, file.size_bytes) for file in listing.files] == [("za_bills_2026.csv", 5)]
    assert listing.files[0].modified_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert listing.oddities == ()


@pytest.mark.parametrize("size_bytes", [0, 1, 32_768, 32_769, 5_000_001])
def test_a_file_arrives_byte_for_byte(place: Place, source: SftpSource, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    place.put("a.csv", content)
    assert b"".join(source.blocks(remote(source, "a.csv"))) == content


def test_the_head_of_a_file_is_no_more_than_asked_for(place: Place, source: SftpSource) -> None:
    content = os.urandom(100_000)
    place.put("long.csv", content)
    place.put("short.csv", b"ab")
    place.put("empty.csv", b"")
    assert source.read_head(remote(source, "long.csv"), 65_536) == content[:65_536]
    assert source.read_head(remote(source, "short.csv"), 65_536) == b"ab"
    assert source.read_head(remote(source, "empty.csv"), 65_536) == b""


def test_a_file_that_grew_since_it_was_listed_is_unsettled(place: Place, source: SftpSource) -> None:
    path = place.put("a.csv")
    seen = remote(source, "a.csv")
    with path.open("ab") as file:
        file.write(b"3,4\n")
    with pytest.raises(SourceFileUnsettled):
        list(source.blocks(seen))


@pytest.mark.parametrize("change", ["grow", "shrink", "replace", "remove", "touch"])
def test_a_file_that_changes_while_it_is_fetched_is_unsettled(
    place: Place, source: SftpSource, change: str
) -> None:
    content = os.urandom(8_000_000)
    path = place.put("a.csv", content)
    seen = remote(source, "a.csv")
    blocks = source.blocks(seen)
    next(blocks)
    if change == "grow":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "shrink":
        os.truncate(path, 4_000_000)
    elif change == "replace":
        place.put("b.csv", b"other").replace(path)
    elif change == "remove":
        path.unlink()
    else:
        os.utime(path, (1, 1))
    with pytest.raises(SourceFileUnsettled):
        list(blocks)


def test_the_connection_goes_on_after_a_file_that_was_given_up_midway(
    place: Place, source: SftpSource
) -> None:
    place.put("a.csv", os.urandom(8_000_000))
    place.put("b.csv", b"whole")
    blocks = source.blocks(remote(source, "a.csv"))
    next(blocks)
    del blocks
    assert b"".join(source.blocks(remote(source, "b.csv"))) == b"whole"


def test_hostile_names_are_reported_and_the_good_file_beside_them_is_listed(
    place: Place, source: SftpSource
) -> None:
    made = [name for name in HOSTILE_NAMES if create(place.incoming, name)]
    (place.incoming / "link.csv").symlink_to("/etc/passwd")
    os.mkfifo(place.incoming / "pipe.csv")
    place.put("good.csv")
    listing = source.list()
    taken = [name for name in made if name_problem(name) is None]
    assert len(taken) > 15
    assert {file.name for file in listing.files} == {"good.csv", *map(label, taken)}
    assert len(listing.oddities) == len(made) - len(taken) + 2
    assert all(file.name.isprintable() for file in listing.files)


@pytest.mark.parametrize("raw", [b"M\xfcller\\%FC\xe2\x80\x8b.csv", b"\x01%25.csv", b"a'\"$(x).csv"])
def test_a_file_of_an_odd_name_is_fetched_and_archived_under_its_own_bytes(
    place: Place, source: SftpSource, raw: bytes
) -> None:
    Path(os.fsdecode(os.fsencode(place.incoming) + b"/" + raw)).write_bytes(b"bytes")
    seen = remote(source, label(raw))
    assert source.read_head(seen, 3) == b"byt"
    assert b"".join(source.blocks(seen)) == b"bytes"
    assert source.move(seen, "archive", moved_name(seen.name, "0" * 64)) is not None
    assert raw_names(place.root / "archive") == [raw + b".00000000"]
    assert raw_names(place.incoming) == []


def test_an_archived_file_leaves_incoming_and_is_whole(place: Place, source: SftpSource) -> None:
    place.put("a.csv", b"bytes")
    assert source.move(remote(source, "a.csv"), "archive", "a.csv.12345678") == "a.csv.12345678"
    assert not any(place.incoming.iterdir())
    assert (place.root / "archive" / "a.csv.12345678").read_bytes() == b"bytes"


def test_a_move_never_overwrites(place: Place, source: SftpSource) -> None:
    (place.root / "quarantine").mkdir()
    earlier = place.root / "quarantine" / "a.csv.12345678"
    earlier.write_bytes(b"earlier")
    place.put("a.csv", b"later")
    assert source.move(remote(source, "a.csv"), "quarantine", "a.csv.12345678") == "a.csv.12345678.2"
    assert earlier.read_bytes() == b"earlier"
    assert earlier.with_name("a.csv.12345678.2").read_bytes() == b"later"


def test_moving_twice_is_no_error(place: Place, source: SftpSource) -> None:
    place.put("a.csv")
    seen = remote(source, "a.csv")
    source.move(seen, "archive", "a.csv.1")
    assert source.move(seen, "archive", "a.csv.1") == "a.csv.1"


def test_a_file_that_somebody_else_took_away_is_an_error(place: Place, source: SftpSource) -> None:
    path = place.put("a.csv")
    seen = remote(source, "a.csv")
    path.unlink()
    with pytest.raises(SourceError, match="is gone"):
        source.move(seen, "archive", "a.csv.1")


def test_a_new_file_under_the_old_name_is_not_moved_unread(place: Place, source: SftpSource) -> None:
    path = place.put("a.csv", b"old")
    seen = remote(source, "a.csv")
    path.write_bytes(b"new and not loaded")
    with pytest.raises(SourceFileUnsettled):
        source.move(seen, "archive", "a.csv.1")
    assert path.read_bytes() == b"new and not loaded"


def test_without_an_archive_folder_files_stay(place: Place) -> None:
    place.put("a.csv")
    with closing(SftpSource(place.but(archive=None))) as source:
        assert source.move(remote(source, "a.csv"), "archive", "a.csv.1") is None
    assert (place.incoming / "a.csv").exists()


def test_a_report_replaces_its_earlier_version_whole(
    place: Place, source: SftpSource, tmp_path: Path
) -> None:
    report = tmp_path / "summary.json"
    for content in (b"first" * 100_000, b"second"):
        report.write_bytes(content)
        source.upload(report, "a.csv.12345678", "summary.json")
    folder = place.root / "reports" / "a.csv.12345678"
    assert [path.name for path in folder.iterdir()] == ["summary.json"]
    assert (folder / "summary.json").read_bytes() == b"second"


def test_without_a_reports_folder_nothing_is_uploaded(place: Place, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_bytes(b"{}")
    with closing(SftpSource(place.but(reports=None))) as source:
        source.upload(tmp_path / "summary.json", "a", "summary.json")
    assert sorted(path.name for path in place.root.iterdir()) == ["incoming"]


def test_a_missing_incoming_folder_is_named(place: Place) -> None:
    with (
        closing(SftpSource(place.but(incoming="/nowhere/at/all"))) as source,
        pytest.raises(SourceError, match="/nowhere/at/all: no such file or folder"),
    ):
        source.list()


def test_an_archive_folder_that_cannot_be_made_is_named_and_the_file_stays(place: Place) -> None:
    place.put("a.csv")
    with closing(SftpSource(place.but(archive="/proc/none/archive"))) as source:
        seen = remote(source, "a.csv")
        with pytest.raises(SourceError, match="/proc/none/archive is missing and cannot be created"):
            source.move(seen, "archive", "a.csv.1")
    assert (place.incoming / "a.csv").exists()


def test_nothing_to_log_in_with_is_a_config_error(sandbox_place: Place) -> None:
    with pytest.raises(ConfigError, match="nothing to log in with"):
        SftpSource(sandbox_place.but(private_key_file=None)).list()
