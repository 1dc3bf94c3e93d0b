"""Names, e-mails and phones of customers that exist already."""

from __future__ import annotations

from tests.stories.merchant import Merchant, Said

HEADER = (
    "customer_reference,customer_name,customer_email,customer_phone,"
    "account_reference,account_name,bill_reference,amount_due\n"
)


def load(merchant: Merchant, month: int, row: str) -> Said:
    return merchant.load(merchant.write(f"x_bills_2030-{month:02}-01.csv", f"{HEADER}{row}\n"))


def test_a_changed_email_and_phone_of_a_customer_cost_one_request(merchant: Merchant) -> None:
    load(merchant, 1, "C-1,Ann,ann@example.com,+27825550101,A-1,Home,B-1,1.00")
    said = load(merchant, 2, "C-1,Ann,new@example.com,+27825550102,A-1,Home,B-2,1.00")
    assert said.exit_status == 0
    assert said.requests == {"POST bills": 1, "PATCH customers": 1}
    customer = merchant.held("customers")["C-1"]
    assert (customer["email"], customer["phone"]) == ("new@example.com", "+27825550102")


def test_the_same_details_are_not_sent_again(merchant: Merchant) -> None:
    load(merchant, 1, "C-1,Ann,ann@example.com,+27825550101,A-1,Home,B-1,1.00")
    load(merchant, 2, "C-1,Ann,new@example.com,+27825550101,A-1,Home,B-2,1.00")
    said = load(merchant, 3, "C-1,Ann,new@example.com,+27825550101,A-1,Home,B-3,1.00")
    assert said.requests == {"POST bills": 1}


def test_an_empty_field_clears_nothing(merchant: Merchant) -> None:
    load(merchant, 1, "C-1,Ann,ann@example.com,+27825550101,A-1,Home,B-1,1.00")
    said = load(merchant, 2, "C-1,,,,A-1,,B-2,1.00")
    assert said.requests == {"POST bills": 1}
    assert merchant.held("customers")["C-1"]["email"] == "ann@example.com"


def test_a_changed_name_of_an_account_is_patched(merchant: Merchant) -> None:
    load(merchant, 1, "C-1,Ann,,,A-1,Home,B-1,1.00")
    said = load(merchant, 2, "C-1,Ann,,,A-1,Cottage,B-2,1.00")
    assert said.requests == {"POST bills": 1, "PATCH accounts": 1}
    assert merchant.held("accounts")["A-1"]["name"] == "Cottage"


def test_details_stay_as_they_are_when_the_config_says_so(merchant: Merchant) -> None:
    merchant.settings["api"]["update_details"] = False
    load(merchant, 1, "C-1,Ann,ann@example.com,,A-1,Home,B-1,1.00")
    said = load(merchant, 2, "C-1,Ann,new@example.com,,A-1,Cottage,B-2,1.00")
    assert said.requests == {"POST bills": 1}
    assert merchant.held("customers")["C-1"]["email"] == "ann@example.com"


def test_the_last_record_of_a_file_counts_and_a_note_says_so(merchant: Merchant) -> None:
    said = load(merchant, 1, "C-1,Ann,,,A-1,Home,B-1,1.00\nC-1,Anna,,,A-1,Home,B-2,1.00")
    assert merchant.held("customers")["C-1"]["name"] == "Anna"
    assert any("customer_name" in note for note in said.file["notes"])
    assert "Ann" not in " ".join(said.file["notes"])
