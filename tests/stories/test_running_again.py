"""What was loaded is loaded once, however often it comes."""

from __future__ import annotations

import os

import pytest

from tests.seeds import each_once
from tests.stories.files import MODELS, TODAY, TOMORROW, Sample, bills, held_by, said_by
from tests.stories.merchant import Merchant

every_model = pytest.mark.parametrize("sample", MODELS.values(), ids=MODELS)


@every_model
def test_a_second_run_sends_nothing(merchant: Merchant, sample: Sample) -> None:
    merchant.write(sample.name, sample.text, merchant.drop)
    merchant.run()
    again = merchant.run()
    assert again.exit_status == 0
    assert again.files == []
    assert not again.requests


@every_model
def test_the_same_bytes_under_another_name_are_already_loaded(merchant: Merchant, sample: Sample) -> None:
    merchant.write(sample.name, sample.text, merchant.drop)
    merchant.run()
    merchant.write(
        sample.name.replace("2030-01-01", "2030-02-02").replace(TODAY, TOMORROW), sample.text, merchant.drop
    )
    again = merchant.run()
    assert again.exit_status == 0
    assert again.state == "already_loaded"
    assert not again.requests
    assert merchant.names_in("drop") == []
    assert len(merchant.names_in("archive")) == 2


def test_the_same_file_again_on_the_server_is_already_loaded_and_archived(sftp_merchant: Merchant) -> None:
    sample = MODELS["bill"]
    for state in ("loaded", "already_loaded"):
        sftp_merchant.write(sample.name, sample.text, sftp_merchant.incoming)
        said = sftp_merchant.run()
        assert said.exit_status == 0
        assert said.state == state
        assert sftp_merchant.names_in("sftp/incoming") == []


def test_another_file_of_the_same_name_size_and_second_is_loaded(sftp_merchant: Merchant) -> None:
    for amount in (1, 2):
        content = bills(f"C-1,A-1,B-{amount},{amount}.00")
        path = sftp_merchant.write("x_bills_2030-01-01.csv", content, sftp_merchant.incoming)
        os.utime(path, (1_900_000_000, 1_900_000_000))
        said = sftp_merchant.run()
        assert said.exit_status == 0
        assert said.outcomes() == {"created": 1}
    assert len(sftp_merchant.held("bills")) == 2


def test_a_file_that_a_server_keeps_is_told_once(sftp_merchant: Merchant) -> None:
    sftp_merchant.settings["sftp"] |= {"archive": None}
    sftp_merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00"), sftp_merchant.incoming)
    assert sftp_merchant.run().state == "loaded"
    again = sftp_merchant.run()
    assert (again.exit_status, again.files, again.requests) == (0, [], {})
    assert sftp_merchant.names_in("sftp/incoming") == ["x_bills_2030-01-01.csv"]


@every_model
def test_a_forced_load_of_the_same_file_changes_nothing(merchant: Merchant, sample: Sample) -> None:
    path = merchant.write(sample.name, sample.text)
    merchant.load(path)
    forced = merchant.load(path, "--force")
    assert forced.exit_status == 0
    assert forced.outcomes() == {"unchanged": len(sample.rows())}
    assert held_by(merchant.api.snapshot()) == said_by(sample)


ANSWERS: list[dict[str, object]] = [
    {},
    {"duplicate_status": 422},
    {"nested_existing": "attached"},
    {"duplicate_status": 422, "owners_by_reference": True, "metadata_patch": "replace"},
]


@pytest.mark.parametrize(
    ("switches", "sample"),
    [*each_once(ANSWERS, [MODELS["bill"]]), *each_once(ANSWERS[::3], [*MODELS.values()][1:])],
)
def test_a_lost_ledger_costs_look_ups_but_doubles_nothing(
    merchant: Merchant, sample: Sample, switches: dict[str, object]
) -> None:
    """First while the API remembers the keys, then when it has forgotten them."""
    merchant.switch(**switches)
    path = merchant.write(sample.name, sample.text)
    merchant.load(path)
    for forgotten in (False, True):
        merchant.lose_ledger()
        if forgotten:
            merchant.api.forget_idempotency_keys()
        again = merchant.load(path)
        assert again.exit_status == 0
        assert again.outcomes() == {"unchanged": len(sample.rows())}
        assert held_by(merchant.api.snapshot()) == said_by(sample)


@pytest.mark.parametrize("nested", ["refused", "attached"])
@pytest.mark.parametrize(("status", "patch"), each_once([409, 422], ["merge", "replace"]))
def test_new_bills_of_customers_of_a_lost_ledger_are_created_once(
    merchant: Merchant, status: int, nested: str, patch: str
) -> None:
    merchant.switch(duplicate_status=status, nested_existing=nested, metadata_patch=patch)
    sample = MODELS["bill"]
    merchant.load(merchant.write(sample.name, sample.text))
    merchant.lose_ledger()
    merchant.api.forget_idempotency_keys()
    new = Sample(sample.name, sample.unit, sample.text.replace(",B-", ",N-"))
    said = merchant.load(merchant.write("za_bills_2030-02-01.csv", new.text))
    assert said.exit_status == 0
    assert said.outcomes() == {"created": len(new.rows())}
    held, stated = held_by(merchant.api.snapshot()), said_by(sample)
    assert held == stated | {"bills": stated["bills"] | said_by(new)["bills"]}
