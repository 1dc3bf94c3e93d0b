"""Files dropped on the page: taken in while a run may be at work, held, released by a second person, loaded once."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.core.release_decisions import Person
from pipeline.edge.config import Config, load_config
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.uploads import Uploads
from pipeline.errors import FileRefused, FileTooLarge, UsageError
from pipeline.run.decide import DecisionMade, HeldFileChoice, decide
from pipeline.run.uploads import (
    AlreadyKnown,
    Asking,
    Taken,
    UploadResult,
    accept_upload,
    answer_upload,
    asked_uploads,
    sweep_uploads,
)
from pipeline.run.work_dir import existing_ledger
from tests.stories.files import bills
from tests.stories.merchant import Merchant

NAME = "za_bills_2030-01-01.csv"
THREE = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,20.00", "C-2,A-2,B-3,90.50")
ANNA, BEN, CARO = (Person(name, "the page") for name in ("anna", "Ben", "caro"))


@pytest.fixture
def desk(merchant: Merchant) -> Merchant:
    """A merchant with a page, on which nobody releases what they have dropped."""
    merchant.settings["page"] = {"identity": {"header": "X-Remote-User"}, "approvals": "second_person"}
    return merchant


def config_of(merchant: Merchant) -> Config:
    merchant.write_config()
    return load_config(merchant.folder / "config.yaml")


def dropped(
    merchant: Merchant, content: str | bytes = THREE, name: str = NAME, by: Person = ANNA, **more: str
) -> UploadResult:
    content = content.encode() if isinstance(content, str) else content
    blocks = (content[at : at + 50] for at in range(0, len(content), 50))
    return accept_upload(config_of(merchant), name, blocks, by=by, **more)  # type: ignore[arg-type]


@contextmanager
def ledger_of(merchant: Merchant) -> Iterator[Ledger]:
    with existing_ledger(config_of(merchant).settings) as ledger:
        assert ledger is not None
        yield ledger


def sha_of(result: UploadResult) -> str:
    assert isinstance(result, Taken)
    return result.files[0].sha256


def decided(merchant: Merchant, sha256: str, word: str, by: Person, **more: object) -> DecisionMade:
    return decide(config_of(merchant), sha256, HeldFileChoice(word, by, **more))  # type: ignore[arg-type]


def left_in(merchant: Merchant) -> list[str]:
    return sorted(
        path.name
        for path in (merchant.work_dir / "uploads").glob("*")
        if path.name not in {"bell", "previews"}
    )


def test_a_dropped_file_is_checked_held_released_by_a_second_person_and_loaded_once(desk: Merchant) -> None:
    taken = dropped(desk)
    sha256 = sha_of(taken)
    assert left_in(desk) == []
    with ledger_of(desk) as ledger:
        (waiting,) = Files(ledger).unfinished()
        (upload,) = Uploads(ledger).of(sha256)
        assert (waiting.state, waiting.source, upload.by) == ("landed", "page", ANNA)
    said = desk.run()
    assert (said.state, said.requests.total()) == ("held", 0)
    assert [hold["code"] for hold in said.file["holds"]] == ["file.uploaded"]
    assert desk.run().state == "held"

    with pytest.raises(UsageError, match="let another person release it"):
        decided(desk, sha256, "release", Person("ANNA", "elsewhere"))
    decided(desk, sha256, "release", BEN)
    loaded = desk.run()
    assert (loaded.state, loaded.outcomes()) == ("loaded", {"created": 3})
    assert any("by Ben on the page" in note for note in loaded.file["notes"])
    assert desk.run().files == []
    with ledger_of(desk) as ledger:
        assert Decisions(ledger).dropped_by(sha256) == ANNA
        assert [(each.by, fate) for each, fate in Decisions(ledger).every(sha256)] == [(BEN, "taken")]
        assert Files(ledger).unfinished() == []
    (entry,) = desk.ledger("SELECT entry FROM audit WHERE json_extract(entry, '$.command') = 'upload'")
    assert '"anna"' in entry[0]


def test_same_bytes_are_told_and_not_kept(desk: Merchant) -> None:
    sha256 = sha_of(dropped(desk))
    for by in (ANNA, BEN):
        again = dropped(desk, name="other_bills_2030-01-02.csv", by=by)
        assert isinstance(again, AlreadyKnown)
        assert [(row.sha256, row.name, row.state) for row in again.files] == [(sha256, NAME, "landed")]
    assert left_in(desk) == []
    assert len(desk.ledger("SELECT * FROM uploads")) == 1


def test_what_came_by_the_page_waits_though_it_lies_in_the_drop_folder_too(desk: Merchant) -> None:
    dropped(desk)
    desk.write(NAME, THREE, desk.drop)
    said = desk.run()
    assert {file["state"] for file in said.files} == {"held"}
    assert said.requests.total() == 0
    forced = desk.load(desk.write(NAME, THREE), "--force")
    assert (forced.state, forced.requests.total()) == ("held", 0)


def test_a_broken_upload_leaves_nothing(desk: Merchant) -> None:
    def broken() -> Iterator[bytes]:
        yield THREE.encode()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        accept_upload(config_of(desk), NAME, broken(), by=ANNA)
    desk.settings["limits"] |= {"max_file_bytes": 40, "max_record_bytes": 1024}
    with pytest.raises(FileTooLarge):
        dropped(desk)
    desk.settings["limits"] |= {"max_file_bytes": 1_000_000}
    with pytest.raises(FileRefused, match="record_too_long"):
        dropped(desk, "x" * 5_000)
    assert left_in(desk) == []
    assert not list((desk.work_dir / "landing").glob("*"))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs.csv", "", "a\0b", "x" * 400, "é\udcff"])
def test_no_name_leads_anywhere(desk: Merchant, name: str) -> None:
    before = {path.parent for path in desk.folder.rglob("*")}
    result = dropped(desk, name=name)
    assert isinstance(result, Asking)
    assert result.name.isprintable()
    after = {path.parent for path in desk.folder.rglob("*")} - before
    assert all((desk.work_dir in folder.parents) or folder == desk.work_dir for folder in after)


def test_a_file_without_a_feed_is_asked_about_and_taken_with_the_answer(desk: Merchant) -> None:
    asked = dropped(desk, name="export.csv")
    assert isinstance(asked, Asking)
    assert (asked.missing, asked.feeds) == ("feed", ("bills", "accounts", "balances"))
    assert asked_uploads(config_of(desk), ANNA) == [(asked.token, "export.csv")]
    assert desk.run().files == []
    for token, by in ((asked.token, BEN), ("../../landing", ANNA), ("0" * 32, ANNA)):
        with pytest.raises(UsageError, match="drop it again"):
            answer_upload(config_of(desk), token, by=by, feed="bills")
    taken = answer_upload(config_of(desk), asked.token, by=ANNA, feed="bills")
    assert isinstance(taken, Taken)
    assert (taken.files[0].feed, taken.files[0].name) == ("bills", "export.csv")
    with pytest.raises(UsageError):
        answer_upload(config_of(desk), asked.token, by=ANNA, feed="bills")
    assert desk.run().state == "held"


def test_a_question_without_an_answer_is_swept(desk: Merchant) -> None:
    asked = dropped(desk, name="export.csv")
    assert isinstance(asked, Asking)
    sweep_uploads(config_of(desk).settings)
    assert left_in(desk) == [f"asking-{asked.token}"]
    os.utime(desk.work_dir / "uploads" / f"asking-{asked.token}", (0, 0))
    sweep_uploads(config_of(desk).settings)
    assert left_in(desk) == []


def test_an_archive_lands_file_by_file_and_each_waits_for_the_same_person(desk: Merchant) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("za_bills_2030-01-01.csv", THREE)
        archive.writestr("za_bills_2030-01-02.csv", bills("C-3,A-3,B-4,15.00"))
    taken = dropped(desk, packed.getvalue(), "both.zip")
    assert isinstance(taken, Taken)
    assert [row.name for row in taken.files] == [f"both.zip!za_bills_2030-01-0{day}.csv" for day in (1, 2)]
    assert isinstance(dropped(desk, packed.getvalue(), "both.zip", BEN), AlreadyKnown)
    assert [file["state"] for file in desk.run().files] == ["held", "held"]
    for row in taken.files:
        with pytest.raises(UsageError):
            decided(desk, row.sha256, "release", ANNA)
        decided(desk, row.sha256, "release", BEN)
    assert [file["state"] for file in desk.run().files] == ["loaded", "loaded"]


def test_a_required_control_file_is_asked_for_and_counts(desk: Merchant) -> None:
    desk.settings["feeds"][0]["control"] = {"kind": "sidecar", "required": True}
    asked = dropped(desk)
    assert isinstance(asked, Asking)
    assert asked.missing == "control"
    wrong = b'{"records": 2, "amounts": {"ZAR": "120.50"}}'
    assert isinstance(answer_upload(config_of(desk), asked.token, by=ANNA, control=wrong), Taken)
    said = desk.run()
    assert (said.state, said.file["refusal"]["code"]) == ("refused", "file.control_mismatch")
    right = accept_upload(
        config_of(desk), NAME, [THREE.encode()], by=ANNA, control=wrong.replace(b"2,", b"3,")
    )
    assert isinstance(right, Taken), "what a rule refused may be dropped again"
    assert desk.run().state == "held"


def test_a_correction_needs_a_second_person_however_it_comes(desk: Merchant) -> None:
    sha256 = sha_of(dropped(desk, bills("C-1,A-1,B-1,10.00", "C-2,A-2,B-2,20.001")))
    desk.run()
    decided(desk, sha256, "release", BEN)
    said = desk.run()
    assert said.state == "loaded_with_rejects"
    rejects = (desk.report(said.file) / "rejects.csv").read_text()
    mended = rejects.replace("20.001", "20.00")
    correction = sha_of(dropped(desk, mended, "mended.csv", CARO))
    assert desk.run().state == "held"
    with pytest.raises(UsageError, match="cannot release it too"):
        decided(desk, correction, "release", CARO)
    decided(desk, correction, "release", ANNA)
    assert desk.run().outcomes() == {"created": 1}

    with ledger_of(desk) as ledger:
        row = Files(ledger).by_sha256(correction)
        assert row is not None
        assert row.rejects_of is not None


def test_the_command_line_is_a_person_too(desk: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    me = Person("anna", "billing1")
    monkeypatch.setattr("pipeline.edge.local.operator.invoking_user", lambda: me)
    dropped(desk)
    desk.run()
    refused = desk.release(NAME)
    assert (refused.exit_status, refused.stderr.count("\n")) == (2, 1)
    assert "who cannot release it too (page.approvals)" in refused.stderr
    withdrawn = desk.refuse(NAME, "--why", "wrong month")
    assert (withdrawn.exit_status, withdrawn.state) == (0, "refused")


# -- killed --------------------------------------------------------------------------------------------------

DROPS = """
import os, signal, sys
from pathlib import Path
import pipeline.run.uploads as place
from pipeline.core.release_decisions import Person
from pipeline.edge.config import load_config
kill = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
at = sys.argv[3]
if at == "streaming":
    blocks = (kill() if n == 1 else b"x" for n in range(2))
