"""rejects.csv goes straight back in: corrected in a spreadsheet or editor, dropped under any name, the rest loads."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pipeline.core.rules.catalogue import RULES
from tests.check import workbooks
from tests.golden.regenerate import SAMPLES
from tests.stories.merchant import Merchant, Row, Said, copied

NAME = "x_bills_2030-01-01.csv"
ORIGINAL = """\
customer_reference,customer_name,customer_email,account_reference,bill_reference,amount_due,due_date
C-1,Good,good@example.com,A-1,B-1,10.00,2030-01-31
C-2,"Not, an e-mail",john@,A-2,B-2,20.00,2030-01-31
C-3,Slash,,A/3,B-3,30.01,2030-01-31
C-4,No such day,,A-4,B-4,40.00,2030-02-30
C-5,Billed otherwise before,,A-5,B-5,50.00,2030-01-31
C-6,Good too,,A-6,B-6,0.99,
"""
CORRECTIONS = {
    "B-2": {"customer_email": "john@example.com"},
    "B-3": {"account_reference": "A-3"},
    "B-4": {"due_date": "2030-02-28"},
}
"""What to correct; B-5 is in conflict, and stays out of these files."""


def written(rows: list[Row]) -> str:
    """Rows as a spreadsheet would save them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def corrected(rows: list[Row]) -> list[Row]:
    return [row | CORRECTIONS[row["bill_reference"]] for row in rows if row["bill_reference"] in CORRECTIONS]


def load_original(merchant: Merchant) -> Said:
    account = {"external_reference": "A-5", "customer": {"external_reference": "C-5"}}
    merchant.post(
        "bills", {"external_reference": "B-5", "currency": "ZAR", "amount_due": 4999, "account": account}
    )
    if merchant.sftp is None:
        merchant.write(NAME, ORIGINAL, merchant.drop)
    else:
        merchant.write(NAME, ORIGINAL, merchant.incoming)
    return merchant.run()


@pytest.fixture(params=["drop folder", "SFTP"])
def anywhere(merchant: Merchant, request: pytest.FixtureRequest) -> Merchant:
    return request.getfixturevalue("sftp_merchant") if request.param == "SFTP" else merchant


def inbox(merchant: Merchant) -> Path:
    return merchant.drop if merchant.sftp is None else merchant.incoming


def test_good_rows_load_and_the_corrected_rest_loads_under_any_name(anywhere: Merchant) -> None:
    first = load_original(anywhere)
    assert first.exit_status == 1
    assert first.state == "loaded_with_rejects"
    assert first.outcomes() == {"created": 2, "rejected": 3, "conflict": 1}
    rejects = anywhere.rejects(first)
    assert [row["bill_reference"] for row in rejects] == ["B-2", "B-3", "B-4", "B-5"]

    anywhere.write("mended by hand (2).csv", written(corrected(rejects)), inbox(anywhere))
    second = anywhere.run()
    assert second.exit_status == 0
    assert second.state == "loaded"
    assert second.outcomes() == {"created": 3}

    original, loaded, rest = (
        first.file["amounts_minor"]["ZAR"]["total"],
        first.file["amounts_minor"]["ZAR"]["created"],
        second.file["amounts_minor"]["ZAR"]["created"],
    )
    in_conflict = first.file["amounts_minor"]["ZAR"]["conflict"]
    assert loaded + rest + in_conflict == original == 15100
    assert first.file["records"]["created"] + second.file["records"]["created"] == 5
    assert sorted(anywhere.held("bills")) == ["B-1", "B-2", "B-3", "B-4", "B-5", "B-6"]


def test_a_corrected_file_can_be_named_on_the_command_line(merchant: Merchant) -> None:
    rejects = merchant.rejects(load_original(merchant))
    said = merchant.load(merchant.write("mended.csv", written(corrected(rejects))))
    assert said.exit_status == 0
    assert said.outcomes() == {"created": 3}


def test_what_is_still_wrong_comes_back_once_more(merchant: Merchant) -> None:
    first = load_original(merchant)
    half = [
        row if row["bill_reference"] == "B-3" else row | CORRECTIONS[row["bill_reference"]]
        for row in merchant.rejects(first)
        if row["bill_reference"] in CORRECTIONS
    ]
    merchant.write("mended.csv", written(half), merchant.drop)
    second = merchant.run()
    assert second.outcomes() == {"created": 2, "rejected": 1}
    (left,) = merchant.rejects(second)
    assert left["reject_source"] == merchant.report(second.file).name
    assert left["reject_record"] == "3"
    merchant.write("mended again.csv", written(corrected([left])), merchant.drop)
    third = merchant.run()
    assert third.exit_status == 0
    assert third.outcomes() == {"created": 1}


