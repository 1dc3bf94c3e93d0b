"""rejects.csv: the original text, the reasons beside it, fit to be mended and dropped back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.outcomes import Outcome
from pipeline.report.rejects_csv import RejectsDialect
from pipeline.report.results import nothing_sent
from pipeline.report.summary import FileReport
from pipeline.report.write import write_report
from tests.report.example import HEADER, RUN, Row, checked_file, outcomes_of, rejected

OURS = "reject_codes,reject_messages,reject_record,reject_source"


def write(
    tmp_path: Path, rows: list[Row], said: dict[int, Outcome] | None = None, **facts: object
) -> FileReport:
    checked = checked_file(tmp_path, rows, **facts)  # type: ignore[arg-type]
    return write_report(checked, outcomes_of(said or {}), folder=tmp_path / "reports", run=RUN)


def source(report: FileReport) -> str:
    return f"{report.summary.file.name}.{(report.summary.file.sha256 or '')[:8]}"


def test_rejected_conflicting_and_refused_records_stand_there_with_their_original_text(
    tmp_path: Path,
) -> None:
    rows = [
        Row(),
        rejected(
            "amount_due.format", "due_date.format", message='line 3: "amount_due"', text='c2,"b 2",ZAR, 1x '
        ),
        Row(text="c3,b3,ZAR,3.00"),
        Row(text='c4,"b\n4",ZAR,4.00'),
        Row(),
        Row(),
    ]
    said = dict(enumerate([Outcome.CREATED, Outcome.CONFLICT, Outcome.REFUSED, Outcome.IN_DOUBT], 1))
    report = write(tmp_path, rows, {n if n == 1 else n + 1: outcome for n, outcome in said.items()})
    assert report.paths["rejects"].read_bytes().decode() == (
        f"{HEADER},{OURS}\n"
        f'c2,"b 2",ZAR, 1x ,"amount_due.format;due_date.format","line 3: ""amount_due""","2","{source(report)}"\n'
        f'c3,b3,ZAR,3.00,"","","3","{source(report)}"\n'
        f'c4,"b\n4",ZAR,4.00,"","","4","{source(report)}"\n'
    )


def test_without_rejects_there_is_no_rejects_file(tmp_path: Path) -> None:
    report = write(tmp_path, [Row()], {1: Outcome.CREATED})
    assert report.folder is not None
    assert sorted(path.name for path in report.folder.iterdir()) == [
        "report.html",
        "results.csv",
        "summary.json",
    ]
    assert report.summary.reports == ["summary.json", "results.csv", "report.html"]


def test_rejects_that_are_settled_later_leave_the_report(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row()])
    for outcome, there in ((Outcome.REFUSED, True), (Outcome.CREATED, False)):
        report = write_report(checked, outcomes_of({1: outcome}), folder=tmp_path / "reports", run=RUN)
        assert report.folder is not None
        assert (report.folder / "rejects.csv").exists() is there
        assert ("rejects" in report.paths) is there


@pytest.mark.parametrize("text", ['c1,"b1,ZAR,1.00', 'c1,b1,ZAR,"', 'c1,b1,ZAR,"1""', '"', 'c1,b"1,ZAR,1'])
def test_a_quote_left_open_does_not_swallow_the_next_record(tmp_path: Path, text: str) -> None:
    report = write(
        tmp_path,
        [rejected("record.open_quote", text=text), rejected("a.b", message=None, text="c2,b2,ZAR,2.00")],
    )
    written = report.paths["rejects"].read_text()
    assert written.splitlines()[1].startswith(f"{text},")
    last = list(csv.reader(io.StringIO(written)))[-1]
    assert last == ["c2", "b2", "ZAR", "2.00", "a.b", "", "2", source(report)]


def test_a_message_over_two_lines_stays_on_its_record_s_line(tmp_path: Path) -> None:
    report = write(tmp_path, [rejected("a.b", message="one\r\ntwo\u2028three")])
    assert (
        report.paths["rejects"]
        .read_text()
        .splitlines()[1]
        .endswith(f',"one two three","1","{source(report)}"')
    )


