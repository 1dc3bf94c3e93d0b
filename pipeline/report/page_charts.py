"""Charts as inline SVG. pygal computes the geometry; colours come from the page's style sheet, by class.

What pygal adds for pages of its own is taken out again: scripts, styles, comments with today's date, tooltips. So an
SVG holds nothing that runs or is fetched, and the same numbers give the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pygal  # type: ignore[import-untyped]
from markupsafe import Markup

# pygal leaves a hook in the way of every later import, for plug-ins with maps; Python warns of its old kind.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

BAR = (1000, 56)
CHART = (960, 260)
COLUMN = 90
"""Few columns make a narrow chart, not wide columns."""
MANY_LABELS = 10
_LOOK: dict[str, Any] = {
    "js": (),
    "css": (),
    "no_prefix": True,
    "disable_xml_declaration": True,
    "show_legend": False,
    "print_values": False,
}


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart: its CSS class, its values, and what each of them is called."""

    css: str
    values: Sequence[int]
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Caption:
    """What a screen reader says of a chart; `name` is its id on the page."""

    name: str
    title: str
    text: str


def stacked_bar(series: Sequence[Series], caption: Caption) -> Markup:
    """One bar of parts; the first value of each series is a part."""
    chart = pygal.HorizontalStackedBar(
        width=BAR[0], height=BAR[1], margin=0, spacing=0, show_x_labels=False, show_y_labels=False, **_LOOK
    )

    def stretched(root: Any) -> None:
        """Cut away the room around the bar, so that it goes from edge to edge."""
        bars = [[float(bar.get(key)) for key in ("x", "y", "width", "height")] for bar in root.iter("rect")]
        left, top = min(bar[0] for bar in bars), min(bar[1] for bar in bars)
        width, height = max(bar[0] + bar[2] for bar in bars) - left, max(bar[3] for bar in bars)
        root.set("viewBox", f"{left:.2f} {top:.2f} {width:.2f} {height:.2f}")
        root.set("preserveAspectRatio", "none")
        root.set("class", "chart bar")

    return _drawn(chart, series, caption, stretched)


def columns(
    series: Sequence[Series], periods: Sequence[str], amount: Callable[[int], str], caption: Caption
) -> Markup:
    """Stacked columns, one per period; `amount` writes the values of the scale."""
    width = min(CHART[0], COLUMN * (len(periods) + 2))
    chart = pygal.StackedBar(
        width=width,
        height=CHART[1],
        margin=4,
        spacing=8,
        x_labels=list(periods),
        x_labels_major_every=1 + len(periods) // MANY_LABELS,
        show_minor_x_labels=False,
        truncate_label=-1,
        max_scale=5,
        value_formatter=lambda value: amount(round(value)),
        **_LOOK,
    )

    def sized(root: Any) -> None:
        root.set("width", str(width))
        root.set("height", str(CHART[1]))
        root.set("class", "chart columns")

    return _drawn(chart, series, caption, sized)


def _drawn(chart: Any, series: Sequence[Series], caption: Caption, finish: Callable[[Any], None]) -> Markup:
    for one in series:
        chart.add(one.css, list(one.values))

    def cleaned(root: Any) -> Any:
        _strip(root)
        _colour(root, series)
        finish(root)
        _describe(root, caption)
        return root

    chart.add_xml_filter(cleaned)
    return Markup(chart.render())  # noqa: S704 (made of numbers; texts are escaped as XML)


def _strip(root: Any) -> None:
    """Leave shapes and the texts of axes."""
    for parent in list(root.iter()):
        for child in list(parent):
            if (
                not isinstance(child.tag, str)  # a comment
                or child.tag in {"defs", "title", "desc"}
                or child.get("class") in {"titles", "background"}
                or "overlay" in child.get("class", "")
            ):
                parent.remove(child)


def _colour(root: Any, series: Sequence[Series]) -> None:
    for number, one in enumerate(series):
        for group in root.iter("g"):
            if f"serie-{number}" in group.get("class", "").split():
                group.set("class", f"series {one.css}")
                bars = [bar for bar in group.iter("g") if bar.get("class") == "bar"]
                for bar, label in zip(bars, one.labels, strict=True):
                    _insert(bar, 0, "title", label)


def _describe(root: Any, caption: Caption) -> None:
    title, text = f"{caption.name}-title", f"{caption.name}-text"
    root.set("id", caption.name)
    root.set("role", "img")
    root.set("aria-labelledby", title)
    root.set("aria-describedby", text)
    _insert(root, 0, "title", caption.title, id=title)
    _insert(root, 1, "desc", caption.text, id=text)


def _insert(parent: Any, place: int, tag: str, text: str, **attributes: str) -> None:
    element = parent.makeelement(tag, attributes)
    element.text = text
    parent.insert(place, element)
