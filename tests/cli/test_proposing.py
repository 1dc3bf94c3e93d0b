"""`init --from` shows what a file looks like and decides nothing: what is open is refused until a person sets it."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import run_command
from pipeline.cli.init import write_proposal
from pipeline.core.proposal import readings
from pipeline.core.proposal import sums as number_columns
from pipeline.core.proposal.feed_proposal import propose
from pipeline.errors import UsageError
from tests.check.workbooks import DATE, number, row, sheet, workbook, zipped
from tests.hostile import bombs
from tests.hostile.bombs import Make

SAMPLES = Path(__file__).resolve().parents[2] / "sample_files"


def proposed(text: str | bytes, name: str = "any.csv") -> tuple[str, dict[str, object], tuple[str, ...]]:
    """The proposal as text, as the one feed it is, and what it leaves open."""
    raw = text if isinstance(text, bytes) else text.encode()
    found = propose(name, raw, whole=True)
    (feed,) = yaml.safe_load(found.yaml)
    return found.yaml, feed, found.open_keys


def bills(*amounts: str, dates: tuple[str, ...] = (), delimiter: str = ";") -> str:
    rows = [["Invoice no", "Client no", "Amount", "Due date"]]
    for at, amount in enumerate(amounts):
        rows.append([f"INV-{at}", f"C-{at}", amount, dates[at] if dates else "2026-11-20"])
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
    text, feed, left = proposed("Customer Name;Total\nAnn;1.00\n")
    assert feed["model"] == "?"
    assert feed["columns"] == {
        "customer_reference": "?",
        "customer_name": "Customer Name",
        "bill_reference": "?",
        "amount_due": "Total",
    }
    assert left == (
        "model",
        "amount.unit",
        "currency",
        "columns.customer_reference",
        "columns.bill_reference",
    )
    assert "SET THIS: no column looks like it" in text


def test_the_styles_of_amounts_are_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the dearest part of a proposal, and three of its lines depend on them."""
    tried = []
    guess = readings.guess_amounts

    def trying(texts: Sequence[str]) -> Any:
        tried.append(list(texts))
        return guess(texts)

    monkeypatch.setattr(number_columns, "guess_amounts", trying)
    assert "expect" in proposed(bills("1.00", "2.00"))[0]
    assert tried == [["1.00", "2.00"]]


def test_a_proposal_never_holds_a_value_of_a_record() -> None:
    text = "customer_reference;email;amount;note\nSECRET-1;secret@x.example;12.34;SECRET\n"
    assert "SECRET" not in proposed(text)[0]
    assert "secret@" not in proposed(text)[0]
    assert "12.34" not in proposed(text)[0]


OBJECTS = [
    '{"Invoice no": "INV-1", "Client no": "C-1", "Amount": 240.50, "Due date": "2026-11-20", "Tags": ["a"]}',
    '{"Invoice no": "INV-2", "Client no": "C-2", "Amount": 1000, "Due date": null, "Ward": true}',
    "no object",
    '{"Client no": "C-3", "Invoice no": "INV-3", "Amount": "7.05"}',
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_keys_of_ndjson_are_its_columns_and_its_numbers_their_text(encoding: str, end: str) -> None:
    text, feed, _ = proposed(end.join(OBJECTS).encode(encoding), "any.ndjson")
    assert (feed["format"], feed["encoding"]) == ("ndjson", encoding)
    assert "delimiter" not in feed
    assert feed["amount"] == {"unit": "?", "decimal": "."}
    assert "2 of 3 amounts have decimals" in text
    assert feed["columns"] == {
        "customer_reference": "Client no",
        "bill_reference": "Invoice no",
        "amount_due": "Amount",
        "due_date": "Due date",
    }
    assert 'not mapped, so ignored with a note: ["Tags", "Ward"]' in text
    assert "line of totals" not in text


def test_names_of_columns_are_written_as_they_are_in_any_script() -> None:
    names = ["Kunde \U0001f600", 'Zoë\'s "no"', "a\\ud83d", "\u00a0x\u2028y", "Betrag"]
    text = ";".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in names)
    page, _, _ = proposed(f"{text}\n1;2;3;4;5\n")
    assert "Kunde \U0001f600" in page
    (left,) = re.findall("ignored with a note: (.*)", page)
    (mapped,) = (each["columns"] for each in yaml.safe_load(page))
    assert {*yaml.safe_load(left), *mapped.values()} - {"?"} == {name.strip() for name in names}


