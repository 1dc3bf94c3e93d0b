"""A folder that may not be read or written is one line and stops nothing else; with its rights back all goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.desk import GOOD_BILLS, Desk
from tests.servers.places import Place
from tests.world import Said

AS_ANYBODY = """
import ctypes
CAPS = (ctypes.c_uint32 * 6)()
HEAD = (ctypes.c_uint32 * 2)(0x20080522, 0)
libc = ctypes.CDLL(None)
libc.capget(HEAD, CAPS)
for part in (0, 1):
    CAPS[part] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
libc.capset(HEAD, CAPS)
"""
"""root reads and writes where nobody may; this process shall not."""


def run(desk: Desk) -> Said:
    return desk.spawn("run", "--json", late=AS_ANYBODY)


def created(desk: Desk) -> set[str]:
    return {each["external_reference"] for each in desk.api.snapshot()["bills"]}


@pytest.fixture
def two_doors(desk: Desk, openssh_place: Place) -> Desk:
    """A drop folder beside an SFTP server that has a file."""
    openssh_place.put("sftp_bills.csv", GOOD_BILLS.encode())
    settings = openssh_place.settings.model_dump(mode="json", exclude_none=True)
    desk.configure(sftp=settings)
    return desk


@pytest.mark.parametrize("mode", [0o000, 0o400], ids=oct)
def test_a_drop_folder_that_may_not_be_read_stops_no_file_of_the_server(two_doors: Desk, mode: int) -> None:
    two_doors.put("drop/x_bills.csv", GOOD_BILLS.replace("B1", "B8").replace("B2", "B9"))
    drop = two_doors.folder / "drop"
    drop.chmod(mode)
    said = run(two_doors)
    drop.chmod(0o700)
    assert said.exit_status == 3
    assert "Traceback" not in said.stderr
    assert (
        sum("drop folder" in line and "Permission denied" in line for line in said.stderr.splitlines()) == 1
    )
    assert created(two_doors) == {"B1", "B2"}
    assert run(two_doors).exit_status == 0
    assert created(two_doors) == {"B1", "B2", "B8", "B9"}


@pytest.mark.parametrize("folder", ["archive", "drop"])
def test_a_move_that_is_not_allowed_is_a_warning_and_made_up_for(desk: Desk, folder: str) -> None:
    for number in (1, 2):
        desk.put(f"drop/{number}_bills.csv", GOOD_BILLS.replace("B", f"{number}-B"))
    (desk.folder / folder).chmod(0o500)
    for _ in range(2):
        said = run(desk)
        assert (said.exit_status, "Traceback" in said.stderr) == (0, False), said.stderr
        assert said.stderr.count("the move will be tried again by the next run") == 2
    (desk.folder / folder).chmod(0o700)
    assert run(desk).exit_status == 0
    assert len(list((desk.folder / "archive").iterdir())) == 2
    assert not any((desk.folder / "drop").iterdir())
    assert len(desk.api.snapshot()["bills"]) == len(created(desk)) == 4


@pytest.mark.parametrize("folder", ["landing", "reports"])
def test_a_room_of_ours_that_may_not_be_written_ends_the_run_in_a_line(desk: Desk, folder: str) -> None:
    place = desk.folder / "var" / folder
    place.mkdir(parents=True, mode=0o700)
    place.chmod(0o500)
    desk.put("drop/x_bills.csv")
    said = run(desk)
    assert said.exit_status == 3, said.stderr
    assert "Traceback" not in said.stderr
    assert "correct the permissions" in said.stderr
    place.chmod(0o700)
    again = json.loads(run(desk).stdout)
    assert (again["exit_status"], created(desk)) == (0, {"B1", "B2"})


@pytest.mark.parametrize("place", ["archive", "quarantine"])
def test_what_is_finished_may_not_be_moved_to_where_it_is_found_again(desk: Desk, place: str) -> None:
    desk.configure(drop={"folder": "drop", place: "drop"})
    said = desk.command("run")
    assert said.exit_status == 2
    assert "drop: archive and quarantine must be other folders than folder" in said.stderr


def test_the_root_of_these_tests_has_no_more_rights_than_anybody(desk: Desk, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    tried = desk.spawn("--help", late=f"{AS_ANYBODY}\nimport os\nos.listdir({str(closed)!r})")
    closed.chmod(0o700)
    assert "PermissionError" in tried.stderr
