"""Telling the operator's own program, the config's `notify`, what needs a person: once, not with every run.

What was told is remembered in a file of its own below work_dir, so that a ledger in trouble can be told of, too. What
fails here is a warning: it never changes what became of a file, nor the exit status.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pipeline.core.error_document import bug_document, error_document
from pipeline.core.outcomes import FileState
from pipeline.core.payments.comparison_words import comparison_lines
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.clock import utc_now
from pipeline.edge.config import Config
from pipeline.edge.disk import replaced_file
from pipeline.edge.log import get_logger
from pipeline.errors import EX_ANOTHER_RUN, EX_OK, SIGNAL_BASE, AnotherRun, BillferryError, FeedLate, Stopped
from pipeline.monitoring.daily_digest import digest, is_due
from pipeline.monitoring.run_history import Warn
from schemas.results import ErrorFacts, RunResult, Summary
from schemas.settings import NotifyEvent, Settings

log = get_logger()

MEMORY = "notified.json"
"""Below work_dir: what was told, and when."""
DIGEST = "digest"
"""The event, and the key, of what is told once a day."""
REMINDED_AFTER = timedelta(hours=24)
"""A failure that lasts is told again; a file's own trouble only once."""
FORGOTTEN_AFTER = timedelta(days=40)
MOST_LINES = 50
"""In the text for people; the result has all."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing that needs a person."""

    event: NotifyEvent
    key: str
    """Tells it from others; equal as long as it is the same trouble."""
    line: str


