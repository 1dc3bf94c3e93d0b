"""Billferry in a process of its own, killed at the n-th transaction of its ledger: before it is durable, or just after.

python -m tests.stories.killed_at_a_commit NUMBER before|after WORDS…
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KILLED = -signal.SIGKILL


def killed_at_a_commit(number: int, when: str, *words: str) -> int:
    """The exit status; `KILLED` where the command came as far as that transaction."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.stories.killed_at_a_commit", str(number), when, *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode in {KILLED, 0, 1, 3}, ran.stderr.decode()
    return ran.returncode


def main(number: int, when: str, words: list[str]) -> int:
    from pipeline.cli import run_command
    from pipeline.edge.ledger import database, decisions, files, group, rejected_records, runs, times

    whole, begun = database.transaction, 0

    @contextmanager
    def deadly(connection: sqlite3.Connection) -> Iterator[None]:
        nonlocal begun
        begun += not connection.in_transaction
        is_last = begun == number
        with whole(connection):
            yield
            if is_last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    for room in (rejected_records, database, decisions, files, group, runs, times):
        vars(room)["transaction"] = deadly
    return run_command(words)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
