"""A stop signal may come while paramiko holds one of its locks: what follows waits for nobody who will not come."""

from __future__ import annotations

import linecache
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest

from pipeline.core.file_stages import RemoteFile
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import Stopped
from tests.servers.places import Place

Where = tuple[str, int]
STOPS = 8


def fetch(place: Place, source: SftpSource) -> None:
    facts = (place.incoming / "a.csv").stat()
    seen = datetime.fromtimestamp(int(facts.st_mtime), UTC)
    assert b"".join(source.blocks(RemoteFile("sftp", "a.csv", facts.st_size, seen, seen))) == b"x" * 100_000


@contextmanager
def told_of_taken_locks(tell: Callable[[Where], None]) -> Iterator[None]:
    """Right after this thread took a lock in paramiko, and before the `try` that would give it back."""

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if "paramiko" not in frame.f_code.co_filename:
            return None
        file, line = frame.f_code.co_filename, frame.f_lineno
        if event == "line" and linecache.getline(file, line - 1).strip().endswith("lock.acquire()"):
            tell((file, line))
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


def places_of_locks(place: Place) -> list[Where]:
    found: dict[Where, None] = {}
    with told_of_taken_locks(found.setdefault):
        source = SftpSource(place.settings)
        fetch(place, source)
    source.close()
    return list(found)


@pytest.mark.parametrize("place", ["openssh"], indirect=True)
def test_closing_ends_whichever_lock_was_left_taken(place: Place) -> None:
    place.put("a.csv", b"x" * 100_000)
    places = places_of_locks(place)
    assert len(places) >= 5
    stopped = 0
    for where in places[:: -(-len(places) // STOPS)]:
        source = SftpSource(place.settings)

        def stop(here: Where, where: Where = where) -> None:
            if here == where:
                raise Stopped(signal_name="SIGTERM", signal_number=15)

        began = time.monotonic()
        try:
            with told_of_taken_locks(stop):
                fetch(place, source)
        except Stopped:
            stopped += 1
        source.close()
        assert time.monotonic() - began < 30, where
    assert stopped >= 3, "which locks a fetch takes is a matter of time for some of them"


@pytest.mark.parametrize("place", ["openssh"], indirect=True)
def test_nothing_waits_for_the_acknowledgement_of_what_was_sent_before(place: Place) -> None:
    """A fetch without it ran at a fifth of its rate: benchmarks/fetch.py."""
    place.put("a.csv")
    source = SftpSource(place.settings)
    source.list()
    assert source._session is not None
    connection = source._session._transport.sock
    assert isinstance(connection, socket.socket)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    source.close()
