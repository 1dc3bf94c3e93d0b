"""A correction stands for its original: corrected once, nothing right in it changed unasked, nothing loaded twice."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable

import pytest

from pipeline.sandbox.faults import Scripted, status
from tests.seeds import each_once
from tests.stories.files import TODAY
from tests.stories.merchant import Json, Merchant, Row, Said
from tests.stories.test_trouble_with_the_api import refused_for

NAME = "x_bills_2030-01-01.csv"
HEADER = "customer_reference,customer_email,account_reference,bill_reference,amount_due,due_date"
GOOD = "0007,ok@example.com,,0070,10.00,2030-01-31"


def original(*rejected: str) -> str:
    return "\n".join([HEADER, GOOD, *rejected, ""])


BAD_EMAIL = "0012,john@,0034,0056,310.00,2030-01-31"


def written(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def rejects(merchant: Merchant, *rejected: str) -> list[Row]:
    """What a first file leaves to be corrected."""
    return merchant.rejects(merchant.load(merchant.write(NAME, original(*rejected))))


def corrected(merchant: Merchant, rows: list[Row], name: str = "corrected.csv", **values: str) -> Said:
    """Rows dropped back with these values."""
    return merchant.load(merchant.write(name, written([row | values for row in rows])))


MENDED = {"customer_email": "john@example.com"}
ZEROS_LOST = {"customer_reference": "12", "account_reference": "34", "bill_reference": "56"}


def codes(merchant: Merchant, said: Said) -> list[str]:
    return [row["codes"] for row in merchant.results(said)]


def test_a_reject_corrected_twice_is_one_bill_also_when_a_spreadsheet_ate_its_zeros(
    merchant: Merchant,
) -> None:
    rows = rejects(merchant, BAD_EMAIL)
    assert rows[0]["reject_record"] == "2"
    assert corrected(merchant, rows, **MENDED).outcomes() == {"created": 1}
    again = corrected(merchant, rows, "again.csv", **MENDED, **ZEROS_LOST)
    assert (again.exit_status, again.outcomes()) == (1, {"conflict": 1})
    assert codes(merchant, again) == ["correction.repeated"]
    assert not again.requests
    assert sorted(merchant.held("bills")) == ["0056", "0070"]


def test_zeros_that_a_spreadsheet_ate_are_told_as_that(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL, "0013,x@,,12345678901234567890,5.00,")
    mangled = [
        rows[0] | MENDED | ZEROS_LOST,
        rows[1] | MENDED | {"bill_reference": "12345678901234500000"},
    ]
    said = merchant.load(merchant.write("corrected.csv", written(mangled)))
    assert said.outcomes() == {"rejected": 2}
    assert codes(merchant, said) == ["correction.spreadsheet"] * 2
    assert "leading zeros are lost" in merchant.results(said)[0]["message"]
    assert corrected(merchant, rows, "again.csv", **MENDED).outcomes() == {"created": 2}


def test_the_same_correction_again_is_unchanged_and_asks_nothing_of_the_api(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL)
    first = corrected(merchant, rows, **MENDED)
    again = corrected(merchant, rows, "again.csv", customer_email="other@example.com")
    assert (again.exit_status, again.outcomes(), dict(again.requests)) == (0, {"unchanged": 1}, {})
    ids = ("customer_id", "account_id", "bill_id")
    assert [merchant.results(again)[0][name] for name in ids] == [
        merchant.results(first)[0][name] for name in ids
    ]


def is_stopped(said: Said, code: str) -> bool:
    """Whether a file waits for a person for that reason, with nothing sent."""
    why: list[Json] = [*said.file.get("holds", []), said.file["refusal"] or {}]
    return said.exit_status == 1 and not said.requests and any(each.get("code") == code for each in why)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"amount_due": "31000.00"}, "line 2, amount_due: 310.00 → 31000.00"),
        ({"bill_reference": "0099"}, "line 2, bill_reference: 0056 → 0099"),
        ({"customer_reference": "0099"}, "line 2, customer_reference: 0012 → 0099"),
        ({"account_reference": ""}, "line 2, account_reference: 0034 → (empty)"),
        ({"due_date": "2031-01-31"}, "line 2, due_date: 2030-01-31 → 2031-01-31"),
    ],
    ids=str,
)
def test_what_was_right_in_the_original_does_not_change_unasked(
    merchant: Merchant, values: Row, shown: str
) -> None:
    said = corrected(merchant, rejects(merchant, BAD_EMAIL), **MENDED, **values)
    assert is_stopped(said, "correction.changed")
    assert shown in str(said.file)
    assert sorted(merchant.held("bills")) == ["0070"]


def test_what_a_code_was_about_and_other_columns_may_change(merchant: Merchant) -> None:
    rows = rejects(merchant, "C-2,,A/2,B-2,3OO.00,2030-02-30")
    mended = {"account_reference": "A-2", "amount_due": "12.00", "due_date": "2030-02-28"}
    assert corrected(merchant, rows, customer_email="new@example.com", **mended).outcomes() == {"created": 1}


def test_a_contradiction_is_about_the_columns_that_differ_alone(merchant: Merchant) -> None:
    rows = rejects(merchant, "C-2,,,B-2,20.00,2030-01-31", "C-2,,,B-2,30.00,2030-01-31")
    assert is_stopped(corrected(merchant, rows[:1], due_date="2030-01-30"), "correction.changed")
    said = corrected(merchant, rows[:1], "right.csv", amount_due="30.00")
    assert said.outcomes() == {"created": 1}
    assert merchant.held("bills")["B-2"]["amount_due"] == 3000


def test_a_conflict_says_nothing_about_a_column(merchant: Merchant) -> None:
    customer = {"external_reference": "C-2"}
    merchant.post(
        "bills", {"external_reference": "B-2", "currency": "ZAR", "amount_due": 1, "customer": customer}
    )
    rows = rejects(merchant, "C-2,,,B-2,20.00,2030-01-31")
    assert rows[0]["reject_codes"] == "bill_reference.differs"
    assert is_stopped(corrected(merchant, rows, bill_reference="B-2b"), "correction.changed")
    assert merchant.release("corrected.csv").exit_status == 2
    released = merchant.release("corrected.csv", "--accept-changes", "--now")
    assert (released.exit_status, released.outcomes()) == (0, {"created": 1})
    assert merchant.held("bills")["B-2b"]["amount_due"] == 2000


def test_a_held_correction_is_released_however_a_spreadsheet_has_saved_it(merchant: Merchant) -> None:
    rows = [row | MENDED | {"bill_reference": "B-9"} for row in rejects(merchant, BAD_EMAIL)]
    text = written(rows).replace(",", ";").encode("utf-16")
    assert is_stopped(merchant.load(merchant.write("corrected.csv", text)), "correction.changed")
    assert merchant.release("corrected.csv", "--accept-changes", "--now").outcomes() == {"created": 1}


def test_an_unreadable_amount_that_comes_back_out_of_proportion_waits_for_a_person(
    merchant: Merchant,
) -> None:
    rows = rejects(merchant, "C-2,,,B-2,3OO.00,2030-01-31")
    said = corrected(merchant, rows, amount_due="30000.00")
    assert is_stopped(said, "correction.out_of_proportion")
    assert "line 2: 30000.00, median 10.00" in str(said.file)
    assert corrected(merchant, rows, "right.csv", amount_due="150.00").outcomes() == {"created": 1}
    late = merchant.release("corrected.csv", "--now")
    assert (late.exit_status, late.outcomes()) == (1, {"conflict": 1})


def test_a_correction_that_a_person_refused_gives_its_records_back(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL, "C-3,x@,,B-3,5.00,")
    path = merchant.write("corrected.csv", written([row | MENDED for row in rows]))
    assert merchant.load(path, "--limit", "1").outcomes() == {"created": 1, "not_attempted": 1}
    taken = corrected(merchant, rows[1:], "right.csv", **MENDED)
    assert (taken.outcomes(), codes(merchant, taken)) == ({"conflict": 1}, ["correction.repeated"])
    merchant.refuse("corrected.csv", "--why", "sent by mistake")
    merchant.run()
    again = corrected(merchant, rows[1:], "right again.csv", **MENDED, customer_name="now")
    assert again.outcomes() == {"created": 1}


def test_a_correction_of_a_correction_leads_to_the_first_original(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL, "C-3,x@,,B-3,5.00,")
    second = corrected(merchant, [rows[0], rows[1] | MENDED])
    assert second.outcomes() == {"created": 1, "rejected": 1}
    (left,) = merchant.rejects(second)
    assert (left["reject_record"], left["reject_source"]) == ("2", merchant.report(second.file).name)
    held = corrected(merchant, [left], "changed.csv", **MENDED, amount_due="31000.00")
    assert is_stopped(held, "correction.changed")
    assert corrected(merchant, [left], "third.csv", **MENDED).outcomes() == {"created": 1}
    late = corrected(merchant, [rows[0]], "late.csv", **MENDED, **ZEROS_LOST)
    assert codes(merchant, late) == ["correction.repeated"]
    assert len(merchant.held("bills")) == 3


def test_a_correction_that_the_api_refuses_gives_its_record_back(merchant: Merchant) -> None:
    customer = {"external_reference": "C-9"}
    merchant.post("accounts", {"external_reference": "0034", "customer": customer})
    rows = rejects(merchant, BAD_EMAIL.replace("john@", "john@").replace("0034", "A/4"))
    assert corrected(merchant, rows, **MENDED, account_reference="0034").outcomes() == {"conflict": 1}
    again = corrected(merchant, rows, "again.csv", **MENDED, account_reference="A-4")
    assert again.outcomes() == {"created": 1}


def test_a_correction_let_through_while_another_had_its_record_is_held_once_that_is_refused(
    merchant: Merchant,
) -> None:
    (row,) = rejects(merchant, BAD_EMAIL)
    changed = row | MENDED | {"amount_due": "31000.00", "bill_reference": "B-9"}
    merchant.api.stop()
    merchant.write("c1.csv", written([row | MENDED]), merchant.drop)
    merchant.write("c2.csv", written([changed]), merchant.drop)
    merchant.run()
    merchant.api.start()
    merchant.api.faults = Scripted({refused_for('"0056"'): status(400)})
    first, second = merchant.run().files
    assert (first["state"], first["records"]["refused"]) == ("loaded_with_rejects", 1)
    assert (second["state"], [hold["code"] for hold in second["holds"]]) == ("held", ["correction.changed"])
    assert sorted(merchant.held("bills")) == ["0070"]
    merchant.api.stop()
    assert merchant.release("c2.csv", "--accept-changes", "--now").exit_status == 3
    merchant.api.start()
    assert [each["state"] for each in merchant.run().files] == ["loaded"]
    assert merchant.held("bills")["B-9"]["amount_due"] == 3100000


def test_a_released_correction_goes_on_under_a_second_release(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL, "0013,x@,,0057,5.00,2030-01-31")
    corrected(merchant, rows, **MENDED, due_date="2030-02-28")
    some = merchant.release("corrected.csv", "--accept-changes", "--limit", "1", "--now")
    assert [hold["code"] for hold in some.file["holds"]] == ["file.limited"]
    merchant.api.stop()
    merchant.release("corrected.csv", "--now")
    merchant.api.start()
    merchant.run()
    assert sorted(merchant.held("bills")) == ["0056", "0057", "0070"]


def test_rows_without_their_number_are_rejected_with_what_helps(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL, "C-3,x@,,B-3,5.00,", "C-4,x@,,B-4,6.00,")
    rows = [
        rows[0] | {"reject_record": ""},
        rows[1] | {"reject_record": "99"},
        rows[2] | {"reject_record": "4.0"},
    ]
    said = corrected(merchant, rows, **MENDED)
    assert codes(merchant, said) == ["record.reject_record", "record.not_rejected_there", ""]
    assert said.outcomes() == {"created": 1, "rejected": 2}


def test_two_rows_for_one_record_are_one_correction(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL, "C-3,x@,,B-3,5.00,")
    twice = [rows[0] | MENDED, rows[0] | MENDED | {"bill_reference": "B-9"}]
    said = merchant.load(merchant.write("corrected.csv", written(twice)))
    assert said.outcomes() == {"created": 1, "conflict": 1}
    assert codes(merchant, said) == ["", "correction.repeated"]


def test_the_original_forced_again_does_not_load_what_its_correction_loaded(merchant: Merchant) -> None:
    rows = rejects(merchant, "C-2,,,B 2,20.00,")
    assert corrected(merchant, rows, bill_reference="B-2").outcomes() == {"created": 1}
    merchant.settings["feeds"][0]["reference_replace"] = {" ": "_"}
    forced = merchant.load(merchant.folder / "out" / NAME, "--force")
    assert forced.outcomes() == {"unchanged": 1, "conflict": 1}
    assert codes(merchant, forced)[-1] == "correction.repeated"
    assert sorted(merchant.held("bills")) == ["0070", "B-2"]


def forget_copies(merchant: Merchant) -> None:
    for folder in (merchant.folder / "var" / "landing").iterdir():
        shutil.rmtree(folder)


def forget_rejected(merchant: Merchant) -> None:
    """As a ledger of an earlier version."""
    merchant.change_ledger("DELETE FROM rejected")


def test_corrections_are_compared_also_when_the_landed_copy_is_gone(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL)
    forget_copies(merchant)
    assert is_stopped(corrected(merchant, rows, **MENDED, amount_due="31000.00"), "correction.changed")
    assert corrected(merchant, rows, "right.csv", **MENDED).outcomes() == {"created": 1}


def test_rejects_of_an_earlier_version_are_told_by_their_references(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL, "C-3,,A/3,B 3,5.00,")
    forget_rejected(merchant)
    for row in rows:
        del row["reject_record"]
    assert is_stopped(corrected(merchant, rows[:1], **MENDED, amount_due="31000.00"), "correction.changed")
    lost = corrected(merchant, rows[1:], "lost.csv", account_reference="A-3", bill_reference="B-3")
    assert is_stopped(lost, "file.rejects_unnumbered")
    assert f"billferry report {NAME}" in lost.file["refusal"]["message"]
    assert corrected(merchant, rows[:1], "right.csv", **MENDED).outcomes() == {"created": 1}
    repeated = corrected(merchant, rows[:1], "again.csv", **MENDED, due_date="")
    assert codes(merchant, repeated) == ["correction.repeated"]


def test_what_an_earlier_version_loaded_cannot_be_corrected_once_its_copy_is_gone(merchant: Merchant) -> None:
    rows = rejects(merchant, BAD_EMAIL)
    forget_rejected(merchant)
    forget_copies(merchant)
    assert is_stopped(corrected(merchant, rows, **MENDED), "file.original_forgotten")


def refused(merchant: Merchant) -> Said:
    merchant.settings["feeds"][0]["expect"] = {"amount_median": ["1000.00", "2000.00"]}
    return merchant.load(merchant.write(NAME, original(BAD_EMAIL)))


def test_nothing_of_a_file_that_was_refused_is_corrected(merchant: Merchant) -> None:
    rows = merchant.rejects(refused(merchant))
    assert is_stopped(corrected(merchant, rows, **MENDED), "file.original_not_loaded")


def nothing(_: Merchant) -> None:
    """Between two corrections."""


@pytest.mark.parametrize("between", [nothing, forget_copies], ids=["soon", "after retention"])
@pytest.mark.parametrize("name", [f"x_accounts_{TODAY}.csv", f"x_balances_{TODAY}.csv"])
def test_balances_are_corrected_once_too(
    merchant: Merchant, name: str, between: Callable[[Merchant], None]
) -> None:
    merchant.settings["feeds"] = [feed | {"currency": "ZAR"} for feed in merchant.settings["feeds"]]
    header = "customer_reference,customer_email,account_reference,balance"
    text = f"{header}\nC-1,x@example.com,A-1,5\nC-2,x@,A-2,7\n"
    rows = merchant.rejects(merchant.load(merchant.write(name, text)))
    between(merchant)
    assert is_stopped(corrected(merchant, rows, **MENDED, balance="8"), "correction.changed")
    assert corrected(merchant, rows, "right.csv", **MENDED).outcomes() == {"created": 1}
    again = corrected(merchant, rows, "again.csv", customer_email="y@example.com")
    assert (again.outcomes(), dict(again.requests)) == ({"unchanged": 1}, {})
    changed = corrected(merchant, rows, "changed.csv", **MENDED, balance="9")
    assert codes(merchant, changed) == ["correction.repeated"]


@pytest.mark.parametrize(
    ("encoding", "delimiter", "quoting"),
    each_once(
        ["utf-8", "utf-8-sig", "cp1252", "utf-16"], [",", ";", "\t"], [csv.QUOTE_MINIMAL, csv.QUOTE_ALL]
    ),
)
def test_a_correction_is_read_however_a_spreadsheet_has_saved_it(
    merchant: Merchant, encoding: str, delimiter: str, quoting: int
) -> None:
    """With its columns in another order, and empty ones behind them."""
    header = HEADER.replace("customer_email", "customer_name,customer_email")
    bad = BAD_EMAIL.replace("john@", "Zo\u00eb; Caf\u00e9,john@")
    said = merchant.load(merchant.write(NAME, f"{header}\n{GOOD.replace(',ok', ',Good,ok')}\n{bad}\n"))
    (row,) = merchant.rejects(said)
    moved = dict(reversed((row | MENDED).items()))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow([*moved, "", ""])
    writer.writerow([*moved.values(), "", ""])
    path = merchant.write("saved again", text.getvalue().encode(encoding))
    assert merchant.load(path).outcomes() == {"created": 1}
    assert "Zo\u00eb; Caf\u00e9" in [each["name"] for each in merchant.held("customers").values()]


def test_empty_columns_in_quotes_behind_the_last_one_are_nothing(merchant: Merchant) -> None:
    (row,) = rejects(merchant, BAD_EMAIL)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL)
    writer.writerows([[*row, "", ""], [*(row | MENDED).values(), "", ""]])
    assert merchant.load(merchant.write("saved again", text.getvalue())).outcomes() == {"created": 1}
