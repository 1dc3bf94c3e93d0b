"""Records put apart: each in one bucket, with all others of its reference, in the order in which they came."""

from __future__ import annotations

import stat
from pathlib import Path

import polars as pl
import pytest

from pipeline.edge.reader import hash_buckets
from pipeline.edge.reader.checked_parts import parts_of
from pipeline.edge.reader.hash_buckets import in_buckets, windows
from tests.checked_parts import write_parts

REFERENCES = [f"B{n * n % 17}" for n in range(100)]


def frames(rows_of: int) -> list[pl.LazyFrame]:
    whole = pl.DataFrame({"record": range(1, 101), "bill_reference": REFERENCES})
    return [part.lazy() for part in whole.iter_slices(rows_of)]


@pytest.mark.parametrize("number", [1, 2, 7, 60])
@pytest.mark.parametrize("rows_of", [3, 100])
def test_each_record_is_in_one_bucket_with_its_like_in_order(
    tmp_path: Path, number: int, rows_of: int
) -> None:
    found = [
        bucket.collect().rows()
        for bucket in in_buckets(frames(rows_of), "bill_reference", number, tmp_path / "by_bill")
    ]
    assert sorted(row for bucket in found for row in bucket) == list(enumerate(REFERENCES, start=1))
    assert all(bucket == sorted(bucket) for bucket in found)
    references = [{reference for _, reference in bucket} for bucket in found]
    assert sum(map(len, references)) == len(set(REFERENCES)), "a reference in two buckets"
    assert len(found) <= number
    assert number == 1 or len(found) > 1


def test_what_is_written_is_private_and_goes_as_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "by_bill"
    (folder / "00000").mkdir(parents=True)
    (folder / "00000" / "00000.parquet").write_bytes(b"left by a run that was killed")
    buckets = in_buckets(frames(10), "bill_reference", 5, folder)
    next(buckets).collect()
    there = {each for each in folder.rglob("*") if each.is_file()}
    assert {stat.S_IMODE(each.stat().st_mode) for each in there} == {0o600}
    next(buckets).collect()
    assert {each for each in folder.rglob("*") if each.is_file()} < there
    buckets.close()
    assert not folder.exists()


def test_parts_are_taken_together_up_to_a_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_buckets, "WINDOW_RECORDS", 25)
    rows = pl.DataFrame({"record": range(1, 101), "verdict": "accepted"})
    write_parts(tmp_path, rows, 10)
    parts = parts_of(tmp_path)
    assert list(windows(parts)) == [parts[:3], parts[3:6], parts[6:9], parts[9:]]
    assert list(windows([])) == []
