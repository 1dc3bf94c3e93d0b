"""Whatever a file is called: its bills load or it is told, and nothing is made where nothing of ours belongs."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from pipeline.core.names import is_unfinished, label, name_problem
from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.sftp import write_key_pair
from tests.hostile.names import NAMES
from tests.seeds import SOAK
from tests.servers.hostile_names import create
from tests.servers.openssh import OpenSsh, require_sshd
from tests.servers.raw import RawSftp
from tests.stories.files import bills
from tests.stories.merchant import Merchant, Said

USABLE = [name for name in NAMES if name_problem(name) is None and not is_unfinished(label(name))]
ESCAPED = [name for name in USABLE if label(name).encode() != name]
SPARED = set() if SOAK else set(ESCAPED) - set(ESCAPED[::10])
"""Each file takes a while to load, and those whose names are escaped are all alike: a tenth of them will do."""
PUT_THERE = [name for name in NAMES if name not in SPARED]
FITTING = [name for name in USABLE if name.endswith(b".csv") and name not in SPARED]


def content_of(name: bytes) -> bytes:
    number = NAMES.index(name)
    return bills(f"C-{number},A-{number},B-{number},{number + 1}.00").encode()


def wanted(names: Iterable[bytes]) -> set[str]:
    return {f"B-{NAMES.index(name)}" for name in names}


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Merchant]:
    """A merchant far below `tmp_path`, so that `../../x` would be seen."""
    folder = tmp_path / "a" / "b" / "c" / "d" / "e" / "f"
    folder.mkdir(parents=True)
    with SandboxApi() as api:
        merchant = Merchant(folder, api)
        merchant.settings["work_dir"] = "w/x/y/z/var"
        merchant.settings["feeds"] = [merchant.settings["feeds"][0] | {"match": "*.csv"}]
        (folder / "w" / "x" / "y" / "z").mkdir(parents=True)
        yield merchant


def outside(root: Path, *ours: Path) -> dict[str, str]:
    """All that stands below `root` but not below one of `ours`."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(root.rglob("*"))
        if not any(path.is_relative_to(own) for own in ours)
    }


def assert_fit_to_print(said: Said) -> None:
    assert said.exit_status in {0, 1}
    assert "Traceback" not in said.stderr
    assert all(line.isprintable() for line in said.stderr.split("\n"))


def assert_reports(work_dir: Path, names: Sequence[bytes]) -> None:
    """One folder for each file, whatever the names have in common; each whole and readable."""
    folders = [path for path in (work_dir / "reports").iterdir() if path.is_dir()]
    assert len(folders) == len(names)
    references = set()
    for folder in folders:
        assert folder.name.isascii()
        assert not folder.name.startswith(".")
        with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
        references.add(row["bill_reference"])
    assert references == wanted(names)


def test_there_are_enough_names() -> None:
    assert len(NAMES) >= 200
    assert len(FITTING) >= 80


def test_on_a_server_that_can_show_any_name(deep: Merchant, tmp_path: Path) -> None:
    """All that OpenSSH cannot show, and some that it can."""
    fitting = FITTING[::10]
    files = {name: content_of(name) for name in PUT_THERE if name in fitting or name not in FITTING}
    key = write_key_pair(deep.folder / "id_ed25519")
    with RawSftp(tmp_path / "sftp", lambda *_: iter(()), authorized_key=key, files=files) as server:
        deep.use_sftp(server, server.known_hosts_line, private_key_file="id_ed25519")
        deep.settings["sftp"] |= {"archive": None, "quarantine": None, "reports": None}
        work_dir = deep.folder / "w/x/y/z/var"
        (deep.folder / "config.yaml").touch()
        before = outside(tmp_path, work_dir, deep.folder / "config.yaml")
        said = deep.run()
        assert_fit_to_print(said)
        assert outside(tmp_path, work_dir, deep.folder / "config.yaml") == before
        assert set(deep.held("bills")) == wanted(fitting)
        assert_reports(work_dir, fitting)
        assert set(server.opened) <= set(USABLE)
        assert said.exit_status == 1
        odd = {label(name) for name in NAMES if name_problem(name) and name not in {b".", b".."}}
        told = {file["file"]["name"]: file["state"] for file in said.files}
        assert {told.get(name) for name in odd} == {"unmatched"}
        assert told.keys() == {label(name) for name in USABLE if name in files} - {"x.csv.ctl"} | odd
        again = deep.run()
        assert not again.requests
        assert [file["file"]["name"] for file in again.files if file["state"] != "unmatched"] == []


@pytest.mark.skipif(not SOAK, reason="with SOAK: a hundred files in one test, each loaded and moved")
@pytest.mark.timeout(400)
def test_on_openssh_with_archive_and_reports(deep: Merchant, tmp_path: Path) -> None:
    require_sshd()
    files = deep.make_sftp_folders()
    folders = {name: f"{files}/{name}" for name in ("incoming", "archive", "quarantine", "reports")}
    made = [name for name in PUT_THERE if create(deep.incoming, name, content_of(name))]
    assert len(made) > 100
    with OpenSsh(deep.folder / "sshd") as server:
        deep.use_sftp(server, server.known_hosts_lines, private_key_file=str(server.user_key), **folders)
        ours = (deep.folder / "w/x/y/z/var", files / "incoming", files / "archive", files / "reports")
        (deep.folder / "config.yaml").touch()
        changing = (*ours, deep.folder / "config.yaml", server.folder / "sshd.log")
        before = outside(tmp_path, *changing)
        said = deep.run()
        assert_fit_to_print(said)
        assert outside(tmp_path, *changing) == before
    assert set(FITTING) <= set(made)
    assert set(deep.held("bills")) == wanted(FITTING)
    assert_reports(ours[0], FITTING)
    left = {os.fsencode(path.name) for path in deep.incoming.iterdir()}
    companion = {b"x.csv.ctl"}
    assert left == set(made) - set(FITTING) - companion
    archived = [path for path in (files / "archive").iterdir() if path.suffix != ".ctl"]
    assert len(archived) == len(FITTING) + len(companion)
    assert {path.name for path in (files / "reports").iterdir()} == {
        path.name for path in (ours[0] / "reports").iterdir() if path.is_dir()
    }


def test_long_names_with_the_same_bytes_stand_side_by_side_in_the_archive(deep: Merchant) -> None:
    require_sshd()
    files = deep.make_sftp_folders()
    folders = {name: f"{files}/{name}" for name in ("incoming", "archive", "quarantine", "reports")}
    names = [f"{'é' * 122}{digit}.csv" for digit in range(3)]
    for name in names:
        (deep.incoming / name).write_text(bills("C-1,A-1,B-1,1.00"))
    with OpenSsh(deep.folder / "sshd") as server:
        deep.use_sftp(server, server.known_hosts_lines, private_key_file=str(server.user_key), **folders)
        said = deep.run()
    assert said.exit_status == 0
    assert sorted(file["state"] for file in said.files) == ["already_loaded", "already_loaded", "loaded"]
    assert len(list((files / "archive").iterdir())) == 3
    assert len(deep.held("bills")) == 1
