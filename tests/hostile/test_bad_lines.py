"""Lines that cut, freeze or trickle: bounded in time, and the right bytes in the end."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from pipeline.collect.collect import collect, land
from pipeline.collect.feed_of_file import Matching
from pipeline.collect.model import Found
from pipeline.edge.sftp import transfer
from pipeline.edge.sftp.source import MAX_BREAKS, MAX_TROUBLE_TIMEOUTS, SftpSource
from pipeline.errors import SourceInterrupted
from schemas.settings import Sftp
from tests.collect.conftest import BILLS
from tests.hostile.conftest import BESIDE, Enemy
from tests.seeds import some
from tests.servers.places import Place, openssh, openssh_place
from tests.servers.proxy import SpoilingProxy
from tests.servers.raw import ATTRS, HANDLE, LSTAT, OPEN, READ, Answer, attributes, number, packet, text
from tests.stories.files import bills

__all__ = ["openssh", "openssh_place"]

NAME = "a_bills_2030-01-01.csv"
MIB = 1 << 20
WRITE = 6
SILENT_S = 1.5
"""Longer than a good server is silent while others keep the machine busy."""


def through(proxy: SpoilingProxy, place: Place, timeout_s: float) -> Sftp:
    known_hosts = place.settings.known_hosts_file
    known_hosts.write_text(known_hosts.read_text().replace(f":{proxy.target}", f":{proxy.port}"))
    return place.but(port=proxy.port, timeout_s=timeout_s)


def the_file(source: SftpSource) -> Found:
    seen = collect(source, Matching([BILLS]), {}, clock=lambda: datetime.now(UTC), wait=lambda _: None)
    (found,) = seen.found
    return found


@pytest.mark.parametrize("fault", ["cut", "freeze"])
@pytest.mark.parametrize("share", some([n / 10 for n in range(1, 10)], 3))
def test_a_line_that_breaks_anywhere_in_a_file_costs_one_more_try(
    openssh_place: Place, tmp_path: Path, fault: Literal["cut", "freeze"], share: float
) -> None:
    """A line that is cut is seen at once, however long it may be silent; one that freezes by its silence alone."""
    content = os.urandom(MIB)
    openssh_place.put(NAME, content)
    with SpoilingProxy(openssh_place.settings.port, fault=fault, spoiled=1) as proxy:
        settings = through(proxy, openssh_place, timeout_s=60 if fault == "cut" else SILENT_S)
        with closing(SftpSource(settings)) as source:
            found = the_file(source)
            source.close()
            proxy.connections, proxy.good_bytes = 0, int(share * MIB) + 3_000
            start_s = time.monotonic()
            landed = land(found, source, tmp_path / "landing", max_file_bytes=MIB)
            assert time.monotonic() - start_s < 30
    assert landed.sha256 == hashlib.sha256(content).hexdigest()
    assert landed.path.read_bytes() == content
    assert proxy.connections == 2


def test_a_line_that_slows_down_to_a_trickle_is_noticed_however_much_it_has_brought(
    openssh_place: Place, tmp_path: Path
) -> None:
    """At the slowest rate that is accepted, its 20 MiB would have bought it 20 minutes."""
    openssh_place.put(NAME, os.urandom(40 * MIB))
    with (
        SpoilingProxy(openssh_place.settings.port) as proxy,
        closing(SftpSource(through(proxy, openssh_place, timeout_s=1))) as source,
    ):
        found = the_file(source)
        came: list[int] = []
        slow_since: list[float] = []

        def all_of_it() -> None:
            for block in source.blocks(found.remote):
                came.append(len(block))
                if sum(came) > 20 * MIB and not slow_since:
                    proxy.bytes_per_s, proxy.most_bytes = 1_000, 200
                    slow_since.append(time.monotonic())

        with pytest.raises(SourceInterrupted, match="no answer in time"):
            all_of_it()
        assert time.monotonic() - slow_since[0] < 60


def test_patience_is_not_saved_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MIN_BYTES_PER_S", 1_000_000)
    now_s = [0.0]
    monkeypatch.setattr(transfer, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    stall_timer = transfer.StallTimer(0.1)
    for _ in range(3):  # within it, and filled up again
        with stall_timer.waiting():
            now_s[0] += 0.08
        stall_timer.progressed(1 << 30)
    with pytest.raises(TimeoutError), stall_timer.waiting():
        now_s[0] += 0.3


# -- many files --


def files(count: int) -> dict[bytes, bytes]:
    return {
        b"%03d_bills_2030-01-01.csv" % n: bills(f"C-{n},A-{n},B-{n + 100},1.00").encode()
        for n in range(count)
    }


def breaking(*which: int) -> Answer:
    """Nonsense in place of the data of these files, once their heads were read: each break costs a connection."""
    seen: dict[bytes, int] = {}

    def answer(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
        if kind != READ:
            return
        name = rest[4 : 4 + int.from_bytes(rest[:4])]
        seen[name] = seen.get(name, 0) + 1
        if int(name[:3]) in which and seen[name] > 1:
            yield b"\xff" * 8

    return answer


def silent(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
    if kind == READ:
        yield b""


def test_good_files_between_and_after_some_that_break_are_loaded(enemy: Enemy) -> None:
    enemy.raw(breaking(1, 2, 4, 5, 7, 8), files=files(10), timeout_s=60)
    said = enemy.merchant.run()
    assert said.exit_status == 3
    assert set(enemy.merchant.held("bills")) == {"B-100", "B-103", "B-106", "B-109", "B-9"}
    assert said.stderr.count("the connection broke at") == 6


def test_a_source_that_breaks_at_each_file_is_given_up_soon_and_taken_up_by_the_next_run(
    enemy: Enemy,
) -> None:
    server = enemy.raw(breaking(*range(1, 14)), files=files(14), timeout_s=60)
    said = enemy.merchant.run()
    assert said.exit_status == 3
    assert "the connection broke again and again" in said.stderr
    # Where a line is slow there are two connections, and one may be at a file while the other is given up.
    assert len(server.opened) <= 14 + 2 + MAX_BREAKS
    assert set(enemy.merchant.held("bills")) == {"B-100", "B-9"}
    assert said.named(BESIDE)["state"] == "loaded"
    server.answer = lambda *_: iter(())
    assert enemy.merchant.run().exit_status == 0
    assert len(enemy.merchant.held("bills")) == 15


def test_a_source_that_falls_silent_costs_a_few_time_outs_and_not_as_many_as_it_has_files(
    enemy: Enemy,
) -> None:
    server = enemy.raw(silent, files=files(200), timeout_s=0.3)
    said = enemy.merchant.run()
    assert 0 < len(server.opened) <= MAX_TROUBLE_TIMEOUTS + 1
    assert said.exit_status == 3
    assert set(enemy.merchant.held("bills")) == {"B-9"}


def test_reports_that_nobody_takes_are_a_warning_and_the_bills_are_loaded_once(enemy: Enemy) -> None:
    """The server is silent once a report's first block is sent."""

    def deaf(kind: int, request: int, rest: bytes) -> Iterator[bytes]:
        if kind == WRITE:
            yield b""
        elif kind == OPEN and b".part" in rest:
            yield packet(HANDLE, number(request), text(b"report"))
        elif kind == LSTAT and b"reports" in rest:
            yield packet(ATTRS, number(request), attributes(0))

    enemy.raw(deaf, timeout_s=0.5)
    enemy.merchant.settings["sftp"]["reports"] = "/reports"
    for expected in ({"POST bills": 2}, {}):
        start_s = time.monotonic()
        said = enemy.merchant.run()
        assert time.monotonic() - start_s < 30
        assert said.exit_status == 0
        assert "no answer in time" in said.stderr
        assert "tried again by the next run" in said.stderr
        assert said.requests == expected
