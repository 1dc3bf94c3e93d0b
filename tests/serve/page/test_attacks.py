"""What somebody else's page, proxy, file, name or API may try: every route, every name, every message."""

from __future__ import annotations

import html
import http.client
import json
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, quote_from_bytes

import pytest

from pipeline.sandbox.faults import Fault, Received, Scripted, Window, answer
from pipeline.sandbox.replies import Reply
from pipeline.serve.page import app
from tests.hostile.names import NAMES
from tests.pages.browser import Browser
from tests.pages.example import HOSTILE
from tests.seeds import cases, drawn
from tests.serve.page.browsing import (
    BY_PROXY,
    HEADER,
    SECRET,
    SECRET_HEADER,
    Answer,
    Visiting,
    form_of,
    showing,
)
from tests.serve.page.served import until
from tests.serve.page.test_crawl import links_of
from tests.serve.page.test_from_drop_to_load import FILE, NAME, address_in, shown_in
from tests.serve.page.test_in_a_browser import visit
from tests.stories.files import bills
from tests.stories.merchant import Merchant

INLINE = re.compile(
    r"<script(?! src=\"/static/)|\son[a-z]+=|\sstyle=|javascript:|<style|<iframe|<object|<embed",
    re.IGNORECASE,
)
"""What no page of ours has, whatever it shows: its policy would stop it, and nothing should rely on that."""


def held(merchant: Merchant, me: Visiting) -> tuple[str, str]:
    """The address of a held file, and the print of what is shown of it."""
    address = address_in(me.put(NAME, FILE))
    assert merchant.run().state == "held"
    return address, shown_in(me.get(address))


def state_of(merchant: Merchant) -> list[tuple[object, ...]]:
    """All that somebody could have decided or dropped."""
    tables = ("files", "decisions", "stops", "audit")
    return [row for table in tables for row in merchant.ledger(f"SELECT * FROM {table}")]  # noqa: S608


