"""A command as a process, killed at the n-th transaction of its ledger: before that is durable, or just after."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.edge.ledger.door import Ledger
from tests.warm import Warm

KILLED = -signal.SIGKILL


def killed_at_a_commit(number: int, when: str, *words: str) -> int:
    """The exit status; `KILLED` where the command came as far as that transaction."""
    code = f"from {__name__} import kill_at; kill_at({number}, {when!r})"
    with Warm(words, Path(__file__).parents[2], os.environ, code=code) as ran:
        _, said = ran.communicate(timeout=60)
    assert ran.returncode in {KILLED, 0, 1, 3}, said
    return ran.returncode


def kill_at(number: int, when: str) -> None:
    """Let this process be killed at that transaction, `before` or `after` its commit."""
    from pipeline.edge.ledger import database, decisions, files, group, rejected_records, runs, times

    whole, begun = database.transaction, 0

    @contextmanager
    def deadly(connection: Ledger, **how: str) -> Iterator[None]:
        nonlocal begun
        begun += not connection.in_transaction
        is_last = begun == number
        with whole(connection, **how):
            yield
            if is_last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    for room in (rejected_records, database, decisions, files, group, runs, times):
        vars(room)["transaction"] = deadly
