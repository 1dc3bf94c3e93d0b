"""Checked records on disk: a folder of Parquet parts in record order, readable by us alone.

`NNNNN.parquet` holds the values of every record, `findings/NNNNN.parquet` what was found about those that are not
simply accepted. They are few, so what is found later is written beside the values without touching them.
`hashes/NNNNN.arrow` holds what records are compared by, while they are.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import polars as pl

from pipeline.core.rules.evaluate import FINDINGS, RuleResults
from pipeline.core.rules.left_out import VERDICT
from pipeline.edge.disk import private_folder, remove, replaced_file, staged_name
from pipeline.errors import DiskFull


def parts_of(folder: Path) -> list[Path]:
    """The parts of a checked file, in record order: the names are numbers of five digits."""
    return sorted(folder.glob("*.parquet"))


def scan_parts(*parts: Path) -> pl.LazyFrame:
    """Parts as one frame of values. To polars `[`, `*` and `?` in a folder's name would else be a pattern."""
    return pl.scan_parquet(list(parts), glob=False)


def findings_of(*parts: Path) -> pl.LazyFrame:
    """What was found about records of these parts, in record order (columns: `evaluate.FINDINGS`).

    A part without findings has no file, so the frame may be empty, but always has its columns.
    """
    there = [beside for part in parts if (beside := _beside(part)).exists()]
    return scan_parts(*there) if there else pl.LazyFrame(schema=FINDINGS)


def with_verdicts(*parts: Path) -> pl.LazyFrame:
    """Values of all records of these parts, with what was found about each; in record order.

    Added columns: `verdict` (`accepted` where nothing was found), `codes` (List of String, maybe empty), and `message`
    and `duplicate_of`, null where there is none.
    """
    found = findings_of(*parts).drop("line")
    return (
        scan_parts(*parts)
        .join(found, on="record", how="left", maintain_order="left")
        .with_columns(
            pl.col("verdict").fill_null("accepted"),
            pl.col("codes").fill_null(pl.lit([], pl.List(pl.String))),
        )
    )


def with_reject_numbers(records: pl.LazyFrame) -> pl.LazyFrame:
    """Values with `reject_record`: in a file that corrects none, each record has its own number there."""
    if "reject_record" in records.collect_schema():
        return records
    return records.with_columns(reject_record="record")


def considered(*parts: Path) -> pl.LazyFrame:
    """Values of all records but those that the feed leaves out; with `count_skipped` 0, simply all of them."""
    if not count_skipped(*parts):
        return scan_parts(*parts)
    left_out = findings_of(*parts).filter(verdict=VERDICT).select("record")
    return scan_parts(*parts).join(left_out, on="record", how="anti", maintain_order="left")


def accepted(*parts: Path) -> pl.LazyFrame:
    """Values of the records that are to be sent, without those that only add a line to another one."""
    return scan_parts(*parts).join(findings_of(*parts).select("record"), on="record", how="anti")


def sendable(*parts: Path) -> pl.LazyFrame:
    """Values of the records that are to be sent, and of the lines that are added to them."""
    left_out = findings_of(*parts).filter(pl.col("verdict") != "line").select("record")
    return scan_parts(*parts).join(left_out, on="record", how="anti")


def sent_amounts(*parts: Path) -> pl.LazyFrame:
    """`record`, `currency` and `amount_minor` of what is sent: a bill of several lines once, with the sum of them."""
    sent = accepted(*parts).select("record", "currency", "amount_minor")
    lines = findings_of(*parts).filter(verdict="line").select("record", first="duplicate_of")
    if not count_lines(*parts):
        return sent
    added = (
        scan_parts(*parts)
        .select("record", "amount_minor")
        .join(lines, on="record")
        # Int64 sums wrap without a word.
        .group_by("first")
        .agg(added=pl.col("amount_minor").cast(pl.Int128).sum().cast(pl.Int64))
        .collect(engine="streaming")
    )
    total = pl.col("amount_minor") + pl.col("added").fill_null(0)
    return sent.join(added.lazy(), left_on="record", right_on="first", how="left").select(
        "record", "currency", amount_minor=total
    )


def count_lines(*parts: Path) -> int:
    """How many records are only lines that are added to another one."""
    return _count(parts, "line")


def count_skipped(*parts: Path) -> int:
    """How many records the feed leaves out."""
    return _count(parts, VERDICT)


