"""Sums over all files are kept: a view after a change is right, and reads no file that has not changed."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest

from pipeline.edge.ledger.chains import Chains
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.known_chains import KnownChains
from pipeline.edge.ledger.place import sqlite_path
from pipeline.run import work_dir
from schemas.settings import Settings
from tests.run.kept_sums import assert_kept_sums_are_right
from tests.run.made_ledger import make_ledger
from tests.serve.page.browsing import STARTS_WITHIN_S, Visiting, showing
from tests.stories.files import bills
from tests.stories.merchant import Merchant

FIRST, SECOND = "za_bills_2026-11-01.csv", "za_bills_2026-11-02.csv"
FEW, MANY = 100, 500
MONTH = "/months/2026-11/"
ADDRESSES = ("/", MONTH)


class Steps:
    """Counts what SQLite does for those who open the ledger to read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        monkeypatch.setattr(work_dir, "open_merchants_ledger", self.opened)

    def opened(self, settings: Settings, *, read_only: bool = False) -> Ledger:
        bound = {"merchant": settings.merchant, "environment": settings.environment}
        ledger = open_sqlite_ledger(sqlite_path(settings), **bound, read_only=read_only)
        ledger.set_progress_handler(self.step, 1)
        return ledger

    def step(self) -> None:
        self.done += 1

    def of(self, me: Visiting, address: str) -> int:
        self.done = 0
        assert me.get(address).status == 200
        return self.done


def finish_another(path: Path, number: int) -> None:
    """One more file of that month is loaded."""
    name = f"later{number}.csv"
    with closing(open_sqlite_ledger(path, merchant="citypower", environment="test")) as ledger:
        files = Files(ledger)
        summary = files.newest(1)[0].summary
        row = files.land(
            sha256=sha256(name.encode()).hexdigest(),
            name=name,
            source="drop",
            feed="bills",
            feed_print="p",
            name_parts={},
            rejects_of=None,
            size_bytes=1,
            at="2026-11-30T12:00:00Z",
        )
        files.finish(row.id, state="loaded", at="2026-11-30T12:00:00Z", summary=json.dumps(summary))


def steps_after_a_change(merchant: Merchant, files: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Address → what SQLite does for a view of it, where one file has changed since the view before."""
    merchant.work_dir.mkdir(mode=0o700)
    path = merchant.work_dir / "ledger.sqlite"
    make_ledger(path, files=files, records=10)
    found = {}
    with monkeypatch.context() as patched, showing(merchant) as page:
        steps, me = Steps(patched), page.visitor()
        for address in ADDRESSES:
            assert me.get(address).status == 200
        for number, address in enumerate(ADDRESSES):
            finish_another(path, number)
            found[address] = steps.of(me, address)
    assert_kept_sums_are_right(merchant.config)
    return found


def test_a_view_after_a_change_reads_no_more_the_more_files_there_are(
    merchant: Merchant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for files in (FEW, MANY):
        (folder := tmp_path / f"of_{files}").mkdir()
        found.append(steps_after_a_change(Merchant(folder, merchant.api), files, monkeypatch))
    few, many = found
    for address in ADDRESSES:
        assert 0 < many[address] < few[address] * 1.2, (address, few[address], many[address])


def test_a_server_adds_up_what_is_there_before_anybody_asks(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Event()
    look = KnownChains.look

    def told(chains: KnownChains, ledger: Ledger) -> object:
        looked.set()
        return look(chains, ledger)

    monkeypatch.setattr(KnownChains, "look", told)
    merchant.write(FIRST, bills("C-1,A-1,B-1,10.00"), merchant.drop)
    merchant.run()
    with showing(merchant):
        assert looked.wait(STARTS_WITHIN_S)


def test_sums_that_are_kept_are_right_whatever_becomes_of_a_file(merchant: Merchant) -> None:
    """A refused file, another one of its name, a person's refusal, rejects, a correction, a write-off, a retry."""

    def now_right(*words: str) -> None:
        merchant.command(*words)
        assert_kept_sums_are_right(merchant.config)

    merchant.settings["feeds"][0]["release"] = "first"
    merchant.write(FIRST, "a,b\n1,2\n", merchant.drop)
    now_right("run")
    held = bills("C-1,A-1,B-1,10.00")
    merchant.write(SECOND, held, merchant.drop)
    now_right("run")
    now_right("refuse", SECOND, "--why", "wrong month")
    now_right("run")
    merchant.settings["feeds"][0]["release"] = "never"
    merchant.write(FIRST, bills("C-1,A-1,B-2,10.00", "C-1,A-1,B-3,ten", "C-1,A-1,B-4,1.5"), merchant.drop)
    now_right("run")
    (rejects,) = merchant.work_dir.glob(f"reports/{FIRST}.*/rejects.csv")
    lines = rejects.read_text().splitlines(keepends=True)
    merchant.write("mended.csv", "".join(lines[:2]).replace("ten", "10.00"), merchant.drop)
    now_right("run")
    now_right("write-off", FIRST, "--records", "all", "--why", "will never come")
    now_right("retry", "all")
    with showing(merchant) as page:
        said = page.visitor().get("/").said
    assert "Correct or write off" not in said
    assert "refused file" not in said


def test_another_ledger_in_its_place_is_added_up_anew(merchant: Merchant) -> None:
    ledger, copy = merchant.work_dir / "ledger.sqlite", merchant.folder / "copy.sqlite"
    merchant.write(FIRST, bills("C-1,A-1,B-1,10.00"), merchant.drop)
    merchant.run()
    merchant.command("backup", str(copy))
    with showing(merchant) as page:
        me = page.visitor()
        merchant.write(SECOND, bills("C-1,A-1,B-2,30.00", "C-1,A-1,B-3,ten"), merchant.drop)
        merchant.run()
        assert "ZAR 40.00" in me.get("/").said
        shutil.copy(copy, ledger)
        before = me.get("/").said
        assert "ZAR 10.00" in before
        assert "ZAR 40.00" not in before


def test_a_look_that_failed_leaves_nothing_half_counted(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant.write(FIRST, bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-3,ten"), merchant.drop)
    merchant.run()
    with showing(merchant) as page:
        me = page.visitor()
        good = me.get(MONTH).said
        merchant.command("write-off", FIRST, "--records", "all", "--why", "will never come")
        with monkeypatch.context() as broken:
            broken.setattr(Chains, "with_originals", None)
            assert me.get(MONTH).status == 500
        said = me.get(MONTH).said
    assert "1 record is still to correct" in good
    assert "There is nothing to do." in said
    assert "ZAR 10.00" in said