@pytest.mark.parametrize(
    ("encoding", "codec", "mark"),
    [
        ("utf-8", "utf-8", b""),
        ("utf-8", "utf-8", b"\xef\xbb\xbf"),
        ("cp1252", "cp1252", b""),
        ("latin-1", "latin-1", b""),
        ("utf-16", "utf-16-le", b"\xff\xfe"),
        ("utf-16", "utf-16-be", b"\xfe\xff"),
        ("utf-16", "utf-16-be", b""),
        ("utf-16", "utf-16-le", b""),
    ],
)
@pytest.mark.parametrize("separators", [(",", "\n"), (";", "\r\n"), ("\t", "\r"), ("|", "\n")])
def test_rejects_are_written_in_the_file_s_own_dialect(
    tmp_path: Path, encoding: str, codec: str, mark: bytes, separators: tuple[str, str]
) -> None:
    delimiter, line_end = separators
    text = delimiter.join(["Zoë", '"a""b"', "ZAR", "1"])
    header = delimiter.join(["a", "é", "c", "d"])
    report = write(
        tmp_path,
        [Row(), rejected("a.b", message="column “é” – łódź", text=text)],
        header=header,
        codec=codec,
        byte_order_mark=mark,
        line_end=line_end,
        settings={"encoding": encoding, "delimiter": delimiter},
    )
    message = "column “é” – łódź".encode(codec, "replace").decode(codec)
    ours = delimiter.join(['"a.b"', f'"{message}"', '"2"', f'"{source(report)}"'])
    expected = f"{header}{delimiter}{OURS.replace(',', delimiter)}{line_end}{text}{delimiter}{ours}{line_end}"
    assert report.paths["rejects"].read_bytes() == mark + expected.encode(codec)


def test_bytes_that_fit_no_encoding_are_kept_as_they_are(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [rejected("record.undecodable", text="c1,bXX,ZAR,1")])
    checked.landed.path.write_bytes(checked.landed.path.read_bytes().replace(b"XX", b"\xff\xc3"))
    report = write_report(checked, nothing_sent, folder=tmp_path / "reports", run=RUN)
    assert b"\nc1,b\xff\xc3,ZAR,1," in report.paths["rejects"].read_bytes()


EARLIER = "bills.csv.0123abcd"


@pytest.mark.parametrize(
    ("ending", "kept"),
    [
        pytest.param(f',"a.b;c.d","said ""so"", twice","7","{EARLIER}"', "c1,b1,ZAR,1x", id="as we write it"),
        pytest.param(f',a.b,"said so, twice",7,{EARLIER}', "c1,b1,ZAR,1x", id="as a spreadsheet writes it"),
        pytest.param(",,,,", "c1,b1,ZAR,1x", id="emptied by hand"),
        pytest.param(f',"a.b","m","7","{EARLIER}"', 'c1,"b,1,ZAR,1x', id="behind an open quote"),
        pytest.param(f',"a.b","m","7","{EARLIER}"', 'c1,"x","y","z",9,9', id="behind too many fields"),
        pytest.param(f',"a.b","m","7","{EARLIER}"', "c1", id="behind too few fields"),
        pytest.param(',"","x","7","y"', 'c1,"b1,"",",ZAR,"1x"', id="quoted fields with delimiters"),
    ],
)
def test_rejects_of_a_rejects_file_replace_its_columns(tmp_path: Path, ending: str, kept: str) -> None:
    report = write(
        tmp_path,
        [rejected("e.f", message="again", text=kept + ending)],
        name="rejects.csv",
        header=f"{HEADER},{OURS}",
        rejects_of=EARLIER,
        reject_records=[7],
    )
    assert report.paths["rejects"].read_text() == (
        f'{HEADER},{OURS}\n{kept},"e.f","again","7","{source(report)}"\n'
    )


