"""What is small on the wire and huge once it is read is refused in little time and memory, as a process of its own.

The time is that of the processor: this machine does other things beside the tests. The wall is bounded too, wider.
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.check import workbooks
from tests.cli.desk import ROOT, Desk, desk

__all__ = ["desk"]

MOST_CPU_S, MOST_WALL_S, MOST_MIB = 5.0, 20.0, 300
MIB, GIB = 1 << 20, 1 << 30
HEADER = "customer_reference,account_reference,bill_reference,currency,amount_due\n"

LAUNCH = """
import json, os, sys
script = "import sys; from pipeline.cli import main; main()"
pid = os.posix_spawn(sys.executable, [sys.executable, "-c", script, *sys.argv[1:]], os.environ)
_, status, used = os.wait4(pid, 0)
print("\\n" + json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
"""A small process between: the most memory of a child counts that of who started it."""


@dataclass(frozen=True)
class Ended:
    """How a validation ended, in what processor time and memory."""

    status: int
    cpu_s: float
    peak_mib: float
    summary: dict[str, object]


def validated(path: Path, *words: str) -> Ended:
    ran = subprocess.run(
        [sys.executable, "-c", LAUNCH, "validate", str(path), "--model", "bill", "--json", *words],
        cwd=path.parent,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(path.parent),
            "PYTHONPATH": ROOT,
            "TMPDIR": str(path.parent),
        },
        capture_output=True,
        text=True,
        timeout=MOST_WALL_S,
        check=True,
    )
    document, _, used = ran.stdout.rstrip("\n").rpartition("\n")
    status, cpu_s, peak_kib = json.loads(used)
    assert "Traceback" not in ran.stderr, ran.stderr
    return Ended(status, cpu_s, peak_kib / 1024, json.loads(document)["files"][0])


def deflated(write: Callable[[Callable[[bytes], object]], None], *, raw: bool = False) -> bytes:
    """What `write` hands over, packed without ever standing whole in memory."""
    packer, packed = zlib.compressobj(9, zlib.DEFLATED, -15 if raw else 31), []
    write(lambda data: packed.append(packer.compress(data)))
    return b"".join([*packed, packer.flush()])


