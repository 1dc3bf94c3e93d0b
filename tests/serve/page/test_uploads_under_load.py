"""Files that come slowly, without an end, or a hundred at once: the page stays there for everybody else."""

from __future__ import annotations

import contextlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serve.page.browsing import showing
from tests.stories.files import bills
from tests.stories.merchant import Merchant


def put_head(port: int, token: str, name: str, length: int) -> bytes:
    return (
        f"PUT /upload?name={name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Billferry-Token: {token}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def leftovers(merchant: Merchant) -> list[str]:
    uploads = merchant.work_dir / "uploads"
    return [path.name for path in uploads.iterdir() if path.is_dir() and path.name.startswith("dropped-")]


def test_a_file_that_stands_still_is_given_up(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.serve.page.streaming.IDLE_S", 0.3)
    with showing(merchant) as page:
        me = page.visitor()
        head = put_head(page.port, me.get("/").token, "za_bills_2026-11-01.csv", 1000)
        with socket.create_connection(("127.0.0.1", page.port), timeout=30) as connection:
            connection.sendall(head + b"half of")
            answer = connection.recv(65_536)
        assert b"400 Bad Request" in answer
        assert leftovers(merchant) == []
        assert merchant.run().document["files"] == []


def test_a_file_that_drips_is_given_up_all_the_same(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.serve.page.streaming.WHOLE_S", 0.5)
    with showing(merchant) as page:
        token = page.visitor().get("/").token
        with socket.create_connection(("127.0.0.1", page.port), timeout=0.05) as connection:
            connection.sendall(put_head(page.port, token, "za_bills_2026-11-01.csv", 1000))
            answer = b""
            for _ in range(200):
                with contextlib.suppress(TimeoutError):
                    answer = connection.recv(65_536)
                if answer:
                    break
                connection.sendall(b"x")
        assert b"400 Bad Request" in answer
        assert leftovers(merchant) == []


def test_a_file_without_an_end_is_cut_off_at_its_limit(merchant: Merchant) -> None:
    merchant.settings["limits"] |= {"max_file_bytes": 100_000}
    with showing(merchant) as page:
        me = page.visitor()
        token = me.get("/").token
        with socket.create_connection(("127.0.0.1", page.port), timeout=30) as connection:
            connection.sendall(
                put_head(page.port, token, "za_bills_2026-11-01.csv", 0).replace(
                    b"Content-Length: 0", b"Transfer-Encoding: chunked"
                )
            )
            chunk = b"10000\r\n" + b"a,b,c,d\n" * 8192 + b"\r\n"
            sent = 0
            try:
                while sent < 200:
                    connection.sendall(chunk)
                    sent += 1
                answer = connection.recv(65_536)
            except ConnectionError:
                answer = b""
        assert answer == b"" or b"422" in answer.split(b"\r\n")[0]
        assert sent < 200, "12 MB were taken of a file that may have 100 KB"
        assert leftovers(merchant) == []


def test_a_hundred_at_once_are_all_taken_in_and_others_are_answered(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        token = {"X-Billferry-Token": me.get("/").token}

        def put(number: int) -> int:
            content = bills(*(f"C-{number},A-{number},B-{number}-{row},10.00" for row in range(20))).encode()
            return me.ask("PUT", f"/upload?name=f{number}_bills_2026-11-01.csv", content, token).status

        with ThreadPoolExecutor(100) as threads:
            statuses = [threads.submit(put, number) for number in range(100)]
            assert me.get("/files/").status == 200
            assert {each.result() for each in statuses} == {200}
        assert "100 files" in me.get("/files/").said
        assert leftovers(merchant) == []


def test_what_is_refused_says_why_and_what_to_do(merchant: Merchant) -> None:
    merchant.settings["limits"] |= {"max_file_bytes": 1000}
    with showing(merchant) as page:
        told = page.visitor().put("za_bills_2026-11-01.csv", b"x" * 2000)
        assert told.status == 422
        [file] = json.loads(told.body)["files"]
        assert not file["is_taken"]
        assert "larger than" in file["text"]


def test_a_refused_file_of_a_form_does_not_take_the_others_along(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant.settings["limits"] |= {"max_file_bytes": 1000}
    good = bills("C-1,A-1,B-1,10.00").encode()
    with showing(merchant) as page:
        me = page.visitor()
        files = {"a_bills_2026-11-01.csv": b"x" * 900_000, "b_bills_2026-11-01.csv": good}
        told = me.drop(files).said
        assert "Larger than is allowed; split it, or ask whoever maintains the config" in told
        assert "Is here, and is checked next" in told
        monkeypatch.setattr("pipeline.serve.page.streaming.MAX_PASSED_OVER_BYTES", 1000)
        told = me.drop({"a_bills_2026-11-01.csv": b"x" * 900_000, "c_bills_2026-11-02.csv": good}).said
        assert "a file before it is too large" in told