def test_no_form_from_elsewhere_changes_anything(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        address, shown = held(merchant, me)
        before, ours = state_of(merchant), me.get("/").token
        here = {"Origin": f"http://127.0.0.1:{page.port}", "Sec-Fetch-Site": "same-origin"}
        foreign: list[tuple[Mapping[str, str], str]] = [
            ({**here, "Origin": origin}, ours)
            for origin in (
                "http://evil.example",
                "null",
                f"http://127.0.0.1:{page.port + 1}",
                "https://127.0.0.1",
                "",
            )
        ]
        foreign += [({**here, "Sec-Fetch-Site": site}, ours) for site in ("cross-site", "same-site", "odd")]
        foreign += [(here, token) for token in ("", "0" * 64, ours[:-1], ours.upper())]
        fields = {"shown": shown, "why": "x", "records": "1", "yaml": "x", "withdraw": "yes", "feed": "bills"}
        for headers, token in foreign:
            for done in app.DONE:
                path = done.path.replace("/files/{key}/", address).replace("{key}", "0" * 32)
                answer = me.post(path, headers, **fields, token=token)
                assert answer.status == 403, (path, headers, token)
            body, content_type = form_of({"other_bills_2026-11-02.csv": FILE}, token=token)
            sent = me.ask("POST", "/upload", body, {**headers, "Content-Type": content_type})
            put = me.ask("PUT", f"/upload?name={NAME}2.csv", FILE, {**headers, "X-Billferry-Token": token})
            assert (sent.status, put.status) == (403, 403), (headers, token)
        assert state_of(merchant) == before
        assert merchant.run().requests.total() == 0
        assert me.post(f"{address}release", here, shown=shown).status == 303


EVIL = """<!doctype html><title>Prizes</title><iframe name="hole" src="{ours}"></iframe>
<script src="{ours}static/site.js" onload="window.took = 1"></script>
<form method="post" action="{file}release" target="hole"><input name="shown" value="{shown}"></form>
<script>
fetch("{file}refuse", {{method: "POST", mode: "no-cors", credentials: "include",
  headers: {{"Content-Type": "application/x-www-form-urlencoded"}}, body: "why=x&shown={shown}"}}).catch(() => 0);
fetch("{ours}").then(a => a.text()).then(t => window.read = t).catch(() => 0);
const ours = window.open("{file}");
setTimeout(() => {{ try {{ window.stolen = ours.document.body.innerText }} catch {{}} window.done = 1 }}, 1000);
document.forms[0].submit();
</script>"""


def test_a_page_of_somebody_else_in_the_same_browser_gets_nowhere(
    merchant: Merchant, browser: Browser
) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        address, shown = held(merchant, me)
        before, ours = state_of(merchant), f"http://127.0.0.1:{page.port}/"
        text = EVIL.format(ours=ours, file=ours + address[1:], shown=shown).encode()

        class Evil(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            opened = browser.open(f"http://localhost:{server.server_port}/", wait=False)
            opened.until("window.done === 1")
            server.shutdown()
        assert [opened.value(f"window.{each}") for each in ("took", "read", "stolen")] == [None, None, None]
        assert any("frame" in each and "ancestors" in each for each in opened.complaints), opened.complaints
        assert state_of(merchant) == before
        assert merchant.run().requests.total() == 0


def everything_asked(me: Visiting, address: str) -> Iterator[tuple[str, Answer]]:
    """Every route, of a file that is there and of one that is not, also by methods that it does not have."""
    key = address.split("/")[2]
    routes = [("GET", each.path) for each in app.SHOWN] + [("POST", each.path) for each in app.DONE]
    routes += [(each.method, each.path) for each in app.STREAMED]
    routes += [("GET", path) for path in ("/nothing", "/healthz", "/files/x/report.html", "/static/none")]
    routes += [(method, "/") for method in ("POST", "DELETE", "OPTIONS", "TRACE", "PUT", "HEAD")]
    for method, path in routes:
        for each in (key, "0" * 64):
            for name in ("page.css", "summary.json", "report.html"):
                at = path.format(key=each, name=name)
                yield f"{method} {at}", me.ask(method, at, None if method == "GET" else b"")


def test_every_answer_of_every_route_carries_what_forbids_the_rest(merchant: Merchant) -> None:
    roles = {"read": ["reader"], "upload": ["clerk"], "approve": ["chief"]}
    with showing(merchant, **BY_PROXY, roles=roles) as page:
        address, _ = held(merchant, page.visitor("clerk"))
        everybody = [page.visitor(name) for name in ("reader", "clerk", "chief", "stranger")]
        for me in (*everybody, Visiting(page.port)):
            for what, answer in everything_asked(me, address):
                headers = answer.headers
                assert answer.status < 500, what
                assert headers["content-security-policy"].startswith("default-src 'none'"), what
                assert "frame-ancestors 'none'" in headers["content-security-policy"], what
                assert "unsafe" not in headers["content-security-policy"], what
                assert headers["x-content-type-options"] == "nosniff", what
                assert headers["x-frame-options"] == "DENY", what
                assert headers["referrer-policy"] == "same-origin", what
                assert headers["cross-origin-resource-policy"] == "same-origin", what
                assert {"set-cookie", "server", "access-control-allow-origin"}.isdisjoint(headers), what
                is_asset = "/static/" in what and answer.status == 200
                assert ("immutable" if is_asset else "no-store") in headers["cache-control"], what
                is_page = headers.get("content-type", "").startswith("text/html")
                if is_page and "report.html" not in what:
                    assert not INLINE.search(answer.text), (what, INLINE.search(answer.text))


@pytest.mark.parametrize(
    "head",
    ["", "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", "Host: 127.0.0.1\r\nHost: evil.example\r\n", "Host:\r\n"],
)
def test_a_request_for_no_host_or_for_two_is_not_answered(merchant: Merchant, head: str) -> None:
    with (
        showing(merchant) as page,
        socket.create_connection(("127.0.0.1", page.port), timeout=30) as connection,
    ):
        connection.sendall(f"GET / HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
        said = b""
        while more := connection.recv(65536):
            said += more
        assert said.split(b" ")[1] in {b"400", b"403"}
        assert b"Files" not in said


def test_what_other_headers_say_of_who_and_where_is_not_believed(merchant: Merchant) -> None:
    spoofed = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=127.0.0.1;host=evil.example",
        "X-Real-IP": "127.0.0.1",
        "X-Original-URL": "/files/",
        "X-HTTP-Method-Override": "POST",
    }
    with showing(merchant) as page:
        me = Visiting(page.port, {**spoofed, HEADER: "mallory", "X-Forwarded-User": "mallory"})
        said = me.get("/")
        assert said.status == 200
        assert "mallory" not in said.text
        assert "evil.example" not in said.text
        address = me.drop({NAME: FILE}).headers["location"]
        assert address.startswith("/files/")
    with showing(merchant, **BY_PROXY) as page:
        for more in ({}, {HEADER: "thandi"}, {"X-Forwarded-User": "thandi", SECRET_HEADER: SECRET}):
            assert Visiting(page.port, {**spoofed, **more}).get("/").status == 401
        assert (
            Visiting(page.port, {**spoofed, HEADER: "thandi", SECRET_HEADER: SECRET}).get("/").status == 200
        )


def test_a_unix_socket_is_for_its_owner_and_group_and_outlives_a_kill(merchant: Merchant) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="page-"))  # a socket's path must be short
    path = folder / "page.sock"

    class Unix(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(30)
            self.sock.connect(str(path))

    def ask(*headers: tuple[str, str]) -> int:
        with closing(Unix("page")) as connection:
            connection.putrequest("GET", "/")
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            return connection.getresponse().status

    def answers() -> bool:
        try:
            return ask((HEADER, "thandi")) == 200
        except OSError:
            return False

    merchant.settings["page"] = {"listen": f"unix:{path}", "identity": {"header": HEADER}}
    merchant.write_config()
    try:
        for _ in range(2):
            with merchant.start("serve", "--config", str(merchant.config)) as process:
                until(answers, "it does not answer")
                assert path.stat().st_mode & 0o777 == 0o660
                assert ask() == 401
                assert ask((HEADER, "thandi"), (HEADER, "root")) == 401
                assert ask((HEADER, "thandi"), ("x_remote_user", "root")) == 401
                process.kill()
            assert path.exists(), "a killed server leaves its socket, which the next one replaces"
    finally:
        shutil.rmtree(folder)


def as_browsers_spell(name: bytes) -> bytes:
    """A name in a form. Source: WHATWG HTML, 4.10.21.8 Multipart form data."""
    return name.replace(b'"', b"%22").replace(b"\r", b"%0D").replace(b"\n", b"%0A")


def test_no_name_leads_out_of_our_folder_or_into_a_page_or_header(merchant: Merchant) -> None:
    chance = drawn()
    names = chance.sample(NAMES, cases(40, soak=len(NAMES)))
    with showing(merchant) as page:
        me = page.visitor()
        token = {"X-Billferry-Token": me.get("/").token}
        before = {path for path in merchant.folder.rglob("*") if not path.is_relative_to(merchant.work_dir)}
        for number, name in enumerate(names):
            content = bills(f"C-{number},A-{number},B-{number},1.00").encode()
            if number % 2:
                path = f"/upload?feed=bills&name={quote_from_bytes(name, safe='')}"
                assert me.ask("PUT", path, content, token).status in {200, 422}, name
            else:
                body, content_type = form_of(
                    {"NAME": content}, token=token["X-Billferry-Token"], feed="bills"
                )
                body = body.replace(b'"NAME"', b'"' + as_browsers_spell(name) + b'"')
                assert me.ask("POST", "/upload", body, {"Content-Type": content_type}).status in {
                    200,
                    303,
                    400,
                }, name
        merchant.command("run")
        after = {path for path in merchant.folder.rglob("*") if not path.is_relative_to(merchant.work_dir)}
        assert after == before
        landed = {path.name for path in (merchant.work_dir / "landing").iterdir()}
        assert landed == {sha256 for (sha256,) in merchant.ledger("SELECT sha256 FROM files")}
        assert len(landed) > len(names) * 0.8
        for path in ("/", "/files/", *(f"/files/{sha256}/" for sha256 in sorted(landed))):
            shown = me.get(path)
            assert shown.status == 200, path
            assert not INLINE.search(shown.text), path
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown.text), path
            if path.startswith("/files/") and path != "/files/":
                summary = me.get(f"{path}summary.json")
                assert summary.status == 200, path
                assert summary.headers["content-disposition"].isprintable(), path


