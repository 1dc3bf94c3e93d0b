"""Every record of a file by itself: read, mapped, checked and written, batch by batch, some batches ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from pipeline.core.mapping.layout import Layout
from pipeline.core.mapping.normalise import canonical
from pipeline.core.prefetch import prefetched
from pipeline.core.rules.control_totals import hash_sum
from pipeline.core.rules.cross_record_rules import hash_columns
from pipeline.core.rules.evaluate import evaluate_rules
from pipeline.core.rules.left_out import LeftOut
from pipeline.edge.reader.checked_parts import Parts
from pipeline.edge.reader.open_records import Records
from pipeline.edge.reader.record_batches import IsTrailer, Unread


class _Batch(NamedTuple):
    """What is known of a batch that is written."""

    hashed: int
    controls: int
    """Records with control characters in columns that nothing reads."""
    left_out: LeftOut


@dataclass(slots=True)
class RecordChecks:
    """The records of one file, each checked by itself. Use `run` once.

    `digits`: of the hash total that the feed declares; None without one. `seed`: of the hashes that records are
    compared by, from `cross_record_rules.seed_of`.
    """

    file: Records
    layout: Layout
    parts: Parts
    digits: int | None
    seed: int
    unread: Unread = field(default_factory=Unread)
    hashed: int | None = None
    """The hash total that is counted. It is summed here because its column need not be mapped, and is not kept."""
    notes: list[str] = field(default_factory=list)

    def run(self, is_trailer: IsTrailer, progress: Callable[[int], None] | None) -> None:
        """Parsing and checking are parallel (`prefetched`)."""
        batches = self.file.batches(progress=progress, is_trailer=is_trailer, unread=self.unread)
        numbered = ((self.parts.reserve(), batch) for batch in batches)
        positions = self.layout.positions()
        hashed, controls, left_out = 0, 0, LeftOut()
        for batch in prefetched(lambda each: self._write(*each, positions), numbered):
            hashed, controls = hashed + batch.hashed, controls + batch.controls
            left_out.add(batch.left_out)
        self.hashed = hashed % 10**self.digits if self.digits else None
        self.notes += self.unread.notes()
        if controls:
            self.notes.append(f"control characters in columns that are not read: records: {controls}")
        self.notes += left_out.notes(self.layout)

    def _write(self, number: int, batch: pl.DataFrame, positions: set[int]) -> _Batch:
        """Check a batch, and write it as a part."""
        fields = self.file.fields(batch, positions)
        results = evaluate_rules(canonical(fields, self.layout), self.layout)
        self.parts.write(number, results)
        hashes = hash_columns(self.layout.feed.model, self.layout.derived_references(), seed=self.seed)
        self.parts.write_hashes(number, results.values.select(hashes))
        harmless = fields["damage"].null_count() - batch["damage"].null_count()
        column = f"field_{self.layout.hash_column}"
        hashed = hash_sum(fields[column], self.digits) if self.digits else 0
        return _Batch(hashed, max(0, harmless), results.left_out)
