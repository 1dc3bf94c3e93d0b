"""Search, payments and health; what monitors may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.core.plain_text import command_in
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.record_search import RecordSearch
from pipeline.monitoring.late_feeds import LateFeed
from pipeline.sandbox.serve import SandboxApi
from tests.payments.merchant import Merchant as PaidMerchant
from tests.payments.test_collected_reports import REPORTS, drop, receive, report
from tests.run.made_ledger import make_ledger
from tests.serve.page.browsing import BY_PROXY, Visiting, showing
from tests.stories.files import bills
from tests.stories.merchant import Merchant

FIRST, SECOND = "za_bills_2026-11-01.csv", "za_bills_2026-11-02.csv"


@pytest.fixture
def searched(merchant: Merchant) -> Merchant:
    """Two files of the same customer, the second with a reject; a run has come since the page is there."""
    merchant.settings["page"] = {"listen": "127.0.0.1:1", "identity": "local"}
    merchant.write(FIRST, bills("C-1,A-1,B-1,10.00", "C-2,A-2,B-2,20.00"), merchant.drop)
    merchant.write(SECOND, bills("C-1,A-1,B-3,30.00", "C-1,A-9,B-4,ten"), merchant.drop)
    assert merchant.run().exit_status == 1
    return merchant


def found(me: Visiting, reference: str) -> list[str]:
    """File, line, outcome, amount of each record that is found, as one text."""
    answer = me.get(f"/search/?q={reference}")
    assert answer.status == 200
    rows = re.findall(r"<tr><th scope=\"row\".*?</tr>", answer.text)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


def test_a_reference_leads_to_every_record_that_has_it(searched: Merchant) -> None:
    with showing(searched) as page:
        me = page.visitor()
        (only,) = found(me, "B-1")
        assert only.startswith(f"{FIRST} bills 2 Created ZAR 10.00 bill_")
        assert [row.split()[0] for row in found(me, "A-1")] == [SECOND, FIRST]
        customer = found(me, "C-1")
        assert [row.split()[0] for row in customer] == [SECOND, SECOND, FIRST]
        assert "bills 3 Rejected – –" in customer[1]
        assert found(me, "A-9") == [customer[1]]
        assert found(me, "B-4") == [customer[1]]
        assert found(me, "b-1") == found(me, "B-") == found(me, "%25") == []
        said = me.get("/search/?q=B-77").said
        assert "No record of any file has the reference “B-77”." in said


def test_search_looks_at_no_record_that_it_does_not_show(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    make_ledger(path, files=3, records=50, one_by_one=True)
    with closing(open_sqlite_ledger(path, merchant="citypower", environment="test")) as ledger:
        search = RecordSearch(ledger)
        assert not search.is_ready()
        search.make_indexes()
        assert search.is_ready()
        plans = list[str]()
        asked = list[str]()
        ledger.set_trace_callback(asked.append)
        assert [(each.file_id, each.record, each.line) for each in search.find("CUST-7", 2)] == [
            (3, 7, 8),
            (2, 7, 8),
        ]
        assert len(search.find("INV-7", 10)) == 3
        ledger.set_trace_callback(None)
        for statement in asked:
            plans += [row["detail"] for row in ledger.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert len(asked) == 12, asked
    assert not [plan for plan in plans if plan.startswith("SCAN") and "place" not in plan]
    assert not [plan for plan in plans if "TEMP B-TREE" in plan and "DISTINCT" not in plan]


def test_before_a_run_has_prepared_the_search_it_says_so(merchant: Merchant) -> None:
    merchant.write(FIRST, bills("C-1,A-1,B-1,10.00"), merchant.drop)
    merchant.run()
    with showing(merchant) as page:
        assert "The next pass prepares the search" in page.visitor().get("/search/?q=B-1").said
        merchant.run()
        assert len(found(page.visitor(), "B-1")) == 1


def test_health_tells_of_runs_sources_and_what_is_late(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        assert "No run yet." in me.get("/health/").said
        merchant.write(FIRST, bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,ten"), merchant.drop)
        assert "Drop folder, now: 1 waiting " + FIRST in me.get("/health/").said
        merchant.run()
        merchant.configure_api(base_url="http://127.0.0.1:1")
        merchant.write(SECOND, bills("C-1,A-1,B-3,30.00"), merchant.drop)
        assert merchant.command("run").exit_status == 3
        said = me.get("/health/").said
        assert "Nothing is late, in doubt" in said
        late = LateFeed("balances", datetime(2026, 11, 2, 8, tzinfo=UTC), None)
        monkeypatch.setattr("pipeline.serve.page.views.health.late_now", lambda *_: [late])
        assert "Feed balances: no file received, due 2 Nov 2026" in me.get("/health/").said
    assert "Drop folder, now: 0 waiting" in said
    assert "1: finished, but a person should look" in said
    assert said.index("3: unfinished") < said.index("1: finished")
    assert (
        said.count("The API or the SFTP server did not answer") == said.count("1 Records were rejected") == 1
    )
    assert "1 loaded with rejects" in said


def test_a_monitor_without_a_name_hears_whether_the_ledger_can_be_read(searched: Merchant) -> None:
    with showing(searched, **BY_PROXY) as page:
        nobody = Visiting(page.port)
        assert (nobody.get("/").status, nobody.get("/healthz/").status) == (401, 401)
        well = nobody.get("/healthz")
        assert (well.status, well.body) == (200, b"ok\n")
        assert nobody.ask("POST", "/healthz").status == 401
        ledger = searched.work_dir / "ledger.sqlite"
        content = ledger.read_bytes()
        ledger.write_bytes(b"no ledger" * 1000)
        ill = nobody.get("/healthz")
        assert (ill.status, ill.body) == (503, b"the ledger cannot be read\n")
        ledger.write_bytes(content)


@pytest.fixture
def paid(tmp_path: Path) -> Iterator[PaidMerchant]:
    """Two payments are received, of one the bill is known; and a report is compared with them."""
    with SandboxApi() as api:
        merchant = PaidMerchant(tmp_path, api)
        merchant.settings["feeds"].append(REPORTS)
        merchant.load()
        for reference, amount in (("B1", 400), ("B3", 500)):
            merchant.api.pay(reference, amount)
        receive(merchant, 0)
        merchant.receive(7, bill_id="bill_unknown")
        drop(merchant, report(merchant))
        merchant.command("run")
        yield merchant


def test_payments_are_told_as_on_the_command_line(
    paid: PaidMerchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.serve.page.views.payments.PAYMENTS_ON_PAGE", 1)
    with showing(paid) as page:
        me = page.visitor()
        first = me.get("/payments/")
        told = " ".join(paid.command("payments", "status").stdout.split())
        assert (
            first.said.count("applied to bills and balances")
            == told.count("applied to bills and balances")
            == 1
        )
        assert "20261129_Moment_Recon_1_20261128.csv" in first.said
        compared = re.search(r'href="(/files/[0-9a-f]{64}/)"', first.text)
        assert compared is not None
        for shown in ("/", "/payments/", "/health/", "/months/2026-11/", compared[1]):
            assert command_in(me.get(shown).said) is None, shown
        assert "bill_unknown" in first.said
        older = re.search(r'href="(/payments/\?show=all&amp;before=\d+)"', first.text)
        assert older is not None
        second = me.get(older[1].replace("&amp;", "&")).said
        assert "B1" in second
        assert "bill_unknown" not in second
        to_check = me.get("/payments/?show=open")
        assert "bill_unknown" in to_check.said
        assert 'rel="next"' not in to_check.text
        receive(paid, 1)
        paid.command("run")
        assert "in 3 payment events" in me.get("/payments/").said


def test_without_payments_there_is_no_such_page(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        assert me.get("/payments/").status == 404
        assert "Payments" not in me.get("/").said