TEXTS = [text for text in HOSTILE if not re.search(r"[\r\t\n]", text)]


def hostile_file() -> bytes:
    """Every hostile text in every column, sound and unsound, and in the names of columns that nobody maps."""
    columns = ["customer_reference", "customer_name", "customer_email", "customer_phone", "account_reference"]
    columns += ["account_name", "bill_reference", "amount_due", "due_date", "metadata.note", *TEXTS[:3]]
    rows = [columns]
    for number, text in enumerate(TEXTS):
        sound = [
            f"C-{number}",
            text,
            "",
            "",
            f"A-{number}",
            text,
            f"B-{number}",
            "1.00",
            "",
            text,
            text,
            text,
            text,
        ]
        rows += [
            sound,
            [text] * len(columns),
            [*sound[:6], f"X-{number}", text, text, text, text, text, text],
        ]
    cell = '"{}"'.format
    return "\n".join(",".join(cell(text.replace('"', '""')) for text in row) for row in rows).encode() + b"\n"


def creates(reference: str, request: Received) -> bool:
    return f'"{reference}"'.encode() in request.body


def refusal(text: str) -> Fault:
    """The API refuses a request, in these words."""
    problem = json.dumps(dict.fromkeys(("type", "title", "detail", "instance"), text)).encode()
    return answer(Reply(400, problem, "application/problem+json"), Window.BEFORE_RECEIPT)


