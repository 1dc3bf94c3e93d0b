"""Files that GnuPG has encrypted are read like any other; whatever is not certain of them is refused by its name."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.init import write_proposal
from pipeline.errors import UsageError
from pipeline.run.validate import check_files
from schemas.feed import Feed
from schemas.results import Summary
from schemas.settings import Limits
from tests.check.silence import Silence
from tests.check.workbooks import row, sheet, workbook
from tests.keyring import OTHER, OURS, THEIRS, Keyring

TEXT = b"customer_reference,account_reference,bill_reference,currency,amount_due\n" + b"".join(
    b"C-%d,A-%d,B-%d,ZAR,12.34\n" % (n, n, n) for n in range(300)
)


@pytest.fixture
def check(keyring: Keyring, tmp_path: Path) -> Callable[..., Summary]:
    """Validates one file in a feed with `pgp`; facts of the feed, keys of `pgp` and limits may be given."""
    keyring.put(tmp_path)
    work = tmp_path / "work"
    work.mkdir()

    def checked(
        content: bytes,
        *,
        pgp: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None,
        name: str = "x_bills.csv.pgp",
        without: bool = False,
        **facts: Any,
    ) -> Summary:
        (work / name).write_bytes(content)
        feed = Feed.model_validate(
            {
                "name": "bills",
                "match": "*_bills.*",
                "model": "bill",
                "amount": {"unit": "major"},
                "pgp": {"key_file": str(tmp_path / "ours.key"), **(pgp or {})},
                **facts,
            }
        )
        if without:
            feed = feed.model_copy(update={"pgp": None})
        bounds = Limits.model_validate({"max_reject_ratio": 1.0, **(limits or {})})
        result = check_files([work / name], Silence(), feeds=[feed], feed=None, limits=bounds)
        return result.files[0]

    return checked


@pytest.fixture
def signed(check: Callable[..., Summary], tmp_path: Path) -> Callable[..., Summary]:
    """The same in a feed whose files must be signed."""
    return lambda content, **more: check(content, pgp={"signers_file": str(tmp_path / "signers.asc")}, **more)


def refusal(summary: Summary) -> str | None:
    assert summary.records.total == 0 or summary.refusal is None, "nothing is read of a refused one"
    return summary.refusal.code if summary.refusal else None


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--armor",),
        ("--compress-algo", "none"),
        ("--compress-algo", "zlib"),
        ("--compress-algo", "bzip2"),
        ("--hidden-recipient", OURS),
        ("--cipher-algo", "AES"),
    ],
    ids=lambda options: " ".join(options) or "as gpg does by default",
)
@pytest.mark.parametrize("by", [None, THEIRS], ids=["unsigned", "signed"])
def test_what_gpg_encrypts_to_our_key_is_read(
    keyring: Keyring, check: Callable[..., Summary], options: tuple[str, ...], by: str | None
) -> None:
    said = check(keyring.encrypted(TEXT, *options, by=by))
    assert refusal(said) is None
    assert said.records.not_attempted == 300


def test_a_password_beside_our_key_does_no_harm(keyring: Keyring, check: Callable[..., Summary]) -> None:
    both = keyring.gpg("--recipient", OURS, "--symmetric", "--encrypt", given=TEXT, passphrase="secret")
    assert check(both).records.not_attempted == 300


def test_an_rsa_key_does_as_well(keyring: Keyring, check: Callable[..., Summary], tmp_path: Path) -> None:
    keyring.new_key("rsa@ours.example", kind="rsa2048", subkey="rsa2048")
    (tmp_path / "ours.key").write_bytes(keyring.secret("rsa@ours.example"))
    said = check(keyring.encrypted(TEXT, to=("rsa@ours.example",), by=THEIRS))
    assert said.records.not_attempted == 300


@pytest.mark.parametrize("to", [(OURS, OTHER), (OTHER, THEIRS, OURS)], ids=["first", "last"])
def test_a_file_may_have_several_recipients(
    keyring: Keyring, check: Callable[..., Summary], to: tuple[str, ...]
) -> None:
    assert check(keyring.encrypted(TEXT, to=to)).records.not_attempted == 300


def packed(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("bills.csv", content)
    return archive.getvalue()


def lines(content: bytes) -> bytes:
    header, *rows = content.decode().splitlines()
    names = header.split(",")
    return "".join(
        f"{json.dumps(dict(zip(names, each.split(','), strict=True)))}\n" for each in rows
    ).encode()


def excel(content: bytes) -> bytes:
    return workbook(sheet(*(row(*line.split(",")) for line in content.decode().splitlines())))


@pytest.mark.parametrize(
    "inside", [gzip.compress, packed, lines, excel], ids=["gzip", "zip", "ndjson", "xlsx"]
)
def test_what_is_inside_may_be_any_format(
    keyring: Keyring, check: Callable[..., Summary], inside: Callable[[bytes], bytes]
) -> None:
    assert check(keyring.encrypted(inside(TEXT))).records.not_attempted == 300


def test_its_identity_is_that_of_the_encrypted_bytes(keyring: Keyring, check: Callable[..., Summary]) -> None:
    first, second = (check(keyring.encrypted(TEXT)).file for _ in range(2))
    assert first.sha256 != second.sha256
    assert first.encrypted
    assert (first.size_bytes or 0) < len(TEXT), "of what came"


# -- refused --


def test_a_file_in_plain_text_is_refused_whatever_its_name(check: Callable[..., Summary]) -> None:
    assert refusal(check(TEXT)) == "file.not_encrypted"
    assert refusal(check(gzip.compress(TEXT))) == "file.not_encrypted"
    assert refusal(check(b"")) == "file.not_encrypted"


def test_what_is_only_signed_is_refused_as_not_encrypted(
    keyring: Keyring, signed: Callable[..., Summary]
) -> None:
    for option in ("--sign", "--clearsign", "--store"):
        assert (
            refusal(signed(keyring.gpg("--local-user", THEIRS, option, given=TEXT))) == "file.not_encrypted"
        )
    in_armor = keyring.gpg("--armor", "--local-user", THEIRS, "--sign", given=TEXT)
    assert refusal(signed(in_armor)) == "file.not_encrypted"


def test_keys_and_signatures_are_called_by_their_names(
    keyring: Keyring, check: Callable[..., Summary]
) -> None:
    said = check(keyring.public(OURS))
    assert refusal(said) == "file.not_encrypted"
    assert said.refusal is not None
    assert "it is an OpenPGP key" in said.refusal.message
    detached = keyring.gpg("--armor", "--local-user", THEIRS, "--detach-sign", given=TEXT)
    assert refusal(check(detached)) == "file.not_encrypted"


@pytest.mark.parametrize("options", [(), ("--hidden-recipient", OTHER)], ids=["named", "hidden"])
def test_a_file_for_somebody_else_is_refused(
    keyring: Keyring, check: Callable[..., Summary], options: tuple[str, ...]
) -> None:
    to = () if options else (OTHER, THEIRS)
    assert refusal(check(keyring.encrypted(TEXT, *options, to=to))) == "file.pgp_other_key"


def test_a_password_is_no_key(keyring: Keyring, check: Callable[..., Summary]) -> None:
    assert refusal(check(keyring.gpg("--symmetric", given=TEXT, passphrase="secret"))) == "file.pgp_password"
    assert refusal(check(keyring.gpg("--symmetric", given=TEXT, passphrase=" "))) == "file.pgp_password"


@pytest.mark.parametrize("options", [(), ("--armor",), ("--compress-algo", "none")], ids=str)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_file_that_is_cut_off_is_refused(
    keyring: Keyring, check: Callable[..., Summary], options: tuple[str, ...], share: float
) -> None:
    content = keyring.encrypted(TEXT, *options)
    cut = content[: max(40, int(len(content) * share) - 1)]
    assert refusal(check(cut)) == "file.pgp_cut_off"


def test_one_changed_bit_is_enough(keyring: Keyring, check: Callable[..., Summary]) -> None:
    content = keyring.encrypted(TEXT, "--compress-algo", "none")
    for place in (len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        assert refusal(check(bytes(changed))) == "file.pgp_modified"


def test_a_message_without_protection_against_changes_is_refused(
    keyring: Keyring, check: Callable[..., Summary]
) -> None:
    old = keyring.encrypted(TEXT, "--rfc2440", "--disable-mdc", "--cipher-algo", "3DES", to=(OURS,))
    said = check(old)
    assert refusal(said) == "file.pgp_modified"
    assert said.refusal is not None
    assert "no protection against changes" in said.refusal.message


def test_nothing_may_follow_a_message(keyring: Keyring, check: Callable[..., Summary]) -> None:
    content = keyring.encrypted(TEXT)
    for behind in (content, TEXT, b"\0"):
        assert refusal(check(content + behind)) in ("file.pgp_modified", "file.pgp_unreadable")


def test_what_only_begins_like_a_message_is_refused(check: Callable[..., Summary]) -> None:
    assert refusal(check(b"\x84\x02\x03x" + TEXT)) == "file.pgp_unreadable"


def test_damage_that_gpg_has_no_words_for_is_refused_as_well(
    keyring: Keyring, check: Callable[..., Summary]
) -> None:
    content = keyring.encrypted(TEXT, "--armor")
    odd = content[:100] + b"\xd2" + content[100:300] + content[310:]
    assert refusal(check(odd)) in ("file.pgp_unreadable", "file.pgp_modified", "file.pgp_other_key")
    assert (
        refusal(check(b"-----BEGIN PGP MESSAGE-----\n\n\xd2\n-----END PGP MESSAGE-----\n"))
        == "file.pgp_unreadable"
    )


def test_a_message_must_hold_a_file(keyring: Keyring, check: Callable[..., Summary]) -> None:
    twice = keyring.encrypted(keyring.encrypted(TEXT))
    assert refusal(check(twice)) == "file.format", "what is inside is encrypted again"
    packets_inside = keyring.encrypted(
        keyring.gpg("--sign", "--local-user", THEIRS, given=TEXT), "--no-literal"
    )
    assert refusal(check(packets_inside)) in (None, "file.pgp_unreadable")


# -- signatures --


def test_a_file_signed_by_a_signer_is_read(keyring: Keyring, signed: Callable[..., Summary]) -> None:
    said = signed(keyring.encrypted(TEXT, by=THEIRS))
    assert refusal(said) is None
    assert f"signed by key {keyring.fingerprint(THEIRS)}" in said.notes


def test_an_unsigned_file_is_refused_where_signers_are_named(
    keyring: Keyring, signed: Callable[..., Summary], check: Callable[..., Summary], tmp_path: Path
) -> None:
    content = keyring.encrypted(TEXT)
    assert refusal(signed(content)) == "file.pgp_unsigned"
    lenient = {"signers_file": str(tmp_path / "signers.asc"), "require_signature": False}
    said = check(content, pgp=lenient)
    assert refusal(said) is None
    assert "it is not signed" in said.notes


def test_a_file_signed_by_somebody_else_is_refused_also_where_none_is_required(
    keyring: Keyring, signed: Callable[..., Summary], check: Callable[..., Summary], tmp_path: Path
) -> None:
    for who in (OTHER, OURS):
        content = keyring.encrypted(TEXT, by=who)
        assert refusal(signed(content)) == "file.pgp_signer", "our own key signs no bills either"
        lenient = {"signers_file": str(tmp_path / "signers.asc"), "require_signature": False}
        assert refusal(check(content, pgp=lenient)) == "file.pgp_signer"


def test_a_signature_that_nobody_checks_is_told(keyring: Keyring, check: Callable[..., Summary]) -> None:
    said = check(keyring.encrypted(TEXT, by=OTHER))
    assert "its signature was not checked: pgp.signers_file is not set" in said.notes


@pytest.mark.parametrize("what", ["key", "signature"])
def test_a_signature_that_has_expired_is_refused(
    keyring: Keyring, signed: Callable[..., Summary], tmp_path: Path, what: str
) -> None:
    then = ("--faked-system-time", "20200102T000000!")
    who = f"{what}@old.example"
    keyring.new_key(
        who, expires="2020-02-01" if what == "key" else "never", **{"faked-system-time": "20200101T000000!"}
    )
    (tmp_path / "signers.asc").write_bytes(keyring.public(who))
    ours = keyring.new_key(f"{what}@ours.example", **{"faked-system-time": "20200101T000000!"})
    (tmp_path / "ours.key").write_bytes(keyring.secret(ours))
    until = () if what == "key" else ("--default-sig-expire", "2d")
    content = keyring.encrypted(TEXT, *then, *until, to=(ours,), by=who)
    assert refusal(signed(content)) == "file.pgp_expired"


# -- bombs --


def test_a_bomb_is_refused_within_its_limits(keyring: Keyring, check: Callable[..., Summary]) -> None:
    bomb = keyring.encrypted(bytes(50_000_000), "--compress-algo", "bzip2", "--bzip2-compress-level", "9")
    said = check(bomb)
    assert refusal(said) == "file.archive_too_large"
    assert said.refusal is not None
    assert "limits.max_decompression_ratio (200)" in said.refusal.message
    bounded = check(keyring.encrypted(TEXT), limits={"max_decompressed_bytes": 1000})
    assert refusal(bounded) == "file.archive_too_large"


def test_a_bomb_inside_is_one_by_what_came(keyring: Keyring, check: Callable[..., Summary]) -> None:
    inner = gzip.compress(gzip.compress(bytes(1 << 20)))
    assert refusal(check(keyring.encrypted(inner))) == "file.archive_nested"
    assert refusal(check(keyring.encrypted(gzip.compress(bytes(1 << 24))))) == "file.archive_too_large"


# -- without pgp in the feed --


@pytest.mark.parametrize("options", [(), ("--armor",)], ids=["binary", "armored"])
def test_an_encrypted_file_in_another_feed_is_called_by_its_name(
    keyring: Keyring, check: Callable[..., Summary], options: tuple[str, ...]
) -> None:
    said = check(keyring.encrypted(TEXT, *options), without=True)
    assert refusal(said) == "file.format"
    assert said.refusal is not None
    assert "an OpenPGP message, which is encrypted; set pgp in its feed" in said.refusal.message


@pytest.mark.parametrize("options", [(), ("--armor",)], ids=["binary", "armored"])
def test_a_feed_is_proposed_for_what_is_inside(
    keyring: Keyring, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "x.csv.pgp").write_bytes(keyring.encrypted(TEXT, *options))
    with pytest.raises(UsageError, match=r"or decrypt it with gpg --decrypt to propose a feed"):
        write_proposal(tmp_path / "config.yaml", tmp_path / "x.csv.pgp")
