"""Every route of the page, in every state, in a browser: nothing against WCAG 2.2 AA, nothing foreign, no complaint.

A route that is not visited here fails the test, so that a new page cannot be forgotten.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from pipeline.serve.page import app
from tests.pages.axe import violations
from tests.pages.browser import HIDDEN_SIDEWAYS, Browser, Opened
from tests.payments.merchant import Merchant
from tests.payments.test_collected_reports import REPORTS, drop, receive, report
from tests.run.made_ledger import make_ledger
from tests.seeds import SOAK
from tests.serve.page.browsing import BY_PROXY, Showing, showing
from tests.serve.page.served import until
from tests.serve.page.test_every_model import released
from tests.serve.page.test_from_drop_to_load import address_in, previewed
from tests.serve.page.test_in_a_browser import visit, written
from tests.stories.files import bills

ROLES = {"upload": ["thandi", "anna"], "approve": ["sipho", "thandi"], "read": ["rea"]}
LOOKS = [(390, "dark"), (1280, "light"), (390, "light"), (1280, "dark"), (2560, "light")]
MIXED = bills("C-1,A-1,B-3,30.00", "C-1,A-1,B-4,ten", "C-1,A-1,B-5,eleven").encode()


KINDS = """
[...new Set([...document.querySelectorAll("body, body *")].map(e => [e.parentElement, e].map(
  each => [each.tagName, ...each.getAttributeNames(), ...each.classList].join(" ")).join(" > ")))]
