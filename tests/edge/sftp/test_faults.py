"""A server that is silent, slow, cut off or lying costs a bounded time and never yields wrong bytes."""

# ruff: noqa: ARG002 - the signatures are asyncssh's
from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import paramiko
import pytest
from paramiko.common import MSG_CHANNEL_DATA

from pipeline.core.file_stages import Oddity, RemoteFile
from pipeline.core.names import label, name_problem
from pipeline.edge.sftp import client, hardened, transfer
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import SourceFileUnsettled, SourceInterrupted, SourceUnreachable
from pipeline.sandbox.sftp import write_key_pair
from tests.servers.hostile_names import HOSTILE_NAMES
from tests.servers.places import Place, settings_for
from tests.servers.proxy import SpoilingProxy
from tests.servers.scripted import MuteSubsystemSftp, ScriptedSftp

MODIFIED_S = 1_700_000_000


def seen(name: str, size_bytes: int) -> RemoteFile:
    modified_at = datetime.fromtimestamp(MODIFIED_S, UTC)
    return RemoteFile("sftp", name, size_bytes, modified_at, datetime.now(UTC))


def put(place: Place, name: str, content: bytes) -> None:
    os.utime(place.put(name, content), (MODIFIED_S, MODIFIED_S))


def through(proxy: SpoilingProxy, place: Place, timeout_s: float = 5) -> SftpSource:
    known_hosts = place.settings.known_hosts_file
    known_hosts.write_text(known_hosts.read_text().replace(f":{proxy.target}", f":{proxy.port}"))
    return SftpSource(place.but(port=proxy.port, timeout_s=timeout_s))


