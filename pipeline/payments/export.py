"""Writes payments files: each payment in exactly one, whatever crashes.

A file is durable under a hidden name first; then, in one step, the inbox stores which payments are in it; then it gets
its name. A file without that step is thrown away, and one whose step is stored gets its name by the next run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.core.payments.payments_file import (
    control_file,
    payments_csv,
    payments_file_name,
    posted_amounts,
)
from pipeline.edge.disk import new_file, private_folder, put_in_place, remove, replaced_file, sync_folder
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.exports import Exports, PaymentsFileRow
from pipeline.edge.ledger.loaded_bills import LoadedBills

CONTROL = ".ctl"
_PART = ".{}.part"


@dataclass(frozen=True, slots=True)
class PaymentsExporter:
    """Writes payments files into a folder below work_dir. Only while the run's lock is held."""

    inbox: Ledger
    ledger: Ledger
    folder: Path
    merchant: str
    zone: ZoneInfo
    columns: Mapping[str, str] | None
    """Column → its name in the file; None: all."""

    def recover(self) -> None:
        """Finish what a run that was killed left: files that are stored get their names, others are removed.

        Raises DiskFull.
        """
        private_folder(self.folder)
        exports = Exports(self.inbox)
        stored = {_PART.format(file.name): file for file in exports.all()}
        for part in self.folder.glob(_PART.format("*")):
            if part.name not in stored or (self.folder / stored[part.name].name).exists():
                remove(part)
        for file in exports.pending():
            self._in_place(exports, file)

    def write(self, now: datetime) -> PaymentsFileRow | None:
        """Write a file of everything that is in none yet; None where there is nothing. Raises DiskFull."""
        exports = Exports(self.inbox)
        rows = exports.pending_rows()
        if not rows:
            return None
        day = now.astimezone(self.zone).date().isoformat()
        seq = exports.next_seq()
        # A file of that number is there where the inbox was restored from a copy: it is never written over.
        while any(self.folder.glob(f"payments_*_{seq:06d}.csv")):
            seq += 1
        name = payments_file_name(self.merchant, day, seq)
        content = payments_csv(self._named(rows, seq), self.columns)
        file = PaymentsFileRow(
            seq,
            name,
            now.isoformat("T", "seconds"),
            len(rows),
            posted_amounts(rows),
            hashlib.sha256(content).hexdigest(),
            None,
        )
        part = self.folder / _PART.format(name)
        remove(part)
        with new_file(part) as target:
            target.write(content)
        sync_folder(self.folder)
        exports.assign(file, rows)
        self._in_place(exports, file)
        return file

    def _in_place(self, exports: Exports, file: PaymentsFileRow) -> None:
        """Give a stored file its name, and its control file; write it again where it is lost."""
        path = self.folder / file.name
        part = self.folder / _PART.format(file.name)
        if not path.exists() and part.exists():
            put_in_place(part, path)
        if not path.exists():
            content = payments_csv(self._named(exports.rows_of(file.seq), file.seq), self.columns)
            with replaced_file(path) as target:
                target.write(content)
            file = file._replace(sha256=hashlib.sha256(content).hexdigest())
            exports.rewritten(file.seq, file.sha256)
        control = control_file(file.name, file.seq, file.records, file.amounts_minor, file.sha256)
        beside = path.with_name(path.name + CONTROL)
        if not beside.exists() or beside.read_bytes() != control:
            with replaced_file(beside) as target:
                target.write(control)

    def _named(self, rows: list[dict[str, Any]], seq: int) -> list[dict[str, Any]]:
        """Rows with the number of their file, and the names of the bill files that their bills came from."""
        names = LoadedBills(self.ledger).file_names({row["file_id"] for row in rows} - {None})
        return [{**row, "seq": seq, "source_file": names.get(row["file_id"] or 0)} for row in rows]
