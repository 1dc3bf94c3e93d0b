"""How far the files are that runs work on: read once a second for all who watch, and sent to each as it changes.

A browser watches by server-sent events. Source: WHATWG HTML, 9.2 Server-sent events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from starlette.concurrency import run_in_threadpool

from pipeline.core.api.ledger_changes import LoadUnderWay
from pipeline.core.how_many import how_many, size_text
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.core.values.timestamps import local_time
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.loads_under_way import FileUnderWay
from pipeline.errors import BillferryError
from pipeline.run.check_notes import CheckUnderWay
from schemas.settings import Settings

MAX_WATCHING = 100
"""Browsers that watch at a time; another one is told to look again by itself."""
READ_EVERY_S = 1.0
NOTICE_S = 0.2
"""So long a stream may go on after the server was told to end."""
LONGEST_S = 300.0
"""Of one stream: then the browser asks again, and one that does not read any more loses its place."""
NO_NEWS = timedelta(seconds=15)
"""After so long without a note, a run may have been killed."""
SHOWN_CURRENCIES = 3


@dataclass(frozen=True, slots=True)
class HowFar:
    """How far a file is, in words."""

    sha256: str
    name: str
    title: str
    lines: tuple[str, ...]
    done: int | None
    """Records of `total` that are settled, or bytes that are checked; both None where neither is known."""
    total: int | None
    is_sent: bool
    """Its load has begun."""
    may_be_stopped: bool


def progress_of(
    file: FileUnderWay, settings: Settings, now: datetime, check: CheckUnderWay | None = None
) -> HowFar:
    """What the page says of a file that a run works on, or will; `now` in UTC. `check`: the newest note of one."""
    lines = [] if file.load is None else list(_load_lines(file.load, settings, now))
    is_checked = (
        check is not None
        and (file.load, file.state, file.sha256) == (None, "landed", check.sha256)
        and now - datetime.fromisoformat(check.at) < NO_NEWS
    )
    if file.stop is not None:
        lines.append(f"Stops after what is under way, as {file.stop.by.user_name} asked; then it is held.")
    if file.load is not None:
        title = "Being loaded"
    elif check is not None and is_checked:
        title = "Being checked"
        lines.insert(0, f"{size_text(check.done_bytes)} of {size_text(check.total_bytes)}")
    elif file.state == "landed":
        title = "Being checked, or about to be"
    else:
        title = "The next pass goes on with it"
    load = file.load if file.load is not None and file.load.total else None
    done, total = (load.settled, load.total) if load is not None else (None, None)
    if check is not None and is_checked:
        done, total = check.done_bytes, check.total_bytes
    return HowFar(
        sha256=file.sha256,
        name=file.name,
        title=title,
        lines=tuple(lines),
        done=done,
        total=total,
        is_sent=load is not None,
        may_be_stopped=file.stop is None,
    )


def _load_lines(load: LoadUnderWay, settings: Settings, now: datetime) -> list[str]:
    lines = [f"{grouped(load.settled)} of {how_many(load.total, 'record')} settled"]
    lines += [
        f"{format_amount(currency, load.settled_minor.get(currency, 0))} of {format_amount(currency, minor)}"
        for currency, minor in sorted(load.total_minor.items())[:SHOWN_CURRENCIES]
    ]
    if now - datetime.fromisoformat(load.at) > NO_NEWS:
        return [*lines, f"No news since {local_time(load.at, settings.zone)}: its run has ended, or waits"]
    left = load.total - load.settled
    if not left:
        return [*lines, "Its report is being written"]
    pace = _pace(load.per_s, left)
    if load.retried:
        pace.append(f"{grouped(load.retried)} {'retry' if load.retried == 1 else 'retries'}")
    return [*lines, ", ".join(pace)] if pace else lines


def _pace(per_s: float, left: int) -> list[str]:
    """How fast a load is, and how long `left` records take; nothing while no record was settled since it is watched."""
    if per_s <= 0:
        return []
    number, of = (per_s, "second") if per_s >= 1 else (per_s * 60, "minute")
    pace = f"{how_many(round(number), 'record')} a {of}" if number >= 1 else "less than 1 record a minute"
    return [pace, f"about {_duration(left / per_s)} left"]


def _duration(seconds: float) -> str:
    """`50 s`, `12 min`, `3 h 5 min`."""
    minutes, hours = round(seconds / 60), int(seconds // 3600)
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if not hours else f"{hours} h {minutes - hours * 60} min"


def is_worked_on(row: FileRow) -> bool:
    """Whether its page is to tell how far a file is: it was taken up, and no report says yet what became of it."""
    return row.state == "landed" and (row.source != "page" or row.summary is not None)


@dataclass
class ProgressFeed:
    """What all streams of a page share."""

    read: Callable[[], Mapping[str, HowFar]]
    """SHA-256 → how far that file is; blocks."""
    _known: Mapping[str, HowFar] = field(default_factory=dict)
    _read_at: float = float("-inf")
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watching: int = 0
    _closed: bool = False

    def close(self) -> None:
        """Every stream ends, and no other begins; from any thread."""
        self._closed = True

    @property
    def has_room(self) -> bool:
        """Whether one more browser may watch."""
        return not self._closed and self._watching < MAX_WATCHING

    async def now(self) -> Mapping[str, HowFar]:
        """How far all files are, no older than a second. Raises as `read`."""
        async with self._reading:
            if time.monotonic() - self._read_at >= READ_EVERY_S:
                self._known = await run_in_threadpool(self.read)
                self._read_at = time.monotonic()
        return self._known

    async def events(self, sha256: str) -> AsyncIterator[bytes]:
        """The stream of one file: an event at once and after each change, `end` once no run works on it any more."""
        self._watching += 1
        try:
            until, told = time.monotonic() + LONGEST_S, None
            while time.monotonic() < until:
                try:
                    progress = (await self.now()).get(sha256)
                except BillferryError:  # the browser asks again, and is told then
                    return
                if progress is None:
                    yield _event({}, "end")
                    return
                # A comment keeps proxies from closing it, and shows who has gone.
                yield _event(_shown(progress), "progress") if progress != told else b":\n\n"
                told, next_at = progress, time.monotonic() + READ_EVERY_S
                while time.monotonic() < next_at:
                    if self._closed:
                        return
                    await asyncio.sleep(NOTICE_S)
        finally:
            self._watching -= 1


def _shown(progress: HowFar) -> dict[str, object]:
    return {
        "title": progress.title,
        "lines": progress.lines,
        "done": progress.done,
        "total": progress.total,
        "may_be_stopped": progress.may_be_stopped,
    }


def _event(data: dict[str, object], kind: str) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
