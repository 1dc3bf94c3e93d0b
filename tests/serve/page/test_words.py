"""What people without a shell are told: what they can do on the page, or whom to ask; never a command."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest

from pipeline.core.plain_text import command_in
from pipeline.core.rules.catalogue import RULES
from pipeline.errors import (
    AnotherRun,
    BillferryError,
    DiskFull,
    FileRefused,
    FileTooLarge,
    LedgerBusy,
    LedgerOutdated,
    UsageError,
)
from pipeline.run.decide import WhyNot
from pipeline.serve.page.problems import told_on_page
from tests.serve.page.browsing import BY_PROXY, Visiting, showing
from tests.serve.page.test_correcting import sent_with
from tests.serve.page.test_crawl import MOST_PAGES, links_of, looked_at
from tests.serve.page.test_files import address_of
from tests.serve.page.test_from_drop_to_load import address_in, previewed, shown_in
from tests.stories.files import bills
from tests.stories.merchant import Merchant

PEOPLE = {"upload": ["thandi"], "approve": ["lerato", "sipho"], "read": ["*"]}


def crawled(me: Visiting) -> dict[str, str]:
    """Address → what is read there, of every page that somebody comes to."""
    told, due = dict[str, str](), ["/"]
    while due and len(told) < MOST_PAGES:
        path = due.pop()
        answer = looked_at(me, path)
        is_page = answer.headers.get("content-type", "").startswith("text/html")
        told[path] = answer.said if is_page and not path.endswith("report.html") else ""
        assert answer.status in {200, 307}, (path, answer.status)
        links = links_of(answer, f"http://page{path}") if told[path] else set()
        forms = {urljoin(path, each) for each in re.findall(r'action="([^"]*)"', answer.text)}
        due += sorted(links - forms - told.keys() - set(due))
    return told


def commands_in(told: dict[str, str]) -> set[tuple[str, str]]:
    """Where a command, an option or a key is told, and which; codes of rules are none."""
    codes = re.compile("|".join(map(re.escape, sorted(RULES, key=len, reverse=True))))
    found = {(path, command_in(codes.sub("", text))) for path, text in told.items()}
    return {(path, what) for path, what in found if what is not None}


def dropped(me: Visiting, name: str, *rows: str) -> str:
    return address_in(me.put(name, bills(*rows).encode()))


def released(me: Visiting, address: str, **fields: str) -> None:
    assert me.post(f"{address}release", None, shown=shown_in(me.get(address)), **fields).status == 303


@pytest.mark.timeout(300)
def test_no_page_tells_of_commands_and_no_link_leads_to_what_is_not_allowed(merchant: Merchant) -> None:
    with showing(merchant, **BY_PROXY, approvals="second_person", roles=PEOPLE) as page:
        thandi, lerato, rea = page.visitor("thandi"), page.visitor("lerato"), page.visitor("rea")
        canary = dropped(thandi, "za_bills_2026-11-01.csv", "C-1,A-1,B-1,10.00", "C-1,A-1,B-2,20.00")
        rejects = dropped(
            thandi,
            "za_bills_2026-11-02.csv",
            "C-2,A-2,B-3,30.00",
            "C-2,A-2,B-4,ten",
            'C-2,A-2,B-5,"1,250.75"',
        )
        refused = address_in(thandi.put("za_bills_2026-11-03.csv", b"a,b\n1,2\n"))
        ended = dropped(thandi, "za_bills_2026-11-04.csv", "C-9,A-9,B-9,10.00")
        merchant.run()
        released(lerato, canary, limit="1")
        released(lerato, rejects)
        held = thandi.get(ended)
        assert "another person has to release it: lerato, sipho (role approve)." in held.said
        assert "You take back the file that you dropped: it is refused." in held.said
        assert thandi.post(f"{ended}withdraw", shown=shown_in(held), why="twice").status == 303
        merchant.run()
        table = thandi.get(f"{rejects}correct/")
        changed = sent_with(
            thandi, rejects, table, "save", Line_3_amount_due="20.00", Line_3_customer_reference="C-8"
        )
        assert changed.status == 303, changed.said
        merchant.run()
        fresh = dropped(thandi, "za_bills_2026-11-05.csv", "C-6,A-6,B-6,10.00", "C-6,A-6,B-7,ten")
        assert "Ready to load" in previewed(thandi, fresh).said
        assert thandi.drop({"november.csv": bills("C-7,A-7,B-8,10.00").encode()}).status == 303
        assert "Only so many records were to be sent: 1 sent, 1 left" in lerato.get(canary).said.replace(
            "only", "Only"
        )
        assert "Refused" in thandi.get(refused).said
        assert "expected: an amount like 1234.50" in thandi.get(f"{rejects}correct/").said
        assert "this feed's format. Expected: an amount like 1234.50." in thandi.get(rejects).said

        for me in (thandi, lerato, rea):
            told = crawled(me)
            # A proposed feed is for the people who run Billferry, and has their words.
            told = {path: text.partition("Or a new feed")[0] for path, text in told.items()}
            assert commands_in(told) == set()
        assert {canary, rejects, refused, ended} <= told.keys()
        assert not any("rejects.csv" in path for path in told), "rea may not have them"
        assert not any("rejects.csv" in text for text in told.values())


def test_an_error_on_a_files_page_leads_back_to_it(merchant: Merchant) -> None:
    merchant.write("za_bills_2026-11-01.csv", bills("C-1,A-1,B-1,1.00"), merchant.drop)
    merchant.run()
    with showing(merchant, **BY_PROXY, roles=PEOPLE) as page:
        rea = page.visitor("rea")
        address = address_of(rea.get("/files/").text, "za_bills_2026-11-01.csv")
        back = f'<a href="{address}">Back to the file</a>'
        for answer in (rea.post(f"{address}release"), rea.get(f"{address}rejects.csv")):
            assert (answer.status, back in answer.text) == (403, True)
            assert "which the people who run Billferry can give you" in answer.said
        unknown = f"/files/{'0' * 64}/release"
        assert "Back to the file" not in rea.post(unknown).text
        assert "Back to the file" not in rea.get(f"/files/{'0' * 64}/").text


def test_the_same_bytes_and_files_that_are_no_bills_are_told_at_once(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        content = bills("C-1,A-1,B-1,1.00").encode()
        address = address_in(me.drop({"za_bills_2026-11-01.csv": content}))
        again = me.drop({"za_bills_2026-11-02.csv": content})
        assert again.status == 200
        assert "This file was dropped before, on 20" in again.said
        assert f'<a href="{address}">' in again.text
        picture = me.drop({"november.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"})
        assert "It is PDF, and not a file of bills; nothing was taken in" in picture.said
        assert "november.pdf" not in me.get("/").said
        text = me.drop({"november.txt": b"Dear all,\nplease find the bills attached.\n"})
        assert "This does not look like a file of bills" in me.get(text.headers["location"]).said
        rows = "customer_reference,account_reference,bill_reference,amount_due,Ward\nC-1,A-1,B-1,1.00,Seven\n"
        asked = me.get(me.drop({"november.csv": rows.encode()}).headers["location"]).said
        assert "These columns of the file are not read: Ward. If one of them is needed, name it" in asked


@pytest.mark.parametrize("why_not", WhyNot.__args__)  # type: ignore[attr-defined]
def test_each_decision_that_did_not_come_about_has_words_of_the_page(why_not: str) -> None:
    told = told_on_page(UsageError(problem="it did not", remedy="see billferry status", why_not=why_not))
    assert command_in(told) is None
    assert "ask the people" not in told


@pytest.mark.parametrize(
    "error",
    [
        LedgerBusy(where="var/ledger.sqlite", problem="locked"),
        DiskFull(where="var", problem="no space left"),
        LedgerOutdated(where="var/ledger.sqlite", version=1, newest=2),
        AnotherRun(where="var", pid=1),
        FileTooLarge(source="page", name="a.csv", limit_bytes=1),
        FileRefused(name="a.csv", rule="file.encoding", problem="not UTF-8", remedy="correct feed.encoding"),
        UsageError(problem="it is not there", remedy="see billferry status"),
    ],
)
def test_whatever_goes_wrong_a_person_is_told_what_to_do_or_whom_to_ask(error: BillferryError) -> None:
    told = told_on_page(error)
    assert command_in(told) is None
    assert "ask " in told


def test_a_person_who_stopped_a_file_is_among_those_who_decided(merchant: Merchant) -> None:
    """The stop stays known when another person has released the file."""
    with showing(merchant, **BY_PROXY) as page:
        thandi, sipho = page.visitor("thandi"), page.visitor("sipho")
        address = dropped(thandi, "za_bills_2026-11-01.csv", "C-1,A-1,B-1,10.00")
        assert sipho.post(f"{address}stop").status == 303
        merchant.run()
        held = thandi.get(address).said
        assert re.search(r"Dropped on 20\S+ \S+ \S+ by thandi on the page Stop asked for on", held)
        released(thandi, address)
        assert merchant.run().state == "loaded"
        assert re.search(
            r"Stop asked for on 20\S+ \S+ \S+ by sipho on the page Released on", thandi.get(address).said
        )
