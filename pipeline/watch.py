"""watch: `run` again and again. What is dropped is taken when it stands still, the SFTP server is looked at in time.

Each look is a pass of its own, with the lock held for that pass alone, so that other commands get their turn. It ends
by itself only where no later pass could help without a person: a wrong config, a wrong host key, a bug.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from pipeline.core.files import SourceName
from pipeline.core.outcomes import FileState
from pipeline.core.turns import NEEDS_A_PERSON_S, OUT_OF_REACH_S, Turn
from pipeline.desk import Options
from pipeline.diary import Monitor
from pipeline.edge.changes import Changes
from pipeline.edge.config import Config
from pipeline.errors import (
    EX_BUG,
    EX_HOST_KEY,
    EX_OK,
    EX_USAGE,
    SIGNAL_BASE,
    AnotherRun,
    BillferryError,
    Stopped,
    UsageError,
)
from pipeline.progress import Ui
from pipeline.report import SHOWN_REJECTS, FileReport, describe
from pipeline.run import Passed, pass_over
from pipeline.signals import stoppable

log = structlog.get_logger()

UPKEEP_S = 3_600.0
"""So often unfinished files are looked for that no source shows: another command may have left them."""
DROP_S = 60.0
"""So often the drop folder is looked at without being called: some network drives tell of no changes."""
PING_S = 60.0
"""So often a monitor is told that the watch lives."""
LOCKED_S = 0.5
"""Until the next try when another command is at work."""
ENDS_THE_WATCH = (EX_BUG, EX_USAGE, EX_HOST_KEY)


def watch(config: Config, ui: Ui) -> int:
    """Look until a signal comes, or a person is needed; the exit status."""
    drop = config.settings.drop
    try:
        with stoppable(), Changes(drop.folder if drop else None) as changes:
            return _Watch(config, ui, changes).until_it_ends()
    except Stopped as stopped:
        ui.line(f"{stopped}")
        return stopped.exit_status


class _Watch:
    def __init__(self, config: Config, ui: Ui, changes: Changes) -> None:
        self._config = config
        self._changes = changes
        self._upkeep = Turn(UPKEEP_S)
        self._turns: dict[SourceName, Turn] = {}
        where = []
        # The folder comes first: what was dropped is taken also where a wrong host key is about to end the watch.
        if (drop := config.settings.drop) is not None:
            self._turns["drop"] = Turn(DROP_S)
            where.append(f"the drop folder {drop.folder}")
        if (sftp := config.settings.sftp) is not None:
            self._turns["sftp"] = Turn(sftp.poll_interval_s)
            where.append(f"sftp://{sftp.host}:{sftp.port} every {sftp.poll_interval_s:g} s")
        self._news = {name: News(ui) for name in (None, *self._turns)}
        self._api_trouble: BillferryError | None = None
        self._monitor = Monitor(config.settings, ui.warn)
        self._told_at, self._told_status = float("-inf"), EX_OK
        if not self._turns:
            raise UsageError(
                problem="there is nothing to watch", remedy="configure sftp or drop, or use billferry load"
            )
        ui.line(f"watching {' and '.join(where)}; stop with Ctrl-C")

    def until_it_ends(self) -> int:
        while True:
            name = self._next()
            turn = self._turn(name)
            if turn.at > time.monotonic():
                if self._changes.wait(turn.at - time.monotonic()):
                    self._turns["drop"].called(time.monotonic())
                continue
            status = self._look(name, turn)
            if status in ENDS_THE_WATCH or status > SIGNAL_BASE:
                return status

    def _next(self) -> SourceName | None:
        """Whose turn is next; None is the upkeep. While the API is away, nothing else makes sense."""
        if self._api_trouble is not None:
            return None
        return min((None, *self._turns), key=lambda name: self._turn(name).at)

    def _turn(self, name: SourceName | None) -> Turn:
        return self._upkeep if name is None else self._turns[name]

    def _look(self, name: SourceName | None, turn: Turn) -> int:
        """One pass; its exit status."""
        with self._news[name].of_one_pass() as ui:
            try:
                passed = pass_over(self._config, ui, Options(), name)
            except AnotherRun:
                turn.at = time.monotonic() + LOCKED_S
                return EX_OK
            except BillferryError as error:
                if not error.retryable:
                    raise
                ui.warn(str(error))
                turn.failed(time.monotonic(), longest_s=OUT_OF_REACH_S)
                self._tell(error.exit_status)
                return error.exit_status
        self._remember(turn, passed)
        self._tell(passed.result.exit_status)
        return passed.result.exit_status

    def _tell(self, exit_status: int) -> None:
        """A sign of life, or of trouble: now and then, and when it changes."""
        now = time.monotonic()
        if exit_status != self._told_status or now - self._told_at >= PING_S:
            self._monitor.tell_end(exit_status)
            self._told_at, self._told_status = now, exit_status

    def _remember(self, turn: Turn, passed: Passed) -> None:
        now = time.monotonic()
        if (trouble := passed.out_of_reach) is not None:
            turn.failed(now, longest_s=_longest_s(trouble))
        elif turn is not self._upkeep:
            turn.done(now, again_in_s=passed.again_in_s)
        self._api_trouble = passed.api_stopped
        if any(FileState(file.state) is FileState.UNFINISHED for file in passed.result.files):
            if turn is not self._upkeep:
                self._upkeep.failures = 0  # something new to try soon
            self._upkeep.failed(now, longest_s=_longest_s(self._api_trouble))
        elif turn is self._upkeep:
            turn.done(now)
        log.info("looked", files=len(passed.result.files), exit_status=passed.result.exit_status)


def _longest_s(trouble: BillferryError | None) -> float:
    """The longest back-off: short where the trouble passes by itself."""
    return OUT_OF_REACH_S if trouble is not None and trouble.retryable else NEEDS_A_PERSON_S


class News:
    """What is said in one pass and not in the pass before: an odd name is told once, not every minute."""

    def __init__(self, ui: Ui) -> None:
        self._ui = ui
        self._before: set[str] = set()
        self._now: set[str] = set()
        self.stage = ui.stage

    @contextmanager
    def of_one_pass(self) -> Iterator[News]:
        yield self
        self._before, self._now = self._now, set()

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        told = "\n".join(describe(report))
        if told not in self._before:
            self._ui.file(report, shown_rejects=shown_rejects)
        self._now.add(told)

    def line(self, text: str) -> None:
        self._say(self._ui.line, text)

    def warn(self, text: str) -> None:
        self._say(self._ui.warn, text)

    def _say(self, say: Callable[[str], None], text: str) -> None:
        if text not in self._before:
            say(text)
        self._now.add(text)
