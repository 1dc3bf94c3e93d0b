"""An upgrade of paramiko that changes a private name that is leant on is seen here, not in the middle of a fetch."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
from paramiko.packet import Packetizer

from pipeline.core.file_stages import RemoteFile
from pipeline.edge.sftp import hardened
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import SourceError, SourceFileUnsettled
from tests.servers.places import Place

ROOM = Path(hardened.__file__).parent
WHOSE = (paramiko.SFTPClient, paramiko.Transport, paramiko.Channel, paramiko.SFTPFile)

SIGNATURES: dict[str, tuple[type, str]] = {
    "_request": (paramiko.SFTPClient, "(self, t, *args)"),
    "_async_request": (paramiko.SFTPClient, "(self, fileobj, t, *args)"),
    "_read_response": (paramiko.SFTPClient, "(self, waitfor=None)"),
    "_read_packet": (paramiko.SFTPClient, "(self)"),
    "_read_all": (paramiko.SFTPClient, "(self, n)"),
    "_write_all": (paramiko.SFTPClient, "(self, out)"),
    "_convert_status": (paramiko.SFTPClient, "(self, msg)"),
    "_async_response": (paramiko.SFTPFile, "(self, t, msg, num)"),
    "_feed": (paramiko.Channel, "(self, m)"),
    "_feed_extended": (paramiko.Channel, "(self, m)"),
}
"""Private methods, as the release that was read has them."""
TABLES: dict[str, Callable[[Any], bool]] = {
    "_preferred_ciphers": lambda names: set(hardened.HardenedTransport._preferred_ciphers) <= set(names),
    "_preferred_macs": lambda names: set(hardened.HardenedTransport._preferred_macs) <= set(names),
    "_channel_handler_table": lambda table: (
        table[MSG_CHANNEL_DATA] is getattr(paramiko.Channel, "_feed", None)
        and table[MSG_CHANNEL_EXTENDED_DATA] is getattr(paramiko.Channel, "_feed_extended", None)
    ),
}
"""Private tables of Transport → what has to be in them."""
UNDOCUMENTED: dict[str, Callable[[], object]] = {
    "Packetizer.read_all": lambda: inspect.signature(Packetizer.read_all).parameters["check_rekey"],
    "Channel.in_buffer": lambda: len(paramiko.Channel(0).in_buffer),
    "Channel.in_stderr_buffer": lambda: len(paramiko.Channel(0).in_stderr_buffer),
    "Channel.in_window_size": lambda: paramiko.Channel(0).in_window_size + 1,
}
"""Without an underscore, but in no manual either."""
ADDED = {"_timeout_s", "_unrequested", "_received", "_batch", "received_bytes"}
"""What `HardenedSFTPClient` keeps for itself beside paramiko's attributes."""


def changed_names() -> set[str]:
    """Names of paramiko that are missing, or not as `hardened` needs them."""
    methods = {
        name
        for name, (owner, signature) in SIGNATURES.items()
        if not hasattr(owner, name) or str(inspect.signature(getattr(owner, name))) != signature
    }
    tables = {
        name
        for name, fits in TABLES.items()
        if not hasattr(paramiko.Transport, name) or not fits(getattr(paramiko.Transport, name))
    }
    return methods | tables


def names_in(file: Path) -> set[str]:
    """Private names of paramiko that a file uses or overrides."""
    words: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        words |= {getattr(node, "attr", ""), getattr(node, "name", "") or "", getattr(node, "id", "")}
    return {
        word
        for word in words
        if word.startswith("_") and not word.startswith("__") and any(hasattr(owner, word) for owner in WHOSE)
    }


def test_the_private_names_of_paramiko_are_as_they_were_when_they_were_read() -> None:
    assert changed_names() == set()


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_private_method_that_is_gone_or_changed_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(self: object, unexpected: object) -> None: ...

    owner = next(base for base in SIGNATURES[name][0].__mro__ if name in vars(base))
    monkeypatch.setattr(owner, name, other)
    assert name in changed_names()
    monkeypatch.delattr(owner, name)
    assert name in changed_names()


@pytest.mark.parametrize("name", TABLES)
def test_a_private_table_that_is_gone_or_changed_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paramiko.Transport, name, {MSG_CHANNEL_DATA: 0, MSG_CHANNEL_EXTENDED_DATA: 0})
    assert name in changed_names()
    monkeypatch.delattr(paramiko.Transport, name)
    assert name in changed_names()


@pytest.mark.parametrize("name", UNDOCUMENTED)
def test_an_undocumented_name_of_paramiko_is_there(name: str) -> None:
    UNDOCUMENTED[name]()


def test_private_names_of_paramiko_stand_in_one_file() -> None:
    assert names_in(Path(hardened.__file__)) == SIGNATURES.keys() | TABLES.keys()
    others = {path.name: names_in(path) for path in ROOM.glob("*.py") if path.stem != "hardened"}
    assert {name: found for name, found in others.items() if found} == {}


OVERRIDES = [
    (owner, name)
    for owner in (hardened.HardenedSFTPClient, hardened.AnswerReceiver)
    for name in SIGNATURES
    if name in vars(owner)
]


def use_all(place: Place, *, close: bool = True) -> SftpSource:
    """List, fetch, upload, and be refused something, so that every kind of request and answer occurs."""
    source = SftpSource(place.settings)
    place.put("a.csv", b"x" * 100_000)
    (file,) = source.list().files
    remote = RemoteFile("sftp", file.name, file.size_bytes, file.modified_at, datetime.now(UTC))
    assert b"".join(source.blocks(remote)) == b"x" * 100_000
    source.upload(place.incoming / "a.csv", "a.csv", "summary.json")
    with pytest.raises((SourceError, SourceFileUnsettled)), source._requests_about("nothing") as client:
        client.remove("/incoming/nothing")
    if close:
        source.close()
    return source


def test_paramiko_calls_every_method_that_is_overridden(
    sandbox_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, int] = {name: 0 for _, name in OVERRIDES} | {"_feed": 0}

    def counted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            calls[name] += sys._getframe(1).f_globals["__name__"].startswith("paramiko.")
            return method(*arguments, **named)

        return call

    for owner, name in OVERRIDES:
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    table = hardened.HardenedTransport._channel_handler_table  # type: ignore[attr-defined]
    monkeypatch.setitem(table, MSG_CHANNEL_DATA, counted("_feed", table[MSG_CHANNEL_DATA]))
    use_all(sandbox_place)
    assert len(OVERRIDES) == 6
    only_ours = {"_read_all"}  # overridden so that paramiko never receives beside the buffer
    assert {name for name, count in calls.items() if count == 0} == only_ours


def test_paramiko_offers_the_preferred_algorithms_and_no_others(sandbox_place: Place) -> None:
    with closing(use_all(sandbox_place, close=False)) as source:
        assert source._session is not None
        offered = source._session._transport.get_security_options()
        assert tuple(offered.ciphers) == hardened.HardenedTransport._preferred_ciphers
        assert tuple(offered.digests) == hardened.HardenedTransport._preferred_macs


def test_attributes_of_the_subclasses_hide_none_of_paramikos(sandbox_place: Place) -> None:
    with closing(use_all(sandbox_place, close=False)) as source:
        client = source._client()
        added = {name for name in vars(client) if name in ADDED}
    assert added == ADDED
    of_paramiko = inspect.getsource(paramiko.sftp_client) + inspect.getsource(paramiko.sftp)
    assert [name for name in ADDED if f"self.{name}" in of_paramiko] == []