def test_a_server_that_accepts_and_says_nothing_ends_in_a_timeout(sandbox_place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        source = SftpSource(sandbox_place.but(port=mute.getsockname()[1], timeout_s=0.5))
        start = time.monotonic()
        with pytest.raises(SourceUnreachable, match="no answer in time"):
            source.list()
        assert time.monotonic() - start < 20


def test_a_server_that_is_not_there_is_tried_more_than_once_and_told(sandbox_place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(SourceUnreachable, match="connection refused"):
        SftpSource(sandbox_place.but(port=port, timeout_s=1)).list()


def test_a_host_name_that_does_not_exist_is_told(sandbox_place: Place) -> None:
    with pytest.raises(SourceUnreachable, match="name is not known"):
        SftpSource(sandbox_place.but(host="nowhere.invalid", timeout_s=1)).list()


@pytest.mark.parametrize("good_bytes", [10, 700, 1_500, 2_500, 2_900])
def test_a_server_that_falls_silent_at_any_step_ends_in_a_timeout(
    sandbox_place: Place, good_bytes: int
) -> None:
    put(sandbox_place, "a.csv", os.urandom(10_000))
    start = time.monotonic()
    with (
        SpoilingProxy(sandbox_place.settings.port, fault="freeze", good_bytes=good_bytes) as proxy,
        closing(through(proxy, sandbox_place, timeout_s=0.5)) as source,
        pytest.raises(SourceUnreachable),
    ):
        _list_and_fetch(source)
    assert time.monotonic() - start < 20


def test_a_server_that_logs_us_in_and_then_says_nothing_ends_in_a_timeout(tmp_path: Path) -> None:
    with MuteSubsystemSftp(tmp_path, authorized_key=write_key_pair(tmp_path / "key")) as running:
        source = SftpSource(settings_for(running, tmp_path).model_copy(update={"timeout_s": 0.3}))
        start = time.monotonic()
        with pytest.raises(SourceUnreachable):
            source.connect()
        assert time.monotonic() - start < MuteSubsystemSftp.silence_s - 0.5


@pytest.mark.parametrize("fault", ["cut", "freeze"])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_fetch_that_breaks_off_is_interrupted_and_the_next_try_has_the_right_bytes(
    openssh_place: Place, fault: str, share: float
) -> None:
    content = os.urandom(1_000_000)
    put(openssh_place, "a.csv", content)
    with (
        SpoilingProxy(
            openssh_place.settings.port,
            fault="cut" if fault == "cut" else "freeze",
            good_bytes=int(share * len(content)),
            spoiled=1,
        ) as proxy,
        closing(through(proxy, openssh_place, timeout_s=0.5)) as source,
    ):
        with pytest.raises(SourceInterrupted):
            list(source.blocks(seen("a.csv", len(content))))
        assert b"".join(source.blocks(seen("a.csv", len(content)))) == content


def test_a_trickling_server_is_given_up(sandbox_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, the whole never would."""
    monkeypatch.setattr(transfer, "MIN_BYTES_PER_S", 100_000)
    put(sandbox_place, "a.csv", os.urandom(60_000))
    with (
        SpoilingProxy(sandbox_place.settings.port) as proxy,
        closing(through(proxy, sandbox_place, timeout_s=0.5)) as source,
    ):
        source.connect()
        proxy.bytes_per_s, proxy.most_bytes = 2_000, 200
        start = time.monotonic()
        with pytest.raises(SourceInterrupted, match="no answer in time"):
            list(source.blocks(seen("a.csv", 60_000)))
        assert time.monotonic() - start < 20


class Scripted(asyncssh.SFTPServer):
    """Serves one file `a.csv`, of which a test says the size and the bytes, in a folder of given names."""

    size_bytes = 10
    content = b"0123456789"
    names: tuple[bytes, ...] = (b"a.csv",)

    def _attributes(self) -> asyncssh.SFTPAttrs:
        return asyncssh.SFTPAttrs(
            size=self.size_bytes, permissions=0o100644, atime=MODIFIED_S, mtime=MODIFIED_S
        )

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name in self.names:
            yield asyncssh.SFTPName(name, b"-rw", attrs=self._attributes())

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self._attributes()

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        return object()

    def close(self, file_obj: object) -> None:
        return None

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]


def scripted(tmp_path: Path, server: type[Scripted]) -> ScriptedSftp:
    return ScriptedSftp(tmp_path, server, authorized_key=write_key_pair(tmp_path / "key"))


def fetched(tmp_path: Path, server: type[Scripted]) -> bytes:
    with (
        scripted(tmp_path, server) as running,
        closing(SftpSource(settings_for(running, tmp_path).model_copy(update={"timeout_s": 1}))) as source,
    ):
        return b"".join(source.blocks(seen("a.csv", server.size_bytes)))


def test_an_honest_scripted_server_is_believed(tmp_path: Path) -> None:
    assert fetched(tmp_path, Scripted) == b"0123456789"


def test_a_file_longer_than_stated_is_unsettled(tmp_path: Path) -> None:
    class Growing(Scripted):
        content = b"0123456789 and more"

        def read(self, file_obj: object, offset: int, size: int) -> bytes:
            return self.content[offset:][:size]

    with pytest.raises(SourceFileUnsettled):
        fetched(tmp_path, Growing)


def test_a_file_shorter_than_stated_is_unsettled(tmp_path: Path) -> None:
    class Shrunk(Scripted):
        content = b"01234"

    with pytest.raises(SourceFileUnsettled):
        fetched(tmp_path, Shrunk)


def test_short_answers_are_put_together(tmp_path: Path) -> None:
    class Stingy(Scripted):
        size_bytes = 100_000
        content = bytes(range(250)) * 400

        def read(self, file_obj: object, offset: int, size: int) -> bytes:
            return self.content[offset : offset + min(size, 7_777)]

    assert fetched(tmp_path, Stingy) == Stingy.content


def test_answers_in_any_order_are_put_in_order(tmp_path: Path) -> None:
    class Shuffling(Scripted):
        size_bytes = 1_000_000
        content = os.urandom(1_000_000)

        async def read(self, file_obj: object, offset: int, size: int) -> bytes:  # type: ignore[override]
            await asyncio.sleep(0.02 if (offset // size) % 3 == 0 else 0)
            return self.content[offset : offset + size]

    assert fetched(tmp_path, Shuffling) == Shuffling.content


def test_a_server_that_answers_more_than_asked_for_is_not_believed(tmp_path: Path) -> None:
    class Generous(Scripted):
        def read(self, file_obj: object, offset: int, size: int) -> bytes:
            return b"x" * 100_000

    with pytest.raises(SourceInterrupted):
        fetched(tmp_path, Generous)


def test_names_that_only_a_hostile_server_can_show_are_reported(tmp_path: Path) -> None:
    class Hostile(Scripted):
        names = (*HOSTILE_NAMES, b"good.csv", b"x" * 60_000)

    with (
        scripted(tmp_path, Hostile) as running,
        closing(SftpSource(settings_for(running, tmp_path))) as source,
    ):
        listing = source.list()
    taken = [name for name in HOSTILE_NAMES if name_problem(name) is None]
    assert {file.name for file in listing.files} == {"good.csv", *map(label, taken)}
    assert len(listing.oddities) == len(HOSTILE_NAMES) - len(
        taken
    )  # ".." is a folder's own entry, one is added
    told = [*(file.name for file in listing.files), *(oddity.name for oddity in listing.oddities)]
    assert all(name.isprintable() and len(name) < 800 for name in told)


def test_a_size_that_no_disk_holds_is_an_oddity(tmp_path: Path) -> None:
    class Vast(Scripted):
        size_bytes = 2**64 - 1

    with (
        scripted(tmp_path, Vast) as running,
        closing(SftpSource(settings_for(running, tmp_path))) as source,
    ):
        assert source.list().oddities == (
            Oddity("a.csv", f"without a usable size; it is left at {source.where}"),
        )


class Endless(Scripted):
    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        while True:
            await asyncio.sleep(0.0005)
            yield asyncssh.SFTPName(b"a.csv", b"-rw", attrs=self._attributes())


@pytest.mark.parametrize(("bound", "most"), [("LISTING_TIMEOUTS", 0.1), ("MAX_LISTED", 300)])
def test_an_endless_listing_ends_by_time_and_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: float
) -> None:
    monkeypatch.setattr(client, bound, most)
    with (
        scripted(tmp_path, Endless) as running,
        closing(SftpSource(settings_for(running, tmp_path).model_copy(update={"timeout_s": 20}))) as source,
    ):
        source.connect()
        start = time.monotonic()
        listing = source.list()
        assert time.monotonic() - start < 30
        assert [file.name for file in listing.files] == ["a.csv"]
        assert listing.notes == (f"a.csv: listed twice by {source.where}",)
        assert listing.cut is not None


def test_an_answer_that_comes_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, so that no time-out between two of them would ever end it."""
    monkeypatch.setattr(hardened, "MIN_BYTES_PER_S", 1_000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        bounded = hardened.HardenedSFTPClient.__new__(hardened.HardenedSFTPClient)
        bounded._timeout_s, bounded.sock, bounded._received = 0.1, ours, bytearray()  # type: ignore[assignment]
        ours.settimeout(1)
        over = threading.Event()
        trickle = threading.Thread(
            target=lambda: [theirs.send(b"x") for _ in range(200) if not over.wait(0.02)]
        )
        trickle.start()
        with pytest.raises(TimeoutError):
            bounded._read_all(100)
        over.set()
        trickle.join()


def _list_and_fetch(source: SftpSource) -> None:
    source.list()
    list(source.blocks(seen("a.csv", 10_000)))


def test_what_comes_beyond_the_window_ends_the_connection() -> None:
    """paramiko alone would keep whatever a server sends while nobody reads."""
    channel = paramiko.Channel(0)
    channel.in_window_size = 100_000
    message = paramiko.Message()
    message.add_string(b"x" * 100_000)
    feed = hardened.HardenedTransport._channel_handler_table[MSG_CHANNEL_DATA]  # type: ignore[attr-defined]
    for _ in range(3):
        feed(channel, paramiko.Message(message.asbytes()))
    with pytest.raises(paramiko.SSHException, match="window"):
        feed(channel, paramiko.Message(message.asbytes()))


def test_a_packet_of_two_gigabytes_before_anybody_has_proved_who_he_is_is_not_waited_for(
    sandbox_place: Place,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def lie() -> None:
            with suppress(OSError):
                while True:
                    connection = listener.accept()[0]
                    connection.sendall(b"SSH-2.0-x\r\n\x7f\xff\xff\xfc" + bytes(1_000))
                    kept.append(connection)

        kept: list[socket.socket] = []
        threading.Thread(target=lie, daemon=True).start()
        source = SftpSource(sandbox_place.but(port=listener.getsockname()[1], timeout_s=2))
        with pytest.raises(SourceUnreachable, match="cut, or the answers made no sense"):
            source.connect()
        for connection in kept:
            connection.close()
