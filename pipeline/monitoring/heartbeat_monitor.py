"""Telling a monitor outside, the config's `ping`, that a run begins and how it ends.

What fails here is a warning: it never changes what became of a file, nor the exit status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.edge.config import ping_url
from pipeline.edge.log import get_logger
from pipeline.errors import EX_OK, AnotherRun, BillferryError
from pipeline.monitoring.notifications import Notifier
from pipeline.monitoring.run_history import Warn
from schemas.results import RunResult
from schemas.settings import Settings

log = get_logger()


class HeartbeatMonitor:
    """The monitor of the config's `ping`, or nobody. Raises ConfigError where its address is not valid.

    `silent`: the address is looked at, and nothing is sent there.
    """

    def __init__(self, settings: Settings, warn: Warn, *, silent: bool = False) -> None:
        """`warn` is told of a ping that fails, once for each problem."""
        url = ping_url(settings)
        self._url = None if silent else url
        self._timeout_s = settings.ping.timeout_s if settings.ping else 0.0
        self._warn = warn
        self._told: set[tuple[str, str]] = set()
        """What failed since a ping last worked: a watch says it once."""

    def tell_start(self) -> None:
        """The run has its lock and begins."""
        self._tell("start", "/start")

    def tell_end(self, exit_status: int) -> None:
        """Good is 0 alone: whatever else needs somebody, now or with the next run."""
        self._tell("success" if exit_status == EX_OK else "failure", "" if exit_status == EX_OK else "/fail")

    def _tell(self, what: str, path: str) -> None:
        """Send one ping, if anybody listens. A failed one changes nothing: the monitor will miss it, and says so."""
        if self._url is None:
            return
        from pipeline.edge.monitoring.heartbeat import ping  # noqa: PLC0415

        problem = ping(self._url + path, timeout_s=self._timeout_s)
        log.info("pinged", what=what, problem=problem)
        if problem is None:
            self._told.clear()
        elif (what, problem) not in self._told:
            self._told.add((what, problem))
            self._warn(f"the ping of {what} failed ({problem}); the run is not concerned")


@contextmanager
def monitored(monitor: HeartbeatMonitor, notifier: Notifier) -> Iterator[Callable[[RunResult], RunResult]]:
    """Tell how the work ends: by its result, or by what it raises. Who finds another run at work tells nothing."""
    ended: list[RunResult] = []

    def note(result: RunResult) -> RunResult:
        ended.append(result)
        return result

    try:
        yield note
    except AnotherRun:
        raise
    except BillferryError as error:
        monitor.tell_end(error.exit_status)
        notifier.tell_error(error)
        raise
    except Exception as error:
        monitor.tell_end(-1)
        notifier.tell_error(error)
        raise
    except BaseException:
        monitor.tell_end(-1)
        raise
    for result in ended:
        monitor.tell_end(result.exit_status)
        notifier.tell(result)
