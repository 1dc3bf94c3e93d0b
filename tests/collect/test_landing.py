"""From SFTP, drop folder or command line to our verified copy."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.collect.collect import collect, land
from pipeline.collect.feed_of_file import Matching
from pipeline.collect.model import Found
from pipeline.collect.named_files import land_named
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import FileRefused, FileTooLarge, SourceFileUnsettled, SourceInterrupted
from tests.collect.conftest import BILLS, UNDATED, Desk
from tests.servers.places import Place
from tests.servers.proxy import SpoilingProxy

NAME = "za_bills_2026-11-20.csv"
MIB = 1 << 20


def found_at(source: SftpSource, desk: Desk) -> Found:
    [found] = collect(source, desk.matching, {}, clock=lambda: desk.now, wait=desk.wait).found
    return found


def test_a_file_lands_from_sftp_with_all_that_is_known_of_it(
    place: Place, desk: Desk, tmp_path: Path
) -> None:
    content = os.urandom(2 * MIB)
    place.put(NAME, content)
    heard: list[int] = []
    with closing(SftpSource(place.settings)) as source:
        landed = land(
            found_at(source, desk),
            source,
            tmp_path / "landing",
            max_file_bytes=2 * MIB,
            progress=heard.append,
        )
    assert landed.path.read_bytes() == content
    assert landed.sha256 == hashlib.sha256(content).hexdigest()
    assert (landed.name, landed.feed, landed.name_parts) == (NAME, BILLS, {"date": "2026-11-20"})
    assert (landed.origin, landed.size_bytes, landed.rejects_of) == ("sftp", 2 * MIB, None)
    assert heard[-1] == 2 * MIB
    assert (place.incoming / NAME).exists()


def test_a_file_beyond_the_limit_is_not_fetched(desk: Desk, tmp_path: Path) -> None:
    desk.put(NAME, b"12345")
    [found] = desk.collect().found
    with pytest.raises(FileTooLarge):
        land(found, desk.source, tmp_path / "landing", max_file_bytes=4)
    assert not (tmp_path / "landing").exists()


def test_a_file_that_changed_leaves_nothing_behind(desk: Desk, tmp_path: Path) -> None:
    desk.put(NAME)
    [found] = desk.collect().found
    desk.put(NAME, b"something else")
    with pytest.raises(SourceFileUnsettled):
        land(found, desk.source, tmp_path / "landing", max_file_bytes=MIB)
    assert list((tmp_path / "landing").iterdir()) == []


@pytest.mark.parametrize(("spoiled", "lands"), [(2, True), (1_000, False)])
def test_a_broken_fetch_starts_afresh_but_not_for_ever(
    sandbox_place: Place, desk: Desk, tmp_path: Path, spoiled: int, lands: bool
) -> None:
    content = os.urandom(MIB)
    sandbox_place.put(NAME, content)
    known_hosts = sandbox_place.settings.known_hosts_file
    port = sandbox_place.settings.port
    with SpoilingProxy(port, good_bytes=MIB // 2, spoiled=spoiled) as proxy:
        known_hosts.write_text(known_hosts.read_text().replace(f":{port}", f":{proxy.port}"))
        with closing(SftpSource(sandbox_place.but(port=proxy.port))) as source:
            found = found_at(source, desk)
            if lands:
                landed = land(found, source, tmp_path / "landing", max_file_bytes=MIB)
                assert landed.path.read_bytes() == content
            else:
                with pytest.raises(SourceInterrupted):
                    land(found, source, tmp_path / "landing", max_file_bytes=MIB)
                assert list((tmp_path / "landing").iterdir()) == []
    assert proxy.connections == 3


def test_a_named_file_lands_and_is_left_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"a\n1\n")
    landed = land_named(
        path, Matching([BILLS]), tmp_path / "landing", max_file_bytes=MIB, max_record_bytes=MIB
    )
    assert (landed.origin, landed.name, landed.feed) == ("named", NAME, BILLS)
    assert landed.name_parts == {"date": "2026-11-20"}
    assert landed.path.read_bytes() == path.read_bytes()


def test_a_feed_that_is_named_overrules_the_name(tmp_path: Path) -> None:
    path = tmp_path / "whatever.txt"
    path.write_bytes(b"a\n1\n")
    matching = Matching([BILLS, UNDATED])
    with pytest.raises(FileRefused, match=r"file\.unmatched"):
        land_named(path, matching, tmp_path / "landing", max_file_bytes=MIB, max_record_bytes=MIB)
    landed = land_named(
        path, matching, tmp_path / "landing", max_file_bytes=MIB, max_record_bytes=MIB, feed=UNDATED
    )
    assert (landed.feed, landed.name_parts) == (UNDATED, {})


def test_a_named_file_beyond_the_limit_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"12345")
    with pytest.raises(FileTooLarge):
        land_named(path, Matching([BILLS]), tmp_path / "landing", max_file_bytes=4, max_record_bytes=MIB)
