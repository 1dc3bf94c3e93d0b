"""The page as people meet it, in a headless Chromium: the whole way of a file, with the script, without, by keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.axe import violations
from tests.pages.browser import HIDDEN_SIDEWAYS, Browser, Opened
from tests.serve.page.browsing import BY_PROXY, HEADER, SECRET, SECRET_HEADER, Showing, showing
from tests.serve.page.test_files import address_of
from tests.serve.page.test_from_drop_to_load import FILE, NAME, OTHER
from tests.stories.files import bills
from tests.stories.merchant import Merchant

TAB, ENTER = ("Tab", 9), ("Enter", 13, "\r")


@pytest.fixture
def page(merchant: Merchant) -> Iterator[Showing]:
    with showing(merchant, **BY_PROXY, approvals="second_person") as page:
        yield page


def visit(browser: Browser, page: Showing, name: str, path: str = "/", **how: object) -> Opened:
    headers = {HEADER: name, SECRET_HEADER: SECRET}
    return browser.open(f"http://127.0.0.1:{page.port}{path}", headers=headers, **how)  # type: ignore[arg-type]


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def on_file_page(opened: Opened) -> str:
    """Wait for the page of a file whose preview is there, and return its path."""
    opened.until("location.pathname.startsWith('/files/')")
    until_previewed(opened)
    return str(opened.value("location.pathname"))


def until_previewed(opened: Opened) -> None:
    """Until the preview is there; without scripts a person looks again."""
    there = "document.body.innerText.includes('nothing was sent')"
    opened.until(f"{there} || document.querySelector('main > noscript a') !== null")
    while not opened.value(there):
        opened.loaded = False
        opened.click("main > noscript a")
        opened.until_loaded("the same page")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_clerk_drops_a_file_and_a_colleague_has_it_loaded(
    merchant: Merchant, page: Showing, browser: Browser, tmp_path: Path, scripts: bool
) -> None:
    clerk = visit(browser, page, "thandi", scripts=scripts)
    clerk.choose("#files", written(tmp_path, NAME, FILE))
    clerk.click("#drop button")
    path = on_file_page(clerk)
    assert "ZAR 30.50" in clerk.value("document.body.innerText")
    assert merchant.run().state == "held"

    chief = visit(browser, page, "sipho", path, scripts=scripts)
    assert "To send: 2 records, ZAR 30.50" in chief.value("document.body.innerText")
    chief.loaded = False
    chief.click("form[action=release] button")
    chief.until_loaded("what a release leads to")
    assert "the next run acts on it" in chief.value("document.body.innerText")
    assert merchant.run().outcomes() == {"created": 2}
    chief.go(f"http://127.0.0.1:{page.port}{path}")
    assert "All 2 records are loaded." in chief.value("document.body.innerText")
    for opened in (clerk, chief):
        assert opened.complaints == []
        assert {address.split("/")[2] for address in opened.requests} == {f"127.0.0.1:{page.port}"}


def test_files_that_are_dragged_are_taken_in_one_after_another(
    merchant: Merchant, page: Showing, browser: Browser
) -> None:
    opened = visit(browser, page, "thandi")
    files = json.dumps([[NAME, FILE.decode()], ["za_bills_2026-11-02.csv", OTHER.decode()], ["x.csv", "?"]])
    opened.value(
        f"""(() => {{
            const transfer = new DataTransfer();
            for (const [name, text] of {files}) transfer.items.add(new File([text], name));
            const event = new DragEvent("drop", {{ dataTransfer: transfer, bubbles: true, cancelable: true }});
            document.body.dispatchEvent(event);
        }})()"""
    )
    opened.until("document.querySelectorAll('#dropping a').length === 3")
    assert opened.value("document.getElementById('dropping').innerText").count("is checked next") == 2
    assert opened.complaints == []
    assert len(merchant.run().document["files"]) == 2


def test_the_whole_way_can_be_gone_by_keys_alone(merchant: Merchant, page: Showing, browser: Browser) -> None:
    address = page.visitor("thandi").drop({NAME: FILE}).headers["location"]
    assert merchant.run().state == "held"
    opened = visit(browser, page, "sipho", address)
    opened.press(*TAB)
    assert opened.value("document.activeElement.textContent") == "Skip to the content"
    opened.press(*ENTER)
    opened.press(*TAB)
    reached = []
    while opened.value("document.activeElement.textContent") != "Release":
        reached.append(opened.value("document.activeElement.id"))
        assert len(reached) < 20, reached
        assert opened.value("document.activeElement.matches(':focus-visible')")
        opened.press(*TAB)
    assert "limit" in reached
    opened.loaded = False
    opened.press(*ENTER)
    opened.until_loaded("what a release leads to")
    assert "the next run acts on it" in opened.value("document.body.innerText")


@pytest.mark.parametrize("width", [390, 1200])
def test_a_cell_is_checked_as_one_types(
    merchant: Merchant, page: Showing, browser: Browser, width: int
) -> None:
    merchant.write(NAME, bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,ten"), merchant.drop)
    assert merchant.run().exit_status == 1
    address = address_of(page.visitor("thandi").get("/files/").text, NAME)
    opened = visit(browser, page, "thandi", f"{address}correct/")
    opened.size(width, 844)
    told = "document.getElementById('told-2').innerText"
    assert "rejected" in opened.value(told)
    typed = """(() => {{
        const cell = document.querySelector("[aria-label='Line 3, amount_due']");
        cell.value = "{}";
        cell.dispatchEvent(new Event("input", {{ bubbles: true }}));
    }})()"""
    opened.value(typed.format("20.005"))
    opened.until(f"{told}.includes('still wrong')")
    opened.value(typed.format("20.00"))
    opened.until(f"{told}.includes('right now')")
    assert opened.value("document.querySelectorAll('[aria-invalid]').length") == 0
    assert violations(opened) == []
    assert width > 390 or opened.value(HIDDEN_SIDEWAYS) == []
    opened.loaded = False
    opened.click("#correct button.main")
    opened.until_loaded("what saving leads to")
    assert "corrected-za_bills" in opened.value("document.body.innerText")
    assert opened.complaints == []
