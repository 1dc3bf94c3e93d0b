"""What people do before and beside a load: a dry run with mistakes, `status` after it."""

from __future__ import annotations

from tests.stories.files import bills
from tests.stories.merchant import Merchant

MISTAKEN = bills("C-1,A-1,B-1,1.00", "C-1,A-1,B 2,2.00")
NAME = "x_bills_2030-01-01.csv"


def test_a_dry_run_shows_the_mistakes_and_leaves_the_load_to_come(merchant: Merchant) -> None:
    path = merchant.write(NAME, MISTAKEN)
    dry = merchant.load(path, "--dry-run")
    assert dry.exit_status == 1
    assert dry.state == "validated_with_rejects"
    assert dry.outcomes() == {"not_attempted": 1, "rejected": 1}
    (rejected,) = merchant.rejects(dry)
    assert rejected["bill_reference"] == "B 2"
    assert merchant.load(path).outcomes() == {"created": 1, "rejected": 1}


def test_a_dry_run_of_what_is_loaded_says_so(merchant: Merchant) -> None:
    path = merchant.write(NAME, MISTAKEN)
    merchant.load(path)
    dry = merchant.load(path, "--dry-run")
    assert (dry.exit_status, dry.state) == (0, "already_loaded")
    assert not dry.requests


def test_names_e_mails_and_phones_are_neither_told_nor_in_the_message_of_a_record(merchant: Merchant) -> None:
    content = (
        "customer_reference,customer_name,customer_email,customer_phone,bill_reference,amount_due\n"
        "C-1,Planted Name,planted@,08planted,B-1,1.00\n"
    )
    said = merchant.load(merchant.write(NAME, content), "--verbose")
    assert said.outcomes() == {"rejected": 1}
    (row,) = merchant.results(said)
    assert set(row["codes"].split(";")) == {"customer_email.invalid", "customer_phone.invalid"}
    assert "lanted" not in said.stderr + row["message"] + str(said.files)
