"""A delivery counts only if a valid secret signed exactly this id, time stamp and body, about now."""

from __future__ import annotations

import base64
import random
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from pipeline.core.payments.signatures import DeliveryHeaders, SignatureVerdict, sign, signing_keys, verify
from tests.seeds import drawn

KEY = b"a signing secret"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOW = 1_780_000_000
BODY = b'{"id":"evt_1"}'


def signed(
    body: bytes = BODY, *, key: bytes = KEY, at: int = NOW, webhook_id: bytes = b"msg_1"
) -> DeliveryHeaders:
    stamp = str(at).encode()
    return DeliveryHeaders(webhook_id, stamp, b"v1," + base64.b64encode(sign(key, webhook_id, stamp, body)))


def verdict(
    headers: DeliveryHeaders, body: bytes = BODY, *secrets: str, now: float = NOW
) -> SignatureVerdict:
    return verify(headers, body, signing_keys(secrets or (SECRET,)), now_s=now, tolerance_s=180)


def test_what_was_signed_is_genuine_and_nothing_else_is() -> None:
    assert verdict(signed()) is SignatureVerdict.GENUINE
    assert verdict(signed(), BODY + b" ") is SignatureVerdict.FORGED
    assert verdict(signed()._replace(webhook_id=b"msg_2")) is SignatureVerdict.FORGED
    assert verdict(signed()._replace(timestamp=str(NOW + 1).encode())) is SignatureVerdict.FORGED
    assert verdict(signed(key=b"another")) is SignatureVerdict.FORGED


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        (-180, SignatureVerdict.GENUINE),
        (-181, SignatureVerdict.OUT_OF_TIME),
        (180, SignatureVerdict.GENUINE),
        (181, SignatureVerdict.OUT_OF_TIME),
    ],
)
def test_a_delivery_is_three_minutes_old_at_most(off: int, expected: SignatureVerdict) -> None:
    assert verdict(signed(at=NOW + off)) is expected


def test_a_stored_delivery_may_be_of_any_time() -> None:
    keys = signing_keys([SECRET])
    assert verify(signed(at=1), BODY, keys, now_s=NOW, tolerance_s=None) is SignatureVerdict.GENUINE


def test_every_secret_is_valid_while_one_is_replaced() -> None:
    other = "whsec_" + base64.b64encode(b"the new one").decode()
    assert verdict(signed(), BODY, other, SECRET) is SignatureVerdict.GENUINE
    assert verdict(signed(key=b"the new one"), BODY, other, SECRET) is SignatureVerdict.GENUINE
    assert verdict(signed(), BODY, other) is SignatureVerdict.FORGED


def test_a_secret_may_be_text_or_base64() -> None:
    """How it is encoded is not documented."""
    assert verdict(signed(key=SECRET.encode())) is SignatureVerdict.GENUINE
    assert verdict(signed(key=b"plain text"), BODY, "plain text") is SignatureVerdict.GENUINE
    assert signing_keys(["whsec_***", "whsec_", ""]) == (b"whsec_***", b"whsec_")


def test_several_signatures_are_looked_at_and_other_versions_are_passed_over() -> None:
    _, _, signature = right = signed()
    assert signature is not None
    for header in (b"v1,AAAA " + signature, b"v2,x v1a,y  " + signature, signature + b" v1,*"):
        assert verdict(right._replace(signature=header)) is SignatureVerdict.GENUINE
    for header in (b"", b"v1", b"v1,*", b"v2," + signature[3:], b"\xff", b" " * 40):
        assert verdict(right._replace(signature=header)) is SignatureVerdict.MALFORMED


@pytest.mark.parametrize(
    "headers",
    [
        signed()._replace(webhook_id=None),
        signed()._replace(timestamp=None),
        signed()._replace(signature=None),
        signed()._replace(webhook_id=b""),
        signed()._replace(webhook_id=b"a b"),
        signed()._replace(webhook_id=b"x" * 256),
        signed()._replace(timestamp=b"+1"),
        signed()._replace(timestamp=b"1.5"),
        signed()._replace(timestamp="١".encode()),
        signed()._replace(timestamp=b"9" * 13),
    ],
)
def test_headers_that_are_not_as_documented_are_malformed(headers: DeliveryHeaders) -> None:
    assert verdict(headers) is SignatureVerdict.MALFORMED


def test_it_agrees_with_the_reference_library() -> None:
    """Valid and mutated deliveries, as far as its format goes: base64 secrets, time stamps of digits, text bodies."""
    chance = drawn()
    for _ in range(10_000):
        key = chance.randbytes(chance.randint(1, 64))
        secret = "whsec_" + base64.b64encode(key).decode()
        body = chance.choice(['{"id":"evt_1"}', "", "é", "x" * 900]).encode()
        at = int(time.time()) + chance.choice((0, 0, 0, -100, 100))
        _, _, signature = headers = signed(body, key=key, at=at)
        assert signature is not None
        assert signature.decode() == Webhook(secret).sign(
            "msg_1", datetime.fromtimestamp(at, UTC).replace(tzinfo=None), body.decode()
        )
        headers, body = mutated(headers, body, chance)
        ours = verify(headers, body, signing_keys([secret])[1:], now_s=time.time(), tolerance_s=300)
        assert (ours is SignatureVerdict.GENUINE) is reference_says(secret, headers, body), (headers, body)


def mutated(headers: DeliveryHeaders, body: bytes, chance: random.Random) -> tuple[DeliveryHeaders, bytes]:
    """A delivery with nothing, a byte, a header or an item changed."""
    _, stamp, signature = headers
    assert stamp is not None
    assert signature is not None
    where = chance.randrange(3, len(signature))
    flipped = signature[:where] + chance.choice((b"A", b"b", b"0", b"+")) + signature[where + 1 :]
    return chance.choice(
        (
            (headers, body),
            (headers, body + b" "),
            (headers._replace(webhook_id=b"msg_2"), body),
            (headers._replace(timestamp=str(int(stamp) + chance.randint(1, 9)).encode()), body),
            (headers._replace(signature=flipped), body),
            (headers._replace(signature=b"v1,AAAA " + signature), body),
            (headers._replace(signature=b"v2," + signature[3:] + b" " + signature), body),
            (headers._replace(signature=b"v2," + signature[3:]), body),
            (headers._replace(signature=b"v1,AAAA"), body),
        )
    )


def reference_says(secret: str, headers: DeliveryHeaders, body: bytes) -> bool:
    given = {
        name: (value or b"").decode()
        for name, value in zip(("webhook-id", "webhook-timestamp", "webhook-signature"), headers, strict=True)
    }
    try:
        Webhook(secret).verify(body, given, json_parse=False)
    except WebhookVerificationError:
        return False
    return True