def test_a_record_that_was_loaded_there_is_not_loaded_again(merchant: Merchant) -> None:
    first = load_original(merchant)
    rejects = corrected(merchant.rejects(first))
    loaded_there = rejects[0] | {
        "customer_reference": "C-1",
        "account_reference": "A-1",
        "bill_reference": "B-1",
        "amount_due": "11.00",
    }
    merchant.write("mended.csv", written([*rejects, loaded_there]), merchant.drop)
    said = merchant.run()
    assert said.exit_status == 1
    assert said.outcomes() == {"created": 3, "rejected": 1}
    assert merchant.results(said)[-1]["codes"] == "record.not_rejected_there"
    assert merchant.held("bills")["B-1"]["amount_due"] == 1000


def test_a_record_that_was_never_there_cannot_be_added_to_the_rejects(merchant: Merchant) -> None:
    first = load_original(merchant)
    rows = corrected(merchant.rejects(first))
    added = rows[0] | {"customer_reference": "C-9", "account_reference": "A-9", "bill_reference": "B-9"}
    more = [added | {"bill_reference": f"B-9{number}"} for number in range(2)]
    merchant.write("more.csv", written([*rows, *more]), merchant.drop)
    said = merchant.run()
    assert said.exit_status == 1
    assert said.state == "refused"
    assert said.files[0]["refusal"]["code"] == "file.more_than_rejected"
    assert not said.requests
    assert not {"B-90", "B-91"} & set(merchant.held("bills"))


def test_records_of_two_files_do_not_go_into_one(merchant: Merchant) -> None:
    rejects = corrected(merchant.rejects(load_original(merchant)))
    rejects[-1]["reject_source"] = f"{NAME}.00000000"
    said = merchant.load(merchant.write("mended.csv", written(rejects)))
    assert said.exit_status == 1
    assert merchant.results(said)[-1]["codes"] == "record.reject_source"


def test_a_rejects_file_of_an_unknown_file_is_refused(merchant: Merchant) -> None:
    rejects = corrected(merchant.rejects(load_original(merchant)))
    merchant.lose_ledger()
    said = merchant.load(merchant.write("mended.csv", written(rejects)))
    assert said.exit_status == 1
    assert said.state == "refused"
    assert said.file["refusal"]["code"] == "file.rejects_unknown"


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*mistakes*.csv")), ids=lambda path: path.stem)
def test_rejects_hold_the_original_text_and_every_code(merchant: Merchant, sample: Path) -> None:
    said = merchant.load(copied(sample, merchant.folder / "out"))
    assert said.exit_status == 1
    report = merchant.report(said.file)
    results = [row for row in merchant.results(said) if row["outcome"] == "rejected"]
    lines = (report / "rejects.csv").read_bytes().splitlines()[1:]
    physical = sample.read_bytes().split(b"\n")
    assert len(lines) == len(results)
    for line, row in zip(lines, results, strict=True):
        original = physical[int(row["line"]) - 1]
        assert line.startswith(original + b',"' + row["codes"].encode() + b'","')
        assert line.endswith(f'","{row["record"]}","{report.name}"'.encode())
        assert set(row["codes"].split(";")) <= RULES.keys()


def test_the_corrected_mistakes_sample_loads_the_rest(merchant: Merchant) -> None:
    """Every damaged or mistaken record mended; of records that contradict each other one is dropped."""
    sample = copied(SAMPLES / "za_citypower_mistakes_bills_2026-11-20.csv", merchant.folder / "out")
    first = merchant.load(sample)
    rejects = merchant.report(first.file) / "rejects.csv"
    header, *lines = rejects.read_bytes().decode("latin-1").splitlines()
    names = next(csv.reader([header]))
    codes = [row["codes"].split(";") for row in merchant.results(first) if row["outcome"] == "rejected"]
    mended = [
        _mended(number, line, names, said)
        for number, (line, said) in enumerate(zip(lines, codes, strict=True))
    ]
    held = merchant.load(merchant.write("mended.csv", written(mended)))
    assert [hold["code"] for hold in held.file["holds"]] == ["correction.out_of_proportion"]
    said = merchant.release("mended.csv", "--now")
    assert said.exit_status == 0
    assert said.outcomes() == {"created": len(lines)}
    records = first.file["records"]
    assert records["created"] + records["duplicate"] + len(lines) == records["total"]


GOOD_VALUES = {
    "customer_reference": "CZ-{}",
    "account_reference": "AZ-{}",
    "bill_reference": "INV-Z{}",
    "amount_due": "10.00",
}


