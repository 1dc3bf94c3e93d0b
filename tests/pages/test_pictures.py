"""The pictures in `docs/`, which `make pictures` takes."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tests.pages.browser import Browser
from tests.pages.pictures import (
    DOCS,
    MOST_BYTES,
    PICTURES,
    Picture,
    all_places,
    names_of_this_machine,
    taken,
)
from tests.seeds import some


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height in pixels. Source: PNG, IHDR is the first chunk."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height


def test_every_picture_in_the_docs_is_taken_by_the_command_and_shown_on_a_page() -> None:
    commanded = {DOCS / picture.name for picture in PICTURES}
    shown = {
        (page.parent / name).resolve()
        for page in DOCS.rglob("*.md")
        for name in re.findall(r"\]\((\S+\.png)\)", page.read_text())
    }
    assert set(DOCS.rglob("*.png")) == commanded == shown


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_in_the_docs_has_the_size_that_it_is_taken_in(picture: Picture) -> None:
    path = DOCS / picture.name
    assert size_of(path) == (picture.width, picture.height)
    assert path.stat().st_size <= MOST_BYTES


def test_a_picture_is_of_its_size_whatever_the_length_of_the_page(
    browser: Browser, month: Path, tmp_path: Path
) -> None:
    for picture in some(PICTURES, 2):
        taken(picture, browser.open(month), tmp_path / picture.name)
        assert size_of(tmp_path / picture.name) == (picture.width, picture.height)


def test_a_page_that_names_this_machine_is_not_taken(browser: Browser, month: Path, tmp_path: Path) -> None:
    page = tmp_path / "named.html"
    for name in names_of_this_machine():
        page.write_text(month.read_text().replace("</main>", f"<p>{name}</p></main>"))
        with pytest.raises(ValueError, match=r"overview-dark\.png shows "):
            taken(PICTURES[0], browser.open(page), tmp_path / "picture.png")
    assert not (tmp_path / "picture.png").exists()


def test_pictures_of_the_page_show_what_they_are_named_after(browser: Browser, tmp_path: Path) -> None:
    shown = {
        "page-preview.png": ("A preview: nothing was sent", "2 are not ready to load"),
        "page-release.png": ("Held", "Dropped by thandi on the page.", "To send: 6 records", "Refuse"),
        "page-mend.png": ("4 records", "right now", "no such date"),
        "page-phone.png": ("Drop or choose files", "Look at 1 held file"),
    }
    with all_places(tmp_path / "page", tmp_path) as places:
        for picture in PICTURES:
            for text in shown.pop(picture.name, ()):
                assert text in picture.opened(browser, places).value("document.body.innerText"), picture.name
    assert not shown
