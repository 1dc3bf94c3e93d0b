"""Nobody who looks on: what would be said is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.report.summary import FileReport
from pipeline.report.summary_text import SHOWN_REJECTS, describe
from pipeline.run.ui import Progress, Unit


class Silence:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    log_line = line

    def warn(self, text: str) -> None:
        self.lines.append(text)

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        self.lines += describe(report, shown_rejects=shown_rejects)

    @contextmanager
    def stage(self, verb: str, name: str, total: int, unit: Unit) -> Iterator[Progress]:
        self.lines.append(f"{verb} {name}: {total} {unit}")

        def progress(done: int, note: Callable[[], str] | None = None, /) -> None: ...

        yield progress
