"""Small files whose money once went wrong without a word, or which ended a run: each has the outcome that it should."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import run_command

CASES = Path(__file__).parent / "cases"
Json = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the case that a test names."""
    where = tmp_path / "case"
    shutil.copytree(CASES / request.param, where)
    monkeypatch.chdir(where)
    return where


def case(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("folder", [name], indirect=True)


def validated(name: str, capsys: pytest.CaptureFixture[str], status: int) -> Json:
    assert run_command(["validate", name, "--config", "config.yaml", "--json"]) == status
    (summary,) = json.loads(capsys.readouterr().out)["files"]
    return dict(summary)


def changed(folder: Path, **facts: Any) -> None:
    """Other facts of the one feed."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["feeds"][0] |= facts
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


@case("date_with_time")
def test_a_time_in_the_format_is_read_and_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validated("bills.csv", capsys, 0)["state"] == "validated"
    mixed = validated("mixed.csv", capsys, 1)
    assert (mixed["codes"], mixed["records"]["rejected"]) == ({"due_date.format": 1}, 1)
    changed(folder, date_formats=["%Y-%m-%d", "%Y-%m-%d %H:%M:%S"])
    assert validated("mixed.csv", capsys, 0)["records"]["not_attempted"] == 2


@case("line_items_silently_duplicate")
def test_lines_of_one_bill_at_one_price_are_no_duplicates_and_are_added_up_where_the_feed_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = validated("items.csv", capsys, 1)
    assert (items["state"], items["codes"]) == ("refused", {"bill_reference.contradiction": 2})
    assert run_command(["validate", "items.csv", "--config", "config.yaml"]) == 1
    assert "added up only where the feed says so (feed.line_items: sum)" in capsys.readouterr().err
    changed(folder, line_items="sum")
    added = validated("items.csv", capsys, 0)
    assert (added["records"]["total"], added["records"]["not_attempted"]) == (2, 2)
    assert run_command(["validate", "items.csv", "--config", "config.yaml", "--json", "--show", "3"]) == 0
    told = capsys.readouterr()
    assert (told.out + told.err).replace(" ", "").count('"amount_due":2000') == 1


@case("thousands_point_read_as_decimals")
def test_a_point_before_three_zeros_is_never_taken_for_decimals(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rents = validated("rents.csv", capsys, 1)
    assert rents["codes"] == {"amount_due.ambiguous": 3}
    assert rents["amounts_minor"]["USD"]["not_attempted"] == 95_000
    changed(folder, amount={"unit": "major", "decimal": ",", "thousands": "."})
    assert validated("rents.csv", capsys, 0)["amounts_minor"]["USD"]["total"] == 1_645_000
    changed(folder, amount={"unit": "major", "extra_zeros": True})
    assert validated("rents.csv", capsys, 0)["amounts_minor"]["USD"]["total"] == 96_550


@case("us_dates_without_zeros")
def test_months_and_days_need_no_zeros(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validated("ar.csv", capsys, 0)["records"]["not_attempted"] == 2


@case("month_in_capitals")
def test_months_are_read_in_capitals(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validated("ora.csv", capsys, 0)["records"]["not_attempted"] == 2


@case("debit_credit_columns")
def test_a_list_of_columns_for_an_amount_is_a_config_error_and_debit_and_credit_are_a_form(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["validate", "bal.csv", "--config", "config.yaml"]) == 2
    assert "balance is one column: a list would turn a credit into a debt" in capsys.readouterr().err
    changed(folder, columns={"customer_reference": "c", "balance": {"debit": "debit", "credit": "credit"}})
    assert validated("bal.csv", capsys, 0)["amounts_minor"]["USD"]["total"] == 700 - 2000 - 500
    assert run_command(["validate", "bal.csv", "--config", "config.yaml", "--json", "--show", "3"]) == 0
    told = capsys.readouterr()
    assert all(
        f'"balance":{amount}' in (told.out + told.err).replace(" ", "") for amount in (700, -2000, -500)
    )


@case("trailing_delimiter_in_rows_only")
def test_a_delimiter_at_the_end_of_every_row_is_no_field(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validated("sparda.csv", capsys, 0)["amounts_minor"]["EUR"]["total"] == 2100


@case("empty_trailing_columns")
def test_columns_without_a_name_do_no_harm(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validated("excel.csv", capsys, 0)["records"]["not_attempted"] == 1


@case("excel_empty_lines")
def test_lines_of_delimiters_at_the_end_are_no_records(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validated("excel.csv", capsys, 0)["records"]["total"] == 1


@case("ctrl_z")
def test_the_end_of_file_of_dos_is_no_record(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validated("dos.csv", capsys, 0)["records"]["total"] == 1
    Path("cut.csv").write_bytes(Path("dos.csv").read_bytes().replace(b"\r\n\x1a", b"\x1a"))
    assert validated("cut.csv", capsys, 0)["records"]["not_attempted"] == 1


@case("control_char_in_ignored_column")
def test_a_control_character_in_an_ignored_column_is_noted_and_in_a_mapped_one_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any("control characters" in note for note in validated("ign.csv", capsys, 0)["notes"])
    changed(
        folder,
        columns={"customer_reference": "c", "bill_reference": "b", "amount_due": "a", "metadata.n": "note"},
    )
    assert run_command(["validate", "ign.csv", "--config", "config.yaml"]) == 1
    assert "seen: column note" in capsys.readouterr().err


@case("preamble_before_header")
def test_a_header_below_titles_is_named_and_then_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["validate", "ninja.csv", "--config", "config.yaml"]) == 1
    told = capsys.readouterr().err
    assert "line 4 looks like the header (c, b, a): set feed.header to {row: 4}" in told
    assert "INVOICES" not in told
    for header in ({"row": 4}, {"starts_with": ["c", "b"]}):
        changed(folder, header=header)
        ninja = validated("ninja.csv", capsys, 0)
        assert ninja["records"]["not_attempted"] == 1
        assert "above the header, not read: lines 1 to 3" in ninja["notes"]


@case("total_line_without_count")
def test_a_total_line_without_a_count_is_declared_and_confirmed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["validate", "tot.csv", "--config", "config.yaml"]) == 0
    assert "control totals: as declared" in capsys.readouterr().err
    total = validated("tot.csv", capsys, 0)
    assert (total["records"]["total"], total["amounts_minor"]["USD"]["total"]) == (2, 2100)
    cut = [line for line in Path("tot.csv").read_text().splitlines() if not line.startswith("C2")]
    Path("cut.csv").write_text("\n".join(cut) + "\n")
    assert validated("cut.csv", capsys, 1)["refusal"]["code"] == "file.control_mismatch"


@case("zip_from_a_mac")
def test_what_a_mac_adds_to_a_zip_is_no_file_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bills = validated("bills.zip", capsys, 0)
    assert (bills["records"]["total"], bills["amounts_minor"]["USD"]["total"]) == (1, 1000)


@case("gzip_of_several_members")
def test_several_gzips_in_one_are_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bills = validated("bills.csv.gz", capsys, 0)
    assert (bills["records"]["total"], bills["amounts_minor"]["USD"]["total"]) == (2, 2100)


@case("workbook_without_xl_folder")
def test_a_workbook_is_found_through_its_relations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bills = validated("root.xlsx", capsys, 0)
    assert (bills["records"]["total"], bills["amounts_minor"]["USD"]["total"]) == (1, 1050)


@case("opendocument_sheet")
def test_an_ods_is_read_and_its_header_found_below_empty_rows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {"customer_reference": "{file.name}", "bill_reference": "{file.name}-{Start time}"}
    columns |= {"amount_due": "End time", "due_date": "Date"}
    changed(folder, match="{name}.ods", columns=columns, reference_replace={".": "-"})
    hours = validated("sheet.ods", capsys, 1)
    assert hours["records"]["total"] == 10
    assert hours["amounts_minor"]["USD"]["total"] == 14_550
    assert "sheets ignored: Sheet2, Sheet3" in hours["notes"]


def test_an_amount_in_a_notation_that_is_not_declared_says_what_it_is_and_which_key_declares_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        "customer_reference,bill_reference,currency,amount_due",
        'C-1,B-1,ZAR,"89,90-"',
        "C-2,B-2,ZAR,€ 12",
    ]
    Path("bills.csv").write_text("\n".join(rows) + "\n")
    assert run_command(["validate", "bills.csv", "--model", "bill"]) == 1
    said = capsys.readouterr().err
    for key in (
        "feed.amount.negative: trailing_minus",
        "feed.amount.decimal: ','",
        "feed.amount.currency_sign",
    ):
        assert key in said
    assert "89,90" not in said
    assert said.count("expected: an amount like 1234.50") == 2


@case("credit_note")
def test_a_credit_note_and_a_paid_bill_are_called_so_and_can_be_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validated("cn.csv", capsys, 1)["codes"] == {
        "amount_due.credit_note": 1,
        "amount_due.nothing_due": 1,
    }
    assert run_command(["validate", "cn.csv", "--config", "config.yaml"]) == 1
    told = capsys.readouterr().err
    assert "a credit note: the amount is negative" in told
    assert "leave credit notes out by a column that marks them (feed.where_not)" in told
    assert "nothing is due: the amount is 0" in told
    assert "feed.nothing_due: skip" in told
    changed(folder, nothing_due="skip", where_not={"b": ["CN1"]}, may_be_empty=True)
    left_out = validated("cn.csv", capsys, 0)
    assert (left_out["records"]["skipped"], left_out["amounts_minor"]["USD"]["skipped"]) == (2, -5_000)


@case("json_array")
def test_a_json_array_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    array = validated("bills.json", capsys, 0)
    assert (array["state"], array["records"]["total"]) == ("validated", array["records"]["not_attempted"])
    Path("cut.json").write_text(Path("bills.json").read_text().rstrip().removesuffix("]"))
    assert validated("cut.json", capsys, 1)["refusal"]["code"] == "file.json_array"
    for content, kind in (
        ("<?xml version='1.0'?><bills><bill/></bills>", "XML"),
        ("<!DOCTYPE html><title>Login</title>", "an HTML page"),
        ("UNA:+.? 'UNB+UNOC:3+A+B+260131:0600+1'", "EDIFACT"),
    ):
        Path("other.csv").write_text(content)
        assert f"its content is {kind}" in validated("other.csv", capsys, 1)["refusal"]["message"]


@case("thousands_names_of_the_docs")
def test_a_separator_is_taken_by_the_name_that_the_documentation_has(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validated("nbsp.csv", capsys, 0)["amounts_minor"]["EUR"]["not_attempted"] == 123_450
    changed(folder, amount={"unit": "major", "decimal": ",", "thousands": "no-break space"})
    assert run_command(["validate", "nbsp.csv", "--config", "config.yaml"]) == 2
    assert "thousands is one of space, U+00A0, U+202F, U+2019" in capsys.readouterr().err


@case("header_differs_invisibly")
def test_a_name_with_decomposed_accents_is_the_same_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "montanté".encode() not in (folder / "nfd.csv").read_bytes()
    assert validated("nfd.csv", capsys, 0)["records"]["not_attempted"] == 1


@case("float_noise")
def test_float_noise_is_left_out_where_the_feed_says_so_and_named_where_it_does_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validated("pandas.csv", capsys, 1)["codes"] == {"amount_due.too_precise": 1}
    assert run_command(["validate", "pandas.csv", "--config", "config.yaml"]) == 1
    assert "feed.amount.float_noise: true" in capsys.readouterr().err
    changed(folder, amount={"unit": "major", "float_noise": True})
    read = validated("pandas.csv", capsys, 0)
    assert read["amounts_minor"]["USD"]["not_attempted"] == 2_811_840 + 14_715_360
    assert "amount_due: float noise left out in 1 record (line 3)" in read["notes"]
