"""Whatever the model: dropped, looked at, corrected, released by a second person, loaded and reported."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from pipeline.sandbox.serve import SandboxApi
from tests.pages.browser import Browser, Opened
from tests.payments.merchant import Merchant as PaidMerchant
from tests.payments.test_collected_reports import NAME as REPORT
from tests.payments.test_collected_reports import REPORTS, receive, report
from tests.serve.page.browsing import BY_PROXY, Answer, Visiting, showing
from tests.serve.page.test_correcting import fields_of, sent_with
from tests.serve.page.test_from_drop_to_load import address_in, previewed, shown_in
from tests.serve.page.test_in_a_browser import on_file_page, until_previewed, visit, written
from tests.stories.files import MODELS, Sample, held_by, said_by
from tests.stories.merchant import Merchant

every_model = pytest.mark.parametrize("sample", MODELS.values(), ids=MODELS)


def amount_of(sample: Sample) -> str:
    """Its column of amounts."""
    return "amount_due" if "amount_due" in sample.rows()[0] else "balance"


def with_a_reject(sample: Sample) -> bytes:
    """The file, but that the amount of its last record cannot be read."""
    rows = sample.rows()
    rows[-1] = {**rows[-1], amount_of(sample): "ten"}
    text = io.StringIO()
    made = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    made.writeheader()
    made.writerows(rows)
    return text.getvalue().encode()


def release(who: Visiting, address: str) -> Answer:
    """As a person does who has compared what there is to compare."""
    shown = who.get(address)
    compared = {"accept_changes": "yes"} if 'name="accept_changes"' in shown.text else {}
    return who.post(f"{address}release", None, shown=shown_in(shown), **compared)


@every_model
@pytest.mark.timeout(300)
def test_a_file_goes_the_whole_way_without_a_script(merchant: Merchant, sample: Sample) -> None:
    count, last = len(sample.rows()), len(sample.rows())
    with showing(merchant, **BY_PROXY, approvals="second_person") as page:
        thandi, sipho = page.visitor("thandi"), page.visitor("sipho")
        address = address_in(thandi.drop({sample.name: with_a_reject(sample)}))
        preview = previewed(thandi, address)
        assert "nothing was sent" in preview.said
        assert f"{count - 1} of {count} records" in preview.said
        assert "Rejected" in preview.said
        assert merchant.run().state == "held"
        assert release(thandi, address).status == 409
        assert release(sipho, address).status == 303
        assert merchant.run().outcomes() == {"created": count - 1, "rejected": 1}

        table = thandi.get(f"{address}correct/")
        assert fields_of(table)["records"] == str(last)
        right = sample.rows()[-1][amount_of(sample)]
        changed = {f"Line_{last + 1}_{amount_of(sample)}": right}
        saved = sent_with(thandi, address, table, "save", **changed)
        correction = address_in(saved)
        assert merchant.run().state == "held"
        assert release(thandi, correction).status == 409
        assert release(sipho, correction).status == 303
        loaded = merchant.run()
        assert loaded.state == "loaded", loaded.file
        assert merchant.run().requests.total() == 0

        assert held_by(merchant.api.snapshot()) == said_by(sample)
        for each in (address, correction):
            assert "Loaded" in sipho.get(each).said
            assert sipho.get(f"{each}report.html").status == 200
            assert sipho.get(f"{each}results.csv").body.count(b"created") == len(
                sample.rows()[:-1] if each == address else [right]
            )
        assert "Correct or write off" not in sipho.get("/").said
    for kind in ("customers", "accounts", "bills"):
        merchant.held(kind)


@pytest.mark.parametrize(("model", "scripts"), [("account_balance", True), ("customer_balance", False)])
@pytest.mark.timeout(300)
def test_a_file_goes_the_whole_way_in_a_browser(
    merchant: Merchant, browser: Browser, tmp_path: Path, model: str, scripts: bool
) -> None:
    sample = MODELS[model]
    last, amount = len(sample.rows()), amount_of(sample)
    with showing(merchant, **BY_PROXY, approvals="second_person") as page:
        clerk = visit(browser, page, "thandi", scripts=scripts)
        clerk.choose("#files", written(tmp_path, sample.name, with_a_reject(sample)))
        clerk.click("#drop button")
        path = on_file_page(clerk)
        assert merchant.run().state == "held"
        chief = visit(browser, page, "sipho", path, scripts=scripts)
        released(chief)
        assert merchant.run().outcomes() == {"created": last - 1, "rejected": 1}

        clerk.tell("Page.bringToFront")  # a page that nobody looks at asks for nothing
        clerk.go(f"http://127.0.0.1:{page.port}{path}correct/")
        cell = f"[aria-label='Line {last + 1}, {amount}']"
        clerk.value(f"document.querySelector({cell!r}).select()")
        clerk.tell("Input.insertText", text=sample.rows()[-1][amount])
        if scripts:
            clerk.until(f"document.getElementById('told-{last}').innerText.includes('right now')")
        clerk.loaded = False
        clerk.click("#correct button.main")
        clerk.until_loaded("what saving leads to")
        until_previewed(clerk)
        assert merchant.run().state == "held"
        chief.go(f"http://127.0.0.1:{page.port}{clerk.value('location.pathname')}")
        released(chief)
        assert merchant.run().state == "loaded"
        chief.go(f"http://127.0.0.1:{page.port}{clerk.value('location.pathname')}")
        assert "is loaded" in chief.value("document.body.innerText")
        for opened in (clerk, chief):
            assert opened.complaints == []
            assert {address.split("/")[2] for address in opened.requests} == {f"127.0.0.1:{page.port}"}
    assert held_by(merchant.api.snapshot()) == said_by(sample)


def test_a_report_of_the_vendor_is_compared_and_sends_nothing(tmp_path: Path) -> None:
    with SandboxApi() as api:
        merchant = PaidMerchant(tmp_path, api)
        merchant.settings["feeds"].append(REPORTS)
        merchant.load()
        for reference, amount in (("B1", 400), ("B3", 500)):
            merchant.api.pay(reference, amount)
        receive(merchant, 0)
        with showing(merchant, **BY_PROXY, approvals="second_person") as page:
            thandi = page.visitor("thandi")
            address = address_in(thandi.drop({REPORT: report(merchant).encode()}))
            preview = previewed(thandi, address).said
            assert "The report has 2 transactions." in preview
            assert "The next pass compares it with the payments known here." in preview
            said = merchant.command("run", "--json")
            assert (said.state, said.requests.total()) == ("compared_with_differences", 0)
            assert "1 difference between the report and the payments known here." in thandi.get(address).said
            assert thandi.get(f"{address}results.csv").status == 200
            assert REPORT in thandi.get("/payments/").said


def released(opened: Opened) -> None:
    """By a click, after a tick where there is something to compare."""
    if opened.value("document.querySelector('[name=accept_changes]') !== null"):
        opened.click("[name=accept_changes]")
    opened.loaded = False
    opened.click("form[action=release] button")
    opened.until_loaded("what a release leads to")
    assert "the next run acts on it" in opened.value("document.body.innerText")
