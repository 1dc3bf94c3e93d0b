"""watch: `run` again and again. What is dropped is taken when it stands still, the SFTP server is looked at in time.

Each look is a pass of its own, with the lock held for that pass alone, so that other commands get their turn. It ends
by itself only where no later pass could help without a person: a wrong config, a wrong host key, a bug.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.file_stages import SourceName
from pipeline.core.outcomes import FileState
from pipeline.edge.config import Config
from pipeline.edge.local.bell import bell_folder
from pipeline.edge.local.folder_changes import FolderWatcher
from pipeline.edge.log import get_logger
from pipeline.errors import (
    EX_BUG,
    EX_HOST_KEY,
    EX_OK,
    EX_RECORDS,
    EX_UNFINISHED,
    EX_USAGE,
    SIGNAL_BASE,
    AnotherRun,
    BillferryError,
    Stopped,
    UsageError,
    severity,
)
from pipeline.monitoring.heartbeat_monitor import HeartbeatMonitor
from pipeline.monitoring.notifications import Notifier
from pipeline.report.summary import FileReport
from pipeline.report.summary_text import SHOWN_REJECTS, describe
from pipeline.run.context import Options
from pipeline.run.poll_schedule import NEEDS_A_PERSON_S, OUT_OF_REACH_S, PollSchedule
from pipeline.run.run_pass import Passed, pass_over
from pipeline.run.ui import Ui
from pipeline.signals import stoppable

log = get_logger()

UPKEEP_S = 3_600.0
"""So often unfinished files are looked for that no source shows: another command may have left them."""
HELD_S = 60.0
"""So often while it finds held files, so that what a person releases is sent within a minute."""
DROP_S = 60.0
"""So often the drop folder is looked at without being called: some network drives tell of no changes."""
PING_S = 60.0
"""So often a monitor is told that the watch lives."""
UNFINISHED_FILES = "unfinished files"
"""The place of a pass that looks at no source."""
LOCKED_S = 0.5
"""Until the next try when another command is at work."""
LYING_THERE = {FileState.UNMATCHED, FileState.REFUSED, FileState.HELD}
ENDS_THE_WATCH = (EX_BUG, EX_USAGE, EX_HOST_KEY)


def watch_sources(config: Config, ui: Ui) -> int:
    """Look at all sources, again and again, until a signal comes or a person is needed; the exit status.

    Raises UsageError when there is nothing to watch, and errors that no later pass could be without: a wrong config,
    a host key that is not the pinned one.
    """
    drop, bell = config.settings.drop, bell_folder(config.settings.work_dir)
    try:
        with stoppable() as check_stop, FolderWatcher(drop.folder if drop else None, bell) as changes:
            return _Watch(config, ui, changes).until_it_ends(check_stop)
    except Stopped as stopped:
        ui.line(f"{stopped}")
        return stopped.exit_status


class _Watch:
    """The state of one watch: whose turn is when, what is wrong where, and what was said of it."""

    def __init__(self, config: Config, ui: Ui, changes: FolderWatcher) -> None:
        """Raises UsageError when the config names no place that could be watched, ConfigError for a wrong ping."""
        self._config = config
        self._changes = changes
        self._upkeep = PollSchedule(UPKEEP_S)
        self._turns: dict[SourceName, PollSchedule] = {}
        where = []
        # The folder comes first: what was dropped is taken also where a wrong host key is about to end the watch.
        if (drop := config.settings.drop) is not None:
            self._turns["drop"] = PollSchedule(DROP_S)
            where.append(f"the drop folder {drop.folder}")
        if (sftp := config.settings.sftp) is not None:
            self._turns["sftp"] = PollSchedule(sftp.poll_interval_s)
            where.append(f"sftp://{sftp.host}:{sftp.port} every {sftp.poll_interval_s:g} s")
        self._news = MessageDeduplicator(ui)
        self._api_trouble: BillferryError | None = None
        self._stands: dict[SourceName | None, int] = {}
        """What is wrong at a place until it is looked at again, as an exit status."""
        self._monitor = HeartbeatMonitor(config.settings, ui.warn)
        self._has_looked = False
        self._notifier = Notifier(config, ui.warn)
        self._told_at, self._told_status = float("-inf"), EX_OK
        self._bell = bell_folder(config.settings.work_dir)
        if config.settings.page is not None and config.settings.page.listen is not None:
            where.append("what is dropped on the page")
        if not where:
            raise UsageError(
                problem="there is nothing to watch",
                remedy="configure sftp, drop or page, or use billferry load",
            )
        ui.line(f"watching {' and '.join(where)}; stop with Ctrl-C")

    def until_it_ends(self, check_stop: Callable[[], None]) -> int:
        """Look at whose turn it is, or wait for that; the exit status once no later look could help."""
        while True:
            check_stop()
            name = self._next()
            turn = self._turn(name)
            if (wait_s := turn.at - time.monotonic()) > 0:
                sign_of_life_s = self._told_at + PING_S - time.monotonic()
                self._called(self._changes.wait(max(0.0, min(wait_s, sign_of_life_s))))
                self._tell(self._told_status)
                continue
            status = self._look(name, turn)
            if status in ENDS_THE_WATCH or status > SIGNAL_BASE:
                return status

    def _called(self, changed: Collection[Path]) -> None:
        """Look at once where something has changed: in the drop folder, or where others ring the bell for us."""
        for folder in changed:
            turn = self._upkeep if folder == self._bell else self._turns["drop"]
            turn.called(time.monotonic())

    def _next(self) -> SourceName | None:
        """Whose turn is next; None is the upkeep. While the API is away, nothing else makes sense."""
        if self._api_trouble is not None:
            return None
        return min((None, *self._turns), key=lambda name: self._turn(name).at)

    def _turn(self, name: SourceName | None) -> PollSchedule:
        """When the place is looked at next."""
        return self._upkeep if name is None else self._turns[name]

    def _look(self, name: SourceName | None, turn: PollSchedule) -> int:
        """One pass; its exit status."""
        try:
            with self._news.of_one_pass(name) as ui:
                return self._pass(name, turn, ui)
        except AnotherRun:
            turn.at = time.monotonic() + LOCKED_S
            return EX_OK

    def _pass(self, name: SourceName | None, turn: PollSchedule, ui: Ui) -> int:
        """One pass over a place, and what follows from it for the next.

        An error that passes by itself puts the place off, longer each time; any other ends the watch.
        """
        elsewhere = self._wrong_elsewhere(name)
        try:
            options = Options(is_a_further_look=self._has_looked)
            passed = pass_over(self._config, ui, options, name, elsewhere)
        except (AnotherRun, Stopped):
            raise
        except BillferryError as error:
            self._tell(error.exit_status)
            self._notifier.tell_error(error, name or UNFINISHED_FILES)
            if not error.retryable:
                raise
            ui.warn(str(error))
            turn.failed(time.monotonic(), longest_s=OUT_OF_REACH_S)
            self._stands[name] = error.exit_status
            return error.exit_status
        except Exception as error:
            self._tell(EX_BUG)
            self._notifier.tell_error(error)
            raise
        self._has_looked = True
        self._remember(name, turn, passed)
        self._tell(max(passed.result.exit_status, elsewhere, key=severity))
        self._notifier.tell(passed.result, name or UNFINISHED_FILES)
        return passed.result.exit_status

    def _wrong_elsewhere(self, here: SourceName | None) -> int:
        """The worst of what stands at other places."""
        statuses = (status for name, status in self._stands.items() if name != here)
        return max(statuses, key=severity, default=EX_OK)

    def _tell(self, exit_status: int) -> None:
        """A sign of life, or of trouble: now and then, and when it changes."""
        now = time.monotonic()
        if exit_status != self._told_status or now - self._told_at >= PING_S:
            self._monitor.tell_end(exit_status)
            self._told_at, self._told_status = now, exit_status

    def _remember(self, name: SourceName | None, turn: PollSchedule, passed: Passed) -> None:
        """When the place is looked at again, and whether unfinished files need a look before."""
        now = time.monotonic()
        self._stands[name] = _standing(passed)
        if (trouble := passed.out_of_reach) is not None:
            turn.failed(now, longest_s=_longest_s(trouble))
        elif turn is not self._upkeep:
            turn.done(now, again_in_s=passed.again_in_s)
        self._api_trouble = passed.api_stopped
        if any(FileState(file.state) is FileState.UNFINISHED for file in passed.result.files):
            self._stands[None] = EX_UNFINISHED
            if turn is not self._upkeep:
                self._upkeep.failures = 0  # something new to try soon
            self._upkeep.failed(now, longest_s=_longest_s(self._api_trouble))
        elif turn is self._upkeep:
            turn.done(now, again_in_s=HELD_S if self._stands[name] else None)
        log.info("looked", files=len(passed.result.files), exit_status=passed.result.exit_status)


def _standing(passed: Passed) -> int:
    """What is wrong at a place and stays so until it is looked at again; a file that was loaded with rejects is told
    once."""
    if passed.out_of_reach is not None:
        return passed.out_of_reach.exit_status
    return EX_RECORDS if any(FileState(file.state) in LYING_THERE for file in passed.result.files) else EX_OK


def _longest_s(trouble: BillferryError | None) -> float:
    """The longest back-off: short where the trouble passes by itself."""
    return OUT_OF_REACH_S if trouble is not None and trouble.retryable else NEEDS_A_PERSON_S


class MessageDeduplicator:
    """What is said in one pass and not in the pass before it over that place: an odd name is told once, not every
    minute. A warning that another place has just given is not given again."""

    def __init__(self, ui: Ui) -> None:
        self._ui = ui
        self._before: dict[str | None, set[str]] = {}
        self._now: set[str] = set()
        self._place: str | None = None
        self.stage = ui.stage

    @contextmanager
    def of_one_pass(self, place: str | None) -> Iterator[MessageDeduplicator]:
        """What is said within is of that place; a pass that did not come about leaves what was said before it."""
        self._place, self._now = place, set()
        yield self
        self._before[place] = self._now

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        """A file is news when anything that is said of it is."""
        told = "\n".join([*describe(report), report.summary.file.sha256 or ""])
        if self._is_news(told, self._place):
            self._ui.file(report, shown_rejects=shown_rejects)

    def line(self, text: str) -> None:
        """A line is news where the pass before over the same place did not have it."""
        if self._is_news(text, self._place):
            self._ui.line(text)

    def log_line(self, text: str) -> None:
        """The same for a log alone."""
        if self._is_news(text, self._place):
            self._ui.log_line(text)

    def warn(self, text: str) -> None:
        """A warning is news where no place gave it in its last pass."""
        if self._is_news(text, *self._before):
            self._ui.warn(text)

    def _is_news(self, text: str, *places: str | None) -> bool:
        self._now.add(text)
        return not any(text in self._before.get(place, ()) for place in places)
