"""Idempotency keys: the first request's reply is stored and given again.

Source: the Billing API's contract, and draft-ietf-httpapi-idempotency-key-header, which it follows: 409 while the first
request is in flight, 422 when a key comes with another request.
"""

import hashlib
from dataclasses import dataclass

from pipeline.sandbox.replies import Problem, Reply


def fingerprint(path: str, body: bytes) -> bytes:
    """What makes two requests the same: path and exact bytes of the body. Equal JSON in another order is another
    request."""
    return hashlib.sha256(path.encode() + b"\0" + body).digest()


@dataclass
class Entry:
    """One key: whose request claimed it, when, and with what reply."""

    fingerprint: bytes
    first_seen_s: float
    reply: Reply | None = None
    """None while the first request is still being worked on."""


class IdempotencyKeys:
    """All idempotency keys of one API, in order of their first request.

    Times are the sandbox clock's monotonic seconds.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def forget_older(self, than_s: float) -> None:
        """Forget keys first seen at `than_s` or before. They are in order of time, so it costs nothing beyond what is
        forgotten."""
        while self._entries:
            key = next(iter(self._entries))
            if self._entries[key].first_seen_s > than_s:
                return
            del self._entries[key]

    def forget_all(self) -> None:
        self._entries.clear()

    def knows(self, key: str) -> bool:
        return key in self._entries

    def claim(self, key: str, request: bytes, now_s: float) -> Reply | None:
        """The stored reply, or None when this request is the first and must now be worked on.

        Raises `Problem`: 422 when the key came with another request, 409 while the first one is in flight.
        """
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = Entry(request, now_s)
            return None
        if entry.fingerprint != request:
            raise Problem(
                422, "idempotency_key_reuse", "this idempotency key came with another request before"
            )
        if entry.reply is None:
            raise Problem(409, "idempotency_in_flight", "the first request with this key is still in flight")
        return entry.reply

    def keep(self, key: str, reply: Reply) -> None:
        """Store the reply of a claimed key, unless the claim was forgotten meanwhile."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.reply = reply

    def release(self, key: str) -> None:
        """Make a claimed key as good as new: its request had no reply worth storing, such as a connection that was
        dropped."""
        self._entries.pop(key, None)
