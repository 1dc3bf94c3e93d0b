"""Declared totals are confirmed to the record and to the cent, or nothing of the file is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile
from pipeline.core.rules.control_totals import MAX_SIDECAR_BYTES
from pipeline.report.results import nothing_sent
from pipeline.report.write import write_report
from schemas.settings import Limits
from tests.check.landing import BILLS, codes, land
from tests.report.example import DRY_RUN
from tests.stories.edits import SIDECAR, TRAILER

RECORDS = ("C-1,A-1,B-1,ZAR,1.50", "C-2,A-2,B-2,ZAR,2.25")
GOOD = b'{"records": 2, "amounts": {"ZAR": "3.75"}}'


def told(
    folder: Path,
    *lines: str,
    header: str = BILLS,
    control: dict[str, Any] = TRAILER,
    sidecar: bytes | None = None,
    rejects_of: str | None = None,
    **facts: Any,
) -> CheckedFile:
    content = "\n".join([header, *lines]) + "\n"
    landed = land(folder, content, rejects_of=rejects_of, sidecar=sidecar, control=control, **facts)
    return check(landed, folder / "work", limits=Limits())


TOTAL_LINE = {"kind": "trailer", "marker": "Total", "sums": [{"field": 5, "currency": "ZAR"}]}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((*RECORDS, "Total,,,,3.75"), None),
        ((*RECORDS, "Total,,,,3.75", ",,,,"), None),
        ((RECORDS[0], "Total,,,,3.75"), "file.control_mismatch"),
        ((*RECORDS, "Total,,,,"), "file.control_mismatch"),
        ((*RECORDS, "Total,,,,x"), "file.control_unreadable"),
        (RECORDS, "file.control_missing"),
    ],
)
def test_a_total_line_without_a_count_confirms_the_sums(
    tmp_path: Path, lines: tuple[str, ...], expected: str | None
) -> None:
    file = told(tmp_path, *lines, control=TOTAL_LINE)
    assert rule(file) == expected
    if expected is None:
        assert file.control is not None
        assert file.control.declared == file.control.counted


def rule(file: CheckedFile) -> str | None:
    return file.refusal.code if file.refusal else None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((*RECORDS, "T,2,3.75"), None),
        ((*RECORDS, '"T","2","3.75"'), None),
        ((*RECORDS, "T , 2 , 3.75 "), None),
        ((*RECORDS, "T,2,3.75,,,,,"), None),
        ((*RECORDS, "T,2,3.75", "", ""), None),
        ((*RECORDS, "T,002,03.750"), None),
        (("T,0,",), "file.no_records"),
        (("T,0,0.00",), "file.no_records"),
        ((*RECORDS, "T,3,3.75"), "file.control_mismatch"),
        ((*RECORDS, "T,2,3.76"), "file.control_mismatch"),
        ((*RECORDS, "T,2,"), "file.control_mismatch"),
        ((RECORDS[0], "T,2,3.75"), "file.control_mismatch"),
        ((*RECORDS, RECORDS[0], "T,2,3.75"), "file.control_mismatch"),
        ((*RECORDS, "C-3,A-3,B-3,USD,1.00", "T,3,3.75"), "file.control_mismatch"),
        (RECORDS, "file.control_missing"),
        ((*RECORDS, "T2,2,3.75"), "file.control_missing"),
        (("T,2,3.75", *RECORDS), "file.control_missing"),
        ((*RECORDS, "T,2"), "file.control_unreadable"),
        ((*RECORDS, "T,2,3.7O"), "file.control_unreadable"),
        ((*RECORDS, "T,2,3.755"), "file.control_unreadable"),
        ((*RECORDS, "T,-2,3.75"), "file.control_unreadable"),
        ((*RECORDS, "T,2.0,3.75"), "file.control_unreadable"),
        ((*RECORDS, 'T,2,"3.75'), "file.control_unreadable"),
        (("C-1,A-1,B-1,ZAR,1.5O", RECORDS[1], "T,2,3.75"), "file.control_unconfirmed"),
        (("C-1,A-1,B-1,ZAR,", RECORDS[1], "T,2,2.25"), "file.control_unconfirmed"),
        (("C-1,A-1,B-1,???,1.50", RECORDS[1], "T,2,2.25"), "file.control_unconfirmed"),
        ((RECORDS[0], "", RECORDS[1], "T,2,3.75"), "file.control_unconfirmed"),
    ],
)
def test_a_trailer_is_confirmed_or_the_file_refused(
    tmp_path: Path, lines: tuple[str, ...], expected: str | None
) -> None:
    assert rule(told(tmp_path, *lines)) == expected


@pytest.mark.parametrize(
    ("sidecar", "expected"),
    [
        (GOOD, None),
        (b"\xef\xbb\xbf" + GOOD, None),
        (b'{"amounts": {"ZAR": "03.750", "USD": "0.00"}, "records": 2}\n', None),
        (None, "file.control_missing"),
        (GOOD.replace(b"2", b"3"), "file.control_mismatch"),
        (GOOD.replace(b"3.75", b"37.5"), "file.control_mismatch"),
        (GOOD.replace(b"ZAR", b"USD"), "file.control_mismatch"),
        (b'{"records": 2, "amounts": {}}', "file.control_mismatch"),
        (GOOD.replace(b'"3.75"', b"3.75"), "file.control_unreadable"),
        (GOOD.replace(b'"3.75"', b"375"), "file.control_unreadable"),
        (GOOD.replace(b'"3.75"', b"NaN"), "file.control_unreadable"),
        (GOOD.replace(b'"3.75"', b"Infinity"), "file.control_unreadable"),
        (GOOD.replace(b"3.75", b"3.755"), "file.control_unreadable"),
        (GOOD.replace(b"3.75", b"3,75"), "file.control_unreadable"),
        (GOOD.replace(b"ZAR", b"RND"), "file.control_unreadable"),
        (GOOD.replace(b": 2,", b": 2.0,"), "file.control_unreadable"),
        (GOOD.replace(b": 2,", b": 2e0,"), "file.control_unreadable"),
        (GOOD.replace(b": 2,", b": true,"), "file.control_unreadable"),
        (GOOD.replace(b": 2,", b': "2",'), "file.control_unreadable"),
        (GOOD.replace(b": 2,", b": -2,"), "file.control_unreadable"),
        (GOOD.replace(b": 2,", b": " + b"9" * 5000 + b","), "file.control_unreadable"),
        (b'{"records": 1, "records": 2, "amounts": {"ZAR": "3.75"}}', "file.control_unreadable"),
        (b'{"records": 2, "amounts": {"ZAR": "1", "ZAR": "3.75"}}', "file.control_unreadable"),
        (GOOD[:-1] + b', "hash_total": "1"}', "file.control_unreadable"),
        (b'{"records": 2}', "file.control_unreadable"),
        (b"[]", "file.control_unreadable"),
        (b"", "file.control_unreadable"),
        (b"\xff\xfe", "file.control_unreadable"),
        (GOOD + b"x", "file.control_unreadable"),
        (b"[" * 60_000, "file.control_unreadable"),
        (b'{"records": ' * 5_000, "file.control_unreadable"),
        (GOOD + b" " * MAX_SIDECAR_BYTES, "file.control_unreadable"),
    ],
    ids=lambda value: repr(value)[:70],
)
def test_a_control_file_is_confirmed_or_the_file_refused(
    tmp_path: Path, sidecar: bytes | None, expected: str | None
) -> None:
    assert rule(told(tmp_path, *RECORDS, control=SIDECAR, sidecar=sidecar)) == expected


def test_totals_that_are_not_required_may_be_missing_and_must_be_right_when_they_are_there(
    tmp_path: Path,
) -> None:
    for control, right, wrong in (
        (TRAILER, {"lines": ("T,2,3.75",)}, {"lines": ("T,2,3.70",)}),
        (SIDECAR, {"sidecar": GOOD}, {"sidecar": GOOD.replace(b"2", b"1")}),
    ):
        optional = control | {"required": False}

        def of(facts: dict[str, Any], control: dict[str, Any] = optional) -> CheckedFile:
            return told(
                tmp_path, *RECORDS, *facts.get("lines", ()), control=control, sidecar=facts.get("sidecar")
            )

        missing = of({})
        assert rule(missing) is None
        assert missing.notes == ("it declares no control totals, so nothing confirms that it is complete",)
        assert rule(of(right)) is None
        assert rule(of(wrong)) == "file.control_mismatch"


def test_the_refusal_and_the_summary_show_what_was_declared_and_what_was_found(tmp_path: Path) -> None:
    file = told(tmp_path, RECORDS[0], "C-3,A-3,B-3,USD,7.00", "T,3,3.75")
    assert file.refusal is not None
    assert file.refusal.message == (
        "3 records declared, 2 found; no sum of USD declared, USD 7.00 found; ZAR 3.75 declared, ZAR 1.50 found; "
        "fetch or export it again: it is cut, doubled or changed; nothing was sent"
    )
    report = write_report(file, nothing_sent, folder=tmp_path / "reports", run=DRY_RUN)
    control = json.loads(report.paths["summary"].read_text())["control"]
    assert control == {
        "declared": {"records": 3, "amounts_minor": {"ZAR": 375}, "hash_total": None},
        "counted": {"records": 2, "amounts_minor": {"USD": 700, "ZAR": 150}, "hash_total": None},
    }


def test_amounts_that_cannot_be_read_are_told_by_their_lines_and_never_by_their_text(tmp_path: Path) -> None:
    file = told(tmp_path, "C-1,A-1,B-1,ZAR,SECRET", RECORDS[1], "T,2,3.75")
    assert file.refusal is not None
    assert file.refusal.message == (
        "1 amount cannot be read, so the declared totals cannot be confirmed (ZAR 3.75 declared, ZAR 2.25 found); "
        "correct those records and the export; nothing was sent"
    )
    assert codes(file) == [["amount_due.format"], []]


@pytest.mark.parametrize("secret", ["T,2,SECRET", "T,SECRET,3.75", "T,2"])
def test_a_message_about_a_trailer_does_not_repeat_it(tmp_path: Path, secret: str) -> None:
    file = told(tmp_path, *RECORDS, secret)
    assert file.refusal is not None
    assert "SECRET" not in file.refusal.message


def test_totals_count_every_record_also_those_that_are_rejected_or_stand_twice(tmp_path: Path) -> None:
    lines = ["C 1,A-1,B-1,ZAR,1.50", "C-2,A-2,B-2,ZAR,2.25", "C-2,A-2,B-2,ZAR,2.25", "C-3,A-3,B-3,ZAR,0.00"]
    file = told(tmp_path, *lines, "T,4,6.00")
    assert rule(file) is None
    assert codes(file) == [["customer_reference.characters"], [], [], ["amount_due.nothing_due"]]


def test_a_trailer_is_no_record_whatever_its_width(tmp_path: Path) -> None:
    for trailer in ("T,2,3.75", "T,2,3.75,,", "T,2,3.75,,,,,,,"):
        assert codes(told(tmp_path, *RECORDS, trailer)) == [[], []]


def test_declared_amounts_are_written_as_those_of_the_records(tmp_path: Path) -> None:
    amount = {"unit": "major", "decimal": ",", "thousands": ".", "currency_sign": "R"}
    lines = ['C-1,A-1,B-1,ZAR,"R 1.234,50"', 'T,1,"R 1.234,50"']
    assert rule(told(tmp_path, *lines, amount=amount)) is None
    assert rule(told(tmp_path, lines[0], "T,1,1234.50", amount=amount)) == "file.control_unreadable"
    minor = {"unit": "minor"}
    assert rule(told(tmp_path, "C-1,A-1,B-1,ZAR,150", "T,1,150", amount=minor)) is None
    assert rule(told(tmp_path, "C-1,A-1,B-1,ZAR,150", "T,1,1.50", amount=minor)) == "file.control_unreadable"


def test_sums_of_several_currencies_stand_in_fields_of_their_own(tmp_path: Path) -> None:
    sums = [{"field": 3, "currency_field": 4}, {"field": 5, "currency_field": 6}]
    control = TRAILER | {"sums": sums}
    lines = [RECORDS[0], "C-2,A-2,B-2,JPY,7"]
    assert rule(told(tmp_path, *lines, "T,2,1.50,ZAR,7,JPY", control=control)) is None
    assert rule(told(tmp_path, RECORDS[0], "T,1,1.50,ZAR,,", control=control)) is None
    for trailer, expected in (
        ("T,2,1.50,ZAR,8,JPY", "file.control_mismatch"),
        ("T,2,1.50,ZAR,,", "file.control_mismatch"),
        ("T,2,1.50,ZAR,7,ZAR", "file.control_unreadable"),
        ("T,2,1.50,ZAR,7,", "file.control_unreadable"),
        ("T,2,1.50,ZAR,7.5,JPY", "file.control_unreadable"),
    ):
        assert rule(told(tmp_path, *lines, trailer, control=control)) == expected


@pytest.mark.parametrize(
    ("digits", "expected"), [(1, "7"), (2, "57"), (4, "0357"), (10, "357"), (18, "100000000000000357")]
)
def test_a_hash_total_is_the_sum_of_a_columns_numbers_and_what_is_carried_is_dropped(
    tmp_path: Path, digits: int, expected: str
) -> None:
    control = {"kind": "sidecar", "hash_total": {"column": "account_reference", "digits": digits}}
    lines = [
        "C-1,A-0034,B-1,ZAR,1.50",
        "C-2,A-9-100000000000000323,B-2,ZAR,2.25",
        "C-3,,B-3,ZAR,1.00",
        "C-4,X,B-4,ZAR,1.00",
    ]
    declared = {"records": 4, "amounts": {"ZAR": "5.75"}, "hash_total": expected}
    good = json.dumps(declared).encode()
    assert rule(told(tmp_path, *lines, control=control, sidecar=good)) is None
    swapped = [lines[0].replace("0034", "0043"), *lines[1:]]
    assert rule(told(tmp_path, *swapped, control=control, sidecar=good)) == "file.control_mismatch"


def test_a_hash_total_column_that_is_not_there_refuses_the_file(tmp_path: Path) -> None:
    control = {"kind": "sidecar", "hash_total": {"column": "Policy"}}
    file = told(tmp_path, *RECORDS, control=control, sidecar=GOOD)
    assert rule(file) == "file.missing_column"


def test_declared_totals_do_not_apply_to_a_corrected_rejects_file(tmp_path: Path) -> None:
    header = f"{BILLS},reject_codes,reject_messages,reject_source"
    source = "bills.csv.0123abcd"
    for control in (TRAILER, SIDECAR, TRAILER | {"hash_total": {"column": "bill_reference", "field": 4}}):
        file = told(
            tmp_path,
            f"{RECORDS[0]},,,{source}",
            header=header,
            control=control,
            rejects_of=source,
            expect={"records": [10, 20]},
        )
        assert rule(file) is None


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_a_trailer_is_found_behind_any_line_end_and_a_block_boundary(tmp_path: Path, end: str) -> None:
    lines = [f"C-{n},A-{n},B-{n},ZAR,1.00" for n in range(1000)]
    content = end.join([BILLS, *lines, "T,1000,1000.00"]) + end * 3
    landed = land(tmp_path, content, control=TRAILER)
    file = check(landed, tmp_path / "work", limits=Limits())
    assert rule(file) is None
    assert file.totals.total_records == 1000


def test_sums_beyond_64_bits_do_not_wrap_in_totals_control_or_summary(tmp_path: Path) -> None:
    count, amount = 40, "9999999999999999.99"
    lines = [f"C-{n},ZAR,{amount}" for n in range(count)]
    total = 999_999_999_999_999_999 * count
    assert total > 2**64
    text = f"{total // 100}.{total % 100:02d}"
    facts: dict[str, Any] = {"header": "customer_reference,currency,balance", "model": "customer_balance"}
    file = told(tmp_path, *lines, f"T,{count},{text}", **facts)
    assert rule(file) is None
    report = write_report(file, nothing_sent, folder=tmp_path / "reports", run=DRY_RUN)
    summary = json.loads(report.paths["summary"].read_text())
    assert summary["amounts_minor"]["ZAR"]["total"] == total
    assert summary["control"]["counted"]["amounts_minor"] == {"ZAR": total}
    wrapped = (total + 2**63) % 2**64 - 2**63
    wrong = f"{'-' if wrapped < 0 else ''}{abs(wrapped) // 100}.{abs(wrapped) % 100:02d}"
    assert rule(told(tmp_path, *lines, f"T,{count},{wrong}", **facts)) == "file.control_mismatch"
