"""Whether a webhook delivery was signed by the API: HMAC-SHA256 over `id.timestamp.body`.

Source: the vendor's documentation of webhooks; the Standard Webhooks specification, whose symmetric signatures (`v1`)
have the same form.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

PREFIX = "whsec_"
_VERSION = b"v1,"
_ID = re.compile(rb"[!-~]{1,255}")
_TIMESTAMP = re.compile(rb"[0-9]{1,12}")
MAX_SIGNATURES = 32
"""More items than any rotation of secrets needs: verifying takes time."""


class SignatureVerdict(Enum):
    """What a delivery's headers prove."""

    GENUINE = "genuine"
    MALFORMED = "malformed"
    """A header is missing, doubled or not written as documented."""
    OUT_OF_TIME = "out_of_time"
    """It was signed too long ago or ahead of this machine's clock: perhaps a replay."""
    FORGED = "forged"
    """No valid secret made any of its signatures."""


class DeliveryHeaders(NamedTuple):
    """The three headers of a delivery as they came; None where one is missing or there are several."""

    webhook_id: bytes | None
    timestamp: bytes | None
    """Seconds since 1970 of the signing."""
    signature: bytes | None
    """`v1,<base64>`, several with spaces between while a secret is replaced."""

    @property
    def signed_at_s(self) -> int | None:
        """Seconds since 1970; None where they are not written as digits."""
        return int(self.timestamp) if self.timestamp and _TIMESTAMP.fullmatch(self.timestamp) else None


def is_id_and_time(headers: DeliveryHeaders) -> bool:
    """Whether a delivery has an id and a time of signing, as far as they can be read."""
    webhook_id = headers.webhook_id
    return webhook_id is not None and bool(_ID.fullmatch(webhook_id)) and headers.signed_at_s is not None


def signing_keys(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """The keys of signing secrets, in every way in which one may be meant.

    How a secret is encoded is not documented: as text, or as base64 behind `whsec_`. Both are tried, so that no
    setting can be wrong; whoever does not know the secret knows neither.
    """
    keys: list[bytes] = []
    for secret in secrets:
        keys.append(secret.encode())
        if secret.startswith(PREFIX):
            encoded = secret.removeprefix(PREFIX)
            try:
                keys.append(b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
            except (NotBase64, ValueError):
                continue
    return tuple(key for key in keys if key)


def sign(key: bytes, webhook_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    """The signature (32 bytes) of a delivery."""
    return hmac.digest(key, b"%b.%b.%b" % (webhook_id, timestamp, body), "sha256")


def verify(
    headers: DeliveryHeaders, body: bytes, keys: Sequence[bytes], *, now_s: float, tolerance_s: float | None
) -> SignatureVerdict:
    """What the headers prove of a body.

    Args:
        keys: by `signing_keys`; each is valid.
        now_s: seconds since 1970, of this machine.
        tolerance_s: how far the time stamp may be from it; None: any (for deliveries that were stored).
    """
    if headers.webhook_id is None or headers.timestamp is None or headers.signature is None:
        return SignatureVerdict.MALFORMED
    if not is_id_and_time(headers) or (signed_at_s := headers.signed_at_s) is None:
        return SignatureVerdict.MALFORMED
    given = list(_given(headers.signature))
    if not given:
        return SignatureVerdict.MALFORMED
    if tolerance_s is not None and abs(now_s - signed_at_s) > tolerance_s:
        return SignatureVerdict.OUT_OF_TIME
    right = False
    for key in keys:
        expected = sign(key, headers.webhook_id, headers.timestamp, body)
        for signature in given:
            # No early end: how long it takes must not show which secret or item was near.
            right |= hmac.compare_digest(expected, signature)
    return SignatureVerdict.GENUINE if right else SignatureVerdict.FORGED


def _given(header: bytes) -> Iterable[bytes]:
    """The signatures of the documented version; other versions and damaged items are passed over."""
    for item in header.split(b" ")[:MAX_SIGNATURES]:
        if item.startswith(_VERSION):
            try:
                yield b64decode(item.removeprefix(_VERSION), validate=True)
            except NotBase64:
                continue
