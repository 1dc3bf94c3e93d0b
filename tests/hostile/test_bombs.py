"""Files made to take all memory or time: refused, or their records rejected, at the cost of an ordinary small file.

What is measured is the command with all processes that it starts (the reader of old workbooks, GnuPG): their time, and
the most memory that they held beside each other.

Time is what the process itself used (user and system): on a machine shared with others the clock tells more of them
than of us. A looser bound on the clock sees to it that nothing sleeps or waits for a disk.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hostile import bombs, item_bombs
from tests.hostile.bombs import Make
from tests.keyring import Keyring
from tests.stories.conftest import merchant
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.world import unstamped

__all__ = ["merchant"]

SOAK = bool(os.environ.get("SOAK"))
CPU_S, WALL_S, PEAK_MIB = 5, 30, 300
MILLION_RECORDS_CPU_S = 10
"""A million records are read, judged and written into two reports, whatever they are: some 5 s on an idle core, and
more when its other half is taken."""
MEASURED = """
import atexit, os, pathlib, sys
said = pathlib.Path(sys.argv.pop(1))
status = pathlib.Path("/proc/self/status")
atexit.register(lambda: said.write_text(f"{sum(os.times()[:4])} {status.read_text()}"))
from pipeline.cli import main
main()
"""
"""The system's own account of a child would begin with what its parent holds."""


@dataclass(frozen=True)
class Spent:
    """What one command, in a process of its own, said and came to."""

    exit_status: int
    files: list[dict[str, Any]]
    stderr: str
    cpu_s: float
    wall_s: float
    peak_mib: float
    """At most so much: the peak of the process, and the highest sum of the peaks of those below it."""
    children: frozenset[str]
    """Names of the programs below it that were seen."""

    def assert_cheap(self, cpu_s: float = CPU_S) -> None:
        assert self.cpu_s < cpu_s
        assert self.wall_s < WALL_S
        assert self.peak_mib < PEAK_MIB


PAUSE_S = 0.02


