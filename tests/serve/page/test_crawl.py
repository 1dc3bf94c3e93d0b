"""Whoever follows every link, and sends odd things to every address, finds no bug, nothing foreign, no markup."""

from __future__ import annotations

import html
import re
from urllib.parse import quote, urljoin, urlsplit

from pipeline.serve.page import app
from tests.pages.example import HOSTILE
from tests.serve.page.browsing import Answer, Visiting, showing
from tests.stories.files import bills
from tests.stories.merchant import Merchant

ODD = (
    "", ".", "..", "%00", "%2e%2e%2f", "\\", "'", '"', "<", "%", "%zz", "%ff", "é", "🙂", "0" * 64, "f" * 64,
    "a" * 3000, "-1", "1e9", "9" * 30, "; DROP TABLE files", "{{7*7}}", "../../ledger.sqlite", "report.html",
    "\u202e", "null", "true", "[]", "2026-13", "2026-00", "0000-01", "99999-01",
)  # fmt: skip
MOST_PAGES = 300


def links_of(answer: Answer, base: str) -> set[str]:
    """Addresses that a page leads to or loads, as paths; one that leads elsewhere fails."""
    found = set()
    for raw in re.findall(r'(?:href|src|action)="([^"]*)"', answer.text):
        address = urljoin(base, html.unescape(raw))
        parts = urlsplit(address)
        assert (parts.scheme, parts.netloc) == ("http", "page"), (base, address)
        found.add(parts._replace(scheme="", netloc="", fragment="").geturl())
    return found


def looked_at(me: Visiting, path: str) -> Answer:
    answer = me.get(path)
    assert answer.status < 500, (path, answer.status, answer.said if answer.body else "")
    return answer


def test_every_link_leads_somewhere_of_ours(merchant: Merchant) -> None:
    hostile = [text for text in HOSTILE if "\n" not in text and "," not in text and '"' not in text][:20]
    rows = [f"C-{number},A-{number},{text},ten" for number, text in enumerate(hostile)]
    merchant.write("za_bills_2026-11-01.csv", bills("C-1,A-1,B-1,1.00", *rows), merchant.drop)
    merchant.write("x'><script>alert(1)<_bills_2026-11-02.csv", bills("C-2,A-2,B-2,1.00"), merchant.drop)
    merchant.run()
    with showing(merchant) as page:
        me = page.visitor()
        me.drop({"<i>november</i>.csv": b"a,b\n1,2\n"})
        seen, due = set[str](), ["/"]
        while due and len(seen) < MOST_PAGES:
            path = due.pop()
            seen.add(path)
            answer = looked_at(me, path)
            if answer.headers.get("content-type", "").startswith("text/html") and not path.endswith(
                "report.html"
            ):
                assert not re.search(r"<script(?! src=\"/static/)", answer.text), path
                assert "<i>november" not in answer.text
                due += sorted(links_of(answer, f"http://page{path}") - seen - set(due))
        assert len(seen) > 10


def test_odd_addresses_are_answered_in_words(merchant: Merchant) -> None:
    merchant.write("za_bills_2026-11-01.csv", bills("C-1,A-1,B-1,1.00"), merchant.drop)
    merchant.run()
    with showing(merchant) as page:
        me = page.visitor()
        for shown in app.SHOWN:
            for number, odd in enumerate(ODD):
                other = ODD[(number * 7 + 3) % len(ODD)]
                path = re.sub(r"\{\w+\}", lambda _, odd=other: quote(odd, safe="%"), shown.path, count=1)  # type: ignore[misc]
                path = re.sub(r"\{\w+\}", lambda _, odd=odd: quote(odd, safe="%"), path)  # type: ignore[misc]
                looked_at(me, f"{path}?search={quote(odd)}&before={quote(odd)}&q={quote(odd)}")
        token = me.get("/").token
        for done in app.DONE:
            for odd in ODD[::3]:
                path = done.path.replace("{key}", quote(odd, safe="%"))
                fields = {
                    "token": token,
                    "shown": odd,
                    "limit": odd,
                    "why": odd,
                    "feed": odd,
                    "accept_changes": odd,
                }
                answer = me.post(path, None, **fields)
                assert answer.status < 500, (path, answer.status)
