"""`init --from` shows what a file looks like and decides nothing: what is open is refused until a person sets it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
import yaml

from pipeline.cli import run_command
from pipeline.core.proposal import propose
from pipeline.errors import UsageError

SAMPLES = Path(__file__).resolve().parents[2] / "sample_files"


def proposed(text: str | bytes, name: str = "any.csv") -> tuple[str, dict[str, object], tuple[str, ...]]:
    """The proposal as text, as the one feed it is, and what it leaves open."""
    raw = text if isinstance(text, bytes) else text.encode()
    found = propose(name, raw, whole=True)
    (feed,) = yaml.safe_load(found.yaml)
    return found.yaml, feed, found.open_keys


def bills(*amounts: str, dates: tuple[str, ...] = (), delimiter: str = ";") -> str:
    rows = [["Invoice no", "Client no", "Amount", "Due date"]]
    for number, amount in enumerate(amounts):
        rows.append([f"INV-{number}", f"C-{number}", amount, dates[number] if dates else "2026-11-20"])
    return "\n".join(delimiter.join(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    ("amounts", "style"),
    [
        (("240.00", "1234.5"), {"decimal": "."}),
        (("240,00", "1.234,50"), {"decimal": ",", "thousands": "."}),
        (("1 234,50", "-2,00"), {"decimal": ",", "thousands": " "}),
        (("1,234.50", "2.00-"), {"decimal": ".", "thousands": ",", "negative": "trailing_minus"}),
        (("(1'234.50)", "2.00"), {"decimal": ".", "thousands": "'", "negative": "parentheses"}),
        (("12.00 CR", "2.00"), {"decimal": ".", "negative": "cr"}),
        (("R 12.00", "R2.00"), {"decimal": ".", "currency_sign": "R"}),
        (("12,00 €", "2,00"), {"decimal": ",", "currency_sign": "€"}),
        (("12,34,567.00", "1.00"), {"decimal": ".", "thousands": ",", "grouping": "lakh"}),
    ],
)
def test_the_style_of_amounts_is_told_and_the_unit_never(
    amounts: tuple[str, ...], style: dict[str, str]
) -> None:
    _, feed, left = proposed(bills(*amounts))
    assert feed["amount"] == {"unit": "?", **style}
    assert "amount.unit" in left


@pytest.mark.parametrize("amounts", [("1,234",), ("1.234", "12.500"), ("1,000", "2,000")])
def test_amounts_that_can_be_read_in_two_ways_are_said_so_and_left_open(amounts: tuple[str, ...]) -> None:
    text, feed, left = proposed(bills(*amounts))
    assert feed["amount"] == {"unit": "?", "decimal": "?"}
    assert "amount.decimal" in left
    assert "they can be read in 2 ways" in text


@pytest.mark.parametrize(
    ("dates", "formats", "said"),
    [
        (("2026-11-20", "2026-12-01"), ["%Y-%m-%d"], "reads all 2 dates"),
        (("20/11/2026", "01/12/2026"), ["%d/%m/%Y"], "reads all 2 dates"),
        (("01/12/2026", "02/11/2026"), ["?"], "%d/%m/%Y and %m/%d/%Y read them as different days"),
        (("soon", "2026-12-01"), ["?"], "no usual format fits"),
    ],
)
def test_dates_that_fit_two_formats_are_said_so_and_left_open(
    dates: tuple[str, ...], formats: list[str], said: str
) -> None:
    text, feed, _ = proposed(bills("1.00", "2.00", dates=dates))
    assert feed["date_formats"] == formats
    assert said in text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_makes_rows_even(delimiter: str) -> None:
    _, feed, _ = proposed(bills("1.00", "2.00", delimiter=delimiter))
    assert feed["delimiter"] == delimiter
    assert (feed["model"], feed["columns"]) == (
        "bill",
        {
            "customer_reference": "Client no",
            "bill_reference": "Invoice no",
            "amount_due": "Amount",
            "due_date": "Due date",
        },
    )


def test_encodings_are_told_by_their_bytes() -> None:
    text = bills("1.00").replace("Client no", "Client no").replace("C-0", "Café")
    assert proposed(text)[1]["encoding"] == "utf-8"
    assert proposed(text.encode("utf-16"))[1]["encoding"] == "utf-16"
    page, feed, _ = proposed(text.encode("cp1252"))
    assert feed["encoding"] == "cp1252"
    assert "cp1252 or latin-1" in page


def test_what_is_missing_is_left_open_and_refused() -> None:
    text, feed, left = proposed("Name;Total\nAnn;1.00\n")
    assert feed["columns"] == {"customer_reference": "?", "customer_name": "Name", "balance": "Total"}
    assert left == ("columns.customer_reference", "amount.unit", "currency")
    assert "SET THIS: no header name looks like it" in text


def test_a_proposal_never_holds_a_value_of_a_record() -> None:
    text = "customer_reference;email;amount;note\nSECRET-1;secret@x.example;12.34;SECRET\n"
    assert "SECRET" not in proposed(text)[0]
    assert "secret@" not in proposed(text)[0]
    assert "12.34" not in proposed(text)[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "za_citypower_bills_2026-11-20.csv.gz",
            "is packed, or a workbook; init --from reads CSV: unpack it",
        ),
        (
            "za_citypower_offices_2026-11-20.xlsx",
            "is packed, or a workbook; init --from reads CSV: unpack it",
        ),
        (
            "za_citypower_meters_2026-11-20.ndjson",
            "is NDJSON, whose keys are its columns; init --from reads CSV",
        ),
    ],
)
def test_a_file_of_another_format_is_told_from_csv_in_one_line(name: str, said: str) -> None:
    content = (SAMPLES / name.removesuffix(".gz")).read_bytes()
    with pytest.raises(UsageError) as refused:
        proposed(gzip.compress(content) if name.endswith(".gz") else content, name)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one column\n1\n", "no delimiter gives rows of one width"),
        ("", "no delimiter gives rows of one width"),
        ("C-1;12.50;2026-11-20\nC-2;1.00;2026-11-21\n", "does not look like a header"),
        ("a;a\n1;2\n", "does not look like a header"),
        ("\x00\x01\x02", "no delimiter gives rows of one width"),
    ],
)
def test_what_is_no_table_with_a_header_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        propose("any.csv", text.encode(), whole=True)


@pytest.mark.parametrize(
    ("sample", "settings"),
    [
        ("za_citypower_bills_2026-11-20.csv", {"currency": '"ZAR"', "unit": "major"}),
        ("za_citypower_dailyfile_2026-11-20.csv", {"currency": '"ZAR"', "unit": "major"}),
        ("za_ubuntulife_premiums_20261120.csv", {"currency": '"ZAR"', "unit": "major"}),
        ("za_citypower_accounts_2026-11-20.csv", {"currency": '"ZAR"', "unit": "minor"}),
        ("za_citypower_balances_2026-11-20.csv", {"currency": '"ZAR"', "unit": "major"}),
    ],
)
def test_a_sample_can_be_read_with_its_proposal_once_a_person_has_decided(
    sample: str, settings: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    assert run_command(["init", str(config), "--from", str(SAMPLES / sample)]) == 0
    words = ["validate", str(SAMPLES / sample), "--config", str(config)]
    (tmp_path / "var" / "drop").mkdir(parents=True)
    assert run_command(words) == 2
    err = capsys.readouterr().err
    assert "amount.unit: input should be 'major' or 'minor'" in err
    text = config.read_text().replace("# phone_region", "phone_region")
    for key, value in settings.items():
        text = re.sub(rf'{key}: "\?"', f"{key}: {value}", text)
    config.write_text(text)
    assert run_command(words) == 0, capsys.readouterr().err


def test_an_existing_config_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mine")
    sample = SAMPLES / "za_citypower_bills_2026-11-20.csv"
    assert run_command(["init", str(config), "--from", str(sample)]) == 2
    assert config.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err
    assert run_command(["init", str(tmp_path / "b.yaml"), "--from", str(tmp_path / "none.csv")]) == 2
