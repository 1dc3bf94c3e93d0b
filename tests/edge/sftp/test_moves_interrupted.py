"""A file that takes the name of one that is being moved on the server, and a connection that ends at any request.

On OpenSSH and on asyncssh, whose plain rename overwrites nothing either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pipeline.core.file_stages import RemoteFile
from pipeline.edge.sftp.hardened import HardenedSFTPClient
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import SourceError, SourceFileUnsettled
from tests.servers.openssh import OpenSsh, missing
from tests.servers.places import Place

OLD, NEW = b"old bytes\n", b"new and longer bytes\n"
MOVED = "a.csv.00000000"
MOST_REQUESTS = 30


class Killed(BaseException):
    """The process ends here; nothing tidies up."""


@contextmanager
def at_request(
    number: int, before: Callable[[], object] | None = None, after: Callable[[], object] | None = None
) -> Iterator[Callable[[], bool]]:
    """Do something before the n-th request is sent, or after it was answered; whether it came so far."""
    requests, ask = 0, HardenedSFTPClient._request  # type: ignore[attr-defined]

    def asked(client: HardenedSFTPClient, *parts: Any) -> Any:
        nonlocal requests
        requests += 1
        if requests == number and before is not None:
            before()
        answer = ask(client, *parts)
        if requests == number and after is not None:
            after()
        return answer

    HardenedSFTPClient._request = asked  # type: ignore[attr-defined]
    try:
        yield lambda: requests >= number
    finally:
        HardenedSFTPClient._request = ask  # type: ignore[attr-defined]


def listed(source: SftpSource) -> RemoteFile:
    (file,) = source.list().files
    return RemoteFile("sftp", file.name, file.size_bytes, file.modified_at, datetime.now(UTC))


def drop_off(place: Place, content: bytes, age_s: int = 60) -> None:
    """A whole file takes the name."""
    whole = place.root / "whole"
    whole.write_bytes(content)
    at = int(time.time()) - age_s
    os.utime(whole, (at, at))
    whole.replace(place.incoming / "a.csv")


def archived(place: Place) -> list[bytes]:
    return sorted(path.read_bytes() for path in (place.root / "archive").glob("*"))


def in_incoming(place: Place) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.incoming.iterdir()}


def next_run(source: SftpSource) -> None:
    source.put_back(source.list().aside)


def clear(place: Place) -> None:
    for path in (place.root / "archive").glob("*"):
        path.unlink()


def test_a_file_that_takes_the_name_at_any_request_stays_and_is_loaded_next(place: Place) -> None:
    with closing(SftpSource(place.settings)) as source:
        for number in count(1):
            drop_off(place, OLD)
            seen = listed(source)
            with (
                at_request(number, lambda: drop_off(place, NEW, 30)) as reached,
                suppress(SourceFileUnsettled),
            ):
                source.move(seen, "archive", MOVED)
            if not reached():
                break
            assert archived(place) in ([], [OLD]), (
                f"request {number}: a file was archived that nobody has read"
            )
            next_run(source)
            assert in_incoming(place) == {"a.csv": NEW}, f"request {number}"
            source.move(listed(source), "archive", "b")
            assert NEW in archived(place)
            clear(place)
    assert 5 < number < MOST_REQUESTS


@pytest.mark.parametrize("name_taken", [False, True], ids=["", "and the name is taken then"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_move_that_is_killed_at_any_request_is_finished_by_a_later_run(
    place: Place, when: str, name_taken: bool
) -> None:
    def kill() -> None:
        raise Killed

    for number in count(1):
        drop_off(place, OLD)
        with closing(SftpSource(place.settings)) as source, suppress(Killed):
            seen = listed(source)
            with at_request(number, **{when: kill}) as reached:
                source.move(seen, "archive", MOVED)
        if not reached():
            break
        assert OLD in [*in_incoming(place).values(), *archived(place)], f"request {number}: lost"
        if name_taken and not (place.incoming / "a.csv").exists():
            drop_off(place, NEW, 30)
        with closing(SftpSource(place.settings)) as source:
            next_run(source)
            with suppress(SourceFileUnsettled):
                source.move(seen, "archive", MOVED)
            if in_incoming(place).get("a.csv") == NEW:
                source.move(listed(source), "archive", "b")
                next_run(source)  # the file that stood aside comes back
                if in_incoming(place):
                    source.move(listed(source), "archive", MOVED)
        assert in_incoming(place) == {}, f"request {number}"
        assert {OLD} <= set(archived(place)) <= {OLD, NEW}
        clear(place)
    assert 5 < number < MOST_REQUESTS


class SlowToRemove(OpenSsh):
    """An OpenSSH server that waits a while before each removal of a name: between the two halves of its rename."""

    def _before(self) -> list[str]:
        delayed = "inject=unlink,unlinkat:delay_enter=300000"
        return ["strace", "-D", "-f", "-qq", "-o", os.devnull, "-e", "trace=unlink,unlinkat", "-e", delayed]


def test_a_file_that_takes_the_name_within_the_servers_own_rename_is_not_removed(
    openssh_place: Place, tmp_path: Path
) -> None:
    """OpenSSH renames by a link under the new name, then removes the old name, whatever file has it by then."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    if subprocess.run(
        ["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False
    ).returncode:
        pytest.skip("processes may not be traced here")
    drop_off(openssh_place, OLD)
    with SlowToRemove(tmp_path / "slow") as server:
        (tmp_path / "slow_hosts").write_text(server.known_hosts_lines)
        settings = openssh_place.but(
            port=server.port, private_key_file=server.user_key, known_hosts_file=tmp_path / "slow_hosts"
        )
        with closing(SftpSource(settings)) as source:
            seen = listed(source)
            swapper = Thread(target=swap_when_renamed, args=(openssh_place,))
            swapper.start()
            with suppress(SourceError):
                source.move(seen, "archive", MOVED)
            swapper.join()
    assert archived(openssh_place) == [OLD]
    assert in_incoming(openssh_place) == {"a.csv": NEW}


def swap_when_renamed(place: Place) -> None:
    """As soon as the file has another name beside or instead of its own."""
    names = {"a.csv"}
    give_up = time.monotonic() + 10
    while names == {"a.csv"} and time.monotonic() < give_up:
        names = {path.name for path in place.incoming.iterdir()} | {
            path.name for path in (place.root / "archive").glob("*")
        }
        time.sleep(0.005)
    drop_off(place, NEW, 30)
