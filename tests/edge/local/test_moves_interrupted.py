"""A file that takes the name of one that is being moved, and a kill at any step of a move: nothing is lost or unread.

Real files, beside each other and on two file systems. A step is a line of the code that moves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pipeline.core.file_stages import RemoteFile
from pipeline.edge.local import DropFolder
from pipeline.errors import SourceFileUnsettled
from schemas.settings import Drop
from tests.seeds import SOAK
from tests.servers.another_disk import another_file_system

OLD, NEW, SHORT = b"old bytes\n", b"new bytes\n", b"new"
MOVED = "a.csv.00000000"
MOST_STEPS = 400


@pytest.fixture(params=["beside", "on another file system"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "beside":
        yield tmp_path / "archive"
    else:
        with another_file_system() as folder:
            yield folder / "archive"


class Place:
    """A drop folder with one file in it, and its archive; a new one for each step."""

    def __init__(self, folder: Path, archive: Path, number: int) -> None:
        self.folder, self.archive = folder / f"drop-{number}", archive / str(number)
        self.drop = self.opened()
        self.name = self.folder / "a.csv"
        self.name.parent.mkdir()
        self.name.write_bytes(OLD)
        self.seen = self.listed()

    def opened(self) -> DropFolder:
        return DropFolder(Drop(folder=self.folder, archive=self.archive))

    def listed(self) -> RemoteFile:
        (file,) = self.drop.list().files
        return RemoteFile("drop", file.name, file.size_bytes, file.modified_at, datetime.now(UTC))

    def move(self) -> None:
        with suppress(SourceFileUnsettled):
            self.drop.move(self.seen, "archive", MOVED)

    def replace(self, content: bytes) -> None:
        """As good senders do: written under another name, then renamed; the time is that of the earlier file."""
        whole = self.folder.with_name(f"{self.folder.name}.new")
        whole.write_bytes(content)
        at_ns = int(self.seen.modified_at.timestamp() * 1_000_000) * 1_000
        os.utime(whole, ns=(at_ns, at_ns))
        whole.replace(self.name)

    def next_run(self) -> None:
        """What a run does at its start, and what it still owes from the one before."""
        self.drop = self.opened()
        self.drop.put_back(self.drop.list().aside)
        self.drop.list()

    def archived(self) -> list[bytes]:
        return sorted(path.read_bytes() for path in self.archive.glob("*")) if self.archive.is_dir() else []

    def in_folder(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.glob("*")}


@contextmanager
def at_step(number: int, act: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Do something before the n-th line of the moving code; whether it came so far."""
    steps = 0

    def line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        if "/pipeline/edge/local/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            steps += 1
            if steps == number:
                sys.settrace(None)
                act()
                sys.settrace(line)
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        yield lambda: steps >= number
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("content", [NEW, SHORT], ids=["of the same size and time", "of another size"])
def test_a_file_that_takes_the_name_at_any_step_stays_and_is_loaded_next(
    tmp_path: Path, archive: Path, content: bytes
) -> None:
    for number in count(1):
        place = Place(tmp_path, archive, number)

        def swap(place: Place = place) -> None:
            place.replace(content)

        with at_step(number, swap) as reached:
            place.move()
        if not reached():
            break
        assert place.archived() in ([], [OLD]), f"step {number}: a file was archived that nobody has read"
        place.next_run()
        assert place.in_folder() == {"a.csv": content}, f"step {number}"
        seen = place.listed()
        assert b"".join(place.drop.blocks(seen)) == content
        place.drop.move(seen, "archive", "b")
        assert sorted({*place.archived(), OLD}) == sorted([content, OLD])
        assert place.in_folder() == {}
    assert 30 < number < MOST_STEPS


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name_taken", [False, True], ids=["", "and the name is taken then"])
def test_a_move_that_is_killed_at_any_step_is_finished_by_a_later_run(
    tmp_path: Path, archive: Path, name_taken: bool
) -> None:
    # Every other step, the odd ones or the even ones, so that each is met once in the two cases.
    for number in count(1 + (name_taken and not SOAK), 1 if SOAK else 2):
        place = Place(tmp_path, archive, number)
        if not killed_at(number, place):
            break
        copies = [*place.in_folder().values(), *place.archived()]
        assert OLD in copies, f"step {number}: lost"
        if name_taken and not place.name.exists():
            place.name.write_bytes(NEW)
        place.next_run()
        place.move()
        if place.in_folder().get("a.csv") == NEW:
            seen = place.listed()
            assert b"".join(place.drop.blocks(seen)) == NEW
            place.drop.move(seen, "archive", "b")
            place.next_run()  # the file that stood aside comes back
            if place.in_folder():
                place.drop.move(place.listed(), "archive", MOVED)
        assert place.in_folder() == {}, f"step {number}"
        kept = set(place.archived())
        assert OLD in kept
        assert kept <= {OLD, NEW}
        assert not [path for path in place.archive.iterdir() if path.name.startswith(".")], f"step {number}"
    assert 30 < number < MOST_STEPS


def killed_at(number: int, place: Place) -> bool:
    """Move it in a process that ends before the n-th line; false when it came to the end of the move."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with at_step(number, lambda: os._exit(9)):
                place.move()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, 9}
    return status == 9


def test_what_a_dead_run_left_in_the_archive_is_swept_and_nobody_elses(tmp_path: Path, archive: Path) -> None:
    place = Place(tmp_path, archive, 0)
    (archive / "0").mkdir(parents=True, exist_ok=True)
    others = [".move-0123456789ab-x.part", ".move-x.part", "a.part", f".move-{place.drop._tag}-x.csv"]
    for name in [*others, f".move-{place.drop._tag}-abcd.part"]:
        (place.archive / name).write_bytes(b"half")
    (place.archive / f".move-{place.drop._tag}-folder.part").mkdir()
    place.move()
    assert sorted(path.name for path in place.archive.iterdir()) == sorted(
        [*others, f".move-{place.drop._tag}-folder.part", MOVED]
    )


def test_a_file_that_somebody_still_writes_into_is_not_archived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer kept it open; it was renamed under him, and comes back."""
    import shutil

    copy = shutil.copyfileobj

    def copy_and_write(original: Any, *rest: Any) -> None:
        copy(original, *rest)
        with Path(original.name).open("ab") as writer:
            writer.write(b"more")

    monkeypatch.setattr(shutil, "copyfileobj", copy_and_write)
    with another_file_system() as elsewhere:
        place = Place(tmp_path, elsewhere, 0)
        with pytest.raises(SourceFileUnsettled):
            place.drop.move(place.seen, "archive", MOVED)
        assert place.archived() == []
    assert place.in_folder() == {"a.csv": OLD + b"more"}
