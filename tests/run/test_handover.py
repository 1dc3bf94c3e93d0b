"""The source is touched last, nothing is deleted, and what fails stays owed.

A real ledger, a real drop folder, a real SFTP server.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from pipeline.collect.collect import Source
from pipeline.core.file_stages import RemoteFile
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.local import DropFolder
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import SourceUnreachable, Stopped
from pipeline.run.handover import owe, pay
from schemas.settings import Drop
from tests.servers.places import Place, sandbox_place

__all__ = ["sandbox_place"]

UPLOADS = ["summary", "results"]


@dataclass
class Handover:
    """A source with a folder of bill files, a ledger, and a folder of reports."""

    source: Source
    incoming: Path
    archive: Path
    quarantine: Path
    files: Files
    reports: Path
    warnings: list[str] = field(default_factory=list)

    def put(self, name: str = "bills.csv", content: bytes = b"a,b\n1,2\n", age_s: int = 60) -> RemoteFile:
        path = self.incoming / name
        path.write_bytes(content)
        at = int(datetime.now(UTC).timestamp()) - age_s
        os.utime(path, (at, at))
        (listed,) = [one for one in self.source.list().files if one.name == name]
        return RemoteFile(self.source.name, name, listed.size_bytes, listed.modified_at, listed.modified_at)

    def owe(
        self,
        remote: RemoteFile,
        content: bytes = b"a,b\n1,2\n",
        place: Literal["archive", "quarantine"] = "archive",
        beside: tuple[RemoteFile, ...] = (),
    ) -> str:
        """Owe the move; the name that the file will have."""
        sha256 = hashlib.sha256(content).hexdigest()
        report = f"{remote.name}.{sha256[:8]}"
        for name in UPLOADS:
            (self.reports / report).mkdir(parents=True, exist_ok=True)
            (self.reports / report / name).write_text(name)
        owe(self.files, sha256, [remote, *beside], place, report)
        return report

    def pay(self) -> list[str]:
        self.warnings.clear()
        pay(self.files, self.source, self.reports, UPLOADS, self.warnings.append)
        return self.warnings

    @property
    def owed(self) -> list[str]:
        return [debt.name for debt in self.files.pending_handovers(self.source.name)]

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    with closing(open_sqlite_ledger(tmp_path / "ledger.sqlite", merchant="m", environment="test")) as ledger:
        yield Files(ledger)


@pytest.fixture
def drop(tmp_path: Path, files: Files) -> Handover:
    folder = tmp_path / "drop"
    settings = Drop(folder=folder, archive=tmp_path / "archive", quarantine=tmp_path / "quarantine")
    source = DropFolder(settings)
    source.list()
    return Handover(
        source, folder, tmp_path / "archive", tmp_path / "quarantine", files, tmp_path / "reports"
    )


@pytest.fixture
def sftp(tmp_path: Path, sandbox_place: Place, files: Files) -> Iterator[Handover]:
    root = sandbox_place.root
    source = SftpSource(sandbox_place.settings)
    yield Handover(
        source, root / "incoming", root / "archive", root / "quarantine", files, tmp_path / "reports"
    )
    source.close()


@pytest.fixture(params=["drop", "sftp"])
def handover(request: pytest.FixtureRequest) -> Handover:
    found: Handover = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("place", ["archive", "quarantine"])
def test_a_file_is_moved_under_the_name_of_its_report_and_nothing_more_is_owed(
    handover: Handover, place: Literal["archive", "quarantine"]
) -> None:
    moved = handover.owe(handover.put(), place=place)
    assert handover.pay() == []
    assert handover.names(handover.incoming) == []
    there = handover.archive if place == "archive" else handover.quarantine
    assert handover.names(there) == [moved]
    assert handover.owed == []


def test_what_belongs_to_a_file_moves_along(handover: Handover) -> None:
    main, sidecar = handover.put(), handover.put("bills.csv.ctl", b"{}")
    moved = handover.owe(main, beside=(sidecar,))
    assert handover.pay() == []
    assert handover.names(handover.archive) == sorted([moved, f"bills.csv.ctl.{moved[-8:]}"])


def test_the_reports_go_up_with_the_file(sftp: Handover, sandbox_place: Place) -> None:
    folder = sftp.owe(sftp.put())
    sftp.pay()
    uploaded = sandbox_place.root / "reports" / folder
    assert sftp.names(uploaded) == sorted(UPLOADS)
    assert (uploaded / "summary").read_text() == "summary"


def test_a_report_that_is_not_there_is_no_reason_to_keep_the_file(
    sftp: Handover, sandbox_place: Place
) -> None:
    folder = sftp.owe(sftp.put())
    (sftp.reports / folder / "results").unlink()
    assert sftp.pay() == []
    assert sftp.names(sandbox_place.root / "reports" / folder) == ["summary"]


def test_paying_again_is_harmless(handover: Handover) -> None:
    remote = handover.put()
    moved = handover.owe(remote)
    handover.pay()
    assert handover.pay() == []
    handover.owe(remote)  # as after a crash between the move and the note that it is done
    assert handover.pay() == []
    assert handover.names(handover.archive) == [moved]
    assert handover.owed == []


def test_a_failed_move_is_a_warning_and_stays_owed_until_it_works(sftp: Handover) -> None:
    sftp.archive.write_text("in the way of the folder")
    moved = sftp.owe(sftp.put())
    other = sftp.owe(sftp.put("other.csv", b"other"), b"other", place="quarantine")
    (warning,) = sftp.pay()
    assert "tried again by the next run" in warning
    assert sftp.owed == ["bills.csv"]
    assert sftp.names(sftp.incoming) == ["bills.csv"]
    assert sftp.names(sftp.quarantine) == [other], "one file's trouble stopped the next"
    sftp.archive.unlink()
    assert sftp.pay() == []
    assert (sftp.owed, sftp.names(sftp.archive)) == ([], [moved])


def test_a_failed_upload_keeps_the_file_where_it_is(sftp: Handover, sandbox_place: Place) -> None:
    reports = sandbox_place.root / "reports"
    reports.write_text("in the way of the folder")
    moved = sftp.owe(sftp.put())
    assert len(sftp.pay()) == 1
    assert sftp.owed == ["bills.csv"]
    assert sftp.names(sftp.incoming) == ["bills.csv"]
    reports.unlink()
    assert sftp.pay() == []
    assert sftp.names(reports / moved) == sorted(UPLOADS)
    assert sftp.names(sftp.archive) == [moved]


@pytest.mark.parametrize("content", [b"a,b\n9,9\n", b"longer than it was\n"], ids=["same size", "other size"])
def test_another_file_of_the_same_name_is_not_moved(handover: Handover, content: bytes) -> None:
    handover.owe(handover.put())
    handover.put(content=content, age_s=5)
    (warning,) = handover.pay()
    assert "will not move it any more" in warning
    assert (handover.incoming / "bills.csv").read_bytes() == content
    assert handover.names(handover.archive) == []
    assert handover.owed == []


def test_a_file_that_somebody_took_away_is_told_once(handover: Handover) -> None:
    handover.owe(handover.put())
    (handover.incoming / "bills.csv").unlink()
    assert len(handover.pay()) == 1
    assert handover.owed == []
    assert handover.pay() == []


def test_a_moved_file_may_come_again_under_its_name(handover: Handover) -> None:
    first = handover.owe(handover.put())
    handover.pay()
    second = handover.owe(handover.put(content=b"new"), b"new")
    assert handover.pay() == []
    assert handover.names(handover.archive) == sorted([first, second])


def test_what_stands_in_the_archive_is_never_overwritten(handover: Handover) -> None:
    moved = handover.owe(handover.put())
    handover.archive.mkdir(exist_ok=True)
    (handover.archive / moved).write_bytes(b"of somebody else")
    assert handover.pay() == []
    assert handover.names(handover.archive) == [moved, f"{moved}.2"]
    assert (handover.archive / moved).read_bytes() == b"of somebody else"


def test_a_server_that_is_down_keeps_all_that_is_owed(
    sftp: Handover, sandbox_place: Place, files: Files
) -> None:
    sftp.owe(sftp.put())
    sftp.owe(sftp.put("other.csv", b"other"), b"other")
    away = SftpSource(sandbox_place.but(port=1))
    with pytest.raises(SourceUnreachable):
        pay(files, away, sftp.reports, UPLOADS, sftp.warnings.append)
    assert sftp.owed == ["bills.csv", "other.csv"]
    assert sftp.pay() == []
    assert sftp.owed == []


def test_a_stop_that_comes_during_a_move_is_no_trouble_of_that_file(handover: Handover) -> None:
    handover.owe(handover.put())
    move = handover.source.move

    def stopped(*facts: object) -> str | None:
        move(*facts)  # type: ignore[arg-type]
        raise Stopped(signal_name="SIGTERM", signal_number=15)

    handover.source.move = stopped  # type: ignore[method-assign,assignment]
    with pytest.raises(Stopped):
        handover.pay()
    assert handover.warnings == []
    assert handover.owed == ["bills.csv"]
    handover.source.move = move  # type: ignore[method-assign]
    assert handover.pay() == []
    assert handover.owed == []
