"""What is said of each file of one run, and what guards the others from the trouble of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.collect.model import Unmatched
from pipeline.core.outcomes import FileState
from pipeline.core.truncate import MOST_LINES
from pipeline.core.whole_source import concerns_whole_source
from pipeline.edge.log import get_logger
from pipeline.errors import BillferryError, FileRefused, FileTooLarge
from pipeline.report.summary import FileReport, refused_unread, without_report
from pipeline.run.context import RunContext
from schemas.results import FileFacts

log = get_logger()

MOST_UNMATCHED = 10_000
"""So many names of one source are listed in the result; the ledger remembers all of them for `status`."""


@dataclass(slots=True)
class FileReports:
    """The files of one run, in the order in which they were reported."""

    context: RunContext
    said: list[FileReport] = field(default_factory=list)

    def guarded(self, name: str, work: Callable[[], None]) -> None:
        """Work on the file of that name: its trouble never stops the next, and a bug shows its trace.

        Raises errors that concern the whole run or source (`concerns_whole_source`), and WorkDirGone.
        """
        try:
            work()
        except BillferryError as error:
            if concerns_whole_source(error):
                raise
            self.context.require_work_dir()
            self.trouble(name, error)
        except Exception as error:  # noqa: BLE001 (told with its trace, exit 70)
            self.context.require_work_dir()
            self.context.bug(name, error)
            run = self.context.facts()
            self.said.append(without_report(FileFacts(name=name), FileState.UNFINISHED, run=run))

    def trouble(self, name: str, error: BillferryError) -> None:
        """Report a file that is refused before it is read, or that cannot be worked on now."""
        run = self.context.facts()
        if isinstance(error, FileRefused | FileTooLarge):
            self.say(refused_unread(name, error, run=run))
            return
        self.context.fail(error)
        facts, notes = FileFacts(name=name), [str(error)]
        self.said.append(without_report(facts, FileState.UNFINISHED, run=run, notes=notes))

    def unmatched(self, files: Sequence[Unmatched]) -> None:
        """A thousand of them must not bury the one line that counts, nor all that a hostile server shows the result."""
        run = self.context.facts()
        for number, each in enumerate(files[:MOST_UNMATCHED]):
            facts = FileFacts(name=each.name, size_bytes=each.size_bytes)
            report = without_report(facts, FileState.UNMATCHED, run=run, notes=[each.reason])
            self.say(report, aloud=number < MOST_LINES)
        if len(files) > MOST_LINES:
            self.context.ui.line(f"and {len(files) - MOST_LINES} more like these are unmatched")

    def say(self, report: FileReport, *, aloud: bool = True) -> None:
        """Put a file into the result and the log and, if `aloud`, onto the terminal."""
        self.said.append(report)
        if aloud:
            self.context.ui.file(report)
        file, records = report.summary.file, report.summary.records
        counted = {outcome: count for outcome, count in records.parts().items() if count}
        log.info(
            "file", file=file.name, sha256=file.sha256, feed=file.feed, state=report.summary.state, **counted
        )
