"""A bill file decrypted with the key of its feed, and what is known of that key beforehand."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.core.openpgp import (
    GpgStatus,
    PassphraseTrouble,
    begins_encrypted,
    is_whole,
    judge,
    refuse_unencrypted,
)
from pipeline.edge.operator_files import read_keys, read_secret
from pipeline.edge.pgp.gnupg import GnuPg, GpgGaveUp, gnupg, gpg_version
from pipeline.errors import ConfigError, FileRefused, GpgFailed
from schemas.pgp import Pgp

_HEAD_BYTES = 4096
_HAS_SECRET = 16
"""Bit of IMPORT_OK. Source: GnuPG's doc/DETAILS."""
_PROBE = b"billferry"


@dataclass(slots=True)
class Decryption:
    """One file being decrypted. `blocks` once; `notes` are for its report, and complete after that."""

    path: Path
    name: str
    """Of the bill file, for messages."""
    pgp: Pgp
    where: str
    """The config key of `pgp`, for messages."""
    notes: tuple[str, ...] = field(default=())

    def blocks(self, within: Path) -> Generator[bytes, None, None]:
        """What is inside. Until this ends without an error, nobody may read what came out of it.

        Args:
            within: a private folder for the home of gpg, which is removed again.

        Raises:
            FileRefused: it is not encrypted to our key, not signed as it must be, changed, cut off or no message.
            ConfigError: gpg, the key or its passphrase cannot be used.
            DiskFull: no room for the home.
        """
        found: list[GpgStatus] = []
        with self.path.open("rb", buffering=0) as message:
            head = message.read(_HEAD_BYTES)
            if not begins_encrypted(head):
                refuse_unencrypted(self.name, head)
            message.seek(0)
            with gnupg(within) as gpg:
                keys = Keys.imported(gpg, self.pgp, self.where)
                try:
                    size_bytes = self.path.stat().st_size
                    yield from gpg.decrypted(message, size_bytes, keys.passphrase, found)
                except GpgGaveUp as gave_up:
                    raise self._gave_up() from gave_up
        self._judge(found[0], keys)

    def _judge(self, status: GpgStatus, keys: Keys) -> None:
        with self.path.open("rb") as message:

            def read_at(offset: int, size_bytes: int) -> bytes:
                message.seek(offset)
                return message.read(size_bytes)

            try:
                self.notes = judge(
                    status,
                    self.name,
                    keys.signers,
                    must_be_signed=self.pgp.must_be_signed,
                    whole=is_whole(self.path.stat().st_size, read_at),
                )
            except PassphraseTrouble as trouble:
                raise keys.passphrase_trouble(trouble) from trouble

    def _gave_up(self) -> FileRefused:
        problem = "gpg took too long or too much memory to decrypt it"
        remedy = "try gpg --decrypt by hand, or have it encrypted and sent again"
        return FileRefused(name=self.name, rule="file.pgp_unreadable", problem=problem, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a feed, imported into a home."""

    pgp: Pgp
    where: str
    secret: tuple[str, ...]
    """Fingerprints of primary keys of which the secret part is there."""
    signers: frozenset[str] | None
    """Fingerprints of primary keys whose signatures count; None: all, for none is checked."""
    passphrase: bytes

    @classmethod
    def imported(cls, gpg: GnuPg, pgp: Pgp, where: str) -> Keys:
        """Import them. Raises ConfigError: a file cannot be used, or holds no such key."""
        signers = None
        if pgp.signers_file is not None:
            key = f"{where}.signers_file"
            content = read_keys(pgp.signers_file, key, secret=False)
            signers = frozenset(_import(gpg, content, 0, pgp.signers_file, key))
        key = f"{where}.key_file"
        secret = tuple(
            _import(gpg, read_keys(pgp.key_file, key, secret=True), _HAS_SECRET, pgp.key_file, key)
        )
        passphrase = b""
        if pgp.passphrase_file is not None:
            passphrase = read_secret(pgp.passphrase_file, f"{where}.passphrase_file").encode()
        return cls(pgp, where, secret, signers, passphrase)

    def passphrase_trouble(self, trouble: PassphraseTrouble) -> ConfigError:
        """What to do about a key that does not open with what is configured."""
        key = f"{self.where}.passphrase_file"
        if self.pgp.passphrase_file is None or not trouble.given:
            return ConfigError(
                where=key,
                problem="the secret key has a passphrase",
                remedy="put it into a file, and name that here",
            )
        return ConfigError(
            where=key, problem="this is not the passphrase of the secret key", remedy="correct the passphrase"
        )


def _import(gpg: GnuPg, content: bytes, flag: int, path: Path, where: str) -> list[str]:
    """Fingerprints of the primary keys in a file that have the `flag` of IMPORT_OK, each once. Raises ConfigError."""
    what = "secret OpenPGP key" if flag else "OpenPGP public key"
    how = "--export-secret-keys" if flag else "--export"
    problem = ConfigError(
        where=where, problem=f"{path} is not a valid {what}", remedy=f"write it with gpg --armor {how} KEY"
    )
    try:
        status, _ = gpg.run("--import", given=content)
    except GpgGaveUp as gave_up:
        raise problem from gave_up
    if not status.lines:
        raise GpgFailed(status=status.exit_status)
    found = [line[2] for line in status.of_word("IMPORT_OK") if int(line[1]) & flag == flag]
    if not found:
        raise problem
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What `doctor` tells of the keys of a feed."""

    version: str
    """Of gpg."""
    fingerprints: tuple[str, ...]
    """Of our keys that can be encrypted to."""
    expires_at: datetime | None
    """When the last of our keys can no longer be encrypted to; None: never."""
    signers: tuple[tuple[str, datetime | None], ...]
    """Fingerprint of each signer and when it expires."""


def try_keys(pgp: Pgp, where: str, within: Path) -> KeyFacts:
    """Encrypt something to our key and decrypt it again, as a run would.

    Raises:
        ConfigError: gpg, a key or the passphrase cannot be used, or every key has expired.
        DiskFull: no room for the home of gpg, below `within`.
    """
    with gnupg(within) as gpg:
        keys = Keys.imported(gpg, pgp, where)
        try:
            expiries = _expiries(gpg)
            usable = [each for each in keys.secret if _can_be_decrypted(gpg, each, keys)]
        except GpgGaveUp as gave_up:
            raise ConfigError(
                where=where, problem="gpg does not answer", remedy="try gpg by hand"
            ) from gave_up
    if not usable:
        raise ConfigError(
            where=f"{where}.key_file",
            problem="no key in it can be encrypted to: expired, revoked, or for signatures alone",
            remedy="extend its expiry or make a new key, export it, and give the sender its public part",
        )
    ends = [expiries.get(each) for each in usable]
    last = None if None in ends else max(end for end in ends if end is not None)
    signers = tuple((each, expiries.get(each)) for each in sorted(keys.signers or ()))
    version = ".".join(map(str, gpg_version(gpg.program)))
    return KeyFacts(version, tuple(usable), last, signers)


def _can_be_decrypted(gpg: GnuPg, fingerprint: str, keys: Keys) -> bool:
    """Whether a sender can encrypt to a key, and we can decrypt that. Raises ConfigError: not with this passphrase."""
    message = gpg.home / "probe"
    status, _ = gpg.run("--output", message.name, "--recipient", fingerprint, "--encrypt", given=_PROBE)
    if status.exit_status:
        return False
    found: list[GpgStatus] = []
    with message.open("rb") as encrypted:
        b"".join(gpg.decrypted(encrypted, len(_PROBE), keys.passphrase, found))
    try:
        judge(found[0], "probe", None, must_be_signed=False, whole=True)
    except PassphraseTrouble as trouble:
        raise keys.passphrase_trouble(trouble) from trouble
    except FileRefused:
        return False
    return True


def _expiries(gpg: GnuPg) -> dict[str, datetime | None]:
    """Fingerprint of each primary key → when nothing can be encrypted to it, or signed by it, any more.

    Source: GnuPG's doc/DETAILS, the colon format: field 7 is the expiry, 12 the capabilities.
    """
    _, printed = gpg.run("--list-keys", "--with-colons", "--fixed-list-mode")
    found: dict[str, datetime | None] = {}
    primary, awaited = "", False
    for line in printed.decode(errors="replace").splitlines():
        fields = line.split(":")
        if fields[0] == "pub":
            awaited = True
            ends = _time(fields[6])
        elif fields[0] == "fpr" and awaited:
            primary, awaited = fields[9], False
            found[primary] = ends
        elif fields[0] == "sub" and "e" in fields[11] and fields[6] and primary in found:
            ends_before, its_end = found[primary], _time(fields[6])
            found[primary] = (
                its_end if ends_before is None or (its_end and its_end < ends_before) else ends_before
            )
    return found


def _time(seconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
