"""The interpreter's settings are of the whole process, and loads of several threads overlap."""

from __future__ import annotations

import gc
import sys

import pytest

from pipeline.load.interpreter_tuning import SWITCH_INTERVAL_S, YOUNG_OBJECTS, tuned_interpreter


def test_of_loads_that_overlap_the_last_one_puts_back_what_was_before() -> None:
    before = gc.get_threshold(), sys.getswitchinterval()
    first, second = tuned_interpreter(), tuned_interpreter()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == YOUNG_OBJECTS
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
    second.__exit__(None, None, None)
    assert (gc.get_threshold(), sys.getswitchinterval()) == before
