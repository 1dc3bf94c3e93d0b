"""Reports stand whole, private, and under a name that is safe anywhere."""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest

from pipeline.core.outcomes import Outcome
from pipeline.edge.disk import private_folder
from pipeline.errors import DiskFull
from pipeline.report.folders import folder_name, report_folder
from pipeline.report.results import nothing_sent, write_results
from pipeline.report.write import write_report
from tests.report.example import DRY_RUN, RUN, Row, checked_file, outcomes_of, rejected
from tests.seeds import cases


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("za_bills_2026-11-20.csv", "za_bills_2026-11-20.csv"),
        ("a/b\\c.csv", "a%2Fb%5Cc.csv"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("été 1%.csv", "%C3%A9t%C3%A9%201%25.csv"),
        ("bad\udcff.csv", "bad%FF.csv"),
        ("a\nb\x1b.csv", "a%0Ab%1B.csv"),
    ],
)
def test_odd_characters_of_a_file_name_are_percent_encoded(tmp_path: Path, name: str, folder: str) -> None:
    landed = dataclasses.replace(checked_file(tmp_path, []).landed, name=name)
    assert folder_name(landed.name, landed.sha256) == f"{folder}.{landed.sha256[:8]}"


@pytest.mark.parametrize("length", range(55, 70))
def test_long_names_are_cut_but_never_the_digits_that_tell_files_apart(tmp_path: Path, length: int) -> None:
    landed = dataclasses.replace(checked_file(tmp_path, []).landed, name="x" * (length % 6) + "é" * length)
    name = folder_name(landed.name, landed.sha256)
    assert len(name.encode()) <= 200
    assert name.endswith(f".{landed.sha256[:8]}")
    kept = unquote(name.removesuffix(f".{landed.sha256[:8]}"), errors="strict")
    whole, _, digest = kept.partition("~")
    assert landed.name.startswith(whole)
    assert "%" not in whole
    assert (whole == landed.name) == (digest == "")
    other = dataclasses.replace(landed, name=landed.name[:-1] + "ü")
    assert folder_name(other.name, other.sha256) != name


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_reports_are_private_under_any_umask(tmp_path: Path, umask: int) -> None:
    checked = checked_file(tmp_path, [rejected("a.b")])
    before = os.umask(umask)
    try:
        private_folder(tmp_path / "var")
        report = write_report(checked, nothing_sent, folder=tmp_path / "var/reports", run=DRY_RUN)
    finally:
        os.umask(before)
    assert report.folder is not None
    folders = [report.folder, *report.folder.parents[:2]]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in report.paths.values()} == {0o600}
    assert set(report.paths) == {"summary", "results", "rejects", "page"}


@pytest.mark.slow
def test_a_reader_never_sees_half_a_report(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row()] * 40)
    ledgers = [outcomes_of({}), outcomes_of(dict.fromkeys(range(1, 41), Outcome.CREATED))]
    whole = {
        write_report(checked, ledger, folder=tmp_path / "reports", run=RUN).paths["results"].read_bytes()
        for ledger in ledgers
    }
    results = report_folder(tmp_path / "reports", checked.landed) / "results.csv"
    stop, seen = threading.Event(), set[bytes]()

    def read() -> None:
        while not stop.is_set():
            time.sleep(0.0002)  # the writer is to get its turns too
            try:
                seen.add(results.read_bytes())
            except FileNotFoundError:
                continue  # between the earlier report and this one

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for round_ in range(cases(12, soak=150)):
            write_report(checked, ledgers[round_ % 2], folder=tmp_path / "reports", run=RUN)
    finally:
        stop.set()
        reader.join()
    assert seen <= whole
    assert [path.name for path in (tmp_path / "reports").iterdir()] == [results.parent.name]


def test_a_full_disk_is_said_plainly_and_leaves_nothing_behind(tmp_path: Path) -> None:
    def out_of_room(records: pl.Series) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    checked = checked_file(tmp_path, [Row()])
    with pytest.raises(DiskFull, match="free some disk space"):
        write_report(checked, out_of_room, folder=tmp_path / "reports", run=RUN)  # type: ignore[arg-type]
    assert list((tmp_path / "reports").iterdir()) == []


def test_a_disk_that_is_really_full_is_noticed_when_the_results_are_written(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row()])
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OSError, match="No space left") as raised,
    ):
        write_results(checked, nothing_sent, full, lambda _: None)
    assert raised.value.errno == errno.ENOSPC
