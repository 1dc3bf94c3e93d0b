"""Somebody writes while we fetch, on OpenSSH: only complete versions are believed, and the files beside are fetched.

5 seeded rounds here, 100 with SOAK=1.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.collect.collect import collect, land
from pipeline.collect.feed_of_file import Matching
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import SourceError
from tests.collect.conftest import BILLS
from tests.servers.places import Place, openssh, openssh_place

__all__ = ["openssh", "openssh_place"]

ROUNDS = 100 if os.environ.get("SOAK") else 5
SIZE_BYTES = 12_000_000
"""More than is in flight at a time, so that some of it is always still at the server."""
LONG_AGO_S = 1_700_000_000


def append(path: Path, chance: random.Random) -> None:
    with path.open("ab") as file:
        file.write(chance.randbytes(chance.choice([1, 4_096, 5_000_000])))


def write_in_place(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        file.write(chance.randbytes(8))
        file.seek(SIZE_BYTES - 8)
        file.write(chance.randbytes(8))


def truncate(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(SIZE_BYTES))


def truncate_and_write_again(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(SIZE_BYTES))


def replace(path: Path, chance: random.Random) -> None:
    other = path.with_name(".other")
    other.write_bytes(chance.randbytes(SIZE_BYTES))
    other.rename(path)


def remove(path: Path, chance: random.Random) -> None:
    path.unlink()


WRITERS = [append, write_in_place, truncate, truncate_and_write_again, replace, remove]


class Version:
    """What a writer left, each time it was done."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path = path
        path.write_bytes(chance.randbytes(SIZE_BYTES))
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))
        self.complete = {self.digest()}

    def digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def changed(self, write: Callable[[Path, random.Random], None], chance: random.Random) -> None:
        write(self.path, chance)
        if self.path.exists():
            self.complete.add(self.digest())


@pytest.mark.timeout(1800 if os.environ.get("SOAK") else 120)
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_only_complete_versions_are_believed(openssh_place: Place, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secrets here
    versions = {
        f"{number}_bills_2030-01-01.csv": Version(
            openssh_place.incoming / f"{number}_bills_2030-01-01.csv", chance
        )
        for number in range(3)
    }
    openssh_place.put("z_bills_2030-01-01.csv", b"untouched")
    landing = tmp_path / "landing"
    landed: dict[str, str] = {}
    unsettled: set[str] = set()
    with closing(SftpSource(openssh_place.settings)) as source:
        seen = collect(source, Matching([BILLS]), {}, clock=lambda: datetime.now(UTC), wait=lambda _: None)
        assert len(seen.found) == 4
        for found in seen.found:
            name = found.remote.name
            writer, at = chance.choice(WRITERS), chance.choice([0, chance.randrange(SIZE_BYTES)])
            pauses = iter([at, at + 1_000_000] if name in versions else [])
            threshold = next(pauses, None)

            def write(got_bytes: int, name: str = name, writer: Callable[..., None] = writer) -> None:
                nonlocal threshold
                if threshold is not None and got_bytes >= threshold and versions[name].path.exists():
                    versions[name].changed(writer, chance)
                    threshold = next(pauses, None)  # noqa: B023 - called before the loop goes on

            try:
                landed[name] = land(found, source, landing, max_file_bytes=1 << 30, progress=write).sha256
            except SourceError:
                unsettled.add(name)
    assert landed["z_bills_2030-01-01.csv"] == hashlib.sha256(b"untouched").hexdigest()
    for name, version in versions.items():
        assert (name in landed) != (name in unsettled)
        assert name not in landed or landed[name] in version.complete
    kept = {path.parent.name: path for path in landing.rglob("*") if path.is_file()}
    assert set(kept) == set(landed.values())
    for sha256, path in kept.items():
        assert path.name == "content"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
