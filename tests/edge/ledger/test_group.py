"""Many changes, one synced commit; a failed group is told to all of it, and the next goes on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.core.api.ledger_changes import ForgetEntity, OpenIntent, StoreOutcome
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.database import SqliteLedger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.group import GroupCommit
from pipeline.edge.ledger.group_writer import GroupWriter
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import DiskFull
from tests.edge.ledger.conftest import intent, land, opened


def concluding(record: int) -> StoreOutcome:
    return StoreOutcome(1, f"B{record}", RecordOutcome(record, Outcome.CREATED))


def commits_of(ledger: SqliteLedger) -> list[str]:
    said: list[str] = []
    ledger.set_trace_callback(lambda sql: said.append(sql) if sql == "COMMIT" else None)
    return said


async def while_busy(
    path: Path, group: GroupCommit, then: Callable[[], list[asyncio.Task[None]]]
) -> list[asyncio.Task[None]]:
    """Start `then` while another connection holds the writer up, so that its changes go into one group."""
    with closing(opened(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        held = asyncio.create_task(group.durable(ForgetEntity("customer", "nobody")))
        await asyncio.sleep(0.05)  # the writer has taken it by now, and waits
        tasks = then()
        await asyncio.sleep(0.01)  # each asks for its change
        other.execute("COMMIT")
    await asyncio.wait([held, *tasks])
    return tasks


def test_changes_that_arrive_during_a_commit_go_together(
    path: Path, ledger: SqliteLedger, sends: Sends
) -> None:
    async def main() -> int:
        async with GroupCommit(ledger, "here") as group:
            said = commits_of(ledger)
            await while_busy(
                path,
                group,
                lambda: [asyncio.create_task(group.durable(concluding(n))) for n in range(500)],
            )
            return len(said)

    assert asyncio.run(main()) == 2
    assert sends.settled_records(1).len() == 500


def test_what_nobody_waits_for_goes_with_what_somebody_waits_for(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.edge.ledger.group_writer.UNAWAITED_S", 60.0)

    async def main() -> int:
        async with GroupCommit(ledger, "here") as group:
            said = commits_of(ledger)
            await group.soon(concluding(1))
            await asyncio.sleep(0.05)
            await group.soon(concluding(2))
            await asyncio.sleep(0.05)
            await group.durable(concluding(3))
            return len(said)

    assert asyncio.run(main()) == 1


def test_what_nobody_waits_for_is_written_all_the_same(ledger: SqliteLedger, path: Path) -> None:
    async def main() -> None:
        async with GroupCommit(ledger, "here") as group:
            await group.soon(concluding(1))
            deadline = time.monotonic() + 20
            with closing(opened(path)) as other:
                while not Sends(other).settled_records(1).len():
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.01)

    asyncio.run(main())


class RestingWriter(GroupWriter[int]):
    """Each commit takes a fifth of a second."""

    def __init__(self) -> None:
        super().__init__("resting", 100, rest=1.0)
        self.groups: list[list[int]] = []

    def commit(self, group: Sequence[int], *, all_wait: bool) -> None:
        assert all_wait
        self.groups.append([*group])
        time.sleep(0.2)


def test_after_a_commit_more_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.edge.ledger.group_writer.LONGEST_REST_S", 60.0)

    async def main() -> list[list[int]]:
        async with RestingWriter() as writer:
            await writer.submit(1)
            second = asyncio.create_task(writer.submit(2))
            await asyncio.sleep(0.02)
            await asyncio.gather(second, writer.submit(3))
            return writer.groups

    assert asyncio.run(main()) == [[1], [2, 3]]


def test_a_failed_group_is_told_to_all_of_it_and_the_next_goes_on(
    path: Path, ledger: SqliteLedger, sends: Sends
) -> None:
    bad = OpenIntent(intent(file_id=99))  # there is no such file

    async def main() -> list[BaseException | None]:
        async with GroupCommit(ledger, "here") as group:
            tasks = await while_busy(
                path,
                group,
                lambda: [
                    asyncio.create_task(group.durable(change))
                    for change in (concluding(1), bad, concluding(2))
                ],
            )
            await group.durable(concluding(3))
            return [task.exception() for task in tasks]

    assert [str(failure) for failure in asyncio.run(main())] == ["FOREIGN KEY constraint failed"] * 3
    assert sends.settled_records(1).to_list() == [3]


def test_nothing_is_written_after_changes_that_nobody_waited_for_were_lost(
    ledger: SqliteLedger, sends: Sends
) -> None:
    """What comes later may build on them: an intent on the id that they taught, say."""
    bad = OpenIntent(intent(file_id=99))  # there is no such file

    async def main() -> None:
        async with GroupCommit(ledger, "here") as group:
            await group.soon(bad)
            for number in range(3):  # the first may share a group with it; the others come after
                with pytest.raises(Exception, match="FOREIGN KEY"):
                    await group.durable(concluding(number))
            await group.soon(concluding(3))

    asyncio.run(main())
    assert sends.settled_records(1).is_empty()


def test_a_change_that_nobody_waited_for_is_lost_with_a_failed_group_of_others(
    path: Path, ledger: SqliteLedger, sends: Sends
) -> None:
    """One of a group was waited for and is told; the other's loss must keep out what comes later all the same."""
    bad = OpenIntent(intent(file_id=99))  # there is no such file

    async def main() -> None:
        async with GroupCommit(ledger, "here") as group:
            await while_busy(
                path,
                group,
                lambda: [
                    asyncio.create_task(group.soon(concluding(1))),
                    asyncio.create_task(group.durable(bad)),
                ],
            )
            with pytest.raises(Exception, match="FOREIGN KEY"):
                await group.durable(concluding(2))

    asyncio.run(main())
    assert sends.settled_records(1).is_empty()


