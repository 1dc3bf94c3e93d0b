"""Records on disk as the check leaves them, for tests of what comes after it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipeline.core.rules.evaluate import FINDINGS, RuleResults
from pipeline.core.rules.left_out import LeftOut
from pipeline.edge.reader.checked_parts import Parts


def write_parts(folder: Path, records: pl.DataFrame, part_records: int) -> None:
    """Values and verdicts, which stand in one frame here, apart; columns of verdicts that it lacks are null."""
    parts = Parts(folder)
    missing = {name: dtype for name, dtype in FINDINGS.items() if name not in records.columns}
    said = records.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in missing.items())
    for part in said.iter_slices(part_records):
        findings = part.filter(pl.col("verdict") != "accepted").select(*FINDINGS)
        values = part.drop("verdict", "codes", "message", "duplicate_of", *({"line"} & set(missing)))
        parts.write(parts.reserve(), RuleResults(values, findings, LeftOut()))