@pytest.mark.parametrize(
    ("pack", "ending"), [(gzip.compress, ".gz"), (lambda raw: zipped({"inside.txt": raw}), ".zip")]
)
def test_what_is_packed_is_proposed_like_what_is_in_it(
    tmp_path: Path, pack: Callable[[bytes], bytes], ending: str
) -> None:
    for sample in ("za_citypower_bills_2026-11-20.csv", "za_citypower_meters_2026-11-20.ndjson"):
        raw = (SAMPLES / sample).read_bytes()
        for name, content in ((sample, raw), (sample + ending, pack(raw))):
            (tmp_path / name).write_bytes(content)
            write_proposal(tmp_path / f"{name}.yaml", tmp_path / name)
        plain, packed = (
            yaml.safe_load((tmp_path / f"{name}.yaml").read_text())["feeds"][0]
            for name in (sample, sample + ending)
        )
        assert packed == plain | {"match": plain["match"] + ending}


def test_the_sheet_that_is_read_and_what_else_a_workbook_holds_is_told(tmp_path: Path) -> None:
    rows = (row("Client no", "Amount", "Due date"), row("C-1", number("240.5"), number("46346", DATE)))
    hidden = '<row hidden="1"><c><v>7</v></c></row>'
    raw = workbook({"Mine": sheet(*rows, hidden), "Other\n": sheet(*rows)})
    (tmp_path / "book").write_bytes(raw)
    config = tmp_path / "config.yaml"
    write_proposal(config, tmp_path / "book")
    (feed,) = yaml.safe_load(config.read_text())["feeds"]
    assert (feed["format"], feed["amount"]) == ("xlsx", {"unit": "?", "decimal": "."})
    assert feed.keys() & {"delimiter", "encoding"} == set()
    assert feed["columns"] == {
        "customer_reference": "Client no",
        "bill_reference": "?",
        "amount_due": "Amount",
        "due_date": "Due date",
    }
    assert "# sheets ignored: Other" in config.read_text()
    assert "# hidden rows, read like all others: 1" in config.read_text()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (bombs.PACKED["gzip of one line"][1], "more than 1048576 bytes"),
        (bombs.PACKED["zip of zeros behind a header"][1], "it unpacks to more than"),
        (bombs.PACKED["workbook of entities"][1], "declares a document type"),
        (bombs.content(zipped({"a": b"x", "b": b"x"})), "holds 2 files; pack each"),
        (bombs.content(gzip.compress(b"a;b\n1;2\n")[:-3]), "the gzip content is cut off; send it again"),
        (
            bombs.content(workbook({"Cover": sheet(row("Report of March")), "Bills": sheet(row("a", "b"))})),
            "looks like a header (sheets ignored: Bills); add one that names each column",
        ),
        (bombs.content(workbook(sheet(row("a", "a"), row("1", "2")))), "looks like a header"),
        (bombs.content(b"%PDF-1.7"), "its content is PDF; export it as CSV, XLSX or NDJSON"),
        (bombs.content(b'{"a": 1,\n'), "none of its lines is a JSON object"),
        (bombs.content(b'{"a": 1, "a": 2, "b": NaN, "": 3}\n'), "is empty; name each key"),
        (Path.mkdir, "is not a file"),
        (os.mkfifo, "is not a file"),
    ],
)
def test_what_no_feed_could_read_is_told_in_one_line_and_writes_nothing(
    make: Make, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "any.csv")
    config = tmp_path / "config.yaml"
    assert run_command(["init", str(config), "--from", str(tmp_path / "any.csv")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not config.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one column\n1\n", "no delimiter gives rows of equal width"),
        ("", "no delimiter gives rows of equal width"),
        ("a;a\n1;2\n", "no line of any.csv looks like a header"),
        ("\x00\x01\x02", "no delimiter gives rows of equal width"),
    ],
)
def test_what_is_no_table_with_a_header_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        propose("any.csv", text.encode(), whole=True)