def _mended(number: int, line: str, names: list[str], codes: list[str]) -> Row:
    """What codes are about made right, and everything of a damaged record; our own columns as they were written."""
    *_, record, source = line.rsplit(',"', 2)
    row = dict.fromkeys(names, "")
    if not any(code.startswith("record.") for code in codes):
        row |= dict(zip(names, next(csv.reader([line])), strict=True))
    wrong = {code.partition(".")[0] for code in codes}
    if "record" in wrong:
        wrong |= GOOD_VALUES.keys()
    names = [name for name in names if name.partition(".")[0] in wrong]
    values = {name: GOOD_VALUES.get(name, "").format(number) for name in names}
    return row | values | {"reject_record": record.strip('"'), "reject_source": source.strip('"')}


@pytest.mark.parametrize(
    ("encoding", "name", "bad"),
    [
        ("cp1252", "Café – ‘x’_bills_2030-01-01.csv", b""),
        ("cp1252", "łódź_bills_2030-01-01.csv", b""),
        ("utf-8", "Café_bills_2030-01-01.csv", b"\xe9"),
        ("utf-16", 'a"b, 請求_bills_2030-01-01.csv', b""),
    ],
)
def test_a_file_name_of_any_letters_leads_back_to_its_file(
    merchant: Merchant, encoding: str, name: str, bad: bytes
) -> None:
    """Also where the name can be read in two ways, and beside a record whose bytes are of no encoding."""
    merchant.settings["feeds"][0]["encoding"] = encoding
    text = "customer_reference,bill_reference,amount_due\nC-1,B-1,1.00\nC-2,B 2,2.00\n"
    content = text.encode(encoding)
    if bad:
        content += b"C-3,B-3" + bad + b",3.00\n"
    merchant.write(name, content, merchant.drop)
    first = merchant.run()
    assert first.outcomes()["created"] == 1
    (rejects,) = merchant.folder.glob("var/reports/*/rejects.csv")
    codec = "utf-16-le" if encoding == "utf-16" else encoding
    mended = rejects.read_bytes().replace("B 2".encode(codec), "B-2".encode(codec))
    said = merchant.load(merchant.write("mended.csv", mended))
    assert said.outcomes() == {"created": 1} | ({"rejected": 1} if bad else {})


@pytest.mark.parametrize("first", ["[1]", "no object", "", '{"customer_reference":"C-9"'])
def test_a_line_of_ndjson_that_nobody_can_mend_may_be_left_as_it_is(merchant: Merchant, first: str) -> None:
    bill = '{"customer_reference":"C-%d","bill_reference":"B%s%d","amount_due":1.00}'
    lines = [bill % (1, "-", 1), first, bill % (2, " ", 2)]
    merchant.write(NAME, "\n".join(lines) + "\n", merchant.drop)
    assert merchant.run().outcomes() == {"created": 1, "rejected": 2}
    (rejects,) = merchant.folder.glob("var/reports/*/rejects.ndjson")
    said = merchant.load(merchant.write("mended", rejects.read_text().replace("B 2", "B-2")))
    assert (said.state, said.outcomes()) == ("loaded_with_rejects", {"created": 1, "rejected": 1})


def as_workbook(rows: list[Row], **columns: Callable[[str], str]) -> bytes:
    """Rows as a spreadsheet saves them by itself; cells of `columns` are other things than texts."""
    cells = [[columns.get(name, workbooks.text)(value) for name, value in row.items()] for row in rows]
    header = workbooks.row(*map(workbooks.text, rows[0]))
    return workbooks.workbook(workbooks.sheet(header, *(workbooks.row(*row) for row in cells)))


def date_cell(day: str) -> str:
    serial = (date.fromisoformat(day) - date(1899, 12, 30)).days
    return workbooks.number(str(serial), workbooks.DATE)


@pytest.mark.parametrize("name", ["mended by hand.xlsx", "y_bills_2030-01-02.csv"])
def test_rejects_saved_as_a_workbook_are_read_whatever_it_is_called(anywhere: Merchant, name: str) -> None:
    """Spreadsheets keep amounts as binary numbers (30.01 in all its digits here), dates as day numbers."""
    first = load_original(anywhere)
    rows = corrected(anywhere.rejects(first))
    content = as_workbook(
        rows,
        amount_due=lambda amount: workbooks.number({"30.01": "30.010000000000002"}.get(amount, amount)),
        due_date=date_cell,
        reject_record=workbooks.number,
    )
    (inbox(anywhere) / name).write_bytes(content)
    second = anywhere.run()
    assert (second.exit_status, second.state, second.outcomes()) == (0, "loaded", {"created": 3})
    held = anywhere.held("bills")
    assert {reference: held[reference]["amount_due"] for reference in ("B-2", "B-3", "B-4")} == {
        "B-2": 2000,
        "B-3": 3001,
        "B-4": 4000,
    }
    again = anywhere.load(anywhere.write("again.csv", written(rows)))
    assert again.outcomes() == {"unchanged": 3}