else:
    blocks = [Path(sys.argv[2]).read_bytes()]
    before, after = {"placing": ("_placed", None), "placed": (None, "_placed"), "entered": (None, "ring")}[at]
    name = before or after
    whole = getattr(place, name)
    setattr(place, name, kill if before or name == "ring" else lambda *args: (whole(*args), kill()))
place.accept_upload(load_config(sys.argv[1]), "za_bills_2030-01-01.csv", blocks, by=Person("anna", "the page"))
"""


@pytest.mark.parametrize("at", ["streaming", "placing", "placed", "entered"])
def test_a_kill_leaves_nothing_or_a_file_that_the_next_pass_takes(desk: Merchant, at: str) -> None:
    path = desk.write(NAME, THREE)
    desk.write_config()
    words = [sys.executable, "-c", DROPS, str(desk.folder / "config.yaml"), str(path), at]
    assert subprocess.run(words, timeout=60, check=False).returncode == -signal.SIGKILL
    sweep_uploads(config_of(desk).settings)
    assert left_in(desk) == []
    said = desk.run()
    assert [file["state"] for file in said.files] == (["held"] if at == "entered" else [])
    again = dropped(desk)
    assert isinstance(again, AlreadyKnown if at == "entered" else Taken)
    assert desk.run().state == "held"
