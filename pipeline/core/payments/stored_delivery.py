"""Deliveries that somebody stored: one JSON object a line, with the headers and the body as they came."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from pipeline.core.payments.signatures import DeliveryHeaders, SignatureVerdict, is_id_and_time, verify

LONGEST_ESCAPE = 6
"""Characters of JSON that one byte of a body can take: `\\u0000`."""
BESIDE_BODY_BYTES = 16_384
"""More than the keys and headers of a line need."""


class StoredDelivery(NamedTuple):
    """One line."""

    headers: DeliveryHeaders
    body: bytes


class BadLine(Exception):
    """A line is not a delivery that may be stored; the message says why, without its content."""


def bounded_lines(blocks: Iterable[bytes], max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Number (from 1) and content of each line that is not blank; None where it is longer than `max_bytes`.

    Never holds more than one line and one block.
    """
    number, start, is_long = 1, b"", False
    for block in blocks:
        *whole, rest = block.split(b"\n")
        for end in whole:
            is_long |= len(start) + len(end) > max_bytes
            if is_long or (start + end).strip():
                yield number, None if is_long else start + end
            number, start, is_long = number + 1, b"", False
        is_long |= len(start) + len(rest) > max_bytes
        start = b"" if is_long else start + rest
    if is_long or start.strip():
        yield number, None if is_long else start


def read_stored(line: bytes, max_body_bytes: int) -> StoredDelivery:
    """What a line says. Raises BadLine."""
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadLine("the line is not JSON") from None
    if not isinstance(said, dict):
        raise BadLine("the line is not a JSON object")
    body = _body(said)
    if len(body) > max_body_bytes:
        raise BadLine("its body is larger than payments.max_body_bytes")
    headers = DeliveryHeaders(
        *(_header(said, name) for name in ("webhook_id", "webhook_timestamp", "webhook_signature"))
    )
    if not is_id_and_time(headers):
        raise BadLine("webhook_id or webhook_timestamp is missing or not valid")
    return StoredDelivery(headers, body)


def require_signature(delivery: StoredDelivery, keys: tuple[bytes, ...]) -> None:
    """Raises BadLine where no key made its signature; its age does not matter."""
    verdict = verify(delivery.headers, delivery.body, keys, now_s=0.0, tolerance_s=None)
    if verdict is SignatureVerdict.MALFORMED:
        raise BadLine("webhook_signature is missing or not valid")
    if verdict is not SignatureVerdict.GENUINE:
        raise BadLine("no signing secret made its signature")


def _body(said: dict[str, Any]) -> bytes:
    """Raises BadLine."""
    text, encoded = said.get("body"), said.get("body_base64")
    if (text is None) == (encoded is None):
        raise BadLine("it needs body or body_base64")
    if isinstance(text, str):
        return text.encode()
    try:
        if isinstance(encoded, str):
            return b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        pass
    raise BadLine("body is not a text, or body_base64 not base64")


def _header(said: dict[str, Any], name: str) -> bytes | None:
    """A header as bytes; None where it is missing or cannot be one."""
    value = said.get(name)
    if type(value) is int and name == "webhook_timestamp":
        value = str(value)
    return value.encode() if isinstance(value, str) and value.isascii() else None