"""
"""What sorts of elements a page has. One that has none but those of earlier pages is left to `make soak`."""
PLAIN = " without script"
MAY_SCROLL = "hidden: DIV.scroll: By result; without those that agree"
"""The table of a comparison, with ten columns: a region that keys reach."""


@dataclass
class Looking:
    """Somebody who looks at one page after another, each of which is judged."""

    browser: Browser
    page: Showing
    width: int
    scheme: str
    tabs: dict[str, Opened] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    met: set[str] = field(default_factory=set)
    """Kinds of elements that were judged on some page."""

    def tab(self, who: str, *, scripts: bool = True) -> Opened:
        """The one that a person has open."""
        key = who if scripts else f"{who}{PLAIN}"
        if key not in self.tabs:
            self.tabs[key] = visit(self.browser, self.page, who, scheme=self.scheme, scripts=scripts)
            self.tabs[key].size(self.width, 844)
        return self.tabs[key]

    def at(self, who: str, path: str, *, scripts: bool = True) -> Opened:
        """Go there, and judge what is there."""
        opened = self.tab(who, scripts=scripts)
        opened.tell("Page.bringToFront")
        opened.go(f"http://127.0.0.1:{self.page.port}{path}")
        return self.judged(opened, path)

    def judged(self, opened: Opened, what: str) -> Opened:
        is_plain = any(tab is opened for key, tab in self.tabs.items() if key.endswith(PLAIN))
        opened.tell("Emulation.setScriptExecutionDisabled", value=False)  # axe is one
        kinds = set(opened.value(KINDS))
        found = [f"hidden: {each}" for each in opened.value(HIDDEN_SIDEWAYS)]
        if SOAK or not kinds <= self.met:
            found += violations(opened)
        self.met |= kinds
        found = [each for each in found if not each.startswith(MAY_SCROLL)]
        opened.tell("Emulation.setScriptExecutionDisabled", value=is_plain)
        self.faults += [f"{what}: {each}" for each in found]
        return opened

    def clicked(self, opened: Opened, selector: str) -> str:
        """What a click leads to is judged as well; its path."""
        opened.loaded = False
        opened.click(selector)
        opened.until_loaded(f"what {selector} leads to")
        self.judged(opened, selector)
        return str(opened.value("location.pathname"))

    @property
    def asked(self) -> set[str]:
        """Every path that was asked for so far."""
        found = {urlsplit(each) for opened in self.tabs.values() for each in opened.requests}
        assert {each.netloc for each in found} == {f"127.0.0.1:{self.page.port}"}
        return {each.path for each in found}


@pytest.fixture
def merchant(tmp_path: Path) -> Iterator[Merchant]:
    with SandboxApi() as api:
        merchant = Merchant(tmp_path, api)
        merchant.settings["feeds"].append(REPORTS)
        merchant.settings["limits"] = {"max_reject_ratio": 1.0}
        yield merchant


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("width", "scheme"), LOOKS if SOAK else LOOKS[:1])
def test_no_route_in_any_state_breaks_a_rule(
    merchant: Merchant, browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    with showing(merchant, **BY_PROXY, approvals="second_person", roles=ROLES) as page:
        look = Looking(browser, page, width, scheme)
        nothing_yet(look)
        furnish(merchant)
        overviews(look)
        questions(look, tmp_path)
        decisions(look, merchant)
        corrections(look, merchant)
        previews(look, merchant)
        under_way(look, merchant)
        mistakes(look)
        asked = look.asked
        complaints = {each for opened in look.tabs.values() for each in opened.complaints}
    assert look.faults == [], "\n".join(look.faults)
    assert {each for each in complaints if "status of 4" not in each} == set()
    routes = (
        {each.path for each in app.SHOWN}
        | {each.path for each in app.DONE}
        | {each.path for each in app.STREAMED}
    )
    for path in routes:
        of_it = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        assert any(map(of_it.fullmatch, asked)), f"nobody has looked at {path}"


def nothing_yet(look: Looking) -> None:
    """Before the first run."""
    for path in ("/", "/files/", "/search/", "/search/?q=B-1", "/payments/", "/health/", "/months/2026-11/"):
        look.at("thandi", path)


def furnish(merchant: Merchant) -> None:
    """Loads, rejects, payments and a comparison."""
    merchant.load()
    for reference, amount in (("B1", 400), ("B3", 500)):
        merchant.api.pay(reference, amount)
    receive(merchant, 0)
    merchant.receive(7, bill_id="bill_unknown")
    drop(merchant, report(merchant))
    (merchant.drop / "za_bills_2026-11-02.csv").write_bytes(MIXED)
    merchant.command("run")


def address_of(look: Looking, name: str) -> str:
    text = look.page.visitor("thandi").get(f"/files/?search={name}").text
    found = re.search(r'"(/files/[0-9a-f]{64}/)"', text)
    assert found is not None, name
    return found[1]


def overviews(look: Looking) -> None:
    """What is read."""
    month = re.search(r"/months/[0-9-]+/", look.page.visitor("rea").get("/").text)
    paths = [
        "/",
        "/files/",
        "/files/?search=none",
        "/search/?q=C-1",
        "/search/?q=none",
        "/payments/",
        "/health/",
    ]
    paths += [
        "/payments/?show=open",
        "/payments/?show=open&before=1",
        *([month[0]] if month else ["/months/2026-11/"]),
    ]
    comparison, mixed, loaded = (address_of(look, name) for name in ("Moment", "11-02", "may_bills"))
    for path in (*paths, comparison, mixed, loaded, f"{mixed}report.html"):
        look.at("rea", path)


def questions(look: Looking, folder: Path) -> None:
    """Files that are dropped, told of, and asked about."""
    rows = "".join(f"K-{n};R-{n};{n}0,50;2026-12-{n:02}\n" for n in range(1, 9))
    odd = written(folder, "november.txt.csv", f"kunde;rechnung;betrag;faellig\n{rows}".encode())
    text = written(folder, "odd.csv", b"\0\1")
    plain = look.at("thandi", "/", scripts=False)
    plain.choose("#files", odd, text)
    look.clicked(plain, "#drop button")
    asking = str(plain.value("document.querySelector('.told a').getAttribute('href')"))
    opened = look.at("thandi", asking)
    look.clicked(opened, "form[action=feed] button.main")
    look.at("thandi", "/")
    opened = look.at("thandi", asking)
    opened.value("document.getElementById('feed').value = 'bills'")
    taken = look.clicked(opened, "form[action=answer] button.main")
    assert taken.startswith("/files/")
    opened = look.tab("thandi")
    opened.until("document.body.innerText.includes('nothing was sent')")
    look.judged(opened, "a preview that would be refused")
    scripted = look.at("thandi", "/")
    scripted.choose("#files", text, written(folder, "za_bills_2026-11-09.csv", MIXED + b"C-2,A-2,B-9,1.00\n"))
    scripted.click("#drop button")
    scripted.until("document.querySelectorAll('#dropping a').length === 2")
    look.judged(scripted, "dropped files")


def decisions(look: Looking, merchant: Merchant) -> None:
    """A held file: for who dropped it, who may release it, who only reads; released, refused, withdrawn."""
    anna = look.page.visitor("anna")
    first, second, third = (
        address_in(anna.put(f"za_bills_2026-11-0{n}.csv", bills(f"C-{n},A-{n},B-1{n},{n}.00").encode()))
        for n in (3, 4, 5)
    )
    merchant.command("run")
    for who in ("anna", "rea", "sipho"):
        look.at(who, first)
    released(look.tab("sipho"))
    look.judged(look.tab("sipho"), "a released file")
    for who, path, form in (("sipho", second, "refuse"), ("anna", third, "withdraw")):
        opened = look.at(who, path)
        opened.value("document.getElementById('why').value = 'the wrong month'")
        look.clicked(opened, f"form[action={form}] button")
    merchant.command("run")
    for path in (first, second, third):
        look.at("rea", path)


def corrections(look: Looking, merchant: Merchant) -> None:
    """The table of rejects, checked, refused to be saved, saved; then the correction, held for what it changes."""
    mixed = address_of(look, "11-02")
    opened = look.at("thandi", f"{mixed}correct/", scripts=False)
    for value, button in (("1.005", ":not(.main)"), ("still not", ".main"), ("30000.00", ".main")):
        opened.value(f'document.querySelector("[aria-label=\'Line 3, amount_due\']").value = "{value}"')
        path = look.clicked(opened, f"#correct button{button}")
    assert path != mixed
    look.at("thandi", f"{mixed}correct/")
    merchant.command("run")
    look.at("sipho", path)


def previews(look: Looking, merchant: Merchant) -> None:
    """While a preview is made, and of one that broke off."""
    rows = (f"C-{n},A-{n},B-9{n},1.00" for n in range(100_000))
    address = address_in(look.page.visitor("anna").put("za_bills_2026-11-06.csv", bills(*rows).encode()))
    look.page.visitor("anna").get(address)
    child = until(lambda: preview_child(address.split("/")[2]), "there is no preview")
    halt_once_it_exists(
        child, merchant.work_dir / "uploads/previews" / address.split("/")[2] / "progress.json"
    )
    opened = look.at("anna", address)
    assert "Being checked" in opened.value("document.body.innerText")
    os.kill(child, signal.SIGKILL)
    opened.until("document.body.innerText.includes('cannot be checked')")
    look.judged(opened, "a preview that broke off")
    address = address_in(
        look.page.visitor("anna").put("za_bills_2026-11-07.csv", MIXED + b"C-2,A-2,B-8,1.00\n")
    )
    previewed(look.page.visitor("anna"), address)
    look.at("anna", address)
    look.at("anna", f"{address}preview/report.html")


def halt_once_it_exists(child: int, written: Path) -> None:
    """Stop a process soon after it wrote a file: on a busy machine it might be at its end before we run again."""
    for _ in range(2000):
        os.kill(child, signal.SIGSTOP)
        if written.exists():
            return
        os.kill(child, signal.SIGCONT)
        time.sleep(0.005)
    raise AssertionError(f"{written.name} is not written")


def preview_child(sha256: str) -> int | None:
    """The process that makes the preview of a file for this one."""
    for task in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, task.read_text().split()):
            if sha256.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return None


def under_way(look: Looking, merchant: Merchant) -> None:
    """A load, for who watches and who stops it."""
    merchant.settings["api"]["max_in_flight"] = 2
    rows = [f"C-{n},A-{n},B-7{n},1.00" for n in range(60)]
    (merchant.drop / "za_bills_2026-11-08.csv").write_text(bills(*rows))
    merchant.write_config()
    merchant.api.switches = Switches(latency_s=0.2)
    before = len(merchant.held("bills"))
    with merchant.start("run", "--config", str(merchant.config)) as run:
        until(lambda: len(merchant.held("bills")) > before + 3, "it is not loaded")
        look.at("rea", "/")
        address = address_of(look, "11-08")
        look.at("sipho", address).until("/[1-9][0-9]* of 60 records settled/.test(document.body.innerText)")
        look.judged(look.tab("sipho"), "a load")
        look.clicked(look.tab("sipho"), "form[action=stop] button")
        merchant.api.switches = Switches()
        run.communicate(timeout=60)
    look.at("sipho", address)
    look.at("rea", "/health/")


def mistakes(look: Looking) -> None:
    """What is not there, not allowed, not possible."""
    for who, path in (
        ("thandi", "/nothing"),
        ("rea", "/upload/x/"),
        ("thandi", "/upload/x/"),
        ("thandi", "/upload"),
    ):
        look.at(who, path)
    loaded = address_of(look, "may_bills")
    opened = look.at("sipho", loaded)
    opened.value(
        f"""(() => {{
            const form = document.createElement("form");
            form.method = "post"; form.action = "{loaded}refuse"; form.className = "made";
            form.innerHTML = '<input name="why" value="x"><button>x</button>';
            const token = document.createElement("input");
            token.name = "token"; token.value = document.body.dataset.token;
            form.append(token); document.querySelector("main").prepend(form);
        }})()"""
    )
    look.clicked(opened, "form.made button")
    assert "That is not possible now" in opened.value("document.body.innerText")


@pytest.mark.skipif(not SOAK, reason="with SOAK: thousands of everything")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_very_many_of_everything_breaks_no_rule(
    merchant: Merchant, browser: Browser, width: int, scheme: str
) -> None:
    merchant.work_dir.mkdir(mode=0o700, exist_ok=True)
    make_ledger(merchant.work_dir / "ledger.sqlite", files=500, records=20, one_by_one=True)
    rows = [f"C-{n},A-{n},B-{n},ten" for n in range(200)]
    (merchant.drop / "za_bills_2026-11-02.csv").write_text(bills(*rows, "C-1,A-1,B-X,1.00"))
    merchant.settings["page"] = {"listen": "127.0.0.1:1"}
    for number in range(120):
        merchant.receive(number)
    merchant.command("run")
    with showing(merchant, **BY_PROXY) as page:
        look = Looking(browser, page, width, scheme)
        mixed = address_of(look, "za_bills")
        for path in (
            "/",
            "/files/",
            "/search/?q=CUST-7",
            "/payments/",
            "/months/2026-11/",
            "/health/",
            mixed,
        ):
            look.at("thandi", path)
        for _ in range(2):
            look.at("thandi", f"{mixed}correct/")
            look.clicked(look.tab("thandi"), "[rel=next]")
        for path in ("/files/", "/payments/"):
            look.at("thandi", path)
            look.clicked(look.tab("thandi"), "[rel=next]")
    assert look.faults == [], "\n".join(look.faults)
