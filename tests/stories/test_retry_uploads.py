"""A retried file's new reports go to where the file came from, although it was moved away long ago."""

from __future__ import annotations

import json

from pipeline.sandbox.faults import NoFaults, Scripted, status
from tests.stories.merchant import Merchant

BILLS = "customer_reference,account_reference,bill_reference,amount_due\nC1,A1,B1,1.00\nC1,A1,B2,2.00\n"


def test_the_reports_of_a_retry_are_uploaded_again(sftp_merchant: Merchant) -> None:
    merchant = sftp_merchant
    merchant.write("za_bills_2026-11-20.csv", BILLS, merchant.incoming)
    merchant.api.faults = Scripted({lambda sent: b'"B2"' in sent.body: status(402, stored=True)})
    assert merchant.run().exit_status == 1
    (there,) = (merchant.folder / "sftp" / "reports").glob("*/summary.json")
    assert json.loads(there.read_text())["records"]["refused"] == 1
    merchant.api.faults = NoFaults()
    assert merchant.json_command("retry", "all").exit_status == 0
    told = json.loads(there.read_text())["records"]
    assert (told["created"], told["refused"]) == (2, 0)
