"""Whether what is beside each other on a page has room: file names, amounts, labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.report.summary import FileReport
from tests.pages.browser import Browser

A4_TEXT_PX = round((210 - 2 * 12) / 25.4 * 96)
"""The width of a page without its margins."""
LONG = "12 345: ZAR 1 234 567 890.12 and 5 amounts"
SHORTEST_PX = 120
"""A file name that is narrower is a column of letters."""


@pytest.mark.parametrize(("width", "media"), [(1280, "screen"), (A4_TEXT_PX, "print")])
def test_names_of_files_have_room_beside_long_amounts(
    browser: Browser, month: Path, width: int, media: str
) -> None:
    opened = browser.open(month)
    opened.size(width, 1000)
    opened.look(media=media)
    opened.value(f"document.querySelectorAll('.files .amount').forEach(e => e.textContent = '{LONG}')")
    assert (
        opened.value("Math.min(...[...document.querySelectorAll('.files .name')].map(e => e.clientWidth))")
        > SHORTEST_PX
    )


@pytest.mark.parametrize("name", ["report", "month"])
def test_no_label_on_a_phone_is_written_over_the_next(
    browser: Browser, report: FileReport, month: Path, name: str
) -> None:
    opened = browser.open({"report": report.paths["page"], "month": month}[name])
    opened.size(390, 844)
    opened.value("document.querySelectorAll('[data-label]').forEach(e => e.textContent = '–')")
    higher = "[...document.querySelectorAll('[data-label]')].filter(e => e.scrollHeight > e.clientHeight + 1)"
    assert opened.value(f"{higher}.map(e => e.dataset.label)") == []
