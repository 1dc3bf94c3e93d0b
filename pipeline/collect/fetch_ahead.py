"""Files of one source, fetched in order while others are worked on.

A thread fetches over the connection that listed them, and goes on until all are here: copies stay on our disk anyway,
and the shorter the time since the listing, the fewer files have changed. Where that takes long, a second connection
helps.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as StillFetching
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from pipeline.collect.collect import Source, land
from pipeline.collect.model import Found
from pipeline.core.file_stages import LandedFile
from pipeline.core.whole_source import concerns_whole_source
from pipeline.errors import BillferryError

SECOND_AFTER_S = 1.0
"""Fetching that has taken so long is worth the second log-in, of some ten round trips."""
SHOWN_EVERY_S = 0.1
"""How often whoever waits for a file is told how far it is."""
END_S = 2.0
"""How long a thread may take to end before it is left behind; it is a daemon, and writes no file any more."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that is here, and since when, in UTC."""

    landed: LandedFile
    at: datetime


@dataclass(slots=True)
class Fetch:
    """One file on its way."""

    found: Found
    done_bytes: int = 0
    """So far; from 0 again where its connection broke."""
    _arrival: Future[Arrival] = field(default_factory=Future)

    def arrived(self, progress: Callable[[int], None]) -> Arrival | None:
        """Wait for it; `progress` is called with the bytes so far. None: its source was given up before its turn.

        Raises what `collect.land` raised.
        """
        while not self._arrival.cancelled():
            with suppress(StillFetching, CancelledError):
                arrival = self._arrival.result(SHOWN_EVERY_S)
                progress(arrival.landed.size_bytes)
                return arrival
            progress(self.done_bytes)
        return None

    @property
    def is_over(self) -> bool:
        """Whether it is here, failed or was given up."""
        return self._arrival.done()

    def here(self, arrival: Arrival) -> None:
        """It has landed."""
        self._arrival.set_result(arrival)

    def failed(self, error: BaseException) -> None:
        """It has not, and will not in this run."""
        self._arrival.set_exception(error)

    def give_up(self) -> None:
        """It will not be fetched, and why has been said of another file."""
        self._arrival.cancel()


class FetchAhead:
    """The fetches of one source. From `start` to `end` nobody else asks that source for anything."""

    def __init__(
        self,
        source: Source,
        second: Callable[[], Source | None],
        found: Sequence[Found],
        landing: Path,
        *,
        max_file_bytes: int,
        clock: Callable[[], datetime],
    ) -> None:
        """Nothing is fetched yet.

        Args:
            second: makes a further connection to the same source; None where that would be no faster.
            found: in the order in which they are wanted.
            landing, max_file_bytes: as for `collect.land`.
            clock: in UTC.
        """
        self.fetches = [Fetch(each) for each in found]
        self._source, self._make_second = source, second
        self._landing, self._max_file_bytes, self._clock = landing, max_file_bytes, clock
        self._queue = deque(self.fetches)
        self._second: Source | None = None
        self._second_is_busy = self._is_over = False
        self._changed = threading.Condition()
        """Guards the four above."""
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin with the first file. The source is closed once all are here."""
        self._run(self._fetch_all)

    def end(self) -> None:
        """Stop what is still on its way, in bounded time. The source may be asked again after that."""
        self._give_up_rest()
        if not all(each.is_over for each in self.fetches):
            for source in (self._source, self._second):
                if source is not None:
                    source.close()  # whoever waits for an answer of it need not wait for its time-out
        for thread in self._threads:
            thread.join(END_S)

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="fetch", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _fetch_all(self) -> None:
        """Over the first connection, whose trouble is that of the source."""
        began_s = time.monotonic()
        try:
            while (fetch := self._next(waits=True)) is not None:
                try:
                    fetch.here(self._landed(fetch, self._source))
                except _Over:
                    fetch.give_up()
                except BaseException as error:  # noqa: BLE001 (raised again by whoever waits for the file)
                    fetch.failed(error)
                    if isinstance(error, BillferryError) and concerns_whole_source(error):
                        return
                if time.monotonic() - began_s >= SECOND_AFTER_S:
                    self._begin_second()
        finally:
            self._give_up_rest()
            self._source.close()

    def _begin_second(self) -> None:
        """Where two files are left to be fetched, so that each connection has one."""
        with self._changed:
            if self._second is not None or len(self._queue) < 2 or self._is_over:
                return
            self._second = second = self._make_second()
            self._second_is_busy = second is not None
        if second is not None:
            self._run(partial(self._help, second))

    def _help(self, source: Source) -> None:
        """Over the second connection. A server may allow one alone, or the line not bear two: whatever goes wrong here
        is no trouble, and the file is fetched over the first.
        """
        fetch = None
        try:
            while (fetch := self._next(waits=False)) is not None:
                fetch.here(self._landed(fetch, source))
        except BaseException:  # noqa: BLE001 (the first connection tells what it is)
            with self._changed:
                if fetch is not None:
                    self._queue.appendleft(fetch)
        finally:
            with self._changed:
                self._second_is_busy = False
                is_over = self._is_over
                self._changed.notify_all()
            if is_over:
                self._give_up_rest()
            source.close()

    def _next(self, *, waits: bool) -> Fetch | None:
        """The next file to fetch; `waits`: also for one that the second connection may give back."""
        with self._changed:
            while waits and self._second_is_busy and not self._queue and not self._is_over:
                self._changed.wait()
            return self._queue.popleft() if self._queue and not self._is_over else None

    def _give_up_rest(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
            while self._queue:
                self._queue.popleft().give_up()

    def _landed(self, fetch: Fetch, source: Source) -> Arrival:
        """Raises as `collect.land`, and _Over at the next block once nobody waits for it any more."""

        def advance(done_bytes: int) -> None:
            if self._is_over:
                raise _Over
            fetch.done_bytes = done_bytes

        landed = land(
            fetch.found, source, self._landing, max_file_bytes=self._max_file_bytes, progress=advance
        )
        return Arrival(landed, self._clock())


class _Over(Exception):
    """Ends a fetch that nobody waits for any more."""
