"""Checked records on disk: a folder of Parquet parts in record order, readable by us alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipeline.errors import room_at


def parts_of(folder: Path) -> list[Path]:
    """The parts of a checked file, in record order."""
    return sorted(folder.glob("*.parquet"))


def scan(*parts: Path) -> pl.LazyFrame:
    """Parts as one frame. To polars `[`, `*` and `?` in a folder's name would else be a pattern."""
    return pl.scan_parquet(list(parts), glob=False)


class Parts:
    """The Parquet parts `00000.parquet`, `00001.parquet`, … of one checked file."""

    def __init__(self, folder: Path) -> None:
        """Start afresh: parts of an earlier check of the same file are removed."""
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in folder.glob("*.parquet*"):
            old.unlink()
        self._paths: list[Path] = []

    def reserve(self) -> int:
        """The number of the next part, which must be written before anything is read."""
        self._paths.append(self.folder / f"{len(self._paths):05d}.parquet")
        return len(self._paths) - 1

    def scan(self) -> pl.LazyFrame | None:
        """All parts in record order; None when the file has no records."""
        return scan(*self._paths) if self._paths else None

    def each(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """One part after the other, with its number."""
        for number in range(len(self._paths)):
            yield number, self.read(number)

    def bounds(self) -> list[tuple[int, int]]:
        """First and last record of each part."""
        ends = (pl.col("record").min().alias("first"), pl.col("record").max().alias("last"))
        return [scan(path).select(ends).collect().row(0) for path in self._paths]

    def read(self, number: int) -> pl.DataFrame:
        return pl.read_parquet(self._paths[number], memory_map=False, glob=False)

    def write(self, number: int, frame: pl.DataFrame) -> None:
        """Write a part, or write it again; a reader sees the old or the new one, never half of it."""
        _write(frame, self._paths[number])


def _write(frame: pl.DataFrame, path: Path) -> None:
    beside = path.with_suffix(".parquet.part")
    try:
        with room_at(path.parent), beside.open("wb") as file:
            beside.chmod(0o600)
            frame.write_parquet(file, compression="lz4", statistics=False)
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)
