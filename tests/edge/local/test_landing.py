"""What stands in the landing folder is whole, ours alone, and named by its SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.edge.disk import private_folder
from pipeline.edge.local.landing import land_blocks, remove_half_landed
from pipeline.errors import DiskFull


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_blocks_land_under_their_sha256(tmp_path: Path) -> None:
    heard: list[int] = []
    landed = land_blocks([b"ab", b"c"], tmp_path / "landing", progress=heard.append)
    assert landed.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert landed.path == tmp_path / "landing" / landed.sha256 / "content"
    assert landed.path.read_bytes() == b"abc"
    assert landed.size_bytes == 3
    assert heard == [0, 2, 3]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_nobody_else_can_read_it_under_any_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        private_folder(tmp_path / "var")
        landed = land_blocks([b"abc"], tmp_path / "var" / "landing")
    finally:
        os.umask(before)
    assert landed.path.stat().st_mode & 0o777 == 0o600
    for folder in (landed.path.parent, tmp_path / "var" / "landing", tmp_path / "var"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_nothing_stays_of_a_file_that_broke_off(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        land_blocks(broken(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_same_bytes_again_heal_a_damaged_copy(tmp_path: Path) -> None:
    first = land_blocks([b"abc"], tmp_path)
    first.path.write_bytes(b"damaged")
    assert land_blocks([b"abc"], tmp_path) == first
    assert first.path.read_bytes() == b"abc"
    assert len(files_in(tmp_path)) == 1


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    def too_much() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFull):
        land_blocks(too_much(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_swept_and_whole_files_stay(tmp_path: Path) -> None:
    landed = land_blocks([b"abc"], tmp_path)
    (tmp_path / "fetch-1234").mkdir()
    (tmp_path / "fetch-1234" / "content.part").write_bytes(b"half")
    remove_half_landed(tmp_path)
    assert files_in(tmp_path) == [f"{landed.sha256}/content"]
