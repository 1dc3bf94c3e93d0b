"""Each record of a file is found and counted, whatever surrounds it; damage stays where it is."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

import polars as pl
import pytest

from pipeline.check.check import check
from schemas.settings import Limits
from tests.check.landing import BILLS, checked, codes, land, records, texts, verdicts

GOOD = "C-1,A-1,B-{},ZAR,10.00"


def rows(*lines: str, end: str = "\n", header: str = BILLS) -> str:
    return end.join([header, *lines]) + end


def good(count: int) -> list[str]:
    return [GOOD.format(number) for number in range(1, count + 1)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("closed", [True, False])
def test_every_kind_of_line_end_gives_the_same_records(tmp_path: Path, end: str, closed: bool) -> None:
    text = rows(*good(3), end=end)
    file = checked(tmp_path, text if closed else text.removesuffix(end))
    assert verdicts(file) == ["accepted"] * 3
    assert [record["line"] for record in records(file)] == [2, 3, 4]
    assert texts(file) == [line.encode() for line in good(3)]
    assert (file.header, file.line_end) == (BILLS.encode(), end.encode())


def test_a_cr_only_file_is_read_where_polars_alone_sees_no_rows(tmp_path: Path) -> None:
    text = rows(*good(3), end="\r")
    assert pl.read_csv(io.BytesIO(text.encode())).height == 0
    assert checked(tmp_path, text).totals.total_records == 3


@pytest.mark.parametrize(
    ("encoding", "mark", "codec"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", codecs.BOM_UTF8, "utf-8"),
        ("utf-16", codecs.BOM_UTF16_LE, "utf-16-le"),
        ("utf-16", codecs.BOM_UTF16_BE, "utf-16-be"),
        ("cp1252", b"", "cp1252"),
        ("latin-1", b"", "latin-1"),
    ],
)
def test_every_declared_encoding_is_read_and_its_bytes_are_found_again(
    tmp_path: Path, encoding: str, mark: bytes, codec: str
) -> None:
    names = ["Zoë", "Ÿ€" if encoding not in ("latin-1",) else "ÿ¿", "😀" if "utf" in encoding else "é"]
    lines = [f"C-{n},A-{n},B-{n},ZAR,1.00,{name}" for n, name in enumerate(names)]
    text = rows(*lines, header=f"{BILLS},customer_name", end="\r\n")
    file = checked(tmp_path, mark + text.encode(codec), encoding=encoding)
    assert [record["customer_name"] for record in records(file)] == names
    assert texts(file) == [line.encode(codec) for line in lines]
    assert file.byte_order_mark == mark
    assert file.header.decode(codec) == f"{BILLS},customer_name"


def test_a_short_row_is_rejected_where_polars_alone_pads_it(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), "C-1,A-1,B-2,ZAR")
    assert pl.read_csv(io.BytesIO(text.encode())).height == 2
    assert codes(checked(tmp_path, text)) == [[], ["record.too_few_fields"]]


def test_a_blank_line_is_rejected_where_polars_alone_makes_it_a_record_of_nothing(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), "", GOOD.format(2))
    assert pl.read_csv(io.BytesIO(text.encode())).row(1) == (None,) * 5
    assert codes(checked(tmp_path, text))[1] == ["record.blank"]


def test_a_duplicate_column_is_refused_where_polars_alone_renames_it(tmp_path: Path) -> None:
    text = rows(GOOD.format(1) + ",20.00", header=f"{BILLS},amount_due")
    assert pl.read_csv(io.BytesIO(text.encode())).width == 6
    assert refusal(tmp_path, text) == "file.duplicate_column"


def test_a_stray_quote_stays_where_it_is_where_polars_alone_loses_the_file(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), '"C-1"x,A-1,B-2,ZAR,10.00', GOOD.format(3))
    with pytest.raises(pl.exceptions.ComputeError):
        pl.read_csv(io.BytesIO(text.encode()), infer_schema=False)
    assert codes(checked(tmp_path, text)) == [[], ["record.stray_quote"], []]


def test_a_long_row_is_rejected_and_the_rest_goes_on(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), GOOD.format(2) + ",5", GOOD.format(3))
    with pytest.raises(pl.exceptions.ComputeError):
        pl.read_csv(io.BytesIO(text.encode()))
    assert codes(checked(tmp_path, text)) == [[], ["record.too_many_fields"], []]


def test_a_blank_line_between_records_is_a_record_and_line_ends_after_the_last_are_none(
    tmp_path: Path,
) -> None:
    file = checked(tmp_path, rows(GOOD.format(1), "", GOOD.format(2), "", "", ""))
    assert codes(file) == [[], ["record.blank"], []]
    assert [record["line"] for record in records(file)] == [2, 3, 4]


def test_quoted_line_breaks_belong_to_one_record_on_several_lines(tmp_path: Path) -> None:
    header = f"{BILLS},customer_name"
    first, second = 'C-1,A-1,B-1,ZAR,1.00,"Ann\r\n""of, Cape\n\nTown"""', "C-2,A-2,B-2,ZAR,1.00,Bo"
    file = checked(tmp_path, rows(first, second, header=header, end="\r\n"))
    assert [record["customer_name"] for record in records(file)] == ['Ann\r\n"of, Cape\n\nTown"', "Bo"]
    assert [record["line"] for record in records(file)] == [2, 6]
    assert texts(file) == [first.encode(), second.encode()]


