"""Whatever happens to the ledger or to work_dir while a run is at work: one line, exit 3 or 4, nothing doubled."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.edge.ledger import database
from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.edge.local.lock import only_run
from pipeline.sandbox.faults import Fault, Received
from tests.ledger_of_world import sqlite_alone
from tests.load.conftest import Merchant
from tests.seeds import cases
from tests.world import Said

ROWS = [f"C{n // 4},A{n // 2},B{n},{n + 1}.00" for n in range(200)]
AFTER = 20
"""So many requests until something happens."""


@dataclass
class Happens:
    """Something happens when the API gets that request."""

    what: Callable[[], object]
    number: int = AFTER

    def chosen_for(self, request: Received) -> tuple[Fault, ...]:
        if request.number == self.number:
            self.what()
        return ()


def in_one_line(said: Said, words: str) -> None:
    assert said.exit_status == 3, said.stderr
    assert "Traceback" not in said.stderr
    assert sum(words in line for line in said.stderr.splitlines()) == 1, said.stderr


def loads_at_last(merchant: Merchant, path: Path) -> None:
    """With the trouble gone, all is there once, and said so."""
    done = merchant.load(path)
    assert done.exit_status == 0, done.stderr
    assert set(done.row_outcomes) <= {"created", "unchanged"}
    assert {name: bill["amount_due"] for name, bill in merchant.held("bills").items()} == {
        f"B{n}": (n + 1) * 100 for n in range(len(ROWS))
    }


# -- another program holds SQLite's lock ----------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.3)


@contextmanager
def locked(ledger: Path, *, for_readers: bool = False) -> Iterator[None]:
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        if for_readers:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.usefixtures("impatient")
@sqlite_alone
def test_a_locked_ledger_is_one_line_and_the_next_run_goes_on(merchant: Merchant) -> None:
    path = merchant.bills(ROWS)
    merchant.load(merchant.bills(["D,E,F,1.00"], "first_bills.csv"))
    with locked(merchant.folder / "var" / "ledger.sqlite"):
        said = merchant.command("load", path)
    assert said.exit_status == 3
    assert "another program has kept the ledger locked" in said.stderr
    assert "Traceback" not in said.stderr
    assert len(merchant.requests("POST")) == 1, "nothing is sent that cannot be noted"


@pytest.mark.usefixtures("impatient")
@sqlite_alone
def test_a_ledger_that_is_locked_in_the_middle_ends_the_run_in_one_line(merchant: Merchant) -> None:
    path = merchant.bills(ROWS)
    other = sqlite3.connect(
        merchant.folder / "ledger.later", isolation_level=None, check_same_thread=False, timeout=20
    )
    with closing(other):

        def lock() -> None:
            other.execute("ATTACH ? AS ledger", (str(merchant.folder / "var" / "ledger.sqlite"),))
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE ledger.binding SET merchant = merchant")

        merchant.api.faults = Happens(lock)
        in_one_line(merchant.load(path), "another program has kept the ledger locked")
        posted = len(merchant.requests("POST"))
        assert AFTER <= posted < len(ROWS), "what cannot be noted is not sent"
        other.execute("ROLLBACK")
    known = merchant.ledger("SELECT reference FROM intents UNION SELECT reference FROM outcomes")
    assert merchant.held("bills").keys() <= {reference for (reference,) in known}
    loads_at_last(merchant, path)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "words", [["status"], ["backup", "{}/copy"], ["run", "--dry-run"], ["doctor"]], ids=str
)
@sqlite_alone
def test_commands_that_read_a_ledger_that_nobody_may_read_say_so_in_one_line(
    merchant: Merchant, words: list[str]
) -> None:
    merchant.load(merchant.bills(["D,E,F,1.00"]))
    words = [word.format(merchant.folder) for word in words]
    with locked(merchant.folder / "var" / "ledger.sqlite", for_readers=True):
        said = merchant.command(*words)
    printed = said.stdout + said.stderr
    assert said.exit_status == 3, printed
    assert "Traceback" not in printed
    assert printed.count("another program has kept the ledger locked") == 1
    assert merchant.command(*words).exit_status == 0


@pytest.mark.usefixtures("impatient")
@sqlite_alone
def test_a_migration_that_finds_the_ledger_locked_is_one_line_and_made_up_for(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant.load(merchant.bills(["D,E,F,1.00"]))
    path = merchant.bills(ROWS)
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE later (id INTEGER) STRICT;"))
    with locked(merchant.folder / "var" / "ledger.sqlite"):
        said = merchant.command("load", path)
    assert said.exit_status == 3
    assert "another program has kept the ledger locked" in said.stderr
    assert "Traceback" not in said.stderr
    assert merchant.command("load", path).exit_status == 0


def test_a_second_run_does_not_start_because_the_lock_file_was_deleted(merchant: Merchant) -> None:
    path = merchant.bills(ROWS)
    (merchant.folder / "var").mkdir()
    with only_run(merchant.folder / "var" / "lock"):
        (merchant.folder / "var" / "lock").unlink()
        said = merchant.command("load", path)
    assert said.exit_status == 4
    assert "another run is active" in said.stderr


# -- work_dir is removed, or refuses ----------------------------------------------------------------------------


def moved_away(var: Path) -> None:
    var.rename(var.with_name("var.old"))


def replaced(var: Path) -> None:
    moved_away(var)
    var.mkdir()


def without_ledger(var: Path) -> None:
    for path in var.glob("ledger*"):
        path.unlink()


@pytest.mark.parametrize("happens", [shutil.rmtree, moved_away, replaced, without_ledger])
@sqlite_alone
def test_a_work_dir_that_is_removed_ends_the_run_in_one_line(
    merchant: Merchant, happens: Callable[[Path], Any]
) -> None:
    path, var = merchant.bills(ROWS), merchant.folder / "var"
    merchant.api.faults = Happens(lambda: happens(var))
    in_one_line(merchant.load(path), "removed or replaced while billferry worked with it")
    posted = len(merchant.requests("POST"))
    assert AFTER <= posted < len(ROWS), "a ledger that is gone notes nothing"
    if happens in {shutil.rmtree, moved_away}:
        assert not var.exists(), "nothing of it is made again behind the operator's back"
    loads_at_last(merchant, path)


class DeadDisk:
    """From the given step on, every file and folder below `var` that is opened for writing, made, renamed or removed
    fails. `steps` counts them.

    Python tells its audit hooks of each before it does it; a hook cannot be taken off, so it is switched off.
    """

    EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.truncate")

    def __init__(self, var: Path) -> None:
        self._var = str(var)
        self.steps = 0
        self.dies_at: int | None = None
        self.problem = OSError()
        self.on = False
        sys.addaudithook(self._heard)

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on or event not in self.EVENTS or not self._is_below(args):
            return
        if event == "open" and not args[2] & 0o3:
            return  # to read
        self.steps += 1
        if self.dies_at is not None and self.steps > self.dies_at:
            raise OSError(self.problem.errno, self.problem.strerror, str(args[0]))

    def _is_below(self, args: tuple[Any, ...]) -> bool:
        return any(isinstance(arg, str) and arg.startswith(self._var) for arg in args[:2])

    @contextmanager
    def dead(self, dies_at: int | None, problem: OSError) -> Iterator[None]:
        self.steps, self.dies_at, self.problem, self.on = 0, dies_at, problem, True
        try:
            yield
        finally:
            self.on = False


PROBLEMS = [
    OSError(28, "No space left on device"),
    OSError(122, "Disk quota exceeded"),
    OSError(30, "Read-only file system"),
    OSError(5, "Input/output error"),
    OSError(13, "Permission denied"),
]


def test_a_disk_that_dies_at_any_step_is_told_in_one_line(merchant: Merchant) -> None:
    """Every write below work_dir that Python makes, each the first to fail; SQLite's own are met on small disks."""
    disk = DeadDisk(merchant.folder / "var")
    names = iter(range(10**6))

    def load(dies_at: int | None) -> Said:
        number = next(names)
        rows = [f"C{number},A{number},B{number},1.00", f"C{number},A{number},X{number},1.005"]
        path = merchant.bills(rows, f"{number}_bills.csv")
        with disk.dead(dies_at, PROBLEMS[number % len(PROBLEMS)]):
            return merchant.command("load", path)

    assert [load(None).exit_status for _ in range(2)] == [1, 1]  # the first also makes the folders
    steps = disk.steps
    assert steps > 25
    for dies_at in range(0, steps, cases(4, soak=1)):
        said = load(dies_at)
        assert "Traceback" not in said.stderr, (dies_at, said)
        assert said.exit_status == 3, (dies_at, said)
        assert "then run again" in said.stderr
    assert merchant.command("run").exit_status in {0, 1, 3}
    bills = merchant.held("bills")
    assert all(bill["amount_due"] == 100 for bill in bills.values())
