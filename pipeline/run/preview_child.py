"""The process that previews one file of the page: `python -m pipeline.run.preview_child CONFIG SHA256 FOLDER`.

It is a dry run of that one file, with its reports below FOLDER, where `progress.json` tells how far it is and
`result.json` how it ended. It ends when its parent does: then its standard input is closed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from pipeline.core.file_stages import LandedFile
from pipeline.edge.config import feed_print, load_config
from pipeline.edge.disk import linked_copy, replaced_file
from pipeline.edge.log import get_logger
from pipeline.errors import BillferryError, LandedCopyGone
from pipeline.report.summary import FileReport
from pipeline.report.summary_text import SHOWN_REJECTS
from pipeline.run.file_repository import FileInWork
from pipeline.run.load_stage import Loaded
from pipeline.run.opening import open_preview
from pipeline.run.read_only import SendsNothing
from pipeline.run.release_gate import GatedFile
from pipeline.run.ui import Progress, Unit
from pipeline.run.validate import first_requests
from pipeline.signals import when_parent_ends

log = get_logger()

TOLD_EVERY_S = 0.2
SHOWN_REQUESTS = 5
NICE = 10
"""The server and a load go first."""


@dataclass(slots=True)
class ProgressFile:
    """A Ui whose stages another process can read: `stage`, `done`, `total` and `unit` in `progress.json`."""

    folder: Path
    problems: list[str] = field(default_factory=list)
    _told_at: float = 0.0

    def line(self, text: str) -> None:
        """The report says it too."""

    def log_line(self, text: str) -> None:
        """The same."""

    def warn(self, text: str) -> None:
        """What keeps the file from being previewed."""
        self.problems.append(text)

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        """It is in the report."""

    @contextmanager
    def stage(self, verb: str, name: str, total: int, unit: Unit) -> Iterator[Progress]:  # noqa: ARG002
        """A stage of work on the file."""

        def progress(done: int, note: Callable[[], str] | None = None, /) -> None:  # noqa: ARG001
            now = time.monotonic()
            if now - self._told_at >= TOLD_EVERY_S or done >= total:
                self._told_at = now
                said = {"stage": verb, "done": done, "total": total, "unit": unit}
                _write(self.folder / "progress.json", said)

        self._told_at = 0.0
        progress(0)
        yield progress


@dataclass
class ShowsFirstRequests(SendsNothing):
    """Sends nothing, and keeps what would be sent first."""

    ui: ProgressFile
    requests: tuple[dict[str, Any], ...] = ()

    def load(self, work: FileInWork, judged: GatedFile) -> Loaded:
        """While the checked records are there."""
        self.requests = tuple(first_requests(judged.checked, SHOWN_REQUESTS))
        with self.ui.stage("report", work.landed.name, judged.checked.totals.total_records, "records"):
            return super().load(work, judged)


def preview_into(config_path: Path, sha256: str, folder: Path) -> None:
    """Check the file into `folder`. Raises BillferryError."""
    settings = load_config(config_path).settings
    ui = ProgressFile(folder)
    loading = ShowsFirstRequests(ui)
    with open_preview(settings, ui, folder, loading) as opened:
        row = opened.files.row(sha256)
        if row is None:
            raise LandedCopyGone(where=folder, name=sha256[:8])
        landed = opened.files.landed_from(row)
        beside = _beside(landed, opened.context.landing)
        opened.reports.guarded(row.name, lambda: opened.processor.work_on(beside, ()))
        (report,) = opened.reports.said
        result = {
            "report": report.folder.name if report.folder else None,
            "summary": report.summary.model_dump(mode="json"),
            "requests": loading.requests,
            "feed_print": feed_print(landed.feed),
            "problem": next(iter(ui.problems), None),
        }
    _write(folder / "result.json", result)


def _beside(landed: LandedFile, landing: Path) -> LandedFile:
    """The landed copy under a second name, so that a run that takes the file up meanwhile is not in the way."""
    path = landing / landed.sha256 / "content"
    if not landed.path.exists():
        raise LandedCopyGone(where=landed.path.parent, name=landed.name)
    linked_copy(landed.path, path)
    return replace(landed, path=path)


def _write(path: Path, document: dict[str, Any]) -> None:
    with replaced_file(path, durable=False) as file:
        file.write(orjson.dumps(document))


def main(config_path: str, sha256: str, folder: str) -> int:
    """The exit status; what went wrong is in `result.json`."""
    os.umask(0o077)
    os.nice(NICE)
    when_parent_ends(lambda: os._exit(1))
    try:
        preview_into(Path(config_path), sha256, Path(folder))
    except BillferryError as error:
        _write(Path(folder) / "result.json", {"problem": str(error)})
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