def test_an_open_quote_damages_its_own_line_only(tmp_path: Path) -> None:
    lines = [
        GOOD.format(1),
        'C-1,"A-1,B-2,ZAR,10.00',
        GOOD.format(3),
        'C-1,"A-1",B-4,ZAR,10.00',
        GOOD.format(5),
    ]
    assert codes(checked(tmp_path, rows(*lines))) == [[], ["record.open_quote"], [], [], []]


@pytest.mark.parametrize(
    "line", ['C-1,A"1,B-2,ZAR,10.00', 'C-1,"A-1"x,B-2,ZAR,10.00', 'C-1, "A-1",B-2,ZAR,10.00']
)
def test_a_stray_quote_damages_its_own_line_only(tmp_path: Path, line: str) -> None:
    assert codes(checked(tmp_path, rows(GOOD.format(1), line, GOOD.format(3)))) == [
        [],
        ["record.stray_quote"],
        [],
    ]


def test_a_quote_left_open_beyond_the_longest_record_is_not_followed_for_ever(tmp_path: Path) -> None:
    lines = ['C-1,"A-1,B-0,ZAR,10.00', *good(200), 'end"']
    file = checked(tmp_path, rows(*lines), limits=Limits(max_record_bytes=1000, max_rejects=300))
    assert codes(file)[0] == ["record.open_quote"]
    assert codes(file)[1:201] == [[]] * 200


def test_bytes_that_are_no_characters_damage_their_own_record_only(tmp_path: Path) -> None:
    for bad in (b"\xff", b"\xff\xe9", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\x80", b"\xed\xa0\x80"):
        file = checked(tmp_path, rows(*good(3)).encode().replace(b"B-2", b"B-" + bad))
        assert codes(file) == [[], ["record.undecodable"], []]
        assert texts(file)[1:] == [b"C-1,A-1,B-" + bad + b",ZAR,10.00", GOOD.format(3).encode()]


def test_half_a_surrogate_damages_its_own_record_only(tmp_path: Path) -> None:
    raw = rows(*good(3)).replace("B-2", "B-\ud83d").encode("utf-16-le", errors="surrogatepass")
    file = checked(tmp_path, codecs.BOM_UTF16_LE + raw, encoding="utf-16")
    assert codes(file) == [[], ["record.undecodable"], []]
    assert texts(file)[2].decode("utf-16-le") == GOOD.format(3)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\ufeff", "\x85", "\r"])
def test_control_characters_damage_their_own_record_only(tmp_path: Path, character: str) -> None:
    lines = [
        GOOD.format(1),
        f"C-1,A{character}1,B-2,ZAR,10.00",
        f'C-1,"A-1",B-{character}3,ZAR,10.00',
        GOOD.format(4),
    ]
    expected = [[], ["record.control_characters"], ["record.control_characters"], []]
    assert codes(checked(tmp_path, rows(*lines))) == expected


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "^", "\x01"])
def test_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    text = rows('C-1,"A-1",B-1,ZAR,10.00', GOOD.format(2)).replace(",", delimiter)
    assert codes(checked(tmp_path, text, delimiter=delimiter)) == [[], []]


def test_records_that_straddle_blocks_are_whole(tmp_path: Path) -> None:
    from pipeline.edge.reader.delimited import DelimitedFile
    from pipeline.edge.reader.open_records import open_records

    header = f"{BILLS},customer_name"
    lines = [f'C-{n},A-{n},B-{n},ZAR,1.00,"é{n}\n""x"""' if n % 3 else "" for n in range(1, 60)]
    landed = land(tmp_path, rows(*lines, header=header) + "\n\n")
    file = open_records(landed, Limits(), tmp_path).records
    assert isinstance(file, DelimitedFile)
    whole = pl.concat(file.fields(each, [2, 5]) for each in file.batches())
    for block_bytes in (1, 7, 64, 1000):
        found = (file.fields(each, [2, 5]) for each in file.batches(block_bytes=block_bytes))
        assert pl.concat(found).equals(whole)
    assert whole["record"].to_list() == list(range(1, 60))


