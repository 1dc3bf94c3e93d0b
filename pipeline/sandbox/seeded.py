"""Faults decided by a seed, so that a printed seed shows a failure again.

What strikes a request is decided by the seed and the request itself: method, idempotency key (else path and body),
and how often this very request was seen before. Not by its number: requests that are in flight together arrive in
any order, and that order must not change what happens to one of them. (What carries ids of the API, a PATCH for
one, still depends on the order in which entities were created.)
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from pipeline.sandbox import faults
from pipeline.sandbox.faults import Fault, Received, Window
from pipeline.sandbox.replies import Reply

HTML = Reply(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")


def _in_seconds(seconds: int) -> str:
    """An HTTP date (RFC 9110, GMT) so many seconds from now, by the machine's clock."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def _another_amount(reply: Reply) -> Reply:
    """A 201 with its amount one cent up; the true entity is as it was asked for."""
    if reply.status != 201:
        return reply
    document = json.loads(reply.body)
    amounts = {name: document[name] + 1 for name in ("amount_due", "balance") if name in document}
    return replace(reply, body=json.dumps(document | amounts).encode())


def _not_json(reply: Reply) -> Reply:
    """The reply of a proxy that answers in the API's place with a page, under the API's status."""
    return replace(reply, body=b"<html>OK</html>", content_type="text/html")


FAULTS: Mapping[str, Callable[[float], Fault]] = {
    "closed before the work": lambda _: faults.drop_before(),
    "closed with the key claimed": lambda _: faults.drop(Window.AFTER_RECEIPT),
    "reply lost": lambda _: faults.drop_after(),
    "reply lost while sent": lambda _: faults.cut(0),
    "500 not stored": lambda _: faults.status(500, stored=False),
    "500 stored": lambda _: faults.status(500, stored=True),
    "500 stored after the work": lambda _: faults.status(500, stored=True, after_work=True),
    "500 stored after the customer": lambda _: faults.status_at(Window.AFTER_CUSTOMER, 500, stored=True),
    "500 stored after the account": lambda _: faults.status_at(Window.AFTER_ACCOUNT, 500, stored=True),
    "502 as HTML": lambda _: faults.answer(HTML, Window.BEFORE_RECEIPT),
    "502 as HTML after the work": lambda _: faults.answer(HTML, Window.BEFORE_REPLY),
    "503": lambda _: faults.status(503, stored=False),
    "503 with seconds": lambda _: faults.status(503, stored=False, retry_after="1"),
    "504 after the work": lambda _: faults.answer(replace(HTML, status=504), Window.BEFORE_REPLY),
    "429": lambda _: faults.status(429, stored=False),
    "429 with seconds": lambda _: faults.status(429, stored=False, retry_after="1"),
    "429 with a date": lambda _: faults.status(429, stored=False, retry_after=_in_seconds(1)),
    "429 with an absurd pause": lambda _: faults.status(429, stored=False, retry_after="99999999"),
    "429 stored": lambda _: faults.status(429, stored=True),
    "503 stored": lambda _: faults.status(503, stored=True),
    "402 stored": lambda _: faults.status(402, stored=True),
    "403 stored": lambda _: faults.status(403, stored=True),
    "403": lambda _: faults.status(403, stored=False),
    "400": lambda _: faults.status(400, stored=False),
    "402": lambda _: faults.status(402, stored=False),
    "201 cut off": lambda _: faults.cut(),
    "201 that is no JSON": lambda _: faults.alter(_not_json),
    "201 with another amount": lambda _: faults.alter(_another_amount),
    "201 with another amount, stored": lambda _: faults.alter(_another_amount, stored=True),
    "slow before the work": faults.slow,
    "slow after the work": lambda slow_s: faults.slow(slow_s, Window.BEFORE_REPLY),
    "slow between account and bill": lambda slow_s: faults.slow(slow_s, Window.AFTER_ACCOUNT),
    # The work is done and its key is as good as new: only unique references keep it from being done twice.
    "500 not stored after the work": lambda _: faults.status(500, stored=False, after_work=True),
    "closed after the customer": lambda _: faults.drop(Window.AFTER_CUSTOMER),
    "closed after the account": lambda _: faults.drop(Window.AFTER_ACCOUNT),
    "closed after the bill": lambda _: faults.drop(Window.AFTER_BILL),
}
"""By name; each is given how long a slow reply takes, in seconds."""

PAUSING = tuple(name for name in FAULTS if name.startswith("429"))
"""Every worker waits for them, so they are kept rare."""
FORGETFUL = ("500 not stored after the work", *(name for name in FAULTS if name.startswith("closed after")))
"""Such an API keeps no promise about idempotency keys."""
PERMANENT = ("402 stored", "402", "400")
"""Outcomes that no repetition changes, unless an earlier try had worked."""
STOPPING = ("403", "403 stored", "429 with an absurd pause")
"""They end the run; the next one goes on."""
LOST_REPLIES = ("reply lost", "reply lost while sent", "201 cut off", "slow after the work")
"""All is done and stored, and the client does not know: the same key gives the reply again."""
STORED = (
    "500 stored",
    "500 stored after the work",
    "500 stored after the customer",
    "500 stored after the account",
    "503 stored",
    "201 with another amount, stored",
)
"""What a repetition of the key only replays, half-done creates among them."""
_APART = {*PAUSING, *FORGETFUL, *PERMANENT, *STOPPING}
HONEST = tuple(name for name in FAULTS if name not in _APART)
"""All that passes, from an API that keeps its word about idempotency keys."""
PASSING = (*HONEST, *FORGETFUL)
"""All that passes."""


class Seeded:
    """Faults by chance: the same seed gives the same request the same fault.

    Args:
        share: of the requests that are struck, from 0 to 1.
        mix: names of `FAULTS`, each as likely as the next; one may be in it more than once.
        slow_s: how long a slow reply takes, in seconds; longer than the client's time-out to be a fault at all.

    `struck` counts faults by name. Print the object when a test fails: it shows the seed to try again with.
    """

    def __init__(
        self, seed: int, share: float = 0.1, mix: Sequence[str] = PASSING, *, slow_s: float = 1.0
    ) -> None:
        self.seed = seed
        self.share = share
        self.mix = tuple(mix)
        self.slow_s = slow_s
        self.struck: Counter[str] = Counter()
        self._seen: Counter[bytes] = Counter()

    def chosen_for(self, request: Received) -> tuple[Fault, ...]:
        one = self._identity(request)
        self._seen[one] += 1
        digest = hashlib.blake2b(
            one, key=f"{self.seed}".encode(), salt=self._seen[one].to_bytes(8, "big"), digest_size=16
        ).digest()
        if int.from_bytes(digest[:8], "big") >= self.share * 2**64:
            return ()
        name = self.mix[int.from_bytes(digest[8:], "big") % len(self.mix)]
        self.struck[name] += 1
        return (FAULTS[name](self.slow_s),)

    def _identity(self, request: Received) -> bytes:
        """What stays the same when a client repeats a request: its idempotency key, else path and body."""
        what = (request.idempotency_key or request.path).encode()
        body = b"" if request.idempotency_key else request.body
        return b"\0".join((request.method.encode(), what, body))

    def __repr__(self) -> str:
        return f"Seeded(seed={self.seed}, share={self.share}, struck={dict(self.struck)})"