def _count(parts: tuple[Path, ...], verdict: str) -> int:
    found = findings_of(*parts).filter(verdict=verdict).select(pl.len())
    return int(found.collect(engine="streaming").item())


class Parts:
    """The parts `00000`, `00001`, … of one checked file. Different parts may be written by different threads."""

    def __init__(self, folder: Path) -> None:
        """Start afresh: parts of an earlier check of the same file are removed.

        Args:
            folder: of the checked file; it and its parent are made, private.

        Raises:
            DiskFull: they cannot be made or cleared.
        """
        self.folder = folder
        private_folder(folder.parent)
        for inside in (folder, folder / _FINDINGS, folder / _REPEATED, folder / _HASHES):
            private_folder(inside)
            for name in ("*.parquet", "*.arrow"):
                for old in (*inside.glob(f"{name}*"), *inside.glob(staged_name(name))):
                    remove(old)
        self._bounds: list[tuple[int, int]] = []

    def reserve(self) -> int:
        """The number of the next part, which must be written before anything is read."""
        self._bounds.append((0, 0))
        return len(self._bounds) - 1

    def write(self, number: int, judged: RuleResults) -> None:
        """Write a part, which holds at least one record. Raises DiskFull."""
        records = judged.values["record"]
        self._bounds[number] = records[0], records[-1]
        self.write_values(number, judged.values)
        self.write_findings(number, judged.findings)

    def write_values(self, number: int, values: pl.DataFrame) -> None:
        """Replace the values of a part, in one step: a reader sees the old ones or the new ones."""
        write_part(values, self._path(number))

    def paths(self) -> list[Path]:
        """The parts in record order."""
        return [self._path(number) for number in range(len(self._bounds))]

    def records(self) -> int:
        """How many records the parts hold; their numbers have no gaps."""
        return max((last for _, last in self._bounds), default=0)

    def bounds(self) -> list[tuple[int, int]]:
        """Numbers of the first and the last record of each part, in order."""
        return self._bounds

    def findings(self, number: int) -> pl.DataFrame:
        """What was found about records of a part (columns: `evaluate.FINDINGS`)."""
        return findings_of(self._path(number)).collect()

    def write_findings(self, number: int, findings: pl.DataFrame) -> None:
        """Replace the findings of a part, in one step: a reader sees the old ones or the new ones, never half."""
        if not findings.is_empty():
            write_part(findings, _beside(self._path(number)))

    def write_hashes(self, number: int, hashes: pl.DataFrame) -> None:
        """Keep what the records of a part are compared by (`cross_record_rules.hash_columns`), until they are."""
        write_part(hashes, self._hashes(number))

    def hashes(self, number: int) -> pl.LazyFrame:
        """The same, with `record`."""
        first, _ = self._bounds[number]
        records = pl.int_range(pl.len(), dtype=pl.Int64) + first
        return pl.scan_ipc(self._hashes(number), glob=False).with_columns(record=records)

    def forget_hashes(self) -> None:
        """Remove them, once all rules are applied."""
        for number in range(len(self._bounds)):
            remove(self._hashes(number))

    def write_repeated(self, number: int, values: pl.DataFrame) -> None:
        """Keep records of a part whose reference appears more than once, until they are compared."""
        write_part(values, self.folder / _REPEATED / f"{number:05d}.parquet")

    def repeated(self) -> list[Path]:
        """The files of all such records, in record order."""
        return parts_of(self.folder / _REPEATED)

    def forget_repeated(self) -> None:
        """Remove them, once they have been compared."""
        for path in self.repeated():
            remove(path)

    def _hashes(self, number: int) -> Path:
        return self.folder / _HASHES / f"{number:05d}.arrow"

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.parquet"


_FINDINGS = "findings"
_REPEATED = "repeated"
_HASHES = "hashes"


def _beside(part: Path) -> Path:
    return part.parent / _FINDINGS / part.name


def write_part(frame: pl.DataFrame, path: Path) -> None:
    """LZ4 and no statistics: the parts are read whole, once or twice, and soon removed. Hashes cannot be compressed."""
    with replaced_file(path, durable=False) as file:
        try:
            if path.suffix == ".arrow":
                frame.write_ipc(file, compression="uncompressed")
            else:
                frame.write_parquet(file, compression="lz4", statistics=False)
        except pl.exceptions.ComputeError as error:
            # Where a full disk cuts the footer off, polars loses the system's words.
            if "transport error" not in str(error):
                raise
            raise DiskFull(where=path.parent, problem=os.strerror(errno.ENOSPC)) from error
