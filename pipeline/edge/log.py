"""Structured logs on stderr: event names with ids and counts, never values of a record.

Lines for people on a terminal, JSON elsewhere. What looks like a key, an e-mail or a number of a person is masked
in every string on its way out. Of exceptions that nobody expected, where they happened is shown, and of their messages
nothing that they quote: Python quotes the values it was at work on, and not always as they were written.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.core.names import printable
from pipeline.core.redact import redact

_IDS = frozenset({"run", "sha256", "level"})
"""Fields that are ours and may hold long numbers."""
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`""")
"""What exceptions put between quotes, often a value."""
_QUOTE_CODE = (AttributeError, NameError, ImportError)
"""They quote names of the program alone."""
MOST_CHAINED = 20
"""Exceptions that led to each other and are shown; the chain may be long, or a circle."""


LOGGER = "billferry"
"""The logger of the standard library that every event goes to, for programs that use this one as a library."""


def get_logger() -> EventLog:
    """The log of a module: structured events, which `start_logging` sends to stderr.

    Until then they go to the logger `billferry`, as the program around us has set it up: on no account to its stdout.
    """
    return EventLog()


class EventLog:
    """Says events: a name, and facts by keyword. Nothing leaves unmasked."""

    def info(self, event: str, **facts: Any) -> None:
        """A step of a run."""
        self._say(logging.INFO, event, facts)

    def error(self, event: str, **facts: Any) -> None:
        """What went wrong."""
        self._say(logging.ERROR, event, facts)

    def _say(self, level: int, event: str, facts: Mapping[str, Any]) -> None:
        logger = logging.getLogger(LOGGER)
        if logger.isEnabledFor(level):
            named = {"event": event, "level": logging.getLevelName(level).lower()}
            logger.log(level, "%s", _render[0](mask({**facts, **named})))


def start_logging(*, verbose: bool, json_lines: bool | None = None) -> None:
    """Configure logging once per process; events go to stderr, never to stdout.

    Args:
        verbose: every step; without it, what people are told says it all.
        json_lines: None asks whether stderr is a terminal.
    """
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    _mask_what_nobody_catches()
    _render[0] = _json_line if as_json else _line_for_people
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [_ToStderr()]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.CRITICAL)


class _ToStderr(logging.Handler):
    """Whatever stderr is when an event comes; it is rendered already."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(record.getMessage() + "\n")


def _json_line(event: Mapping[str, Any]) -> str:
    """The event with the time, as one line of JSON."""
    return json.dumps({**event, "timestamp": _now()})


def _line_for_people(event: Mapping[str, Any]) -> str:
    """The time, the level, the event's name, then its facts by name."""
    facts = " ".join(f"{key}={event[key]}" for key in sorted(event.keys() - {"event", "level"}))
    return f"{_now()} [{event['level']:<5}] {event['event']:<20} {facts}".rstrip()


def _bare_line(event: Mapping[str, Any]) -> str:
    """For programs around us, whose own log adds time and level: `event='file' state='loaded'`."""
    return " ".join(f"{key}={event[key]!r}" for key in ("event", *sorted(event.keys() - {"event", "level"})))


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def masked_trace(error: BaseException) -> str:
    """Where an exception and those before it happened, with their messages, but nothing that these quote."""
    return redact("".join(_trace_lines(error, MOST_CHAINED)))


def _trace_lines(error: BaseException, left: int) -> Iterator[str]:
    """The lines of a traceback as Python prints it: causes first, then members of a group; messages are masked.

    Args:
        left: how many exceptions further back may still be shown.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and left:
        yield from _trace_lines(cause, left - 1)
        yield "\nThis led to:\n\n"
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__qualname__}: {_message_of(error)}\n"
    for number, inner in enumerate(
        error.exceptions if isinstance(error, BaseExceptionGroup) else (), start=1
    ):
        if left:
            yield f"\n{number} of this group:\n\n"
            yield from _trace_lines(inner, left - 1)


def _message_of(error: BaseException) -> str:
    """What an exception says, its notes included, without what it quotes."""
    try:
        text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    except Exception:  # noqa: BLE001 (whatever an exception does when it is asked)
        return "?"
    return text if isinstance(error, _QUOTE_CODE) else _QUOTED.sub("'[value]'", text)


class _Masking(logging.Formatter):
    """For what libraries log by themselves, such as asyncio of a task that nobody waits for."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))

    def formatException(self, ei: Any) -> str:
        return masked_trace(ei[1]).rstrip("\n")


def _mask_what_nobody_catches() -> None:
    """In threads and finalisers Python itself prints what was raised, and where nothing is set up, what is logged."""

    def show(caught: Any) -> None:
        if caught.exc_value is not None and not isinstance(caught.exc_value, SystemExit):
            sys.stderr.write(masked_trace(caught.exc_value))

    threading.excepthook = show
    sys.unraisablehook = show
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Masking())


def mask(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with secrets and personal data masked in all values but our own ids."""
    return {redact(key): value if key in _IDS else _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    """A value with every text in it masked; what is no plain value is shown as text."""
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value if isinstance(value, int | float | bool | None) else _plain(str(value))


def _plain(text: str) -> str:
    """Masked, and line by line such that it cannot steer a terminal."""
    return "\n".join(map(printable, redact(text).split("\n")))


_render: list[Callable[[Mapping[str, Any]], str]] = [_bare_line]
"""How every logger writes an event, also those that modules made before `start_logging` changed it."""
logging.getLogger(LOGGER).addHandler(logging.NullHandler())
