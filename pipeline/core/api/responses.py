"""What an answer of the Billing API means: one pure function of status, headers, body or failure (design §5).

The order of the tests is the order of the table in the design; the first that fits counts.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, NamedTuple

import orjson

from pipeline.core.api.requests import NOTHING, Json
from pipeline.core.clock_trust import http_date
from pipeline.errors import ApiError, ApiNotProved, ApiUnavailable

MAX_RETRY_AFTER_S = 300.0
"""A server that asks for a longer pause is taken to mean this one."""
MAX_WORD = 255
"""No id, currency or status is longer. Source: billing-api.md, of references."""
_WORDS = ("customer_id", "account_id", "currency", "status")
"""Fields of an answer that are kept, and so must be what `_is_word` calls a word."""
FEW_BRACKETS = 200
"""Whatever has no more of them can be written again: the depth for that is 254."""


class Failure(Enum):
    """A request without an answer."""

    NEVER_CONNECTED = "never connected"
    UNTRUSTED = "its certificate is not signed by an authority that this machine trusts"
    ANOTHER_HOST = "its certificate is for another host name"
    EXPIRED = "its certificate has expired"
    NOT_VALID_YET = "its certificate is not valid yet"
    TLS_TOO_OLD = "it offers no version and no cipher of TLS that is still safe"
    WITHOUT_TLS = "it answers without TLS"
    CUT = "connection cut"
    TIMED_OUT = "timed out"


NOT_PROVED = {
    Failure.UNTRUSTED: "Check api.base_url; for an authority of your own set SSL_CERT_FILE to its certificate",
    Failure.ANOTHER_HOST: "Check the host in api.base_url",
    Failure.EXPIRED: "Check this machine's clock; if it is right, ask the API's owner to renew the certificate",
    Failure.NOT_VALID_YET: "Check this machine's clock; if it is right, ask the API's owner",
    Failure.TLS_TOO_OLD: "Ask the API's owner to update it to TLS 1.2 or newer",
    Failure.WITHOUT_TLS: "Check the host and port in api.base_url",
}
"""Failures in which the other side did not prove to be the API → what to do. None passes by itself in seconds."""
NOT_SENT = frozenset({Failure.NEVER_CONNECTED, *NOT_PROVED})
"""Failures before the first byte of a request: nothing is in doubt."""


class Answer(NamedTuple):
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Meaning(StrEnum):
    """What to do next."""

    DONE = "done"
    """It worked, and the answer shows what we asked for."""
    SPENT = "spent"
    """A stored failure, or a stored success that shows something else, was replayed: history, look up."""
    UNAUTHORISED = "unauthorised"
    """401 or 403: the key is refused, and every request will be."""
    SLOW_DOWN = "slow_down"
    """429: not worked on; the same request, later."""
    CLASH = "clash"
    """409: a duplicate, or the same key still being worked on."""
    UNPROCESSABLE = "unprocessable"
    """422: a duplicate, a used key, or a refusal."""
    UNKNOWN = "unknown"
    """404 as a problem document: there is none."""
    REFUSED = "refused"
    """400 or 402: not worked on, and never will be."""
    NOT_SENT = "not_sent"
    """No byte of it left this machine."""
    DOUBT = "doubt"
    """It may have worked or not: no answer, one that cannot be read, one that shows something else, a 5xx."""


class Reading(NamedTuple):
    """An answer, understood. `code` and `message` carry no values of the record; `entity` is what the answer shows."""

    meaning: Meaning
    status: int | None = None
    entity: Json | None = None
    replayed: bool = False
    code: str = ""
    message: str = ""
    retry_after: str | None = None
    date: str | None = None
    """When the API answered, by its clock."""
    failure: Failure | None = None


class Expected(NamedTuple):
    """What a good answer must echo: `fields` exactly; `owners` (ids) and `references` wherever it states them."""

    fields: Mapping[str, object]
    owners: Mapping[str, object] = NOTHING
    references: Mapping[str, object] = NOTHING
    """Kind of an owner → its reference, wherever the answer carries the owner itself."""
    statuses: tuple[int, ...] = (201,)


def read(answer: Answer | Failure, expected: Expected) -> Reading:
    """The meaning of one answer to one request. Never raises, whatever the answer holds.

    A code is `api.<status>` with the kind of the problem document, or `api.` and the name of what failed.
    """
    if isinstance(answer, Failure):
        if answer in NOT_SENT:
            return Reading(Meaning.NOT_SENT, code="api.never_connected", message=answer.value, failure=answer)
        return Reading(Meaning.DOUBT, code=f"api.{answer.name.lower()}", message=answer.value, failure=answer)
    replayed = answer.headers.get("idempotent-replayed", "").lower() == "true"
    body = _json_object(answer.body)
    if answer.status in expected.statuses:
        return _read_success(answer.status, body, expected, replayed=replayed)
    code, message = _problem(answer, body)
    return Reading(
        _failure_meaning(answer, replayed=replayed),
        status=answer.status,
        replayed=replayed,
        code=code,
        message=message,
        retry_after=answer.headers.get("retry-after"),
        date=answer.headers.get("date"),
    )


def unanswered(base_url: str, failure: Failure) -> ApiError:
    """The error for an API that gave no answer; `base_url` is named in it."""
    remedy = NOT_PROVED.get(failure)
    if remedy is None:
        return ApiUnavailable(base_url=base_url, problem=failure.value)
    return ApiNotProved(base_url=base_url, problem=failure.value, remedy=remedy)


def names_key_reuse(reading: Reading) -> bool:
    """Whether a 422 says that the key was used for another body: then the key is spent, not the record refused."""
    return reading.status == 422 and "idempotency" in reading.code


def pause_s(reading: Reading, *, now: datetime) -> float | None:
    """Seconds to wait by `Retry-After`, in seconds or as an HTTP date, capped; None when it says nothing of the kind.

    A date is taken from that of the same answer; only where there is none from this host's clock (`now`), which may be
    wrong.
    Source: RFC 9110 §10.2.3.
    """
    text = (reading.retry_after or "").strip()
    if re.fullmatch(r"[0-9]+", text, re.ASCII):
        return min(float(text), MAX_RETRY_AFTER_S)
    if (until := http_date(text)) is None:
        return None
    seconds = (until - (http_date(reading.date) or now)).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _failure_meaning(answer: Answer, *, replayed: bool) -> Meaning:
    """Of a status that was not expected. Whatever is not in the table below is doubt, also one of 2xx or 3xx."""
    if replayed:
        return Meaning.SPENT
    if answer.status == 404 and not _is_problem(answer):
        return Meaning.DOUBT  # a gateway's own 404 says nothing about the object
    fresh = {
        401: Meaning.UNAUTHORISED,
        403: Meaning.UNAUTHORISED,
        429: Meaning.SLOW_DOWN,
        409: Meaning.CLASH,
        422: Meaning.UNPROCESSABLE,
        404: Meaning.UNKNOWN,
        400: Meaning.REFUSED,
        402: Meaning.REFUSED,
    }
    return fresh.get(answer.status, Meaning.DOUBT)


def _is_problem(answer: Answer) -> bool:
    """Whether it is a problem document (RFC 9457): then the API itself speaks, and not something before it."""
    return answer.headers.get("content-type", "").split(";")[0].strip().lower() == "application/problem+json"


def _read_success(status: int, body: Json | None, expected: Expected, *, replayed: bool) -> Reading:
    # A stored answer stays what it is however often it is asked for: a look at the object itself must settle it.
    nonsense = Meaning.SPENT if replayed else Meaning.DOUBT
    if body is None or not _is_entity(body):
        return Reading(
            nonsense,
            status,
            replayed=replayed,
            code=f"api.{status}.unreadable",
            message="answer cut or not JSON",
        )
    owners = {name: value for name, value in expected.owners.items() if body.get(name) is not None}
    for name, value in (*expected.fields.items(), *owners.items()):
        if not _equal(body.get(name), value):
            return Reading(
                nonsense,
                status,
                entity=body,
                replayed=replayed,
                code="api.echo_differs",
                message=f"the answer shows another {name} than was sent",
            )
    if (owner := _other_owner(body, expected.references)) is not None:
        return Reading(
            nonsense,
            status,
            entity=body,
            replayed=replayed,
            code="api.echo_differs",
            message=f"the answer shows another {owner} than was sent",
        )
    return Reading(Meaning.DONE, status, entity=body, replayed=replayed)


def _other_owner(body: Json, references: Mapping[str, object]) -> str | None:
    """The kind of an owner that an answer carries whole, and that is not the one of our request: its customer, its
    account, or the customer of that account. One whose id contradicts the answer's own is another, too."""
    account = body.get("account")
    for kind, owner in (
        ("customer", body.get("customer")),
        ("account", account),
        ("customer", account.get("customer") if isinstance(account, dict) else None),
    ):
        if not isinstance(owner, dict) or kind not in references:
            continue
        stated, id_ = owner.get("external_reference"), owner.get("id")
        told = body.get(f"{kind}_id")
        if (stated is not None and stated != references[kind]) or (
            id_ is not None and told is not None and id_ != told
        ):
            return kind
    return None


