"""The garbage collector's threshold is of the whole process, and loads of several threads overlap."""

from __future__ import annotations

import gc

from pipeline.load.gc_tuning import YOUNG_OBJECTS, gc_threshold


def test_of_loads_that_overlap_the_last_one_puts_back_what_was_before() -> None:
    before = gc.get_threshold()
    first, second = gc_threshold(), gc_threshold()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == YOUNG_OBJECTS
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before
