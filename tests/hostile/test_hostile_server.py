"""Whatever a server answers: a run ends in time, in little memory, and what is good beside it is loaded."""

# ruff: noqa: ARG002 - the signatures are asyncssh's
from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator

import asyncssh
import pytest

from tests.hostile.conftest import BESIDE, CONTENT, GOOD, Enemy
from tests.seeds import SOAK
from tests.servers.raw import (
    ATTRS,
    CLOSE,
    DATA,
    HANDLE,
    LSTAT,
    NAME,
    OPEN,
    OPENDIR,
    READ,
    READDIR,
    Answer,
    attributes,
    names,
    number,
    packet,
    status,
    text,
)
from tests.stories.files import bills

MODIFIED_S = 1_700_000_000
ATTACKED = "b_bills_2030-01-01.csv"


def honest(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    yield from ()


def unasked_for_ever(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == LSTAT:
        for _ in range(10_000):
            yield packet(DATA, number(4_000_000_000), text(b"x"))
        yield packet(ATTRS, number(request), attributes(len(CONTENT)))


def too_large_an_answer(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == READDIR:
        yield b"\x00\xff\xff\xff" + b"x" * 500_000


def an_empty_answer(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == READDIR:
        yield b"\x00\x00\x00\x00" * 10


def an_answer_cut_short(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == LSTAT:
        yield packet(ATTRS, number(request))[:-1] + b"\x01"


def no_names_for_ever(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == READDIR:
        yield names(request)


def four_thousand_million_names(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == READDIR:
        yield packet(NAME, number(request), number(0xFFFFFFFF), text(b"x"), text(b""), attributes(1))


def another_kind_of_answer(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind in {OPEN, OPENDIR, LSTAT}:
        yield packet(NAME, number(request), number(0))


def more_than_asked(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == READ:
        yield packet(DATA, number(request), text(b"x" * 200_000))


def no_data_in_data(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == READ:
        yield packet(DATA, number(request), text(b""))


def a_refusal_that_says_ok(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == OPEN:
        yield status(request, 0)


def unknown_statuses(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind in {READ, CLOSE}:
        yield status(request, 4_000_000_000)


def handles_without_end(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == OPEN:
        yield packet(HANDLE, number(request), text(b"h" * 250_000))


@pytest.mark.parametrize(
    "answer",
    [
        unasked_for_ever,
        too_large_an_answer,
        an_empty_answer,
        an_answer_cut_short,
        no_names_for_ever,
        four_thousand_million_names,
        another_kind_of_answer,
        more_than_asked,
        no_data_in_data,
        a_refusal_that_says_ok,
        unknown_statuses,
        handles_without_end,
    ],
    ids=lambda answer: answer.__name__.replace("_", " "),
)
def test_nonsense_is_unfinished_work_and_no_bug(enemy: Enemy, answer: Answer) -> None:
    enemy.raw(answer, timeout_s=0.5)
    start_s = time.monotonic()
    said = enemy.merchant.run()
    assert time.monotonic() - start_s < 60
    assert said.exit_status == 3
    assert "Traceback" not in said.stderr
    assert set(enemy.merchant.held("bills")) == {"B-9"}
    assert said.named(BESIDE)["state"] == "loaded"


def test_the_raw_server_can_be_honest(enemy: Enemy) -> None:
    enemy.raw(honest)
    assert enemy.merchant.run().exit_status == 0
    assert set(enemy.merchant.held("bills")) == {"B-1", "B-9"}


# -- memory, disk and time of whole runs --


def odd_names_for_ever(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == READDIR:
        odd = [(b"odd/%d-%d.csv" % (request, n), attributes(5)) for n in range(500)]
        yield names(request, (GOOD.encode(), attributes(len(CONTENT))), *odd)


FEWER = "from pipeline.edge.sftp import client\nclient.MAX_LISTED = 20_000\n"
"""A listing is cut sooner: the server needs as long to write one as the run to read it."""


def test_an_endless_listing_is_cut_told_once_and_what_was_listed_is_loaded(enemy: Enemy) -> None:
    enemy.raw(odd_names_for_ever, timeout_s=10)
    spent = enemy.spend("" if SOAK else FEWER)
    assert spent.exit_status == 3
    most = 200_000 if SOAK else 20_000
    assert f"has more than {most} entries; what was listed is loaded" in spent.stderr
    assert "more like these" in spent.stderr
    assert len(spent.stderr.splitlines()) < 52
    assert set(enemy.merchant.held("bills")) == {"B-1", "B-9"}
    assert spent.took_s < 60
    assert spent.peak_mib < 450


class Served(asyncssh.SFTPServer):
    """Two files, of which a test says what the server claims of the second."""

    content = bills("C-2,A-2,B-2,2.00").encode()
    claimed_bytes: int | None = None

    def claims(self, name: bytes) -> asyncssh.SFTPAttrs:
        size_bytes = len(CONTENT) if name == GOOD.encode() else len(self.content)
        if name != GOOD.encode() and self.claimed_bytes is not None:
            size_bytes = self.claimed_bytes
        return asyncssh.SFTPAttrs(size=size_bytes, permissions=0o100644, atime=MODIFIED_S, mtime=MODIFIED_S)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name in (GOOD.encode(), ATTACKED.encode()):
            yield asyncssh.SFTPName(name, b"", attrs=self.claims(name))

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self.claims(path.rpartition(b"/")[2])

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        return path.rpartition(b"/")[2]

    def close(self, file_obj: object) -> None:
        return None

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        if file_obj == GOOD.encode():
            return CONTENT[offset : offset + size]
        return self.attacked(offset, size)

    def attacked(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]


class SaysTooLittle(Served):
    claimed_bytes = 10


class SaysTooMuch(Served):
    claimed_bytes = 100_000


class SaysMoreThanFits(Served):
    claimed_bytes = 2**63


class SaysALot(Served):
    claimed_bytes = 2**62


class SaysNothing(Served):
    def claims(self, name: bytes) -> asyncssh.SFTPAttrs:
        return super().claims(name) if name == GOOD.encode() else asyncssh.SFTPAttrs()


class EndlessFile(Served):
    claimed_bytes = 1_000_000

    def attacked(self, offset: int, size: int) -> bytes:
        return b"x" * size


class FolderAsFile(Served):
    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if path.endswith(ATTACKED.encode()):
            raise asyncssh.SFTPFailure("is a directory")
        return super().open(path, pflags, attrs)


class LinkByNow(Served):
    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        facts = super().lstat(path)
        if path.endswith(ATTACKED.encode()):
            facts.permissions = 0o120777
        return facts


class ListedTwice(Served):
    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name in (GOOD.encode(), GOOD.encode(), b"notes.md"):
            yield asyncssh.SFTPName(name, b"", attrs=self.claims(name))


class DeafToFiles(Served):
    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        if file_obj == ATTACKED.encode() and offset >= 10:
            raise asyncssh.SFTPConnectionLost("gone")
        return super().read(file_obj, offset, size)


class OtherEachTime(Served):
    """Another file at each read, of the same size and time: nothing but its bytes can tell."""

    def attacked(self, offset: int, size: int) -> bytes:
        return bytes(reversed(self.content))[offset : offset + size]


@pytest.mark.parametrize(
    ("server", "exit_status", "told"),
    [
        (SaysTooLittle, 3, "changed while it was fetched"),
        (SaysTooMuch, 3, "changed while it was fetched"),
        (SaysMoreThanFits, 1, "without a usable size"),
        (SaysALot, 1, "larger than limits.max_file_bytes"),
        (SaysNothing, 1, "not a regular file"),
        (EndlessFile, 3, "changed while it was fetched"),
        (FolderAsFile, 3, "refused by the server"),
        (LinkByNow, 3, "changed while it was fetched"),
        (ListedTwice, 0, "listed twice"),
        (DeafToFiles, 3, "refused by the server"),
        (OtherEachTime, 1, "refused"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_is_lied_about_is_told_and_the_one_beside_it_is_loaded(
    enemy: Enemy, server: Callable[..., Served], exit_status: int, told: str
) -> None:
    enemy.scripted(server, timeout_s=2)
    said = enemy.merchant.run()
    assert said.exit_status == exit_status
    assert told in said.stderr
    assert "Traceback" not in said.stderr
    assert set(enemy.merchant.held("bills")) == {"B-1", "B-9"}
    assert enemy.landed_bytes() < 10_000_000


def test_a_thousand_strangers_are_not_all_looked_into(enemy: Enemy, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.collect import collect

    monkeypatch.setattr(collect, "MAX_UNMATCHED_READ", 5)
    strangers = {b"stranger-%03d.csv" % n: b"x" for n in range(30)}
    server = enemy.raw(honest, files={**strangers, GOOD.encode(): CONTENT})
    said = enemy.merchant.run()
    assert said.exit_status == 1
    assert sum(summary["state"] == "unmatched" for summary in said.files) == 30
    assert len([name for name in server.opened if name in strangers]) == 5
    assert "B-1" in enemy.merchant.held("bills")


def test_a_thousand_odd_names_are_a_few_lines(enemy: Enemy) -> None:
    odd = {b"odd/%04d.csv" % n: b"x" for n in range(1_000)}
    enemy.raw(honest, files={**odd, GOOD.encode(): CONTENT})
    said = enemy.merchant.run()
    assert "and 980 more like these" in said.stderr
    assert len(said.stderr.splitlines()) < 60
    assert said.exit_status == 1
    assert sum(summary["state"] == "unmatched" for summary in said.files) == 1_000
