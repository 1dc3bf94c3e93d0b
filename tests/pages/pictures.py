"""The pictures in `docs/`: `make pictures` takes them again, of the pages that `billferry demo` leaves and of the page.

They show the day on which they were taken. Take them again when a page looks or reads differently;
`python -m tests.pages.pictures page-mend.png …` takes some of them alone.
"""

from __future__ import annotations

import getpass
import socket
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli.demo import run_demo
from pipeline.report.folders import OVERVIEW, month_pages
from pipeline.sandbox.serve import SandboxApi
from tests.pages.browser import Browser, Opened, started
from tests.serve.page.browsing import BY_PROXY, HEADER, SECRET, SECRET_HEADER, showing
from tests.serve.page.test_files import address_of
from tests.serve.page.test_from_drop_to_load import address_in, previewed
from tests.stories.merchant import Merchant

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


HEADING = "customer_reference,bill_reference,amount_due,due_date\n"
OCTOBER, NOVEMBER = "za_citypower_bills_2026-10-20.csv", "za_citypower_bills_2026-11-20.csv"
OCTOBER_REJECTS = """\
CP-1007,INV-10-007,1204.5O,2026-11-15
CP-1008,INV-10-008,389.125,2026-11-15
CP-1009,INV-10-009,612.40,2026-11-31
CP-1010,,745.00,2026-11-15
"""
NOVEMBER_REJECTS = """\
CP-1007,INV-11-007,98O.00,2026-12-15
CP-1009,INV-11-009,587.90,2026-12-32
"""
TYPED = """
(() => {
  const cell = document.querySelector("[aria-label='Line 8, amount_due']");
  cell.value = "1204.50";
  cell.dispatchEvent(new Event("input", { bubbles: true }));
})()
"""


@dataclass(frozen=True)
class Places:
    """Where the pages are that pictures are taken of."""

    reports: Path
    """Folder of the demo's."""
    page: str
    """Address of the page; `loaded` and `dropped` are files on it."""
    loaded: str
    dropped: str
    run: Callable[[], object]
    """A pass, which holds what was dropped."""


@dataclass(frozen=True)
class Picture:
    """One page, as a window of so many pixels shows it."""

    name: str
    opened: Callable[[Browser, Places], Opened]
    width: int
    height: int
    scheme: str = "light"
    media: str = "screen"


def _overview(browser: Browser, places: Places) -> Opened:
    return browser.open(places.reports / OVERVIEW)


def _report(browser: Browser, places: Places) -> Opened:
    """Of the file with most rejects."""
    (page,) = places.reports.glob("za_citypower_mistakes_bills_2026-11-20.csv.*/report.html")
    return browser.open(page)


def _month(browser: Browser, places: Places) -> Opened:
    (_, newest), *_ = month_pages(places.reports)
    return browser.open(places.reports / newest)


def _as(name: str, browser: Browser, address: str) -> Opened:
    return browser.open(address, headers={HEADER: name, SECRET_HEADER: SECRET})


def _preview(browser: Browser, places: Places) -> Opened:
    """Before a pass."""
    return _as("sipho", browser, places.dropped)


def _release(browser: Browser, places: Places) -> Opened:
    """For the person who has to decide."""
    places.run()
    return _as("sipho", browser, places.dropped)


def _phone(browser: Browser, places: Places) -> Opened:
    places.run()
    return _as("sipho", browser, f"{places.page}/")


def _mend(browser: Browser, places: Places) -> Opened:
    """The first record is right already."""
    opened = _as("thandi", browser, f"{places.loaded}correct/")
    opened.value(TYPED)
    opened.until("document.getElementById('told-7').innerText.includes('right now')")
    return opened


PICTURES = (
    Picture("overview-dark.png", _overview, 1280, 900, scheme="dark"),
    Picture("overview-phone.png", _overview, 390, 1100),
    Picture("report-light.png", _report, 1165, 1180),
    Picture("month-light.png", _month, 1280, 900),
    Picture("month-print.png", _month, 794, 1123, media="print"),
    Picture("page-preview.png", _preview, 1165, 1690),
    Picture("page-release.png", _release, 1165, 750),
    Picture("page-mend.png", _mend, 1165, 930),
    Picture("page-phone.png", _phone, 390, 1100),
)
"""The paper is A4 at 96 pixels an inch. The preview is taken before the pass that holds its file."""


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


def bill_file(month: int, rejects: str) -> str:
    """Six bills of that month that can be loaded, then the rejects."""
    good = (
        f"CP-{1000 + n},INV-{month}-{n:03},{(1 + n) * month * 37 % 900 + 210}.{n * month:02},2026-{month + 1}-15\n"
        for n in range(1, 7)
    )
    return HEADING + "".join(good) + rejects


@contextmanager
def all_places(folder: Path, reports: Path) -> Iterator[Places]:
    """Serve the page with a file that is loaded with rejects, and one that was dropped and is previewed."""
    folder.mkdir()
    with SandboxApi() as api:
        merchant = Merchant(folder, api)
        merchant.write(OCTOBER, bill_file(10, OCTOBER_REJECTS), merchant.drop)
        merchant.run()
        with showing(merchant, **BY_PROXY, approvals="second_person") as page:
            thandi = page.visitor("thandi")
            dropped = address_in(thandi.put(NOVEMBER, bill_file(11, NOVEMBER_REJECTS).encode()))
            previewed(thandi, dropped)
            address = f"http://127.0.0.1:{page.port}"
            loaded = address_of(thandi.get("/files/").text, OCTOBER)
            yield Places(reports, address, address + loaded, address + dropped, merchant.run)


def take_all(folder: Path, browser: Browser, places: Places, names: Collection[str] = ()) -> None:
    """Write pictures into `folder`: those with these names, or every one."""
    for picture in PICTURES:
        if not names or picture.name in names:
            taken(picture, picture.opened(browser, places), folder / picture.name)


def main(*names: str) -> int:
    """Run the demo and serve the page in a folder that is removed afterwards, and write pictures into `docs/`."""
    with tempfile.TemporaryDirectory() as temporary:
        demo = Path(temporary) / "demo"
        if status := run_demo(demo, verbose=False):
            return status
        try:
            with (
                started(Path(temporary) / "profile") as browser,
                all_places(Path(temporary) / "page", demo / "var" / "reports") as places,
            ):
                take_all(DOCS, browser, places, names)
        except (pytest.skip.Exception, pytest.fail.Exception) as missing:
            sys.stderr.write(f"{missing}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
