"""The order of sending: every record once, parents before children, a refused opener followed by the next.

A simulated API holds what it was sent; Hypothesis chooses files, answers and the order in which they come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.api.requests import BillRequest, Kind, Party
from pipeline.core.api.send_order import AccountGroup, CustomerQueue, FairQueue, ScheduledRequest
from tests.seeds import cases

Verdict = Literal["made", "refused", "in_doubt"]
MAX_TURNS = 10_000


@dataclass
class Customer:
    """A customer of a file: how many records each account has (key None: directly on the customer)."""

    name: str
    kind: Kind
    sizes: dict[str | None, int]
    known: bool = False
    known_accounts: frozenset[str] = frozenset()

    def part(self) -> CustomerQueue:
        rows: list[str | None] = []
        groups = []
        for account, size in self.sizes.items():
            known = account in self.known_accounts
            groups.append(
                AccountGroup(
                    account, range(len(rows), len(rows) + size), account_id=f"id-{account}" if known else None
                )
            )
            rows += [account] * size

        def row(number: int) -> BillRequest:
            account = rows[number]
            return BillRequest(
                record=number,
                kind=self.kind,
                customer=Party(self.name),
                account=Party(account) if account else None,
                reference=f"{self.name}-{number}",
                currency="ZAR",
                amount_minor=1,
            )

        return CustomerQueue(
            self.name, self.kind, groups, row, customer_id=f"id-{self.name}" if self.known else None
        )


@dataclass
class World:
    """Sends what the turns give, `workers` at once, and watches the laws of the plan."""

    customers: list[Customer]
    verdict: Callable[[ScheduledRequest], Verdict]
    workers: int = 4
    next_done: Callable[[int], int] = lambda _: 0
    """Which of so many requests under way is answered next."""
    started: list[tuple[str, int]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    parts: list[CustomerQueue] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)

    def run(self) -> None:
        turns = FairQueue()
        self.parts = [customer.part() for customer in self.customers]
        for part in self.parts:
            turns.add(part)
        held = {f"{c.name}" for c in self.customers if c.known}
        held |= {account for c in self.customers for account in c.known_accounts}
        under_way: list[tuple[CustomerQueue, ScheduledRequest]] = []
        for _ in range(MAX_TURNS):
            while len(under_way) < self.workers and (turn := turns.take()) is not None:
                self.watch(*turn, under_way, held)
                under_way.append(turn)
            assert len(under_way) == self.workers or turns.take() is None
            if not under_way:
                assert turns.active == 0
                return
            part, task = under_way.pop(self.next_done(len(under_way)))
            assert part.customer not in self.finished
            self.answer(part, task, held)
            if turns.done(part):
                self.finished.append(part.customer)
                assert part.finished
                assert not [one for one, _ in under_way if one is part]
        raise AssertionError("the plan never ends")

    def watch(
        self,
        part: CustomerQueue,
        task: ScheduledRequest,
        under_way: list[tuple[CustomerQueue, ScheduledRequest]],
        held: set[str],
    ) -> None:
        self.started.append((part.customer, task.request.record))
        mine = [other for one, other in under_way if one is part]
        if task.opens_customer:
            assert part.customer not in held, "a known customer is nested"
            assert task.customer_id is None
            assert not [one for one in mine if one.opens_customer], "two nest one customer at once"
        else:
            needs = task.request.kind == "account" or (
                task.request.kind == "bill" and task.account_id is None
            )
            assert not needs or task.customer_id is not None, "started before its customer is known"
        if task.opens_account:
            assert task.group.account not in held, "a known account is nested"
            assert not [one for one in mine if one.group is task.group], "two nest one account at once"
        elif task.request.kind == "bill" and task.group.account is not None:
            assert task.account_id is not None, "started before its account is known"

    def answer(self, part: CustomerQueue, task: ScheduledRequest, held: set[str]) -> None:
        verdict = self.verdict(task)
        account = task.group.account
        if verdict == "made":
            held |= {part.customer} | ({account} if account else set())
        if verdict == "in_doubt":
            self.doubtful.add(part.customer)
        part.done(
            task,
            customer_id=f"id-{part.customer}" if part.customer in held else None,
            account_id=f"id-{account}" if account in held else None,
            in_doubt=verdict == "in_doubt",
        )


@st.composite
def customers(draw: st.DrawFn) -> list[Customer]:
    made = []
    for number in range(draw(st.integers(1, 5))):
        kind: Kind = draw(st.sampled_from(["bill", "bill", "account", "customer"]))
        names: list[str | None] = [f"A{number}-{n}" for n in range(draw(st.integers(0, 4)))]
        if kind == "bill" and (draw(st.booleans()) or not names):
            names.append(None)
        if kind != "bill":
            names = names or ["A"]
        if kind == "customer":
            names = [None]
        sizes = {name: draw(st.integers(1, 6)) for name in draw(st.permutations(names))}
        known = draw(st.booleans())
        known_accounts = {name for name in names if name and kind == "bill" and draw(st.booleans())}
        made.append(Customer(f"C{number}", kind, sizes, known, frozenset(known_accounts)))
    return made


@pytest.mark.slow
@settings(max_examples=cases(120, soak=3_000))
@given(customers(), st.integers(1, 12), st.data())
def test_every_record_is_taken_once_or_left_behind_a_doubtful_opener(
    people: list[Customer], workers: int, data: st.DataObject
) -> None:
    verdicts: st.SearchStrategy[Verdict] = st.sampled_from(["made", "made", "refused", "in_doubt"])
    world = World(
        people,
        verdict=lambda _: data.draw(verdicts),
        workers=workers,
        next_done=lambda count: data.draw(st.integers(0, count - 1)),
    )
    world.run()
    assert len(set(world.started)) == len(world.started)
    for customer, part in zip(people, world.parts, strict=True):
        taken = sum(name == customer.name for name, _ in world.started)
        assert taken + part.abandoned == sum(customer.sizes.values())
        assert part.finished
        assert part.running == 0
        if customer.name not in world.doubtful:
            assert part.abandoned == 0
    assert sorted(world.finished) == sorted(customer.name for customer in people)


@pytest.mark.parametrize("kind", ["bill", "account"])
def test_a_refused_opener_is_followed_by_the_next_which_nests_the_parents_again(kind: Kind) -> None:
    sizes: dict[str | None, int] = {"A1": 4} if kind == "bill" else {"A1": 1, "A2": 1, "A3": 1, "A4": 1}
    openers: list[int] = []

    def verdict(task: ScheduledRequest) -> Verdict:
        if task.opens_customer:
            openers.append(task.request.record)
        return "refused" if task.request.record < 2 else "made"

    world = World([Customer("C1", kind, sizes)], verdict)
    world.run()
    assert openers == [0, 1, 2]
    assert len(world.started) == 4


def test_an_opener_in_doubt_leaves_the_rest_not_attempted() -> None:
    world = World([Customer("C1", "bill", {"A1": 4, "A2": 3, None: 2})], lambda _: "in_doubt")
    world.run()
    assert world.started == [("C1", 0)]
    assert world.parts[0].abandoned == 8


def test_an_account_in_doubt_does_not_hold_up_its_siblings() -> None:
    def verdict(task: ScheduledRequest) -> Verdict:
        return "in_doubt" if task.group.account == "A1" else "made"

    world = World([Customer("C1", "bill", {"A1": 4, "A2": 3, None: 2}, known=True)], verdict)
    world.run()
    assert world.parts[0].abandoned == 3
    assert len(world.started) == 6


def test_balances_of_customers_need_no_parent() -> None:
    world = World([Customer("C1", "customer", {None: 5})], lambda _: "in_doubt", workers=5)
    world.run()
    assert len(world.started) == 5


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("known", [False, True])
def test_one_huge_customer_does_not_hold_up_fifty_small_ones(workers: int, known: bool) -> None:
    huge = Customer(
        "HUGE", "bill", {"A": 1000}, known=known, known_accounts=frozenset({"A"} if known else ())
    )
    small = [Customer(f"S{n}", "bill", {f"A{n}": 1}) for n in range(50)]
    answers: deque[int] = deque()

    def first_come(count: int) -> int:
        answers.append(count)
        return 0

    world = World([huge, *small], lambda _: "made", workers=workers, next_done=first_come)
    world.run()
    last_small = max(at for at, (name, _) in enumerate(world.started) if name != "HUGE")
    assert last_small < 50 + workers * 2
    assert len(world.started) == 1050


def test_each_gets_one_before_the_first_gets_its_second() -> None:
    people = [
        Customer(f"C{n}", "bill", {f"A{n}": 3}, known=True, known_accounts=frozenset({f"A{n}"}))
        for n in range(3)
    ]
    world = World(people, lambda _: "made", workers=9)
    world.run()
    assert [name for name, _ in world.started] == ["C0", "C1", "C2"] * 3


def test_while_all_wait_for_a_parent_nothing_is_asked_of_them_again() -> None:
    asked: list[int] = []
    part = Customer("C1", "bill", {f"A{n}": 2 for n in range(5)}).part()
    turns = FairQueue()
    turns.add(part)
    opener = turns.take()
    assert opener is not None
    take = CustomerQueue.take
    for _ in range(100):
        waiting = FairQueue.take(turns)
        asked.append(waiting is None)
    assert all(asked)
    assert take(part) is None
    assert not part.finished
    part.done(opener[1], customer_id="id", account_id="id")
    assert turns.done(part) is False
    assert turns.take() is not None


def test_few_wishes_exist_at_once() -> None:
    """Rows become wishes when they are taken, not before: a customer may have a million."""
    made: list[int] = []
    whole = Customer("C1", "bill", {"A1": 1000}, known=True, known_accounts=frozenset({"A1"})).part()

    def row(number: int) -> BillRequest:
        made.append(number)
        return whole.row(number)

    part = CustomerQueue("C1", "bill", whole.groups, row, customer_id="id")
    for _ in range(3):
        assert part.take() is not None
    assert made == [0, 1, 2]