def _is_entity(body: Json) -> bool:
    """Whether an answer has an id, and holds what we keep of it in the types of billing-api.md."""
    balance = body.get("balance")
    return (
        _is_word(body.get("id"))
        and all(body.get(name) is None or _is_word(body[name]) for name in _WORDS)
        and (balance is None or (isinstance(balance, int) and not isinstance(balance, bool)))
        and abs(balance or 0) < 2**63
        and isinstance(body.get("metadata") or {}, dict)
    )


def _is_word(value: object) -> bool:
    """What ids and the like are: a text of bounded length without blanks and control characters.

    It is kept, put into addresses, and shown in reports, logs and terminals.
    """
    return isinstance(value, str) and 0 < len(value) <= MAX_WORD and value.isprintable() and " " not in value


def _equal(got: object, sent: object) -> bool:
    """Equal, and not only by Python's `True == 1`."""
    return got == sent and isinstance(got, bool) == isinstance(sent, bool)


def _problem(answer: Answer, body: Json | None) -> tuple[str, str]:
    """`api.<status>.<kind>` and a readable line from a problem document (RFC 9457)."""
    type_uri = (body or {}).get("type")
    kind = type_uri.rsplit("#", 1)[-1] if isinstance(type_uri, str) and "#" in type_uri else ""
    kind = re.sub(r"[^a-z0-9_]+", "_", kind.lower()).strip("_")[:64]
    texts = [(body or {}).get(name) for name in ("title", "detail")]
    message = ": ".join(text for text in texts if isinstance(text, str) and text)
    message = "".join(char if char.isprintable() else " " for char in message[:500])
    return f"api.{answer.status}" + (f".{kind}" if kind else ""), message or f"HTTP {answer.status}"


def _json_object(body: bytes) -> Json | None:
    """A body as a JSON object; None for anything else, cut, nested too deep or in another encoding."""
    try:
        value: Any = orjson.loads(body.removeprefix(codecs.BOM_UTF8))
        if body.count(b"{") + body.count(b"[") > FEW_BRACKETS:
            orjson.dumps(value)  # what is nested too deep can be neither stored nor sent
    except (ValueError, TypeError):  # half a surrogate pair is a ValueError as well
        return None
    return value if isinstance(value, dict) else None
