"""A run that is killed while it moves a file to an archive on another file system: the next one finishes the move."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.servers.another_disk import another_file_system
from tests.servers.openssh import missing
from tests.stories.files import bills
from tests.stories.merchant import Merchant

NAME = "x_bills_2030-01-01.csv"
CONTENT = bills("C-1,A-1,B-1,1.00")


AFTER = {
    "aside": [],
    "copied": [".part"],
    "in its place": [f".{hashlib.sha256(CONTENT.encode()).hexdigest()[:8]}"],
}
"""What stands in the archive then."""


@pytest.fixture
def archive(merchant: Merchant) -> Iterator[Path]:
    if shutil.which("strace") is None:
        missing("strace is not installed")
    if subprocess.run(
        ["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False
    ).returncode:
        pytest.skip("processes may not be traced here")
    with another_file_system() as folder:
        merchant.settings["drop"]["archive"] = str(folder)
        yield folder


def run_killed_at(merchant: Merchant, *at: str) -> int:
    """A run that is killed when it comes to a system call."""
    config = merchant.folder / "config.yaml"
    config.write_text(yaml.safe_dump(merchant.settings))
    kill = ["strace", "-f", "-qq", "-o", os.devnull, *at]
    command = [sys.executable, "-m", "pipeline", "run", "--config", str(config)]
    return subprocess.run([*kill, *command], capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize(
    ("call", "what"),
    [("renameat2", "aside"), ("renameat2", "copied"), ("fsync", "in its place")],
    ids=["set aside", "copied", "in its place"],
)
@pytest.mark.parametrize("name_taken", [False, True], ids=["", "and another file takes the name"])
def test_nothing_is_lost_nothing_is_left_over_and_the_bill_is_created_once(
    merchant: Merchant, archive: Path, call: str, what: str, name_taken: bool
) -> None:
    merchant.write(NAME, CONTENT, merchant.drop)
    kill = f"inject={call}:signal=SIGKILL" + (":when=2" if what == "copied" else "")
    assert run_killed_at(merchant, "-e", kill, *(["-P", str(archive)] if call == "fsync" else [])) != 0
    assert [path.suffix for path in archive.iterdir()] == AFTER[what]
    assert merchant.names_in("drop") != [NAME]
    assert set(merchant.held("bills")) == {"B-1"}
    kept = [path.read_text() for folder in (merchant.drop, archive) for path in folder.iterdir()]
    assert CONTENT in kept
    if name_taken:
        merchant.write(NAME, bills("C-2,A-2,B-2,2.00"), merchant.drop)
    for _ in range(3):
        said = merchant.run()
    assert said.exit_status == 0
    assert set(merchant.held("bills")) == ({"B-1", "B-2"} if name_taken else {"B-1"})
    assert merchant.names_in("drop") == []
    assert {path.name.split(".csv")[0] for path in archive.iterdir()} == {NAME.removesuffix(".csv")}
    assert {path.read_text() for path in archive.iterdir()} >= {CONTENT}
