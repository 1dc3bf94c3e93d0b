"""The pictures in `docs/`: `make pictures` takes them again, of the pages that `billferry demo` leaves.

They show the day on which they were taken. Take them again when a page looks or reads differently.
"""

from __future__ import annotations

import getpass
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli.demo import run_demo
from pipeline.report.folders import OVERVIEW, month_pages
from tests.pages.browser import Browser, Opened, started

DOCS = Path(__file__).resolve().parents[2] / "docs"
MOST_BYTES = 250_000
"""Each picture is in every clone."""
ON_PAPER = """
(() => {
  const side = 12 / 25.4 * 96, end = 14 / 25.4 * 96;
  document.documentElement.style.padding = `${end}px ${side}px`;
  const rest = [...document.querySelectorAll("section, tr, h2, h3, dl, figure, p, caption")]
    .filter(e => e.getBoundingClientRect()[e.matches("section") ? "top" : "bottom"] > window.innerHeight - end);
  for (const element of rest) element.style.visibility = "hidden";
  for (const heading of document.querySelectorAll("h2, h3"))
    if (heading.nextElementSibling?.style.visibility === "hidden") heading.style.visibility = "hidden";
})()
"""
"""The first sheet: a screen in the style of paper has no margins, and what does not fit in is on the next one."""


@dataclass(frozen=True)
class Picture:
    """One page, as a window of so many pixels shows it."""

    name: str
    page: Callable[[Path], Path]
    """From the folder of the reports."""
    width: int
    height: int
    scheme: str = "light"
    media: str = "screen"


def _overview(reports: Path) -> Path:
    return reports / OVERVIEW


def _report(reports: Path) -> Path:
    """Of the file with most rejects."""
    (page,) = reports.glob("za_citypower_mistakes_bills_2026-11-20.csv.*/report.html")
    return page


def _month(reports: Path) -> Path:
    (_, newest), *_ = month_pages(reports)
    return reports / newest


PICTURES = (
    Picture("overview-dark.png", _overview, 1280, 900, scheme="dark"),
    Picture("overview-phone.png", _overview, 390, 1100),
    Picture("report-light.png", _report, 1165, 1180),
    Picture("month-light.png", _month, 1280, 900),
    Picture("month-print.png", _month, 794, 1123, media="print"),
)
"""The paper is A4 at 96 pixels an inch."""


def names_of_this_machine() -> tuple[str, ...]:
    """What no picture may show: where the demo ran, and who ran it."""
    return tempfile.gettempdir(), f"{getpass.getuser()}@", f"{getpass.getuser()} on {socket.gethostname()}"


def taken(picture: Picture, page: Opened, path: Path) -> None:
    """Write one picture. Raises ValueError where the page names this machine, or the picture is too large."""
    page.size(picture.width, picture.height)
    page.look(scheme=picture.scheme, media=picture.media)
    page.value('document.documentElement.style.overflow = "hidden"')  # no scrollbars
    if picture.media == "print":
        page.value(ON_PAPER)
    shown = page.value("document.documentElement.outerHTML")
    for private in names_of_this_machine():
        if private in shown:
            raise ValueError(f"{picture.name} shows {private}")
    page.picture(path, whole=False)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{picture.name} has {size} bytes, more than {MOST_BYTES}")


def take_all(folder: Path, browser: Browser, reports: Path) -> None:
    """Write every picture into `folder`."""
    for picture in PICTURES:
        taken(picture, browser.open(picture.page(reports)), folder / picture.name)


def main() -> int:
    """Run the demo in a folder that is removed afterwards, and write the pictures into `docs/`."""
    with tempfile.TemporaryDirectory() as temporary:
        demo = Path(temporary) / "demo"
        if status := run_demo(demo, verbose=False):
            return status
        try:
            with started(Path(temporary) / "profile") as browser:
                take_all(DOCS, browser, demo / "var" / "reports")
        except (pytest.skip.Exception, pytest.fail.Exception) as missing:
            sys.stderr.write(f"{missing}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