class Children:
    """What the processes below a process held, looked at again and again; each tells its own peak so far."""

    def __init__(self, pid: int) -> None:
        self.peak_kib, self.seen = 0, frozenset[str]()
        self._pid = pid
        self._ended = threading.Event()

    def watch(self) -> None:
        """Until `end`."""
        while not self._ended.wait(PAUSE_S):
            below = dict(self._below(self._pid, self._command(self._pid)))
            self.peak_kib = max(self.peak_kib, sum(peak for peak, _ in below.values()))
            self.seen |= {name for _, name in below.values()}

    def end(self) -> None:
        self._ended.set()

    def _below(self, pid: int, command: str) -> Iterator[tuple[int, tuple[int, str]]]:
        """Process → its peak and its command; one that is not yet what it will be still has the parent's memory."""
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, _text_of(children).split()):
                own = self._command(child)
                peak = re.search(
                    r"^VmHWM:\s+([0-9]+) kB", _text_of(Path(f"/proc/{child}/status")), re.MULTILINE
                )
                if peak and own and own != command:
                    yield child, (int(peak[1]), own)
                yield from self._below(child, own)

    @staticmethod
    def _command(pid: int) -> str:
        return _text_of(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()


def _text_of(path: Path) -> str:
    """Nothing where the process has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


@contextmanager
def watched(pid: int) -> Iterator[Children]:
    children = Children(pid)
    thread = threading.Thread(target=children.watch)
    thread.start()
    try:
        yield children
    finally:
        children.end()
        thread.join()


def spend(folder: Path, *words: str) -> Spent:
    account = folder / "account"
    start_s = time.monotonic()
    with (
        subprocess.Popen(
            [sys.executable, "-c", MEASURED, str(account), *words, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(folder)},
        ) as ended,
        watched(ended.pid) as children,
    ):
        stdout, stderr = ended.communicate(timeout=90)
    wall_s = time.monotonic() - start_s
    cpu_s, _, status = account.read_text().partition(" ")
    (peak_kib,) = re.findall(r"^VmHWM:\s+([0-9]+) kB", status, re.MULTILINE)
    files = json.loads(stdout)["files"]
    peak_mib = (int(peak_kib) + children.peak_kib) / 1024
    return Spent(ended.returncode, files, unstamped(stderr), float(cpu_s), wall_s, peak_mib, children.seen)


def validated(folder: Path, *makes: Make, **facts: Any) -> Spent:
    """One command for all these files. `facts`: of the feed, where it has to say more than its model."""
    paths = [folder / f"bills{number:02}.csv" for number in range(len(makes))]
    for path, make in zip(paths, makes, strict=True):
        make(path)
    how = ["--model", "bill"]
    if facts:
        bills_feed = {"name": "bills", "match": "*", "model": "bill", "amount": {"unit": "major"}, **facts}
        config: dict[str, Any] = {"merchant": "m", "environment": "test", "work_dir": str(folder / "var")}
        config["api"] = {"base_url": "https://api.invalid", "key_file": "key"}
        (folder / "config.yaml").write_text(yaml.safe_dump({**config, "feeds": [bills_feed]}))
        how = ["--config", str(folder / "config.yaml"), "--feed", "bills"]
    try:
        return spend(folder, "validate", *how, *map(str, paths))
    finally:
        for path in paths:
            path.unlink()


def often(kinds: dict[str, Any], *ordinary: str) -> list[Any]:
    """These in each run of the tests, all with SOAK."""
    return [pytest.param(kinds[name], id=name) for name in (kinds if SOAK else ordinary)]


def together(kinds: dict[str, Any], *ordinary: str) -> list[Any]:
    """The same, three in one command, which together may take no more than one alone; each alone with SOAK."""
    size = 1 if SOAK else 3
    names = list(kinds if SOAK else ordinary)
    return [
        pytest.param([kinds[name] for name in names[start : start + size]], id=names[start])
        for start in range(0, len(names), size)
    ]


def refused_cheaply(folder: Path, *bomb: tuple[str, Make], cpu_s: float = CPU_S, **facts: Any) -> Spent:
    spent = validated(folder, *(make for _, make in bomb), **facts)
    assert spent.exit_status == 1
    files = sorted(spent.files, key=lambda file: str(file["file"]["name"]))
    for (said, _), file in zip(bomb, files, strict=True):
        assert file["state"] == "refused"
        assert re.match(said, "{code}: {message}".format_map(file["refusal"]))
    spent.assert_cheap(cpu_s)
    return spent


@pytest.mark.parametrize(
    "some_bombs",
    together(
        bombs.PACKED,
        "gzip of good records",
        "gzip of a million files",
        "xz of good records",
        "Zstandard of one line",
        "zip that lies about its size",
        "zip whose files overlap",
        "workbook of shared texts",
        "workbook of merged cells",
        "workbook of relations",
        "workbook of entities",
        "ODS of one row repeated",
        "ODS of merged cells",
    ),
)
def test_what_is_packed_is_refused_before_it_has_unfolded(
    tmp_path: Path, some_bombs: list[tuple[str, Make]]
) -> None:
    refused_cheaply(tmp_path, *some_bombs)


@pytest.mark.parametrize(
    "some_bombs",
    together(
        bombs.TEXT,
        "2 GB that begin with 4 MiB of a",
        "2 GB in one line behind a good record",
        "a million columns",
        "a million keys",
        "a deeply nested line",
    ),
)
def test_a_text_without_end_is_refused_before_it_has_been_read(
    tmp_path: Path, some_bombs: list[tuple[str, Make]]
) -> None:
    refused_cheaply(tmp_path, *some_bombs)


@pytest.mark.parametrize(
    "some_bombs", together(bombs.ARRAY, "2 GB behind a good element", "16 MiB of openings")
)
def test_an_array_without_end_is_refused_before_it_takes_memory(
    tmp_path: Path, some_bombs: list[tuple[str, Make]]
) -> None:
    refused_cheaply(tmp_path, *some_bombs)


@pytest.mark.parametrize("some_bombs", together(bombs.OLD_WORKBOOKS, *bombs.OLD_WORKBOOKS))
def test_an_old_workbook_is_read_by_a_process_that_counts(
    tmp_path: Path, some_bombs: list[tuple[str, Make]]
) -> None:
    spent = refused_cheaply(tmp_path, *some_bombs)
    assert any("pipeline.edge.reader.xls.child" in each for each in spent.children)


@pytest.mark.parametrize("bomb", often(bombs.FIXED, "2 GB in one line"))
def test_lines_of_fixed_width_without_end_are_refused(tmp_path: Path, bomb: tuple[str, Make]) -> None:
    refused_cheaply(tmp_path, bomb, cpu_s=MILLION_RECORDS_CPU_S, fixed=bombs.FIXED_COLUMNS)


@pytest.mark.parametrize("bomb", often(bombs.ENCRYPTED, "2 GB of good records", "a gzip of good records"))
def test_what_is_encrypted_is_refused_before_it_has_unfolded(
    tmp_path: Path, bomb: tuple[str, Callable[[Keyring], bytes]], keyring: Keyring
) -> None:
    keyring.put(tmp_path)
    said, build = bomb
    encrypted = build(keyring)
    spent = refused_cheaply(
        tmp_path, (said, bombs.content(encrypted)), pgp={"key_file": str(tmp_path / "ours.key")}
    )
    assert any("gpg" in each for each in spent.children)


def test_each_bomb_of_several_in_a_zip_is_refused(tmp_path: Path) -> None:
    spent = validated(tmp_path, bombs.built(lambda: bombs.several_in_a_zip(3)))
    assert spent.exit_status == 1
    assert {file["refusal"]["code"] for file in spent.files} <= {
        "file.archive_too_large",
        "file.record_too_long",
    }
    assert len(spent.files) in (1, 3)
    spent.assert_cheap()


@pytest.mark.skipif(not SOAK, reason="with SOAK: 2 GB on the disk")
def test_two_gigabytes_of_one_letter_are_refused(tmp_path: Path) -> None:
    def make(path: Path) -> None:
        bombs.bytes_written(path, (b"a" * bombs.MIB for _ in range(1900)))

    refused_cheaply(tmp_path, ("file.record_too_long", make))


def one_rejected_cheaply(folder: Path, code: str, make: Make, *, line_number: int = 3) -> None:
    spent = validated(folder, make)
    assert spent.exit_status == 1
    (file,) = spent.files
    assert file["state"] == "validated_with_rejects"
    assert (file["records"]["total"], file["records"]["rejected"]) == (3, 1)
    assert file["amounts_minor"]["ZAR"]["total"] == 2000
    assert re.findall(rf"^  ([a-z_.]+): 1 record, line {line_number}$", spent.stderr, re.MULTILINE) == [code]
    spent.assert_cheap()


@pytest.mark.parametrize("bomb", often(bombs.LINE, "a million fields", "a million quotes and one"))
def test_an_absurd_line_is_rejected_between_good_ones(tmp_path: Path, bomb: tuple[str, bytes]) -> None:
    code, line = bomb
    last = bombs.GOOD.replace(b"-1", b"-3")
    one_rejected_cheaply(tmp_path, code, bombs.content(bombs.HEADER, bombs.GOOD, line + b"\n", last))


@pytest.mark.parametrize("bomb", often(bombs.OBJECT, "deeply nested", "a huge number"))
def test_an_absurd_object_is_rejected_between_good_ones(tmp_path: Path, bomb: tuple[str, bytes]) -> None:
    code, line = bomb
    first, last = (bombs.json_bill(b"10.00").replace(b"-2", b"-%d" % number) for number in (1, 3))
    one_rejected_cheaply(tmp_path, code, bombs.content(b"\n".join([first, line, last])), line_number=2)


@pytest.mark.parametrize("bomb", often(bombs.OBJECT, "nothing but openings"))
def test_an_absurd_element_is_rejected_between_good_ones(tmp_path: Path, bomb: tuple[str, bytes]) -> None:
    code, line = bomb
    first, last = (bombs.json_bill(b"10.00").replace(b"-2", b"-%d" % number) for number in (1, 3))
    array = b"[" + b",\n".join([first, line, last]) + b"]"
    one_rejected_cheaply(tmp_path, code, bombs.content(array), line_number=2)


@pytest.mark.parametrize("make", often(bombs.LINES, "a million blank lines"))
def test_a_million_damaged_lines_are_all_accounted_for(tmp_path: Path, make: Make) -> None:
    spent = validated(tmp_path, make)
    assert spent.exit_status == 1
    (file,) = spent.files
    assert (file["state"], file["refusal"]["code"]) == ("refused", "file.too_many_rejects")
    assert file["records"]["rejected"] >= 500_000
    assert file["records"]["total"] - file["records"]["rejected"] <= 1
    spent.assert_cheap(MILLION_RECORDS_CPU_S)


def test_bombs_in_the_drop_folder_stop_neither_the_run_nor_the_next_file(merchant: Merchant) -> None:
    code, workbook = bombs.PACKED["workbook of one number"]
    bombs.gzipped(bombs.HEADER, bombs.GOOD * 50_000, 2000)(merchant.drop / "a_bills_2030-01-01.csv")
    workbook(merchant.drop / "c_bills_2030-01-01.csv")
    merchant.write("b_bills_2030-01-01.csv", bills("C-9,A-9,B-9,9.00"), merchant.drop)
    config = merchant.folder / "config.yaml"
    config.write_text(yaml.safe_dump(merchant.settings))
    spent = spend(merchant.folder, "run", "--config", str(config))
    packed, beside, book = sorted(spent.files, key=lambda file: str(file["file"]["name"]))
    assert (packed["state"], beside["state"], book["state"]) == ("refused", "loaded", "refused")
    assert packed["refusal"]["code"] == "file.archive_too_large"
    assert re.match(code, book["refusal"]["code"])
    assert spent.exit_status == 1
    assert set(merchant.held("bills")) == {"B-9"}
    assert [name[:1] for name in merchant.names_in("quarantine")] == ["a", "c"]
    spent.assert_cheap()


@pytest.mark.parametrize("bomb", often(item_bombs.ITEMS, "a long text beside many items"))
def test_objects_with_absurd_items_stop_neither_the_run_nor_the_next_file(
    merchant: Merchant, bomb: tuple[str, Make]
) -> None:
    code, make = bomb
    columns = {"customer_reference": "c", "bill_reference": "b", "amount_due": "lines.a"}
    feed = {
        "name": "lines",
        "match": "*.ndjson",
        "model": "bill",
        "items": "lines",
        "max_rejects": 0,
        "max_reject_ratio": 0.9,
    }
    merchant.settings["feeds"].append(
        feed | {"amount": {"unit": "major"}, "currency": "ZAR", "columns": columns}
    )
    make(merchant.drop / "a.ndjson")
    merchant.write("b_bills_2030-01-01.csv", bills("C-9,A-9,B-9,9.00"), merchant.drop)
    config = merchant.folder / "config.yaml"
    config.write_text(yaml.safe_dump(merchant.settings))
    spent = spend(merchant.folder, "run", "--config", str(config))
    bad, beside = sorted(spent.files, key=lambda file: str(file["file"]["name"]))
    assert (bad["state"], bad["refusal"]["code"], beside["state"]) == ("refused", code, "loaded")
    assert set(merchant.held("bills")) == {"B-9"}
    spent.assert_cheap()
