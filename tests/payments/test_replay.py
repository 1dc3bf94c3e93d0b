"""Stored deliveries are taken in once, verified like any other; bad lines are told and do not stop the rest."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.payments.signatures import sign
from pipeline.core.payments.stored_delivery import bounded_lines
from tests.payments.merchant import Merchant
from tests.serve.running import payment_body
from tests.world import Json, Said, schema_named

SECRETS = ("first-secret", "second-secret")


@pytest.fixture
def signed(merchant: Merchant) -> Merchant:
    files = []
    for secret in SECRETS:
        path = merchant.folder / f"{secret}.secret"
        path.touch(mode=0o600)
        path.write_text(secret)
        files.append(path.name)
    merchant.settings["payments"]["secret_files"] = files
    merchant.load()
    return merchant


def line(sent: bytes, number: int = 1, secret: str = SECRETS[0], **changed: Any) -> str:
    """A stored delivery of long ago."""
    name, at = f"msg_{number}", 1_600_000_000 + number
    signature = base64.b64encode(sign(secret.encode(), name.encode(), str(at).encode(), sent)).decode()
    said = {
        "webhook_id": name,
        "webhook_timestamp": at,
        "webhook_signature": f"v1,{signature}",
        "body": sent.decode(),
    }
    return json.dumps({key: value for key, value in (said | changed).items() if value is not None})


def replay(merchant: Merchant, *lines: str, words: tuple[str, ...] = ()) -> tuple[Json, Said]:
    path = merchant.folder / "stored.ndjson"
    path.write_text("\n".join(lines))
    said = merchant.command("payments", "replay", path, "--json", *words)
    document: Json = json.loads(said.stdout)
    schema_named("payments_replay").validate(document)
    return document, said


def test_stored_deliveries_are_applied_once_whichever_secret_signed_them(signed: Merchant) -> None:
    bill = signed.ids()["B1"]
    bodies = [payment_body(number, bill_id=bill, amount=100 * number) for number in (1, 2)]
    encoded = base64.b64encode(bodies[1]).decode()
    lines = (line(bodies[0], 1), line(bodies[1], 2, SECRETS[1], body=None, body_base64=encoded))
    document, said = replay(signed, *lines, "")
    assert (said.exit_status, document["stored"], document["duplicates"], document["bad"]) == (0, 2, 0, 0)
    document, _ = replay(signed, *lines, lines[0])
    assert (document["stored"], document["duplicates"]) == (0, 3)
    signed.command("run")
    assert [(each["outcome"], each["source"]) for each in signed.listed()] == [("applied", "replay")] * 2
    assert signed.listed()[0]["bill_paid_minor"] == 300


def test_bad_lines_are_told_by_number_and_the_others_are_stored(signed: Merchant) -> None:
    body = payment_body(1, bill_id=signed.ids()["B1"])
    document, said = replay(
        signed,
        "{",
        "[]",
        line(body, 3, "another-secret"),
        line(body, 4, webhook_signature=None),
        line(body, 5, webhook_id="with space"),
        line(body, 6, body_base64="AAAA"),
        line(body, 7, body=7),
        line(b"x" * 65_537, 8),
        "x" * 500_000,
        line(body, 10),
    )
    assert (said.exit_status, document["stored"], document["bad"]) == (1, 1, 9)
    assert [each["line"] for each in document["problems"]] == [*range(1, 10)]
    assert document["problems"][2]["problem"] == "no signing secret made its signature"
    shown = signed.command("payments", "replay", signed.folder / "stored.ndjson")
    assert (shown.exit_status, "line 3: no signing secret" in shown.stdout) == (1, True)
    document, said = replay(signed, line(body, 3, "another-secret"), words=("--trusted",))
    assert (said.exit_status, document["stored"]) == (0, 1)


def test_without_a_secret_only_a_person_can_vouch(merchant: Merchant) -> None:
    path = merchant.folder / "stored.ndjson"
    path.write_text(line(payment_body(1)))
    assert merchant.command("payments", "replay", path).exit_status == 2
    assert merchant.command("payments", "replay", path, "--trusted").exit_status == 0


def test_an_inbox_that_is_full_takes_nothing(signed: Merchant) -> None:
    signed.settings["payments"]["max_inbox_bytes"] = 1
    path: Path = signed.folder / "stored.ndjson"
    path.write_text(line(payment_body(1)))
    said = signed.command("payments", "replay", path)
    assert "max_inbox_bytes" in said.stderr
    assert said.exit_status != 0


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_the_same_however_the_file_is_cut(size: int) -> None:
    text = b"one\n\n  \r\ntwo\r\nlonger than ten\nx\n" + b"y" * 30 + b"\nlast"
    blocks = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(bounded_lines(blocks, 10)) == [
        (1, b"one"),
        (4, b"two\r"),
        (5, None),
        (6, b"x"),
        (7, None),
        (8, b"last"),
    ]