@pytest.mark.parametrize(
    ("sample", "settings"),
    [
        ("za_citypower_bills_2026-11-20.csv", {"currency": '"ZAR"', "unit": "major"}),
        (
            "za_citypower_dailyfile_2026-11-20.csv",
            {
                "currency": '"ZAR"',
                "unit": "major",
                "model": "customer_balance",
            },
        ),
        (
            "za_ubuntulife_premiums_20261120.csv",
            {
                "currency": '"ZAR"',
                "unit": "major",
                "model": "bill",
                "bill_reference": '"{Policy}-{file.date}"',
            },
        ),
        (
            "za_citypower_accounts_2026-11-20.csv",
            {"currency": '"ZAR"', "unit": "minor", "model": "account_balance"},
        ),
        (
            "za_citypower_balances_2026-11-20.csv",
            {"currency": '"ZAR"', "unit": "major", "model": "customer_balance"},
        ),
    ],
)
def test_a_sample_can_be_read_with_its_proposal_once_a_person_has_decided(
    sample: str, settings: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_its_proposal_reads(SAMPLES / sample, settings, tmp_path, capsys)


def assert_its_proposal_reads(
    path: Path, settings: dict[str, str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused as it is proposed; good once a person has set what is open."""
    config = folder / "config.yaml"
    assert run_command(["init", str(config), "--from", str(path)]) == 0
    words = ["validate", str(path), "--config", str(config)]
    (folder / "var" / "drop").mkdir(parents=True)
    assert run_command(words) == 2
    err = capsys.readouterr().err
    line = err.splitlines()[-1]
    assert "not set yet: " in line
    assert "amount.unit" in line
    text = config.read_text()
    for key, value in {"phone_region": "ZA", **settings}.items():
        text = re.sub(rf'{key}: "\?"', f"{key}: {value}", text)
    if "balance" in settings.get("model", ""):  # as the comment below the model says
        text = re.sub(r"(?m)^.*(bill_reference|due_date|date_formats):.*\n", "", text).replace(
            "amount_due:", "balance:"
        )
    config.write_text(text)
    assert run_command(words) == 0, capsys.readouterr().err


def in_a_workbook(rows: list[list[str]]) -> bytes:
    return workbook(sheet(*(row(*each) for each in rows)))


def as_objects(rows: list[list[str]]) -> bytes:
    header, *values = rows
    return "".join(json.dumps(dict(zip(header, each, strict=True))) + "\n" for each in values).encode()


@pytest.mark.parametrize("written", [in_a_workbook, as_objects, lambda rows: gzip.compress(as_objects(rows))])
def test_a_file_of_any_format_can_be_read_with_its_proposal(
    written: Callable[[list[list[str]]], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = list(csv.reader((SAMPLES / "za_citypower_bills_2026-11-20.csv").read_text().splitlines()))
    (tmp_path / "any").write_bytes(written(rows))
    assert_its_proposal_reads(tmp_path / "any", {"currency": '"ZAR"', "unit": "major"}, tmp_path, capsys)


def test_an_existing_config_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mine")
    sample = SAMPLES / "za_citypower_bills_2026-11-20.csv"
    assert run_command(["init", str(config), "--from", str(sample)]) == 2
    assert config.read_text() == "mine"
    assert "already exists" in capsys.readouterr().err
    assert run_command(["init", str(tmp_path / "b.yaml"), "--from", str(tmp_path / "none.csv")]) == 2


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (["99.95", "240.50", "1310.00"], 'expect: {records: [1, 100], amount_median: ["20.00", "2000.00"]}'),
        (["9995", "24050", "131000"], "expect: {records: [1, 100]}"),
        (["-5.00", "-1.00", "0.00"], "expect: {records: [1, 100]}"),
    ],
)
def test_ranges_around_the_file_are_proposed_so_that_another_unit_is_refused(
    amounts: list[str], expected: str
) -> None:
    rows = [f"C-{n},B-{n},{amount}" for n, amount in enumerate(amounts)]
    text = "\n".join(["customer_reference,bill_reference,amount_due", *rows]) + "\n"
    assert expected in propose("bills.csv", text.encode(), whole=True).yaml


def test_of_amounts_that_may_be_in_either_unit_both_ranges_are_told() -> None:
    text = "customer_reference,bill_reference,amount_due\nC-1,B-1,9995\nC-2,B-2,24050\nC-3,B-3,131000\n"
    proposed = propose("bills.csv", text.encode(), whole=True).yaml
    assert (
        '# so that a wrong unit is seen, add to expect: amount_median: ["2000.00", "200000.00"]' in proposed
    )
    assert 'or: amount_median: ["20.00", "2000.00"]  (unit: minor)' in proposed