def test_a_second_intent_for_one_key_fails_and_leaves_the_first(ledger: SqliteLedger, sends: Sends) -> None:
    async def main() -> None:
        async with GroupCommit(ledger, "here") as group:
            await group.durable(OpenIntent(intent()))
            with pytest.raises(Exception, match="UNIQUE"):
                await group.durable(OpenIntent(intent(record=2)))

    asyncio.run(main())
    assert [one.record for one in sends.open_intents()] == [1]


def test_a_full_disk_reaches_whoever_waits(ledger: SqliteLedger, sends: Sends) -> None:
    ledger.execute(f"PRAGMA max_page_count = {ledger.execute('PRAGMA page_count').fetchone()[0]}")

    much = [StoreOutcome(1, "B" * 200, RecordOutcome(record, Outcome.CREATED)) for record in range(2000)]

    async def main() -> None:
        async with GroupCommit(ledger, "the ledger") as group:
            with pytest.raises(DiskFull):
                await group.durable(*much)

    asyncio.run(main())
    assert sends.settled_records(1).is_empty()


def test_leaving_waits_for_what_was_asked(ledger: SqliteLedger, sends: Sends) -> None:
    async def main() -> None:
        async with GroupCommit(ledger, "here") as group:
            tasks = [asyncio.create_task(group.durable(concluding(n))) for n in range(20)]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert sends.settled_records(1).len() == 20


def test_a_waiter_that_is_cancelled_does_not_take_its_change_back(
    path: Path, ledger: SqliteLedger, sends: Sends
) -> None:
    async def main() -> None:
        async with GroupCommit(ledger, "here") as group:

            def then() -> list[asyncio.Task[None]]:
                tasks = [asyncio.create_task(group.durable(concluding(n))) for n in range(2)]
                asyncio.get_running_loop().call_soon(tasks[0].cancel)
                return tasks

            await while_busy(path, group, then)

    asyncio.run(main())
    assert sends.settled_records(1).to_list() == [0, 1]


WRITER = """
import asyncio, sys
from pathlib import Path
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.core.api.ledger_changes import StoreOutcome
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.group import GroupCommit
from pipeline.edge.ledger.group_writer import GroupWriter

async def main():
    ledger = open_sqlite_ledger(Path(sys.argv[1]), merchant="citypower", environment="test")
    async with GroupCommit(ledger, sys.argv[1]) as group:
        async def worker(number):
            while True:
                await group.durable(
                    StoreOutcome(1, "one", RecordOutcome(number, Outcome.CREATED)),
                    StoreOutcome(1, "two", RecordOutcome(number + 500_000, Outcome.CREATED)),
                )
                sys.stdout.write(f"{number}\\n")
                sys.stdout.flush()
                number += 8
        await asyncio.gather(*[worker(n) for n in range(8)])

asyncio.run(main())
"""


@pytest.mark.parametrize("after_s", [0.05, 0.13, 0.21])
def test_kill_minus_nine_loses_nothing_that_was_durable(path: Path, after_s: float) -> None:
    with closing(opened(path)) as ledger:
        land(Files(ledger))
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
    told = {int(line) for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")}
    assert len(told) > 8
    with closing(opened(path)) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        kept = set(Sends(ledger).settled_records(1))
    assert told <= kept
    firsts = {record for record in kept if record < 500_000}
    assert {record + 500_000 for record in firsts} == kept - firsts, "half a change was kept"
