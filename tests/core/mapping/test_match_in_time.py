"""Whoever may upload may choose a name; no name makes matching slow, whatever the pattern."""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import NoReturn

import pytest

from pipeline.core.mapping.file_names import fitting, is_ignored, match_name
from pipeline.core.values import date_formats
from schemas.feed import NAME_PART, AmountFormat, Feed
from tests.seeds import cases, some

SHAPES = [
    "*_*_*_*_*_*.csv",
    "*a*a*a*a*a*a*a*a*a*b",
    "**********x",
    "*" * 100 + "x",
    "{a}_{b}_{c}_{d}_{e}_{f}.csv",
    "{a}{b}{c}{d}{e}{f}{g}x",
    "*{a}*{b}*{c}*{d}*x",
    "*1*{date:%Y%m%d}*1*x",
    "{a}1{date:%d%B%Y}1{b}1{c}x",
    "*{d:%B%y}{e:%B%m}{f:%B%d}*x",
    "{d:%y%B}*{e:%B%B%B%B}x",
    "*_" * 120 + "x",
    "{a}" + "_1a" * 80 + "*x",
]
LETTERS = ["_", "1", "a", "_1", "1a", "a_", "20261120", "1aB_", "Mar", "..", "é", "%FC"]
SIZES = [240, 765]  # of a name, and of the label of one that is escaped throughout
MAX_CPU_S = 0.2
"""For one name and pattern; the longest takes a tenth of it."""


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape[:30])
def test_no_name_makes_a_pattern_slow(shape: str) -> None:
    feeds = [Feed(name="bills", match=shape, model="bill", amount=AmountFormat(unit="major"))]
    for letters, size, end in product(LETTERS, SIZES, ["", "x", ".csv", "!"]):
        name = (letters * size)[:size] + end
        with within(MAX_CPU_S):
            match_name(name, feeds)


@pytest.mark.parametrize(
    "shape",
    [
        "*_*_*_*_*_*.x",
        "*a*a*a*a*a*a*a*a*b",
        "*?*?*?*?*x",
        "*[a_]*[a_]*[a_]*[a_]*x",
        "*" * 100 + "x",
        "*[!1]*[!a]*[a-z1]*x",
    ],
)
def test_no_name_makes_an_ignore_pattern_slow(shape: str) -> None:
    for letters, size, end in product(LETTERS, SIZES, ["", "y", "!"]):
        name = (letters * size)[:size] + end
        with within(MAX_CPU_S):
            is_ignored(name, [shape])


@contextmanager
def within(cpu_s: float) -> Iterator[None]:
    """Fails, instead of hanging, when this takes longer of the processor: others use this machine too."""

    def too_slow(*_: object) -> NoReturn:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, too_slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("seed", some(range(5), 1))
def test_names_fit_as_a_regular_expression_says(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    fits = 0
    for _ in range(cases(1_500, soak=40_000)):
        shape = "".join(
            chance.choice(["a", "b", "*", "_", "{x}", "{y}", "{d:%y%B}", "{e:%d}", "1", "[", "."])
            for _ in range(chance.randint(1, 7))
        )
        parts = [part for part, _ in NAME_PART.findall(shape)]
        if len(parts) != len(set(parts)):
            continue
        name = "".join(chance.choice("ab_1.[2cde\n") for _ in range(chance.randint(0, 14)))
        found = re.fullmatch(expression(shape), name, re.DOTALL)
        assert fitting(name, shape) == (found.groupdict() if found else None), (shape, name)
        fits += found is not None
    assert fits > 30


def expression(shape: str) -> str:
    """The pattern as a regular expression, which may try for ever."""
    pieces, end = [], 0
    for found in NAME_PART.finditer(shape):
        pieces.append(literal(shape[end : found.start()]))
        inner = date_formats.shape(found[2]) if found[2] else ".+?"
        pieces.append(f"(?P<{found[1]}>{inner})")
        end = found.end()
    return "".join([*pieces, literal(shape[end:])])


def literal(text: str) -> str:
    return ".*".join(re.escape(piece) for piece in text.split("*"))