def refusal(tmp_path: Path, content: str | bytes, **facts: object) -> str:
    file = checked(tmp_path, content, **facts)  # type: ignore[arg-type]
    assert file.refusal is not None
    return file.refusal.code


def test_files_that_cannot_be_what_their_feed_declares_are_refused(tmp_path: Path) -> None:
    text = rows(*good(2))
    assert refusal(tmp_path, b"") == "file.empty"
    assert refusal(tmp_path, codecs.BOM_UTF8) == "file.empty"
    assert refusal(tmp_path, "\n\n") == "file.empty"
    assert refusal(tmp_path, text.encode("utf-16")) == "file.encoding"
    assert refusal(tmp_path, text.encode("utf-16-le")) == "file.encoding"
    assert refusal(tmp_path, text.encode("utf-16-le"), encoding="utf-16") == "file.encoding"
    assert refusal(tmp_path, codecs.BOM_UTF8 + text.encode(), encoding="cp1252") == "file.encoding"
    assert refusal(tmp_path, b"caf\xe9," + text.encode()) == "file.encoding"
    assert refusal(tmp_path, '"' + text) == "file.header"
    assert refusal(tmp_path, rows(*good(1), header=f"{BILLS},currency")) == "file.duplicate_column"


def test_a_missing_column_names_the_nearest_one_there_is(tmp_path: Path) -> None:
    file = checked(tmp_path, rows(*good(1)).replace("amount_due", "amount_duee"))
    assert file.refusal is not None
    assert file.refusal.code == "file.missing_column"
    assert "nearest is amount_duee" in file.refusal.message
    capitals = checked(tmp_path, rows(*good(1), header=BILLS.title()))
    assert capitals.refusal is not None
    assert "nearest is Customer_Reference" in capitals.refusal.message


def test_a_header_of_another_delimiter_is_told_so(tmp_path: Path) -> None:
    file = checked(tmp_path, rows(*good(1)).replace(",", ";"))
    assert file.refusal is not None
    assert "not in the header, which is one column (check feed.delimiter); " in file.refusal.message


def test_a_file_without_a_header_has_a_record_there_and_none_of_its_values_is_told(tmp_path: Path) -> None:
    mapped = {"customer_reference": "Nombuso", "bill_reference": "b", "amount_due": "a"}
    file = checked(tmp_path, "Nombulso;B-1;1.00\n", delimiter=";", columns=mapped, currency="ZAR")
    assert file.refusal is not None
    assert file.refusal.message.startswith(
        "column Nombuso (for customer_reference) is not in the header; add"
    )


def test_limits_refuse_a_file(tmp_path: Path) -> None:
    text = rows(*good(10))
    assert refusal(tmp_path, text, limits=Limits(max_file_bytes=100)) == "file.too_large"
    assert refusal(tmp_path, text, limits=Limits(max_records=9)) == "file.too_many_records"
    assert refusal(tmp_path, text, limits=Limits(max_columns=4)) == "file.too_many_columns"
    assert refusal(tmp_path, text, limits=Limits(max_record_bytes=40)) == "file.record_too_long"
    long_line = rows(*good(2), "x" * 5000)
    assert refusal(tmp_path, long_line, limits=Limits(max_record_bytes=1000)) == "file.record_too_long"
    assert checked(tmp_path, text, limits=Limits(max_records=10)).refusal is None


@pytest.mark.parametrize(("may_be_empty", "code"), [(False, "file.no_records"), (True, None)])
def test_a_file_with_a_header_alone_is_refused_unless_its_feed_may_be_empty(
    tmp_path: Path, may_be_empty: bool, code: str | None
) -> None:
    file = checked(tmp_path, rows(), may_be_empty=may_be_empty)
    assert (file.refusal.code if file.refusal else None) == code
    assert file.totals.total_records == 0
    assert records(file) == []


def test_checking_again_starts_afresh(tmp_path: Path) -> None:
    for count in (3, 2):
        file = check(land(tmp_path, rows(*good(count))), tmp_path / "work", limits=Limits())
        assert len(records(file)) == count


def test_records_on_disk_are_readable_by_us_alone(tmp_path: Path) -> None:
    file = checked(tmp_path, rows(*good(1)))
    assert file.records.stat().st_mode & 0o077 == 0
    assert all(part.stat().st_mode & 0o077 == 0 for part in file.records.iterdir())


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    told: list[int] = []
    landed = land(tmp_path, rows(*good(5)))
    check(landed, tmp_path / "work", limits=Limits(), progress=told.append)
    assert told[-1] == landed.size_bytes
