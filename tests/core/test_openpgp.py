"""How an OpenPGP message begins and ends, and what GnuPG's status lines say of it."""

from __future__ import annotations

import pytest

from pipeline.core.openpgp import GpgStatus, PassphraseTrouble, begins_encrypted, is_whole, judge
from pipeline.errors import FileRefused

SIGNER, STRANGER = "A" * 40, "B" * 40
OPENED = (
    "ENC_TO 11 18 0\nDECRYPTION_KEY 22 33 -\nBEGIN_DECRYPTION\nDECRYPTION_INFO 2 9 0\nPLAINTEXT 62 1 b.csv\n"
)
CLOSED = "DECRYPTION_OKAY\nGOODMDC\nEND_DECRYPTION\n"


def signed(word: str, key: str = SIGNER) -> str:
    return f"NEWSIG\n{word} {key[:16]} Somebody\nVALIDSIG {key} 2026-11-28 1 0 4 0 22 10 00 {key}\n"


def judged(text: str, *, required: bool = True, whole: bool = True, exit_status: int = 0) -> tuple[str, ...]:
    lines = "".join(f"[GNUPG:] {line}\n" for line in text.splitlines())
    status = GpgStatus.of(lines, exit_status)
    return judge(status, "b.csv.pgp", {SIGNER}, must_be_signed=required, whole=whole)


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        (OPENED + signed("EXPSIG") + CLOSED, "file.pgp_expired"),
        (OPENED + signed("EXPKEYSIG") + CLOSED, "file.pgp_expired"),
        (OPENED + signed("REVKEYSIG") + CLOSED, "file.pgp_expired"),
        (OPENED + signed("GOODSIG", STRANGER) + CLOSED, "file.pgp_signer"),
        (OPENED + signed("EXPSIG", STRANGER) + CLOSED, "file.pgp_signer"),
        (OPENED + f"NEWSIG\nERRSIG {STRANGER[:16]} 1 10 00 1 9 {STRANGER}\n" + CLOSED, "file.pgp_signer"),
        (OPENED + f"NEWSIG\nBADSIG {SIGNER[:16]} S\n" + CLOSED, "file.pgp_modified"),
        (OPENED + CLOSED, "file.pgp_unsigned"),
        (OPENED + signed("GOODSIG") + "BADMDC\nDECRYPTION_FAILED\n", "file.pgp_modified"),
        (OPENED + signed("GOODSIG"), "file.pgp_modified"),
        (OPENED.replace("INFO 2 9 0", "INFO 0 9 0") + signed("GOODSIG") + CLOSED, "file.pgp_modified"),
        (OPENED + "PLAINTEXT 62 1 c.csv\n" + signed("GOODSIG") + CLOSED, "file.pgp_unreadable"),
        ("PLAINTEXT 62 1 a\n" + signed("GOODSIG") + OPENED + CLOSED, "file.pgp_unreadable"),
        (OPENED.replace("PLAINTEXT 62 1 b.csv\n", "") + CLOSED, "file.pgp_unreadable"),
        ("ENC_TO 11 18 0\nNO_SECKEY 11\nBEGIN_DECRYPTION\nDECRYPTION_FAILED\n", "file.pgp_other_key"),
        ("ENC_TO 11 18 0\nERROR pkdecrypt_failed 16777226\nDECRYPTION_FAILED\n", "file.pgp_modified"),
        ("NEED_PASSPHRASE_SYM 9 3 2\nDECRYPTION_FAILED\n", "file.pgp_password"),
        ("PLAINTEXT 62 1 b.csv\n" + signed("GOODSIG"), "file.not_encrypted"),
        ("NODATA 3\n", "file.pgp_unreadable"),
    ],
)
def test_whatever_is_not_a_whole_message_of_a_signer_is_refused(said: str, rule: str) -> None:
    with pytest.raises(FileRefused) as refused:
        judged(said)
    assert refused.value.rule == rule


def test_a_signature_by_a_signer_is_enough_beside_one_that_cannot_be_checked() -> None:
    unknown = f"NEWSIG\nERRSIG {STRANGER[:16]} 1 10 00 1 9 {STRANGER}\nNO_PUBKEY 1\n"
    assert judged(OPENED + unknown + signed("GOODSIG") + CLOSED, exit_status=2) == (
        f"signed by key {SIGNER}",
    )
    with pytest.raises(FileRefused):
        judged(OPENED + signed("GOODSIG") + CLOSED, exit_status=2)


def test_a_message_with_aead_needs_no_mdc() -> None:
    aead = OPENED.replace("INFO 2 9 0", "INFO 0 9 2")
    assert judged(aead + signed("GOODSIG") + CLOSED) == (f"signed by key {SIGNER}",)


def test_an_unsigned_message_is_told_where_it_need_not_be_signed() -> None:
    assert judged(OPENED + CLOSED, required=False) == ("it is not signed",)


@pytest.mark.parametrize(("code", "given"), [(67108875, True), (67109041, False)])
def test_a_passphrase_that_does_not_fit_is_no_fault_of_the_file(code: int, given: bool) -> None:
    with pytest.raises(PassphraseTrouble) as trouble:
        judged(f"ENC_TO 11 1 0\nERROR pkdecrypt_failed {code}\nDECRYPTION_FAILED\n")
    assert trouble.value.given is given


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"customer_reference,bill",
        b"\xc4rger;Betrag\n",
        b"\xff\xfea\x00",
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"{}",
    ],
)
def test_a_bill_file_does_not_begin_as_a_message(head: bytes) -> None:
    assert not begins_encrypted(head)


def packets(content: bytes) -> bool:
    return is_whole(len(content), lambda offset, size: content[offset : offset + size])


@pytest.mark.parametrize(
    "content",
    [
        b"\x85\x00\x03abc" + b"\xd2\x04abcd",
        b"\xd2\xc0\x08" + bytes(200),
        b"\xd2\xe1ab\xe0c\x03abc",
        b"\xd2\xff\x00\x00\x00\x02ab",
        b"-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n",
    ],
    ids=["old", "two bytes", "parts", "five bytes", "armored"],
)
def test_a_message_is_whole_to_its_last_byte_and_not_one_less(content: bytes) -> None:
    assert packets(content)
    assert not packets(content[:-1] if content[-1:] != b"\n" else content[:-2])