MADE = "img, iframe, object, embed, [onerror], [onload], [onclick], script:not([src]), a[href^='javascript']"
"""What none of our pages has; a hostile text that became markup is among them."""


def test_no_text_of_a_file_a_person_or_the_api_becomes_markup_or_runs(
    merchant: Merchant, browser: Browser
) -> None:
    merchant.api.faults = Scripted(
        {partial(creates, f"B-{number}"): refusal(text) for number, text in enumerate(TEXTS) if number % 2}
    )
    merchant.write("<img src=x onerror=window.ran=1>_bills_2026-11-01.csv", hostile_file(), merchant.drop)
    merchant.settings["page"] = {"listen": "127.0.0.1:1"}
    assert merchant.run().file["records"]["refused"] > 0
    merchant.run()
    evil = '<script>window.ran=1</script>"><img src=x onerror=window.ran=1>'
    with showing(merchant, **BY_PROXY, approvals="second_person") as page:
        me = page.visitor(evil)
        asked = me.drop({"<svg onload=window.ran=1>.csv": hostile_file() + b"x\n"}).headers["location"]
        address = me.drop({"za_bills_2026-11-02.csv": hostile_file() + b"y\n"}).headers["location"]
        merchant.run()
        other = page.visitor("sipho")
        assert (
            other.post(f"{address}refuse", None, shown=shown_in(other.get(address)), why=evil).status == 303
        )
        merchant.run()
        opened = visit(browser, page, evil)
        shown, seen, due = (
            0,
            set[str](),
            ["/", asked, f"/search/?q={quote(evil)}", f"/files/?search={quote(evil)}"],
        )
        due += [f"/search/?q={quote(text)}" for text in TEXTS[:3]]
        while due:
            path = due.pop()
            seen.add(path)
            answered = me.get(path)
            assert answered.status < 500, path
            if not answered.headers.get("content-type", "").startswith("text/html"):
                continue
            opened.go(f"http://127.0.0.1:{page.port}{path}")
            assert opened.value("window.ran") is None, path
            made = opened.value(f'[...document.querySelectorAll("{MADE}")].map(each => each.outerHTML)')
            assert made == [] or path.endswith("report.html"), (path, made)
            shown += sum(html.escape(text) in answered.text or text in answered.said for text in TEXTS)
            due += sorted(links_of(answered, f"http://page{path}") - seen - set(due))
        assert len(seen) > 15
        assert shown > 40, "the texts are hardly shown"
        assert [each for each in opened.complaints if "status of 4" not in each] == []
        assert {each.split("/")[2] for each in opened.requests} == {f"127.0.0.1:{page.port}"}