class Notifier:
    """The program of the config's `notify`, or nobody."""

    def __init__(
        self,
        config: Config,
        warn: Warn,
        *,
        silent: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`warn` hears of a command that fails. `silent`: nobody is told anything, as in a dry run."""
        self._settings, self._folder = config.settings, config.path.parent
        self._notify = None if silent else config.settings.notify
        self._warn, self._clock = warn, clock

    def tell(self, result: RunResult, place: str | None = None) -> None:
        """What a run came to.

        Args:
            place: the source that the run looked at; None: all of them. What failed there and is not in the result any
                more is over.
        """
        if self._notify is None or self._notify.command is None:
            return
        now, memory = self._clock(), self._memory()
        news = [each for each in _news(result, self._settings) if each.event in self._notify.on]
        lasting = {each.key for each in news}
        kept = {
            key: entry for key, entry in memory.items() if _is_kept(key, entry, lasting, place=place, now=now)
        }
        owed = [News(entry["event"], key, entry["line"]) for key, entry in kept.items() if not entry["at"]]
        fresh = owed + [each for each in news if _is_due(each, kept.get(each.key), now)]
        day = self._digest(kept.get(DIGEST), now)
        at = rfc3339(now) if (fresh or day) and self._sent(self._document(fresh, result, day), now) else None
        told = {
            each.key: {"at": at, "event": each.event, "place": place, "line": each.line} for each in fresh
        }
        if day and at:
            told[DIGEST] = {"at": at, "event": DIGEST, "place": None, "line": ""}
        if (remembered := kept | told) != memory:
            self._remember(remembered)

    def tell_error(self, error: BaseException, place: str | None = None) -> None:
        """What kept a run from beginning; another run at work, or a signal, needs nobody."""
        if not isinstance(error, AnotherRun | Stopped):
            facts = error_document(error) if isinstance(error, BillferryError) else bug_document(None)
            told = ErrorFacts.model_validate(facts)
            self.tell(RunResult(run_id=None, exit_status=told.exit_status, files=[], errors=[told]), place)

    def _digest(self, told: dict[str, Any] | None, now: datetime) -> dict[str, Any] | None:
        """The day's, when it is due. A ledger in trouble has none; the run tells of that itself."""
        last = _at(told) if told else None
        if self._notify is None or self._notify.digest_at is None:
            return None
        if not is_due(self._notify.digest_at, last, now, self._settings):
            return None
        try:
            return digest(self._settings, last or now - timedelta(days=1), now)
        except BillferryError:
            return None

    def _document(self, news: list[News], result: RunResult, day: dict[str, Any] | None) -> dict[str, Any]:
        merchant, environment = self._settings.merchant, self._settings.environment
        lines = [each.line for each in news[:MOST_LINES]]
        if (left := len(news) - MOST_LINES) > 0:
            lines.append(f"and {left} more")
        events: list[str] = sorted({each.event for each in news})
        if day:
            events, lines = [*events, DIGEST], [*lines, day["text"]]
        return {
            "events": events,
            "merchant": merchant,
            "environment": environment,
            "subject": f"billferry {merchant} ({environment}): {', '.join(events)}",
            "text": "\n".join(lines),
            "digest": day,
            "result": result.model_dump(mode="json"),
        }

    def _sent(self, document: dict[str, Any], now: datetime) -> bool:
        """Whether the program took it; otherwise the next run tells it."""
        from pipeline.edge.monitoring.notify_command import run_notify_command  # noqa: PLC0415

        notify = self._notify
        if notify is None or notify.command is None:
            return False
        text = json.dumps({**document, "at": rfc3339(now)}, ensure_ascii=False).encode()
        problem = run_notify_command(notify.command, text, folder=self._folder, timeout_s=notify.timeout_s)
        log.info("notified", events=document["events"], problem=problem)
        if problem is not None:
            self._warn(f"notify: {problem}; the run is not concerned, and the next one tells it")
        return problem is None

    # -- what was told --

    @property
    def _path(self) -> Path:
        return self._settings.work_dir / MEMORY

    def _memory(self) -> dict[str, dict[str, Any]]:
        """Key → when it was told (null: not yet, the program failed), as what, of which place, in which words.

        Whatever cannot be read was never told.
        """
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        is_ours = isinstance(found, dict) and all(
            isinstance(entry, dict) and entry.keys() == {"at", "event", "place", "line"}
            for entry in found.values()
        )
        return found if is_ours else {}

    def _remember(self, memory: dict[str, dict[str, Any]]) -> None:
        try:
            with replaced_file(self._path, durable=False) as file:
                file.write(json.dumps(memory, indent=1).encode())
        except (BillferryError, OSError) as error:
            self._warn(f"notify: what was told cannot be remembered ({error}); it may be told again")


def _is_due(news: News, told: dict[str, Any] | None, now: datetime) -> bool:
    """Whether it was never told, or is a failure that has lasted since."""
    if told is None:
        return True
    return news.event == "failure" and told["at"] is not None and now - _at(told) >= REMINDED_AFTER


def _is_kept(key: str, told: dict[str, Any], lasting: set[str], *, place: str | None, now: datetime) -> bool:
    """Whether an entry still says something: a failure that is over may come again, and is news then."""
    is_over = told["event"] == "failure" and key not in lasting and (place is None or told["place"] == place)
    return not is_over and (told["at"] is None or now - _at(told) < FORGOTTEN_AFTER)


def _at(told: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(told["at"])


def _news(result: RunResult, settings: Settings) -> Iterator[News]:
    """What needs a person, in the order of the result: errors of the run, then files."""
    for error in result.errors:
        line = f"{error.message}; {error.remedy}"
        if error.code == FeedLate.code:
            yield News("late", f"late {error.message}", line)
        elif error.exit_status not in {EX_OK, EX_ANOTHER_RUN} and error.exit_status <= SIGNAL_BASE:
            yield News("failure", f"failure {error.code} {error.source}", line)
    expected = {feed.name: set(feed.expected_codes) for feed in settings.feeds}
    for file in result.files:
        event = _event_of(file, expected.get(file.file.feed or "", set()))
        if event is not None:
            known_as = file.file.sha256 or file.file.name
            codes = " ".join(hold.code for hold in file.holds)
            yield News(event, f"{event} {known_as} {file.state} {codes}".rstrip(), _line_of(file))


def _event_of(file: Summary, expected_codes: set[str]) -> Literal["failure", "attention", "held"] | None:
    match FileState(file.state):
        case FileState.HELD:
            return "held"
        case FileState.UNFINISHED:
            return "failure"
        case FileState.REFUSED | FileState.UNMATCHED | FileState.COMPARED_WITH_DIFFERENCES:
            return "attention"
        case FileState.LOADED_WITH_REJECTS:
            return "attention" if set(file.codes) - expected_codes else None
        case _:
            return None


def _line_of(file: Summary) -> str:
    """One line for people: the file, what became of it, and why."""
    records = file.records
    rejects = records.rejected + records.conflict + records.refused
    compared = comparison_lines(file.comparison) if file.comparison is not None else []
    why = (
        file.refusal.message
        if file.refusal is not None
        else "; ".join(compared)
        or "; ".join(hold.message for hold in file.holds)
        or (f"{rejects} of {records.total} records are not loaded" if rejects else "; ".join(file.notes[:1]))
    )
    state = file.state.replace("_", " ")
    return f"{file.file.name}: {state}" + (f" ({why})" if why else "")
