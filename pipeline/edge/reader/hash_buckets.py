"""Checked records apart by the hash of a reference: what belongs together is read together, and each record once.

A file of ten million records is worked on in a hundred buckets. Without this, each would be a reading of the whole.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import polars as pl

from pipeline.edge.disk import private_folder, remove_tree
from pipeline.edge.reader.checked_parts import scan_parts, write_part

WINDOW_RECORDS = 400_000
"""Records that are put apart at once, about: they are held with all their columns."""
_BUCKET = "bucket"


def windows(parts: Iterable[Path]) -> Iterator[list[Path]]:
    """Neighbouring parts together, as many as hold `WINDOW_RECORDS`."""
    window, records = list[Path](), 0
    for part in parts:
        window.append(part)
        records += scan_parts(part).select(pl.len()).collect().item()
        if records >= WINDOW_RECORDS:
            yield window
            window, records = [], 0
    if window:
        yield window


def in_buckets(
    frames: Iterable[pl.LazyFrame], key: str, number: int, folder: Path, *, seed: int = 0
) -> Generator[pl.LazyFrame]:
    """Rows of all frames, those with one value of `key` in one bucket, in the order in which the frames have them.

    Args:
        frames: with the same columns; each is held in memory once, but for a single bucket, which is all of them.
        number: of buckets; a bucket without rows is left out.
        folder: is made for them, private, and removed at the end. Whatever is in it is removed first.

    Raises:
        DiskFull: no room for the rows, which take as much as the parts they come from.
    """
    if number == 1:
        yield pl.concat(frames)
        return
    try:
        for bucket in _put_apart(frames, key, number, folder, seed):
            yield scan_parts(*sorted(bucket.glob("*.parquet")))
            remove_tree(bucket)
    finally:
        remove_tree(folder)


def _put_apart(frames: Iterable[pl.LazyFrame], key: str, number: int, folder: Path, seed: int) -> list[Path]:
    """Write the rows of each frame below the folder of their bucket; the folders, by number of bucket."""
    remove_tree(folder)
    private_folder(folder)
    found: dict[int, Path] = {}
    for index, frame in enumerate(frames):
        rows = frame.with_columns((pl.col(key).hash(seed) % number).alias(_BUCKET)).collect()
        for (bucket,), mine in rows.partition_by(_BUCKET, as_dict=True, include_key=False).items():
            place = found.setdefault(bucket, folder / f"{bucket:05d}")
            private_folder(place)
            write_part(mine, place / f"{index:05d}.parquet")
    return [place for _, place in sorted(found.items())]
