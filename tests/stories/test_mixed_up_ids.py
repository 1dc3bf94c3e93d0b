"""An API, or a proxy, that gives one customer the id of another: noticed before bills go by it, or by a sample."""

from __future__ import annotations

import json
from dataclasses import replace

from pipeline.sandbox.faults import Scripted, alter
from pipeline.sandbox.replies import Reply
from pipeline.sandbox.serve import SandboxApi
from tests.stories.files import bills
from tests.stories.merchant import Merchant


def rows(customers: int, each: int = 3) -> list[str]:
    return [f"C-{n},A-{n},B-{n}-{bill},1.00" for n in range(customers) for bill in range(each)]


def mix_up(merchant: Merchant, customers: int, kind: str) -> None:
    """Whenever a customer of ours is created, the answer tells the id of a stranger."""
    strangers = {}
    for number in range(customers):
        customer = merchant.post("customers", {"external_reference": f"S-{number}"})
        owned = {"external_reference": f"SA-{number}", "customer": customer["id"]}
        strangers[str(number)] = {"customer_id": customer["id"]}
        if kind == "account":
            strangers[str(number)] |= {"account_id": merchant.post("accounts", owned)["id"]}

    def change(reply: Reply) -> Reply:
        body = json.loads(reply.body)
        reference = body.get("external_reference", "")
        if reference.startswith("B-") and reference.endswith("-0"):
            body |= strangers[reference.split("-")[1]]
        return replace(reply, body=json.dumps(body).encode())

    merchant.api.faults = Scripted({(lambda request: request.method == "POST"): alter(change, stored=True)})


def misplaced(merchant: Merchant) -> set[str]:
    """Our bills on strangers."""
    return {name for name, bill in merchant.held("bills").items() if bill["customer_reference"][0] != "C"}


def direct(lines: list[str]) -> list[str]:
    """The same bills without accounts."""
    return [",".join([line.split(",")[0], "", *line.split(",")[2:]]) for line in lines]


def test_with_every_id_looked_up_no_bill_gets_to_a_stranger(merchant: Merchant) -> None:
    merchant.settings["api"]["check_ids"] = "all"
    mix_up(merchant, 3, "customer")
    path = merchant.write("x_bills_2030-01-01.csv", bills(*direct(rows(3))))
    said = merchant.load(path)
    assert said.exit_status == 3
    assert sum("is another customer's" in line for line in said.stderr.splitlines()) == 1
    assert misplaced(merchant) == set()
    merchant.api.faults = Scripted({})
    said = merchant.load(path)
    assert said.exit_status == 0, said.stderr
    assert len(merchant.held("bills")) == 9
    assert misplaced(merchant) == set(), "the ids that were taught are forgotten"


def test_accounts_are_looked_up_as_well(merchant: Merchant) -> None:
    merchant.settings["api"]["check_ids"] = "all"
    mix_up(merchant, 3, "account")
    path = merchant.write("x_bills_2030-01-01.csv", bills(*rows(3)))
    said = merchant.load(path)
    assert said.exit_status == 3
    assert "is another account's" in said.stderr
    merchant.api.faults = Scripted({})
    assert merchant.load(path).exit_status == 0
    assert misplaced(merchant) == set()


def test_a_sample_notices_what_happens_often_and_stops(merchant: Merchant) -> None:
    mix_up(merchant, 130, "customer")
    path = merchant.write("x_bills_2030-01-01.csv", bills(*direct(rows(130))))
    said = merchant.load(path)
    assert said.exit_status == 3
    assert "is another customer's" in said.stderr
    assert len(merchant.held("bills")) < 390
    before = misplaced(merchant)
    merchant.api.faults = Scripted({})
    assert merchant.load(path).exit_status in {0, 1}
    assert misplaced(merchant) == before, "nothing more goes to a stranger"


def test_a_sample_costs_a_look_per_hundred_customers(merchant: Merchant) -> None:
    said = merchant.load(merchant.write("x_bills_2030-01-01.csv", bills(*direct(rows(250, 2)))))
    assert said.exit_status == 0
    assert said.requests == {"POST bills": 500, "GET customers": 2}


def test_all_looks_cost_one_per_customer_and_account_that_is_used_again(merchant: Merchant) -> None:
    merchant.settings["api"]["check_ids"] = "all"
    said = merchant.load(merchant.write("x_bills_2030-01-01.csv", bills(*rows(5), *rows(2, 1)[:1])))
    assert said.exit_status == 0
    assert said.requests == {"POST bills": 15, "GET accounts": 5}


def test_an_id_that_is_gone_is_no_mix_up(merchant: Merchant) -> None:
    """Somebody made the customer anew: its reference has another id, and the old one is nobody's."""
    merchant.settings["api"]["check_ids"] = "all"
    merchant.post("customers", {"external_reference": "S-0"})
    merchant.load(merchant.write("x_bills_2030-01-01.csv", bills("C-1,,B-1,1.00")))
    with SandboxApi() as made_anew:
        merchant.api, merchant.settings["api"]["base_url"] = made_anew, made_anew.url
        merchant.post("customers", {"external_reference": "C-1"})
        said = merchant.load(merchant.write("y_bills_2030-02-01.csv", bills("C-1,,B-2,1.00")))
        assert said.exit_status == 0, said.stderr
        assert merchant.held("bills")["B-2"]["customer_reference"] == "C-1"


def test_an_id_of_before_that_is_a_strangers_now_stops_one_run_and_is_forgotten(merchant: Merchant) -> None:
    merchant.settings["api"]["check_ids"] = "all"
    merchant.load(merchant.write("x_bills_2030-01-01.csv", bills("C-1,,B-1,1.00")))
    with SandboxApi() as made_anew:
        merchant.api, merchant.settings["api"]["base_url"] = made_anew, made_anew.url
        merchant.post("customers", {"external_reference": "S-0"})
        merchant.post("customers", {"external_reference": "C-1"})
        path = merchant.write("y_bills_2030-02-01.csv", bills("C-1,,B-2,1.00"))
        assert merchant.load(path).exit_status == 3
        assert merchant.held("bills") == {}
        said = merchant.load(path)
        assert said.exit_status == 0, said.stderr
        assert merchant.held("bills")["B-2"]["customer_reference"] == "C-1"


def test_an_account_that_is_another_customers_by_now_stops_before_a_bill_gets_there(
    merchant: Merchant,
) -> None:
    merchant.settings["api"]["check_ids"] = "all"
    merchant.load(merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00")))
    with SandboxApi() as made_anew:
        merchant.api, merchant.settings["api"]["base_url"] = made_anew, made_anew.url
        merchant.post("customers", {"external_reference": "C-1"})
        stranger = merchant.post("customers", {"external_reference": "S-0"})
        merchant.post("accounts", {"external_reference": "A-1", "customer": stranger["id"]})
        said = merchant.load(merchant.write("y_bills_2030-02-01.csv", bills("C-1,A-1,B-2,1.00")))
        assert said.exit_status == 3
        assert merchant.held("bills") == {}
