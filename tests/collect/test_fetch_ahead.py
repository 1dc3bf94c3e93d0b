"""Files of an OpenSSH server fetched ahead, over one connection and a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.collect import fetch_ahead
from pipeline.collect.collect import collect
from pipeline.collect.fetch_ahead import FetchAhead
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import SourceFileUnsettled, SourceUnreachable
from schemas.settings import Sftp
from tests.collect.conftest import Desk
from tests.servers.places import Place
from tests.servers.proxy import SpoilingProxy

NAMES = [f"za_bills_2026-11-2{day}.csv" for day in range(4)]
CONTENT = b"x" * 200_000
SLOW_BYTES_PER_S = 800_000


def through(place: Place, tmp_path: Path, proxy: SpoilingProxy) -> Sftp:
    """The settings that reach the server by the proxy."""
    known_hosts = tmp_path / "known_hosts of the proxy"
    key = " ".join((tmp_path / "known_hosts").read_text().split()[1:])
    known_hosts.write_text(f"[127.0.0.1]:{proxy.port} {key}\n")
    return place.but(port=proxy.port, known_hosts_file=known_hosts)


@contextmanager
def fetching(settings: Sftp, desk: Desk, tmp_path: Path, second: Sftp | None = None) -> Iterator[FetchAhead]:
    source = SftpSource(settings)
    found = collect(source, desk.matching, {}, clock=lambda: desk.now, wait=desk.wait).found
    assert [each.remote.name for each in found] == NAMES
    ahead = FetchAhead(
        source,
        lambda: SftpSource(second or settings),
        found,
        tmp_path / "landing",
        max_file_bytes=1 << 20,
        clock=lambda: desk.now,
    )
    try:
        yield ahead
    finally:
        ahead.end()
    assert not [each for each in threading.enumerate() if each.name == "fetch"]


@pytest.fixture
def four_files(openssh_place: Place) -> Place:
    for number, name in enumerate(NAMES):
        openssh_place.put(name, CONTENT + str(number).encode())
    return openssh_place


def names_of(ahead: FetchAhead) -> list[str]:
    """Those that arrive, in order, each with its own bytes."""
    names = []
    for number, each in enumerate(ahead.fetches):
        arrival = each.arrived(lambda _: None)
        assert arrival is not None
        assert arrival.landed.path.read_bytes() == CONTENT + str(number).encode()
        names.append(arrival.landed.name)
    return names


def test_one_connection_fetches_what_is_quickly_here(four_files: Place, desk: Desk, tmp_path: Path) -> None:
    with (
        SpoilingProxy(four_files.settings.port, good_bytes=None) as proxy,
        fetching(through(four_files, tmp_path, proxy), desk, tmp_path) as ahead,
    ):
        ahead.start()
        assert names_of(ahead) == NAMES
    assert proxy.connections == 1


def test_a_second_connection_helps_where_it_takes_long(
    four_files: Place, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_ahead, "SECOND_AFTER_S", 0)
    heard: list[int] = []
    with (
        SpoilingProxy(four_files.settings.port, bytes_per_s=SLOW_BYTES_PER_S) as proxy,
        fetching(through(four_files, tmp_path, proxy), desk, tmp_path) as ahead,
    ):
        ahead.start()
        ahead.fetches[0].arrived(heard.append)
        assert heard
        assert names_of(ahead) == NAMES
    assert proxy.connections == 2


def test_where_a_second_connection_is_refused_the_first_fetches_all(
    four_files: Place, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_ahead, "SECOND_AFTER_S", 0)
    with fetching(four_files.settings, desk, tmp_path, second=four_files.but(port=1)) as ahead:
        ahead.start()
        assert names_of(ahead) == NAMES


def test_a_file_that_changes_does_not_stop_the_others(four_files: Place, desk: Desk, tmp_path: Path) -> None:
    with fetching(four_files.settings, desk, tmp_path) as ahead:
        four_files.put(NAMES[1], b"another one")
        ahead.start()
        first, second, *others = ahead.fetches
        assert first.arrived(lambda _: None)
        with pytest.raises(SourceFileUnsettled):
            second.arrived(lambda _: None)
        assert all(each.arrived(lambda _: None) for each in others)


def test_of_a_server_that_is_gone_one_file_tells_and_the_others_are_given_up(
    four_files: Place, desk: Desk, tmp_path: Path
) -> None:
    with SpoilingProxy(four_files.settings.port, bytes_per_s=SLOW_BYTES_PER_S) as proxy:
        source = through(four_files, tmp_path, proxy)
        with fetching(source, desk, tmp_path) as ahead:
            ahead.start()
            first, second, *others = ahead.fetches
            assert first.arrived(lambda _: None)
            proxy.__exit__(None, None, None)
            with pytest.raises(SourceUnreachable):
                second.arrived(lambda _: None)
            assert [each.arrived(lambda _: None) for each in others] == [None, None]


def test_a_run_that_ends_waits_for_no_file_and_leaves_no_half_one(
    four_files: Place, desk: Desk, tmp_path: Path
) -> None:
    with (
        SpoilingProxy(four_files.settings.port, fault="freeze", good_bytes=400_000) as proxy,
        fetching(through(four_files, tmp_path, proxy), desk, tmp_path) as ahead,
    ):
        ahead.start()
        while not any((tmp_path / "landing").glob("fetch-*/*")):
            time.sleep(0.01)
        began_s = time.monotonic()
        ahead.end()
        assert time.monotonic() - began_s < four_files.settings.timeout_s - 1
        assert all(each.is_over for each in ahead.fetches)
        assert list((tmp_path / "landing").iterdir()) == []
