"""OpenPGP messages: how one begins, whether it is whole, and what GnuPG says of it.

Sources: RFC 9580, 4.2 (packets) and 6.2 (armor); GnuPG's doc/DETAILS (status lines); gpg-error.h (codes of errors).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from pipeline.errors import FileRefused

ARMOR = b"-----BEGIN PGP MESSAGE-----"
_ARMOR_END = b"-----END PGP MESSAGE-----"
_BLANK = b"\xef\xbb\xbf \t\r\n"
"""May be in front of an armored message."""
_BINARY = re.compile(
    rb"(?:\x84.|\x85..|\xc1(?:[\x00-\xbf]|[\xc0-\xdf].|\xff....))[\x03\x06]"  # session key for a public key
    rb"|(?:\x8c.|\xc3.)[\x04-\x06]"  # session key for a password
    rb"|\xa8\x03PGP|\xca\x03PGP"  # marker
    rb"|(?:\xd2|\xd4)(?:[\x00-\xbf]|[\xc0-\xdf].|[\xe0-\xfe]|\xff....)[\x01\x02]",  # encrypted content alone
    re.DOTALL,
)
_OTHER_ARMOR = (
    (b"-----BEGIN PGP SIGNED MESSAGE", "it is signed, but not encrypted"),
    (b"-----BEGIN PGP SIGNATURE", "it is a signature without the file that it signs"),
    (b"-----BEGIN PGP PUBLIC KEY", "it is an OpenPGP key"),
    (b"-----BEGIN PGP PRIVATE KEY", "it is an OpenPGP secret key, which should be replaced now"),
)

_BAD_PASSPHRASE, _NO_PASSPHRASE = 11, 177
"""GPG_ERR_BAD_PASSPHRASE, GPG_ERR_NO_PASSPHRASE; the upper bits of a code are its source."""
_ERROR_BITS = 0xFFFF
_OF_SIGNATURE = ("GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG")
_TOO_LATE = {
    "EXPSIG": "its signature has expired",
    "EXPKEYSIG": "the key that signed it has expired",
    "REVKEYSIG": "the key that signed it was revoked",
}


def begins_encrypted(head: bytes) -> bool:
    """Whether the first bytes of a file are those of an encrypted OpenPGP message, armored or not."""
    return head.lstrip(_BLANK).startswith(ARMOR) or _BINARY.match(head) is not None


def what_instead(head: bytes) -> str:
    """What a file is that does not begin as an encrypted message, for a message."""
    text = head.lstrip(_BLANK)
    return next((what for begin, what in _OTHER_ARMOR if text.startswith(begin)), "it is not encrypted")


def is_whole(size_bytes: int, read_at: Callable[[int, int], bytes]) -> bool:
    """Whether a message reaches to its end; what follows it does not matter here.

    Args:
        read_at: so many bytes of the file from an offset on; fewer at its end.
    """
    head = read_at(0, 64).lstrip(_BLANK)
    if head.startswith(b"-----"):
        return _ARMOR_END in read_at(max(0, size_bytes - 1024), 1024)
    return all(end <= size_bytes for end in _packet_ends(size_bytes, read_at))


def _packet_ends(size_bytes: int, read_at: Callable[[int, int], bytes]) -> Iterator[int]:
    """Where each packet of a file ends, and each part of one that comes in parts. Source: RFC 9580, 4.2."""
    at, in_parts = 0, False
    while at < size_bytes:
        head = read_at(at, 6)
        if not in_parts:
            tag, head, at = head[0], head[1:], at + 1
            if not tag & 0x80:
                return  # no packet: told by GnuPG
            if not tag & 0x40:
                width = {0: 1, 1: 2, 2: 4}.get(tag & 3)
                if width is None:
                    return  # to the end of the file
                at += width + int.from_bytes(head[:width])
                yield at if len(head) >= width else size_bytes + 1
                continue
        first = head[0] if head else 0xFF
        in_parts = 224 <= first < 255
        if in_parts:
            at += 1 + (1 << (first & 0x1F))
        elif first < 192:
            at += 1 + first
        elif first < 224 and len(head) > 1:
            at += 2 + ((first - 192) << 8) + head[1] + 192
        elif len(head) >= 5:
            at += 5 + int.from_bytes(head[1:5])
        else:
            at = size_bytes + 1
        yield at
    if in_parts:
        yield size_bytes + 1


class PassphraseTrouble(Exception):
    """The secret key could not be used: `given` says whether a passphrase was."""

    def __init__(self, *, given: bool) -> None:
        super().__init__()
        self.given = given


@dataclass(frozen=True, slots=True)
class GpgStatus:
    """The status lines of one decryption, each as its words, and how gpg ended."""

    lines: Sequence[Sequence[str]]
    exit_status: int

    @classmethod
    def of(cls, text: str, exit_status: int) -> GpgStatus:
        """From what gpg wrote: `[GNUPG:] WORD …` on each line."""
        lines = (line.removeprefix("[GNUPG:] ").split(" ") for line in text.splitlines())
        return cls([line for line in lines if line[0]], exit_status)

    def has(self, word: str) -> bool:
        """Whether there is such a line."""
        return any(line[0] == word for line in self.lines)

    def of_word(self, word: str) -> list[Sequence[str]]:
        """All lines of that word."""
        return [line for line in self.lines if line[0] == word]


def judge(
    status: GpgStatus, name: str, signers: Collection[str] | None, *, must_be_signed: bool, whole: bool
) -> tuple[str, ...]:
    """Whether a message was decrypted by our key, is unchanged, and is signed as it must be.

    Args:
        name: of the file, for messages.
        signers: fingerprints of the primary keys whose signatures count; None: signatures are not checked.
        whole: whether the file reaches to its end (`is_whole`); asked of a damaged one.

    Returns:
        Notes for its report.

    Raises:
        FileRefused: it is not; nothing that came out may be read.
        PassphraseTrouble: our key could not be used.
    """
    if not status.has("DECRYPTION_KEY"):
        _refuse_undecrypted(status, name, whole=whole)
    signatures = _signatures(status)
    _refuse_expired(signatures, name, signers or ())  # gpg reads no further once a signature has expired
    _refuse_damaged(status, name, whole=whole)
    if any(word == "BADSIG" for word, _ in signatures):
        _refuse(name, "file.pgp_modified", "its signature is not that of its content", _AGAIN)
    if signers is None:
        return ("its signature was not checked: pgp.signers_file is not set",) if signatures else ()
    return _signed(signatures, name, signers, must_be_signed=must_be_signed)


_AGAIN = "have it encrypted and sent again"


def _refuse_undecrypted(status: GpgStatus, name: str, *, whole: bool) -> None:
    """Raise: no key of ours has opened it."""
    codes = {int(line[2]) & _ERROR_BITS for line in status.of_word("ERROR") if line[1] == "pkdecrypt_failed"}
    if codes & {_BAD_PASSPHRASE, _NO_PASSPHRASE}:
        raise PassphraseTrouble(given=_BAD_PASSPHRASE in codes)
    if status.has("ENC_TO"):
        if codes:
            _refuse(name, *_damage(whole=whole))
        problem = "it is encrypted to other keys than pgp.key_file"
        remedy = "give the sender your current public key, and have it encrypted to that and sent again"
        _refuse(name, "file.pgp_other_key", problem, remedy)
    if status.has("NEED_PASSPHRASE_SYM"):
        problem = "it is encrypted with a password, not to a key"
        _refuse(name, "file.pgp_password", problem, "have it encrypted to your public key and sent again")
    if status.has("PLAINTEXT"):
        _refuse(name, "file.not_encrypted", "it is not encrypted", _ENCRYPT)
    if not whole:
        _refuse(name, *_damage(whole=False))
    _refuse(name, "file.pgp_unreadable", "it is not a valid OpenPGP message", _AGAIN)


_ENCRYPT = "have it encrypted to your public key and sent again; nothing was read"


def refuse_unencrypted(name: str, head: bytes) -> None:
    """Raise FileRefused for a file that does not begin as an encrypted message."""
    _refuse(name, "file.not_encrypted", f"{what_instead(head)}, and its feed has pgp", _ENCRYPT)


def _refuse_damaged(status: GpgStatus, name: str, *, whole: bool) -> None:
    """Raise FileRefused unless it is one message, decrypted to its end, that nobody can have changed on its way."""
    order = [
        line[0] for line in status.lines if line[0] in ("BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY")
    ]
    for _, mdc, _, *aead in status.of_word("DECRYPTION_INFO"):
        if mdc == "0" and aead[:1] in ([], ["0"]):
            problem = "it has no protection against changes (MDC or AEAD)"
            _refuse(
                name, "file.pgp_modified", problem, "have it encrypted by a current program and sent again"
            )
    if status.has("BADMDC") or status.has("DECRYPTION_FAILED") or not status.has("DECRYPTION_OKAY"):
        _refuse(name, *_damage(whole=whole))
    uncheckable = status.has("ERRSIG") or status.has("BADSIG")
    if (
        order != ["BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY"]
        or status.has("NODATA")
        or status.has("UNEXPECTED")
        or (status.exit_status and not uncheckable)
    ):
        _refuse(name, "file.pgp_unreadable", "it is not one encrypted file as a whole", _AGAIN)


def _damage(*, whole: bool) -> tuple[str, str, str]:
    """Code, problem and remedy of a message that is not as it was sent."""
    if not whole:
        return "file.pgp_cut_off", "it is cut off", "send it again"
    return "file.pgp_modified", "it is damaged, or was changed on its way", _AGAIN


def _signatures(status: GpgStatus) -> list[tuple[str, str | None]]:
    """Of each signature inside the message: what was found of it, and the fingerprint of the primary key, if known."""
    found: list[tuple[str, str | None]] = []
    inside = False
    for line in status.lines:
        inside |= line[0] == "PLAINTEXT"
        if not inside:
            continue
        if line[0] in _OF_SIGNATURE:
            found.append((line[0], None))
        elif line[0] == "VALIDSIG" and found:
            found[-1] = (found[-1][0], line[10] if len(line) > 10 else line[1])
    return found


def _refuse_expired(
    signatures: Sequence[tuple[str, str | None]], name: str, signers: Collection[str]
) -> None:
    """Raise FileRefused where signers have signed it, none of them with a key and a signature that are valid now."""
    ours = {word: key for word, key in signatures if key in signers}
    for word, problem in _TOO_LATE.items():
        if word in ours and "GOODSIG" not in ours:
            remedy = "have it signed by a valid key; put that key into pgp.signers_file if it is new"
            _refuse(name, "file.pgp_expired", problem, remedy)


def _signed(
    signatures: Sequence[tuple[str, str | None]], name: str, signers: Collection[str], *, must_be_signed: bool
) -> tuple[str, ...]:
    """A note about who signed it. Raises FileRefused where nobody of `signers` has, as far as it matters."""
    good = [key for word, key in signatures if word == "GOODSIG" and key in signers]
    if good:
        return (f"signed by key {good[0]}",)
    if signatures:
        problem = "it is signed by a key that is not in pgp.signers_file"
        remedy = (
            "ask the sender whether the key is new; confirm its fingerprint another way, then add it there"
        )
        _refuse(name, "file.pgp_signer", problem, remedy)
    if must_be_signed:
        _refuse(name, "file.pgp_unsigned", "it is not signed", "have it signed, encrypted and sent again")
    return ("it is not signed",)


def _refuse(name: str, rule: str, problem: str, remedy: str) -> None:
    raise FileRefused(name=name, rule=rule, problem=problem, remedy=remedy)
