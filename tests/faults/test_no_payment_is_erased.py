"""30 days of balances under attack: no payment is erased without exit 1 and a line that says so.

Each morning the merchant writes what every customer owes, with all payments until then. Files come late, again, dated
wrongly, with mistakes that are corrected days later; the ledger is restored from copies or lost; answers get lost; the
clock jumps by up to two days; people say --force. Customers pay whenever they like.

The judge knows what no program does: when each file was written, and all that ever was set. A balance may be replaced

- by news: a file of a later day than all that were set for that customer before, or of the same day and landed later;
  not by one that comes two days late or more (by this machine's clock), if a payment came after it was written and
  after the balance that is there was set;
- by --force, which may replace whatever is there, and shows as `updated` or `created` in results.csv. From then on the
  file is of the day that the clock shows, where that is not ahead.

Whatever else changes a balance after a payment that the file does not know of has erased it. And who holds one back
says so: exit 1, and a code of law 10 in results.csv.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

import pytest

from pipeline.edge.ledger.place import LedgerPlace
from pipeline.sandbox import faults
from pipeline.sandbox.faults import NoFaults, Received, Scripted
from tests.clocked import Told, load_at
from tests.faults.conftest import Open
from tests.faults.rig import Rig
from tests.seeds import SOAK, cases

pytestmark = pytest.mark.usefixtures("impatient")

DAYS = cases(15, soak=30)
TELLING_SEEDS = (10,)
"""Of the first twenty, the one in which balances are set, held back, forced and corrected, most of all forced."""
CUSTOMERS = [f"C{number}" for number in range(4)]
START = datetime.now(UTC)
HEADER = "customer_reference,currency,balance"
HELD_BACK = {"balance.superseded", "balance.not_ours", "balance.moved"}
FEED = {
    "name": "balances",
    "match": "x{part}_balances_{date:%Y-%m-%d}.csv",
    "model": "customer_balance",
    "amount": {"unit": "minor"},
}


@dataclass(frozen=True)
class Written:
    """A file as it was written: what it says, and how many payments had come by then."""

    path: Path
    day: int
    owed: dict[str, int]
    paid: dict[str, int]
    misdated: bool = False
    mistake: str | None = None
    """The customer whose amount cannot be read."""


@dataclass
class World:
    """The merchant's books, the API, and a judge between them."""

    seed: int
    rig: Rig
    random: Random
    day: int = 0
    files: list[Written] = field(default_factory=list)
    owed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 0))
    paid: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 0))
    newest: dict[str, tuple[int, int]] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, (-1, -1)))
    """Day and place of the newest file that was set for a customer."""
    paid_when_set: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 0))
    """How many payments had come when the balance that is there was set."""
    landed: dict[Path, int] = field(default_factory=dict)
    """File → its place in the order of landing."""
    landings: Iterator[int] = field(default_factory=count)
    copies: list[LedgerPlace] = field(default_factory=list)
    due: list[tuple[int, Written]] = field(default_factory=list)
    corrections: list[tuple[int, Written, Path]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    sane_clock: bool = False

    # -- what the merchant and its customers do --

    def write(self, part: int) -> Written:
        for customer in CUSTOMERS:
            self.owed[customer] += self.random.choice([0, 0, 100, 200, 300])
        misdated = self.random.random() < 0.05
        shown = START + timedelta(days=self.day + 400 * misdated)
        path = self.rig.folder / "given" / f"x{part}_balances_{shown:%Y-%m-%d}.csv"
        mistake = self.random.choice(CUSTOMERS) if self.random.random() < 0.25 else None
        rows = [f"{c},ZAR,{'1O0' if c == mistake else self.owed[c]}" for c in CUSTOMERS]
        path.write_text("\n".join([HEADER, *rows]) + "\n")
        return Written(path, self.day, dict(self.owed), dict(self.paid), misdated, mistake)

    def pay(self) -> None:
        held = self.held()
        for customer in CUSTOMERS:
            if held.get(customer) and held[customer] > 0 and self.random.random() < 0.4:
                amount = self.random.choice([held[customer], 100])
                self.rig.api.pay(customer, amount)
                self.owed[customer] -= amount
                self.paid[customer] += 1

    def held(self) -> dict[str, int]:
        customers = self.rig.api.snapshot()["customers"]
        return {each["external_reference"]: each["balance"] for each in customers}

    # -- what befalls the ledger --

    def copy(self) -> None:
        if self.rig.has_ledger():
            marked = self.random.random() < 0.5
            self.copies.append(self.rig.copied_ledger(f"copy{len(self.copies)}", marked=marked))

    def restore(self) -> None:
        if self.copies:
            self.rig.put_back(self.random.choice(self.copies))

    # -- what the judge sees --

    def load(self, file: Written, path: Path | None = None, *, force: bool = False) -> None:
        """Load a file and judge what became of each balance."""
        path = path or file.path
        jump = 0 if self.sane_clock else self.random.choice([0, 0, 0, -2, -1, 1, 2])
        now = self.rig.api.clock.now() + timedelta(days=jump)
        place = self.landed.setdefault(file.path, next(self.landings))
        before = self.held()
        told = load_at(now, self.rig.folder / "config.yaml", path, force=force)
        assert told.exit_status in {0, 1, 3}, told.stderr
        after = self.held()
        rows = self.rows(told)
        for customer in CUSTOMERS:
            row = rows.get(customer, {})
            self.judge_words(customer, row, told)
            if before.get(customer) != after.get(customer):
                known = before.get(customer) is None or self.paid[customer] == file.paid[customer]
                self.judge(customer, file, place, row, known=known, force=force, jump=jump)
        if force and told.result.files[0].state != "refused":
            # It is of the day it was forced on, and lands again.
            self.landed[file.path] = next(self.landings)

    def judge_words(self, customer: str, row: dict[str, str], told: Told) -> None:
        """Who holds a balance back says so."""
        codes = row.get("codes", "")
        if codes in HELD_BACK:
            self.seen[codes] += 1
            if told.exit_status == 0:
                self.wrong.append(f"{self}: {customer} is held back, and the exit status is 0")

    def judge(
        self,
        customer: str,
        file: Written,
        place: int,
        row: dict[str, str],
        *,
        known: bool,
        force: bool,
        jump: int,
    ) -> None:
        """A balance was changed; `known`: the file knows of every payment."""
        self.seen["set by force" if force else "set"] += 1
        self.seen["set by corrections"] += file.owed.keys() == {file.mistake}
        fresh = self.paid[customer] > max(file.paid[customer], self.paid_when_set[customer])
        self.paid_when_set[customer] = self.paid[customer]
        if force:
            if row.get("outcome") not in {"updated", "created", "in_doubt"}:
                self.wrong.append(f"{self}: {customer} was forced, and results.csv says {row}")
            self.newest[customer] = max(self.newest[customer], (self.day + min(jump, 0), place))
            return
        key = (file.day, place)
        late = self.day + jump - file.day >= 2 and jump >= 0
        if (not known and key <= self.newest[customer]) or (fresh and late):
            self.wrong.append(
                f"{self}: {file.path.name} set {customer}, although a payment came since; it is {key},"
                f" the newest {self.newest[customer]}; {row}"
            )
        self.newest[customer] = max(self.newest[customer], key)

    def rows(self, told: Told) -> dict[str, dict[str, str]]:
        summary = told.result.files[0]
        if summary.state == "already_loaded":
            return {}
        folder = f"{summary.file.name}.{(summary.file.sha256 or '')[:8]}"
        path = self.rig.work_dir / "reports" / folder / "results.csv"
        if not path.exists():
            return {}
        with path.open(encoding="utf-8", newline="") as lines:
            return {row["customer_reference"]: row for row in csv.DictReader(lines)}

    def correct(self, file: Written) -> None:
        """Mend what was rejected, to be dropped some days later."""
        for rejects in (self.rig.work_dir / "reports").glob(f"{file.path.name}.*/rejects.csv"):
            with rejects.open(encoding="utf-8", newline="") as lines:
                rows = [row for row in csv.DictReader(lines) if row["customer_reference"] == file.mistake]
            if not rows or rows[0]["balance"] != "1O0":
                return
            path = self.rig.folder / "given" / f"mended_{file.path.name}"
            with path.open("w", encoding="utf-8", newline="") as text:
                writer = csv.DictWriter(text, rows[0].keys())
                writer.writeheader()
                writer.writerow(rows[0] | {"balance": str(file.owed[file.mistake or ""])})
            only = replace(file, owed={str(file.mistake): file.owed[str(file.mistake)]})
            self.corrections.append((self.day + self.random.randint(0, 4), only, path))

    def __str__(self) -> str:
        return f"seed {self.seed}, day {self.day}"


def unanswered(request: Received) -> bool:
    return request.method == "PATCH"


def looked_at(request: Received) -> bool:
    return request.method == "GET"


def morning(world: World) -> None:
    """The file of the day, perhaps two, and none at weekends; on time, or days later."""
    random = world.random
    for part in range(random.choice([1, 1, 2]) if world.day % 7 < 5 else 0):
        file = world.write(part)
        world.files.append(file)
        world.due.append((world.day + (random.randint(1, 4) if random.random() < 0.15 else 0), file))
    for due in [due for due in world.due if due[0] <= world.day]:
        world.due.remove(due)
        if random.random() < 0.1:
            world.rig.api.faults = Scripted(
                {unanswered: faults.drop_after(), looked_at: faults.status(503, stored=False)}
            )
        world.load(due[1])
        world.rig.api.faults = NoFaults()
        if due[1].mistake:
            world.correct(due[1])


def afternoon(world: World) -> None:
    """Corrections that are due, and something that nobody wants."""
    random = world.random
    for due in [due for due in world.corrections if due[0] <= world.day]:
        world.corrections.remove(due)
        world.load(due[1], due[2])
    attacks: list[tuple[float, Callable[[], None]]] = [
        (0.3, lambda: world.load(random.choice(world.files))),
        (0.2, world.copy),
        (0.12, world.restore),
        (0.05, world.rig.lose_ledger),
        (0.06, lambda: world.load(random.choice(world.files[-4:]), force=True)),
    ]
    for chance, attack in attacks:
        if random.random() < chance:
            attack()
        if random.random() < 0.3:
            world.pay()


@pytest.mark.parametrize("seed", range(200) if SOAK else TELLING_SEEDS)
def test_no_payment_is_erased_without_a_word(open_rig: Open, seed: int) -> None:
    rig = open_rig(max_attempts=2, max_in_flight=4)
    rig.settings["feeds"] = [FEED]
    rig.write_config()
    world = World(seed, rig, Random(seed))  # noqa: S311 - nothing secret
    for world.day in range(DAYS):
        rig.api.clock.advance(86_400 * (world.day > 0))
        morning(world)
        world.pay()
        afternoon(world)
        world.pay()
    # A sane end: the file of that day, forced, is what the API holds.
    world.sane_clock = True
    world.load(world.write(9), force=True)
    assert not world.wrong, "\n".join(world.wrong)
    assert world.seen["set"] + world.seen["set by force"] > 0, world.seen
    if os.environ.get("TOLD"):
        print(seed, dict(world.seen))  # noqa: T201
