"""Stored idempotency keys, and unique references: each alone keeps a bill from being made twice; without both, none."""

from __future__ import annotations

import pytest

from pipeline.sandbox import seeded
from pipeline.sandbox.seeded import Seeded
from pipeline.sandbox.switches import Switches
from tests.faults.conftest import Open
from tests.faults.files import MODELS, Model
from tests.seeds import cases, each_once

pytestmark = pytest.mark.usefixtures("impatient")

KEYS_ALONE = Switches(allow_duplicate_references=True)
REFERENCES_ALONE = Switches(ignore_idempotency_keys=True)
NEITHER = Switches(ignore_idempotency_keys=True, allow_duplicate_references=True)


SEEDS = range(0, cases(8, soak=200), 2)
LOST = (0.3, seeded.LOST_REPLIES)


def audited(open_rig: Open, switches: Switches, faults: Seeded, model: Model = "bill") -> list[str]:
    rig = open_rig(switches, faults, max_retry_s=3)
    rig.drop_many(model, 60, faults.seed)
    rig.run_until_done()
    return rig.audit()


@pytest.mark.parametrize(("seed", "share_and_mix"), each_once(SEEDS, [LOST, (0.1, seeded.HONEST)]))
def test_stored_keys_alone_are_enough(
    open_rig: Open, seed: int, share_and_mix: tuple[float, tuple[str, ...]]
) -> None:
    faults = Seeded(seed, *share_and_mix, slow_s=0.5)
    assert audited(open_rig, KEYS_ALONE, faults, MODELS[seed % 3]) == [], faults


@pytest.mark.parametrize(("seed", "share_and_mix"), each_once(SEEDS, [LOST, (0.1, seeded.PASSING)]))
def test_unique_references_alone_are_enough(
    open_rig: Open, seed: int, share_and_mix: tuple[float, tuple[str, ...]]
) -> None:
    faults = Seeded(seed, *share_and_mix, slow_s=0.5)
    assert audited(open_rig, REFERENCES_ALONE, faults, MODELS[seed % 3]) == [], faults


def test_without_either_a_bill_is_made_twice_and_the_audit_sees_it(open_rig: Open) -> None:
    found = audited(open_rig, NEITHER, Seeded(0, 0.3, seeded.LOST_REPLIES, slow_s=0.5))
    assert any(problem.startswith("double") and "bills" in problem for problem in found)
