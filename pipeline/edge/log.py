"""Structured logs on stderr: event names with ids and counts, never values of a record.

Lines for people on a terminal, JSON elsewhere. What looks like a key, an e-mail or a number of a person is masked
in every string on its way out.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from pipeline.core.names import printable
from pipeline.core.redact import redact

_IDS = frozenset({"run", "sha256", "timestamp", "level"})
"""Fields that are ours and may hold long numbers."""


def start_logging(*, verbose: bool, json_lines: bool | None = None) -> None:
    """Configure logging once per process. Quiet (warnings only) unless `verbose`."""
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def mask(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor that masks secrets and personal data in all values but our own ids."""
    return {redact(key): value if key in _IDS else _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
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
