"""The server killed, a load killed, a tab closed, at any moment: nothing half is left, each bill is loaded once."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.pages.browser import Browser
from tests.seeds import cases, drawn
from tests.serve.page.browsing import Showing, Visiting
from tests.serve.page.served import served, until
from tests.serve.page.test_from_drop_to_load import address_in, previewed, shown_in
from tests.serve.page.test_in_a_browser import written
from tests.serve.page.test_progress import Stream
from tests.serve.page.test_uploads_under_load import leftovers, put_head
from tests.serve.test_with_watch import is_there
from tests.stories.files import bills
from tests.stories.merchant import Merchant

NAME = "za_bills_2026-11-01.csv"
COUNT = 60
FILE = bills(*(f"C-{n},A-{n},B-{n},{n + 1}.00" for n in range(COUNT))).encode()
WATCH = "--with-watch"
SLOW_DISK = """
import time
from pipeline.serve.page.streaming import ArrivingBody
blocks = ArrivingBody.blocks

def slowly(body):
    for block in blocks(body):
        time.sleep(0.1)
        yield block

ArrivingBody.blocks = slowly
"""


def release(me: Visiting, address: str) -> None:
    """Once the file is held."""
    until(lambda: 'name="shown"' in me.get(address).text, "it is not held")
    assert me.post(f"{address}release", shown=shown_in(me.get(address))).status == 303


def bills_there(merchant: Merchant) -> int:
    return len(merchant.api.snapshot()["bills"])


def has_loaded(merchant: Merchant, count: int) -> bool:
    return bills_there(merchant) >= count


def assert_loaded_once(merchant: Merchant) -> None:
    """Counted at the API: each reference once, none missing, and with its own amount."""
    for kind in ("customers", "accounts", "bills"):
        assert len(merchant.held(kind)) == COUNT
    held = merchant.held("bills")
    assert [held[f"B-{n}"]["amount_due"] for n in range(COUNT)] == [100 * (n + 1) for n in range(COUNT)]


@pytest.mark.parametrize("moment", ["after the drop", "in the preview", "after the release"])
@pytest.mark.timeout(300)
def test_a_server_that_is_killed_between_two_steps_goes_on_where_it_was(
    merchant: Merchant, moment: str
) -> None:
    with served(merchant) as server:
        me = server.me
        old_token = me.get("/").token
        address = address_in(me.put(NAME, FILE))
        if moment == "after the drop":
            server.kill()
            server.start()
            assert me.post(f"{address}refuse", token=old_token, why="x").status == 403
        me.get(address)
        if moment == "in the preview":
            (child,) = until(server.children, "there is no preview")
            server.kill()
            until(lambda: not is_there(child), "the preview does not end")
            server.start()
        assert f"{COUNT} records" in previewed(me, address).said
        assert merchant.run().state == "held"
        release(me, address)
        if moment == "after the release":
            server.kill()
            server.start()
        assert merchant.run().outcomes() == {"created": COUNT}
        assert "All 60 records are loaded." in me.get(address).said
        assert leftovers(merchant) == []
        assert merchant.run().requests.total() == 0
    assert_loaded_once(merchant)


@pytest.mark.timeout(600)
def test_a_load_that_is_killed_with_its_server_goes_on_with_the_next_and_loads_once(
    merchant: Merchant,
) -> None:
    chance = drawn()
    merchant.settings["api"]["max_in_flight"] = 4
    merchant.switch(latency_s=0.05)
    with served(merchant, WATCH) as server:
        me = server.me
        address = address_in(me.put(NAME, FILE))
        release(me, address)
        for _ in range(cases(2, soak=8)):
            more = min(COUNT - 5, bills_there(merchant) + chance.randint(1, 20))
            until(partial(has_loaded, merchant, more), "it is not loaded")
            for pid in chance.sample(killed := [server.pid, *server.children()], len(killed)):
                with suppress(ProcessLookupError):  # the watch ends with its server
                    os.kill(pid, signal.SIGKILL)
            server.kill()
            assert bills_there(merchant) < COUNT
            server.start()
        until(lambda: "All 60 records are loaded." in me.get(address).said, "it is not loaded")
        assert_loaded_once(merchant)
        assert server.ended()[0] == 128 + signal.SIGTERM
    assert merchant.run().requests.total() == 0


@pytest.mark.timeout(300)
def test_a_server_that_is_killed_takes_its_watch_along(merchant: Merchant) -> None:
    """And what that was sending is loaded once all the same, by the watch of the next."""
    merchant.settings["api"]["max_in_flight"] = 4
    merchant.switch(latency_s=0.05)
    with served(merchant, WATCH) as server:
        address = address_in(server.me.put(NAME, FILE))
        release(server.me, address)
        until(lambda: has_loaded(merchant, 6), "it is not loaded")
        children = server.children()
        server.kill()
        until(lambda: not any(map(is_there, children)), "the watch goes on without its server")
        assert bills_there(merchant) < COUNT
        server.start()
        until(lambda: "All 60 records are loaded." in server.me.get(address).said, "it is not loaded")
        assert_loaded_once(merchant)


@pytest.mark.timeout(300)
def test_closed_tabs_and_a_killed_run_change_nothing(merchant: Merchant) -> None:
    merchant.settings["api"]["max_in_flight"] = 4
    merchant.switch(latency_s=0.05)
    with served(merchant) as server:
        me = server.me
        address = address_in(me.put(NAME, FILE))
        assert merchant.run().state == "held"
        release(me, address)
        run = merchant.start("run", "--config", str(merchant.config))
        until(lambda: has_loaded(merchant, 6), "it is not loaded")
        watching = Stream(Showing(server.port), address)
        assert watching.event()[0] == "progress"
        watching.close()
        run.kill()
        run.communicate()
        assert 5 < bills_there(merchant) < COUNT
        assert me.get(address).status == 200
        run = merchant.start("run", "--config", str(merchant.config))
        until(lambda: "Being loaded" in me.get(address).said, "nobody is told")
        watching = Stream(Showing(server.port), address)
        assert watching.event()[0] == "progress"
        watching.close()
        run.communicate(timeout=60)
        assert run.returncode == 0
        assert "All 60 records are loaded." in me.get(address).said
        assert server.process is not None
        assert server.process.poll() is None
    assert_loaded_once(merchant)


def test_a_tab_that_is_closed_while_it_sends_leaves_nothing(merchant: Merchant) -> None:
    with served(merchant) as server:
        me = server.me
        token = me.get("/").token
        for part in (0, 1, len(FILE) // 2, len(FILE) - 1):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as tab:
                tab.sendall(put_head(server.port, token, NAME, len(FILE)) + FILE[:part])
                until(lambda: leftovers(merchant), "it does not arrive")
            until(lambda: not leftovers(merchant), "half of it is left")
        assert me.get("/files/").said.count(NAME) == 0
        assert not any((merchant.work_dir / "landing").glob("*"))
        assert merchant.run().document["files"] == []
        assert address_in(me.put(NAME, FILE)).startswith("/files/")


@pytest.mark.timeout(300)
def test_a_browser_that_is_closed_leaves_no_upload_and_ends_no_load(
    merchant: Merchant, browser: Browser, tmp_path: Path
) -> None:
    merchant.settings["api"]["max_in_flight"] = 2
    merchant.switch(latency_s=0.3)
    with served(merchant, WATCH, late=SLOW_DISK) as server:
        here = f"http://127.0.0.1:{server.port}"
        tab = browser.open(here)
        tab.choose("#files", written(tmp_path, NAME, b"x,y\n" * 2_000_000))
        tab.click("#drop button")
        until(lambda: leftovers(merchant), "it does not arrive")
        browser.close_pages()
        until(lambda: not leftovers(merchant), "half of it is left")
        assert NAME not in server.me.get("/files/").said

        address = address_in(server.me.put(NAME, FILE))
        release(server.me, address)
        tab = browser.open(f"{here}{address}")
        tab.until("/[1-9][0-9]* of 60 records settled/.test(document.body.innerText)")
        assert bills_there(merchant) < COUNT
        browser.close_pages()
        merchant.switch()
        until(lambda: "All 60 records are loaded." in server.me.get(address).said, "it is not loaded")
    assert_loaded_once(merchant)
