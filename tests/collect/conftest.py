"""A drop folder, and a clock that only moves when the run waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.collect.collect import collect
from pipeline.collect.feed_of_file import Matching
from pipeline.collect.model import Collected, Sighting
from pipeline.edge.local import DropFolder
from schemas.feed import AmountFormat, Feed
from schemas.settings import Drop
from tests.servers.places import openssh, openssh_place, place, sandbox_place

__all__ = ["openssh", "openssh_place", "place", "sandbox_place"]

SETTLE_S = 30


def feed(name: str, match: str) -> Feed:
    return Feed(name=name, match=match, model="bill", amount=AmountFormat(unit="major"))


BILLS = feed("bills", "*_bills_{date:%Y-%m-%d}.csv")
UNDATED = feed("undated", "old_*.csv")


@dataclass
class Desk:
    """A drop folder with a run's memory of it. `meanwhile` is what others do while the run waits."""

    folder: Path
    now: datetime = datetime(2026, 11, 20, 6, tzinfo=UTC)
    waits: list[float] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    done_marker: str | None = None
    matching: Matching = field(default_factory=lambda: Matching([BILLS, UNDATED], ["*.md"]))

    @property
    def source(self) -> DropFolder:
        settings = Drop(folder=self.folder, settle_s=SETTLE_S)
        return DropFolder(settings, done_marker=self.done_marker)

    def put(self, name: str, content: bytes = b"bill_reference\nB1\n") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return path

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)
        self.meanwhile()

    def collect(self, sightings: Mapping[str, Sighting] | None = None) -> Collected:
        return collect(self.source, self.matching, sightings or {}, clock=lambda: self.now, wait=self.wait)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "drop").mkdir()
    return Desk(tmp_path / "drop")