def zeros(size_bytes: int, byte: bytes = b"\0") -> Callable[[Callable[[bytes], object]], None]:
    def write(put: Callable[[bytes], object]) -> None:
        for _ in range(size_bytes // MIB):
            put(byte * MIB)

    return write


def rows(count: int) -> Callable[[Callable[[bytes], object]], None]:
    """A bill file that could be true, and packs well."""

    def write(put: Callable[[bytes], object]) -> None:
        put(HEADER.encode())
        for _ in range(count // 10_000):
            put(b"C1,A1,B1,ZAR,10.00\n" * 10_000)

    return write


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
        zeros(GIB)(member.write)


def zip_that_lies(path: Path) -> None:
    """It says ten bytes, and holds a gigabyte."""
    zip_bomb(path)
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(mark)
        content[at + offset : at + offset + 4] = (10).to_bytes(4, "little")
    path.write_bytes(content)


def workbook_of(part: str, xml: Callable[[IO[bytes]], None]) -> Callable[[Path], None]:
    """A workbook one part of which is written bit by bit."""

    def make(path: Path) -> None:
        good = io.BytesIO(workbooks.workbook(workbooks.sheet(workbooks.row("a"), workbooks.row("b"))))
        with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                if name != part:
                    new.writestr(name, old.read(name))
            with new.open(part, "w") as member:
                xml(member)

    return make


def repeated(before: str, each: str, times: int, after: str) -> Callable[[IO[bytes]], None]:
    def write(file: IO[bytes]) -> None:
        file.write(before.encode())
        for _ in range(times // 1000):
            file.write((each * 1000).encode())
        file.write(after.encode())

    return write


def entities() -> str:
    lines = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY e0 "lol">{lines}]><worksheet xmlns="{workbooks.MAIN}">&e9;</worksheet>'


def sparse(size_bytes: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size_bytes)

    return make


def written(content: Callable[[], bytes]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content())

    return make


SHEET, STRINGS, MAIN = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", workbooks.MAIN
REFUSED: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "gzip of nothing but zeros": (
        written(lambda: deflated(zeros(GIB))), {"file.archive_too_large", "file.record_too_long"}
    ),
    "gzip of rows": (written(lambda: deflated(rows(30_000_000))), {"file.archive_too_large"}),
    "zip": (zip_bomb, {"file.archive_too_large"}),
    "zip that lies about its size": (zip_that_lies, {"file.archive_damaged", "file.archive_too_large"}),
    "workbook with a huge sheet": (
        workbook_of(SHEET, repeated(f'<worksheet xmlns="{MAIN}"><sheetData>', "<row/>" * 20, 2_000_000, "")),
        {"file.archive_too_large"},
    ),
    "workbook with endless texts": (
        workbook_of(STRINGS, repeated(f'<sst xmlns="{MAIN}">', f"<si><t>{'x' * 200}</t></si>", 2_000_000, "")),
        {"file.archive_too_large"},
    ),
    "workbook that is too deep": (
        workbook_of(SHEET, repeated(f'<worksheet xmlns="{MAIN}">', "<a>", 1_000_000, "")),
        {"file.workbook", "file.archive_too_large"},
    ),
    "workbook of entities": (
        workbook_of(SHEET, repeated(entities(), "", 0, "")), {"file.workbook"}
    ),
    "line of 2 GB": (sparse(2 * GIB - 1), {"file.record_too_long"}),
    "gzip of a line of 2 GB": (
        written(lambda: deflated(zeros(2 * GIB, b"a"))), {"file.archive_too_large", "file.record_too_long"}
    ),
    "a million columns": (
        written(lambda: b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n"),
        {"file.too_many_columns", "file.record_too_long"},
    ),
    "a header of quotes": (written(lambda: b'"' * 1_000_001 + b"\n"), {"file.header", "file.missing_column"}),
    "an object of a million keys": (
        written(lambda: json.dumps({f"k{n}": 1 for n in range(1_000_000)}).encode() + b"\n"),
        {"file.record_too_long", "file.too_many_columns"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("bomb", REFUSED)
def test_a_bomb_is_refused_in_little_time_and_memory(bomb: str, tmp_path: Path) -> None:
    make, codes = REFUSED[bomb]
    path = tmp_path / "bills.csv"
    make(path)
    ended = validated(path)
    refusal = ended.summary["refusal"]
    assert isinstance(refusal, dict)
    assert refusal["code"] in codes
    assert (ended.status, ended.cpu_s < MOST_CPU_S, ended.peak_mib < MOST_MIB) == (1, True, True), ended


REJECTED: dict[str, tuple[Callable[[], bytes], int]] = {
    "open quotes on each of many lines": (lambda: b'"C1,A1,B1,ZAR,1.00\n' * 300_000, 300_000),
    "a million quotes in a line": (lambda: b'"' * 1_000_001 + b",A1,B1,ZAR,1.00\n", 1),
    "stray quotes on each of many lines": (lambda: b'C"1,A1,B1,ZAR,1.00\n' * 300_000, 300_000),
    "blank lines": (lambda: b"\n" * 1_000_000 + b"C1\n", 1_000_001),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_file_of_damage_is_counted_in_little_time_and_memory(name: str, tmp_path: Path) -> None:
    content, records = REJECTED[name]
    path = tmp_path / "bills.csv"
    path.write_bytes(HEADER.encode() + content())
    ended = validated(path)
    counted = ended.summary["records"]
    assert isinstance(counted, dict)
    assert counted["total"] == counted["rejected"] == records
    assert ended.peak_mib < 1024, ended  # the bound of any check; its report names each of the records
    assert ended.cpu_s < 4 * MOST_CPU_S, ended


def test_a_deep_object_and_a_huge_number_are_rejected_lines(tmp_path: Path) -> None:
    good = '{"customer_reference": "C1", "bill_reference": "B1", "currency": "ZAR", "amount_due": 1}'
    lines = [good, "[" * 100_000, '{"amount_due": ' + "9" * 100_000 + "}", '{"a":' * 50_000]
    path = tmp_path / "bills.ndjson"
    path.write_text("\n".join(lines) + "\n")
    ended = validated(path)
    assert ended.summary["records"] == {**ended.summary["records"], "total": 4, "rejected": 3}  # type: ignore[dict-item]
    assert (ended.cpu_s < MOST_CPU_S, ended.peak_mib < MOST_MIB) == (True, True), ended


@pytest.fixture
def bombs_beside_a_good_file(desk: Desk) -> Desk:
    desk.put("drop/good_bills.csv")
    (desk.folder / "drop" / "a_bills.csv").write_bytes(gzip.compress(b"\0" * 300 * MIB))
    sparse(100 * MIB)(desk.folder / "drop" / "b_bills.csv")
    return desk


def test_a_run_refuses_bombs_and_loads_the_good_file_beside_them(bombs_beside_a_good_file: Desk) -> None:
    said = bombs_beside_a_good_file.billferry("run", "--json")
    states = {each["file"]["name"]: each["state"] for each in json.loads(said.out)["files"]}
    assert states == {"a_bills.csv": "refused", "b_bills.csv": "refused", "good_bills.csv": "loaded"}
    assert said.status == 1
    assert "Traceback" not in said.err