@pytest.mark.parametrize(
    "names",
    [
        ["reject_codes", "reject_messages", "reject_record", *HEADER.split(","), "reject_source"],
        [*OURS.split(","), *HEADER.split(",")],
        [*reversed(OURS.split(",")), *HEADER.split(",")],
        [*HEADER.split(","), *reversed(OURS.split(","))],
    ],
)
def test_a_rejects_file_with_its_columns_in_another_order_loses_none_of_its_own(
    tmp_path: Path, names: list[str]
) -> None:
    """Every field quoted, so that others look like our columns."""
    ours = dict(zip(OURS.split(","), ["a.b", "said", "7", EARLIER], strict=True))
    row = dict(zip(HEADER.split(","), ["c1", "b1", "7", "8"], strict=True)) | ours
    report = write(
        tmp_path,
        [rejected("e.f", message="again", text=",".join(f'"{row[name]}"' for name in names))],
        name="rejects.csv",
        header=",".join(names),
        rejects_of=EARLIER,
        reject_records=[7],
    )
    (back,) = csv.DictReader(io.StringIO(report.paths["rejects"].read_text()))
    assert back == row | {"reject_codes": "e.f", "reject_messages": "again", "reject_source": source(report)}


def test_earlier_columns_are_found_behind_bytes_of_any_encoding(tmp_path: Path) -> None:
    report = write(
        tmp_path,
        [rejected("e.f", text=f'Zoë,b1,ZAR,1x,"a.b","§","7","{EARLIER}"')],
        header=f"{HEADER},{OURS}",
        codec="cp1252",
        rejects_of=EARLIER,
        settings={"encoding": "cp1252"},
    )
    assert (
        report.paths["rejects"]
        .read_bytes()
        .splitlines()[1]
        .startswith('Zoë,b1,ZAR,1x,"e.f",'.encode("cp1252"))
    )


def test_what_is_not_surely_ours_is_kept(tmp_path: Path) -> None:
    report = write(
        tmp_path,
        [rejected("record.too_few_fields", message=None, text="c1,b1,ZAR,1.00")],
        header=f"{HEADER},{OURS}",
        rejects_of=EARLIER,
    )
    assert report.paths["rejects"].read_text().splitlines()[1].startswith("c1,b1,ZAR,1.00,")


def test_half_a_character_at_the_end_is_kept(tmp_path: Path) -> None:
    checked = checked_file(
        tmp_path,
        [rejected("record.undecodable", text="c1,b1,ZAR,1.00")],
        header=f"{HEADER},{OURS}",
        codec="utf-16-le",
        rejects_of=EARLIER,
        settings={"encoding": "utf-16"},
    )
    records = pl.read_parquet(checked.records / "00000.parquet")
    records.with_columns(pl.col("byte_end") - 1).write_parquet(checked.records / "00000.parquet")
    report = write_report(checked, nothing_sent, folder=tmp_path / "reports", run=RUN)
    assert "c1,b1,ZAR,1.0".encode("utf-16-le") + b"0" + ',"'.encode("utf-16-le") in (
        report.paths["rejects"].read_bytes()
    )


field = st.text(alphabet='ab",;\u00e9 ', max_size=6)


@given(
    st.lists(field, min_size=4, max_size=4),
    st.lists(field, min_size=2, max_size=2),
    st.sampled_from([None, 7]),
)
def test_any_record_comes_through_two_rounds_of_rejects_unaltered(
    record: list[str], said: list[str], number: int | None
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(record)
    first = dialect(HEADER.encode(), "one.csv.00000001")
    once = first.record_line(text.getvalue().encode(), "a.b", said[0], 7)
    second = dialect(first.header_line().rstrip(b"\n"), "two.csv.00000002", is_rejects_file=True)
    twice = second.record_line(once.rstrip(b"\n"), "c.d;e.f", said[1], number)
    assert twice.startswith(text.getvalue().encode() + b',"c.d;e.f",')
    [row] = csv.reader(io.StringIO(twice.decode()))
    assert row == [*record, "c.d;e.f", said[1], "7", "two.csv.00000002"]
    assert second.header_line() == first.header_line()


def dialect(header: bytes, source: str, *, is_rejects_file: bool = False) -> RejectsDialect:
    return RejectsDialect(
        header=header,
        delimiter=",",
        encoding="utf-8",
        line_end=b"\n",
        source=source,
        is_rejects_file=is_rejects_file,
    )