def test_numbers_of_a_workbook_are_exact_where_the_feed_has_decimal_commas(merchant: Merchant) -> None:
    merchant.settings["feeds"][0] |= {
        "format": "csv",
        "delimiter": ";",
        "amount": {"unit": "major", "decimal": ",", "thousands": "."},
    }
    text = "customer_reference;bill_reference;amount_due\nC-1;B 1;1.234,56\nC-2;B 2;2,07\n"
    merchant.write(NAME, text, merchant.drop)
    rejects = merchant.report(merchant.run().file) / "rejects.csv"
    rows = list(csv.DictReader(io.StringIO(rejects.read_text()), delimiter=";"))
    numbers = {"1.234,56": "1234.56", "2,07": "2.0699999999999998"}
    content = as_workbook(
        [row | {"bill_reference": row["bill_reference"].replace(" ", "-")} for row in rows],
        amount_due=lambda amount: workbooks.number(numbers[amount]),
    )
    (merchant.drop / "mended.xlsx").write_bytes(content)
    assert merchant.run().outcomes() == {"created": 2}
    held = merchant.held("bills")
    assert (held["B-1"]["amount_due"], held["B-2"]["amount_due"]) == (123456, 207)


def test_a_workbook_may_be_named_and_what_is_still_wrong_comes_back_as_csv(merchant: Merchant) -> None:
    rows = merchant.rejects(load_original(merchant))
    rows = [row for row in rows if row["bill_reference"] == "B-4"] + corrected(rows)[:1]
    path = merchant.folder / "mended.xlsx"
    path.write_bytes(as_workbook(rows))
    said = merchant.load(path)
    assert said.outcomes() == {"created": 1, "rejected": 1}
    (left,) = merchant.rejects(said)
    assert (left["reject_record"], left["due_date"]) == ("4", "2030-02-30")
    assert merchant.load(merchant.write("rest.csv", written(corrected([left])))).outcomes() == {"created": 1}


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        ("bill_reference", "0012", "12"),
        ("bill_reference", "12345678901234567890", "1.2345678901234567E+19"),
        ("customer_reference", "0012", "12"),
    ],
)
def test_a_workbook_that_ate_digits_of_a_reference_is_told_so(
    merchant: Merchant, column: str, before: str, after: str
) -> None:
    row = {"customer_reference": "C-1", "bill_reference": "B-1"} | {column: before}
    text = f"{','.join(row)},customer_email,amount_due\n{','.join(row.values())},john@,1.00\n"
    merchant.write(NAME, text, merchant.drop)
    (rejected,) = merchant.rejects(merchant.run())
    mended = rejected | {"customer_email": "john@example.com", column: after}
    path = merchant.folder / "mended.xlsx"
    path.write_bytes(as_workbook([mended], **{column: workbooks.number}))
    said = merchant.load(path)
    assert (said.exit_status, said.outcomes()) == (1, {"rejected": 1})
    assert "correction.spreadsheet" in merchant.rejects(said)[0]["reject_codes"]


def test_an_amount_that_a_workbook_changes_holds_it(merchant: Merchant) -> None:
    rows = corrected(merchant.rejects(load_original(merchant)))
    path = merchant.folder / "mended.xlsx"
    path.write_bytes(as_workbook([rows[0] | {"amount_due": "2000"}], amount_due=workbooks.number))
    said = merchant.load(path)
    assert (said.exit_status, said.state) == (1, "held")
    assert "amount_due: 20.00 → 2000.00" in said.stderr


def test_a_workbook_whose_original_is_not_known_is_refused_unread(merchant: Merchant) -> None:
    rows = [row | {"reject_source": f"{NAME}.01234567"} for row in merchant.rejects(load_original(merchant))]
    path = merchant.folder / "mended.xlsx"
    path.write_bytes(as_workbook(rows))
    said = merchant.load(path)
    assert (said.exit_status, said.state) == (1, "refused")
    assert "reject_source does not name a file that is known here" in said.stderr


def test_rejects_in_a_large_workbook_are_unmatched_with_what_to_do(merchant: Merchant) -> None:
    header = workbooks.row(workbooks.text("reject_record"), workbooks.text("reject_source"))
    picture = os.urandom(1 << 20)
    content = workbooks.workbook(workbooks.sheet(header), parts={"docProps/thumbnail.jpeg": picture})
    (merchant.drop / "rejects.xlsx").write_bytes(content)
    said = merchant.run()
    assert (said.exit_status, said.state) == (1, "unmatched")
    assert "save it as CSV" in said.file["notes"][0]
    named = merchant.load(merchant.drop / "rejects.xlsx")
    assert (named.exit_status, named.state) == (1, "unmatched")
    assert "save it as CSV" in named.stderr
