"""Whether this run may believe its clock: what the API, the SFTP server and earlier runs say of the time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from pipeline.core.api.requests import PATH_OF
from pipeline.core.api.responses import Answer, Failure
from pipeline.core.clock_trust import Belief, belief, by_how_much, http_date
from pipeline.core.values.timestamps import local_time, rfc3339
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.times import ConfirmedTime
from pipeline.errors import ClockOff, ClockUnconfirmed
from schemas.settings import Settings


async def ask_for_nothing(settings: Settings, key: str, reference: str) -> Answer | Failure:
    """Ask the API for a customer that cannot exist: it shows that the key is good, and what time it is there."""
    from pipeline.edge.billing.api import BillingApi  # noqa: PLC0415 (an idle run needs no HTTP client)

    async with BillingApi(settings.api, key) as api:
        return await api.send("GET", f"{PATH_OF['customer']}/{reference}-{uuid.uuid4()}")


@dataclass(slots=True)
class Timekeeper:
    """One run's idea of the time."""

    now: Callable[[], datetime]
    ledger: Ledger
    zone: tzinfo
    """Of the people who read its messages."""
    _ahead_of_api: timedelta | None = None
    _needed: bool = False
    """Whether something waits for the time to be confirmed."""

    def heard(self, date: str | None) -> None:
        """The `Date` header of an answer of the API that came just now."""
        theirs = http_date(date)
        if theirs is not None:
            self._ahead_of_api = self.now() - theirs

    def stamp(self) -> str:
        """The time for what must not be forgotten too early: never before one that is known to have been."""
        now, confirmed = self.now(), ConfirmedTime(self.ledger).confirmed()
        if self._ahead_of_api is not None:
            return rfc3339(now - self._ahead_of_api if self.belief() is Belief.OFF else now)
        return rfc3339(max(now, confirmed) if confirmed is not None else now)

    def belief(self) -> Belief:
        """How far the time may be believed, by all that is known until now."""
        return belief(
            self.now(),
            confirmed=ConfirmedTime(self.ledger).confirmed(),
            ahead_of_api=self._ahead_of_api,
            changed_there=_newest_there(Files(self.ledger)),
        )

    def is_confirmed(self, settings: Settings, api_key: Callable[[], str]) -> bool:
        """Whether things may be forgotten now. The API is asked where nothing else tells: one request, sent once."""
        if self.belief() is Belief.UNCONFIRMED:
            answer = asyncio.run(ask_for_nothing(settings, api_key(), "billferry-time"))
            if isinstance(answer, Answer):
                self.heard(answer.headers.get("date"))
        self._needed = True
        return self.belief() is Belief.CONFIRMED

    def at_the_end(self) -> ClockOff | ClockUnconfirmed | None:
        """Remember the time where it is confirmed; else what to say, where it is wrong or something waits for it."""
        match self.belief():
            case Belief.CONFIRMED:
                ConfirmedTime(self.ledger).confirm(rfc3339(self.now()))
                return None
            case Belief.UNCONFIRMED if not self._needed:
                return None
            case _:
                return self.trouble()

    def trouble(self) -> ClockOff | ClockUnconfirmed | None:
        """What is wrong with the time."""
        match self.belief():
            case Belief.OFF:
                return ClockOff(off=by_how_much(self._ahead_of_api or timedelta(0)))
            case Belief.UNCONFIRMED:
                confirmed = ConfirmedTime(self.ledger).confirmed() or self.now()
                told = local_time(rfc3339(confirmed), self.zone)
                return ClockUnconfirmed(off=by_how_much(self.now() - confirmed), confirmed=told)
            case _:
                return None


def _newest_there(files: Files) -> datetime | None:
    """When the youngest file that was last seen on the SFTP server was changed. A drop folder has our own clock."""
    times = (datetime.fromisoformat(row["modified_at"]) for row in files.sightings("sftp"))
    return max(times, default=None)
