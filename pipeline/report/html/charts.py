"""Charts as inline SVG: the geometry is computed here, the shapes are Jinja templates, the colours are CSS classes.

An SVG holds nothing that runs or is fetched, and the same numbers give the same bytes.

Source for what a chart must offer those who do not see it: WCAG 2.2, 1.1.1 (a text alternative: title and description
of the whole, a label for each shape) and 1.4.1 (colour alone tells nothing: a table beside it has the same figures).
Coordinates are SVG user units; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup

BAR_WIDTH = 1000
"""Of the coordinates; the style sheet stretches the bar to the page."""
BAR_HEIGHT = 56
MAX_WIDTH, HEIGHT = 960, 260
COLUMN = 90
"""Room for one column: few columns make a narrow chart, not wide columns."""
GAP = 0.2
"""Of that room, left free between two columns."""
LEFT, RIGHT, TOP, BOTTOM = 110, 10, 14, 28
"""Margins around the plot: amounts on the left, periods below."""
MAX_LABELS = 10
MAX_STEPS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart: its CSS class, its values (zero or more), and a label for each of them."""

    css: str
    values: Sequence[int]
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Caption:
    """What a screen reader reads out for a chart; `name` is its id on the page."""

    name: str
    title: str
    text: str


class Rect(NamedTuple):
    """A rectangle with its label; coordinates as text, so that they are written one way."""

    x: str
    y: str
    width: str
    height: str
    label: str


class Tick(NamedTuple):
    """A mark on an axis: where, and its text."""

    at: str
    text: str


def stacked_bar(series: Sequence[Series], caption: Caption) -> Markup:
    """One bar of parts beside each other, each as wide as its share; the first value of each series is a part.

    All values zero gives a bar of width 0 rather than a division by zero.
    """
    total = sum(one.values[0] for one in series) or 1
    parts: list[tuple[str, list[Rect]]] = []
    before = 0
    for one in series:
        value = one.values[0]
        left, width = BAR_WIDTH * before / total, BAR_WIDTH * value / total
        parts.append((one.css, [_rect(left, 0, width, BAR_HEIGHT, one.labels[0])]))
        before += value
    return _drawn("chart_bar.svg", caption, series=parts, width=BAR_WIDTH, height=BAR_HEIGHT)


def columns(
    series: Sequence[Series], periods: Sequence[str], amount: Callable[[int], str], caption: Caption
) -> Markup:
    """Stacked columns, one per period, the first series at the bottom, above a scale that begins at 0.

    Args:
        series: one value per period each, in minor units, zero or more.
        periods: labels of the x axis; where there are many, only some are written, so that they do not overlap.
        amount: writes the values of the scale, from minor units.
    """
    width = min(MAX_WIDTH, COLUMN * (len(periods) + 2))
    room = (width - LEFT - RIGHT) / max(1, len(periods))
    plot = HEIGHT - TOP - BOTTOM
    step, top = _scale(max(sum(values) for values in zip(*(one.values for one in series), strict=True)))

    def x(number: int) -> float:
        return LEFT + room * number

    def y(value: int) -> float:
        return TOP + plot - plot * value / top

    stacked: list[tuple[str, list[Rect]]] = []
    below = [0] * len(periods)
    for one in series:
        rects = []
        for number, (value, label) in enumerate(zip(one.values, one.labels, strict=True)):
            left, upper = x(number) + room * GAP / 2, y(below[number] + value)
            rects.append(_rect(left, upper, room * (1 - GAP), y(below[number]) - upper, label))
            below[number] += value
        stacked.append((one.css, rects))
    every = 1 + len(periods) // MAX_LABELS
    return _drawn(
        "chart_columns.svg",
        caption,
        series=stacked,
        width=width,
        height=HEIGHT,
        left=LEFT,
        right=width - RIGHT,
        bottom=HEIGHT - BOTTOM,
        amounts=[Tick(_number(y(value)), amount(value)) for value in range(0, top + 1, step)],
        periods=[
            Tick(_number(x(number) + room / 2), period)
            for number, period in enumerate(periods)
            if number % every == 0
        ],
    )


def _scale(highest: int) -> tuple[int, int]:
    """Step and top of a scale of at most `MAX_STEPS` steps whose figures are round, in the unit of the values."""
    for step in _round_steps():
        steps = -(-highest // step)
        if steps <= MAX_STEPS:
            return step, step * max(1, steps)
    raise AssertionError("round steps do not end")


def _round_steps() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, …"""
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _rect(x: float, y: float, width: float, height: float, label: str) -> Rect:
    return Rect(_number(x), _number(y), _number(width), _number(height), label)


def _number(value: float) -> str:
    """Two decimals, always: the same numbers give the same bytes, and a hundredth of a unit is less than a pixel."""
    return f"{value:.2f}"


def _drawn(template: str, caption: Caption, **context: object) -> Markup:
    return Markup(_templates().get_template(template).render(caption=caption, **context))  # noqa: S704 (escaped by Jinja)


@cache
def _templates() -> jinja2.Environment:
    """Made once a process. A name that a template misses is an error, not an empty place."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
