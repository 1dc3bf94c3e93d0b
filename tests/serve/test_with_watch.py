"""`serve --with-watch`: one process that people start, and neither half outlives the other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.serve.running import Serving, serving

WATCHES = "watching"


def watch_of(server: Serving) -> int:
    """The number of the watch, once it says that it watches."""
    assert server.process is not None
    assert server.process.stderr is not None
    assert any(WATCHES in line for line in server.process.stderr)
    pid = server.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_the_watch_ends_with_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, words=("serve", "--with-watch")) as server:
        watch = watch_of(server)
        exit_status, said = server.ended()
    assert exit_status == 128 + signal.SIGTERM, said
    assert not is_there(watch)


@pytest.mark.parametrize(("number", "told"), [(signal.SIGKILL, 137), (signal.SIGTERM, 143)])
def test_the_server_ends_with_the_watch_and_says_so(
    tmp_path: Path, number: signal.Signals, told: int
) -> None:
    with serving(tmp_path, words=("serve", "--with-watch")) as server:
        os.kill(watch_of(server), number)
        assert server.process is not None
        _, said = server.process.communicate(timeout=60)
        assert server.process.returncode != 0
    assert f"the watch ended with exit status {told}" in said
