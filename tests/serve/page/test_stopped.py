"""A server that is told to stop ends soon, with one line, whatever browsers have open; nothing half is left."""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import ExitStack, suppress
from functools import partial
from http.client import HTTPException

import pytest

from tests.seeds import SOAK, cases, drawn
from tests.serve.page.browsing import Showing, form_of
from tests.serve.page.served import served, until
from tests.serve.page.test_from_drop_to_load import address_in
from tests.serve.page.test_killed import COUNT, FILE, NAME, assert_loaded_once, has_loaded, release
from tests.serve.page.test_progress import Stream
from tests.serve.page.test_uploads_under_load import leftovers, put_head
from tests.stories.merchant import Merchant

WITHIN_S = 15
"""What is under way gets ten seconds; a unit of systemd may wait thirty."""
LESS_GRACE = "" if SOAK else "import pipeline.serve.listener as listener; listener.GRACE_S = 1"
OTHER = "za_bills_2026-11-02.csv"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_streams_and_uploads_do_not_hold_up_the_end(merchant: Merchant, number: signal.Signals) -> None:
    merchant.settings["api"]["max_in_flight"] = 2
    merchant.switch(latency_s=0.2)
    with served(merchant, late=LESS_GRACE) as server, ExitStack() as opened:
        me = server.me
        address = address_in(me.put(NAME, FILE))
        assert merchant.run().state == "held"
        release(me, address)
        run = merchant.start("run", "--config", str(merchant.config))
        until(lambda: has_loaded(merchant, 3), "it is not loaded")
        for _ in range(5):
            assert Stream(Showing(server.port), address).event()[0] == "progress"
        token = me.get("/").token
        body, content_type = form_of({OTHER: FILE * 1000}, token=token)
        form = (
            f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        for begun in (put_head(server.port, token, OTHER, len(FILE)) + FILE[:500], form + body[:600_000]):
            tab = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            tab.sendall(begun)
        until(lambda: len(leftovers(merchant)) == 2, "they do not arrive")

        exit_status, said, took_s = server.ended(number)
        assert exit_status == 128 + number
        (*_, last) = said.strip().splitlines()
        assert last.endswith(
            f"stopped by {number.name}; everything that was acknowledged or taken in is kept"
        )
        assert said.count("\n") == 3, said
        assert took_s < (WITHIN_S if SOAK else WITHIN_S - 9)
        print(f"{number.name}: ended in {took_s:.1f} s")  # noqa: T201
        assert leftovers(merchant) == []
        while Stream.opened:
            Stream.opened.pop().close()
        merchant.switch()
        assert run.wait(60) == 0
        run.communicate()
        server.start()
        assert OTHER not in server.me.get("/files/").said
        assert f"All {COUNT} records are loaded." in server.me.get(address).said
    assert_loaded_once(merchant)


@pytest.mark.timeout(300)
def test_streams_alone_end_at_once(merchant: Merchant) -> None:
    with served(merchant) as server:
        address = address_in(server.me.put(NAME, FILE))
        merchant.change_ledger("UPDATE files SET state = 'unfinished'")
        assert Stream(Showing(server.port), address).event()[0] == "progress"
        exit_status, said, took_s = server.ended()
        assert (exit_status, took_s < WITHIN_S - 10) == (128 + signal.SIGTERM, True), said
        print(f"ended in {took_s:.1f} s")  # noqa: T201


@pytest.mark.timeout(900)
def test_the_end_comes_at_any_moment_of_uploads(merchant: Merchant) -> None:
    """Files are whole and known, or not there; the threads that take them in end, too."""
    chance = drawn()
    with served(merchant) as server:
        for turn in range(cases(2, soak=60)):
            token, taken = {"X-Billferry-Token": server.me.get("/").token}, list[str]()

            def send(
                sender: int, turn: int = turn, token: dict[str, str] = token, taken: list[str] = taken
            ) -> None:
                with suppress(OSError, HTTPException):
                    for number in range(1000):
                        name = f"f{turn}-{sender}-{number}_bills_2026-11-01.csv"
                        content = f"{turn}-{sender}-{number}\n".encode() + FILE * 200
                        if server.me.ask("PUT", f"/upload?name={name}", content, token).status == 200:
                            taken.append(name)

            senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
            for sender in senders:
                sender.start()
            until(partial(bool, taken), "nothing is taken in")
            time.sleep(chance.random() / 2)
            exit_status, said, took_s = server.ended()
            for sender in senders:
                sender.join()
            assert (exit_status, took_s < WITHIN_S) == (128 + signal.SIGTERM, True), said
            assert "Traceback" not in said
            assert leftovers(merchant) == []
            names = {name for (name,) in merchant.ledger("SELECT name FROM files")}
            assert set(taken) <= names
            landed = {path.name for path in (merchant.work_dir / "landing").iterdir()}
            assert landed == {sha256 for (sha256,) in merchant.ledger("SELECT sha256 FROM files")}
            server.start()
