"""Pinned host keys: what `known_hosts` says about a server's key, in OpenSSH's own format.

Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Read here and not by paramiko, which stops at a `@revoked` line and
keeps one key per type. A server on another port than 22 is pinned as `[host]:port` only.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.edge.operator_files import read_small
from pipeline.edge.sftp.host_keys import ALGORITHMS, fingerprint, key_type
from pipeline.errors import ConfigError, HostKeyChanged, HostKeyRevoked, HostKeyUnknown

MAX_KNOWN_HOSTS_BYTES = 16 * 2**20
"""Some organisations list all their hosts."""


@dataclass(frozen=True, slots=True)
class PinnedKeys:
    """The keys that one server may, and may not, show; as the bytes of the public key."""

    trusted: tuple[bytes, ...]
    revoked: tuple[bytes, ...]
    file: Path
    """The known_hosts file, for messages."""

    def algorithms(self) -> list[str]:
        """Host key algorithms to offer: pinned types first, so that a server with several keys shows a pinned one.

        The others follow, so that a changed key can be shown with its fingerprint.
        """
        pinned = {key_type(key) for key in self.trusted}
        order = sorted(ALGORITHMS, key=lambda kind: kind not in pinned)
        return [algorithm for kind in order for algorithm in ALGORITHMS[kind]]

    def check(self, shown: bytes, source: str) -> None:
        """Raise unless the key that the server has shown, and proved to own, is pinned.

        Raises:
            HostKeyRevoked, HostKeyChanged, HostKeyUnknown: with fingerprints, before any login.
        """
        facts = {"source": source, "fingerprint": fingerprint(shown), "known_hosts": self.file}
        if shown in self.revoked:
            raise HostKeyRevoked(**facts)
        if shown in self.trusted:
            return
        if self.trusted:
            raise HostKeyChanged(**facts, pinned=" or ".join(map(fingerprint, self.trusted)))
        raise HostKeyUnknown(**facts)


@dataclass(frozen=True, slots=True)
class KnownHostsLine:
    """What one line of known_hosts states about a server."""

    key: bytes
    """The public key's bytes, as RFC 4253, 6.6 encodes them."""
    revoked: bool
    alone: bool
    """Whether it names no other server."""


def pinned_keys(file: Path, host: str, port: int) -> PinnedKeys:
    """The lines of `file` about this server. A missing file pins nothing.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        text = read_small(file, MAX_KNOWN_HOSTS_BYTES)[0].decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise ConfigError(
            where="sftp.known_hosts_file",
            problem=f"{file} cannot be read ({error.strerror})",
            remedy="check the file and its rights",
        ) from error
    trusted: list[bytes] = []
    revoked: list[bytes] = []
    for line in text.split("\n"):  # and at nothing else that Unicode calls a line end
        about = match_known_hosts_line(line, known_hosts_name(host, port))
        if about is not None:
            (revoked if about.revoked else trusted).append(about.key)
    return PinnedKeys(tuple(dict.fromkeys(trusted)), tuple(revoked), file)


def match_known_hosts_line(line: str, address: str) -> KnownHostsLine | None:
    """What a line of known_hosts states about a server; None when it states nothing that counts here.

    Args:
        address: of the server, from `known_hosts_name`.
    """
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#") or not _names(fields[0], address):
        return None
    key = _key(fields[1], fields[2])
    if key is None or marker not in {"", "@revoked"}:
        return None  # @cert-authority: host certificates are not taken
    alone = fields[0].startswith("|1|") or fields[0].lower() == address
    return KnownHostsLine(key, revoked=bool(marker), alone=alone)


def known_hosts_line(host: str, port: int, key: bytes) -> str:
    """The line that pins a key, without a line end. `key`: the public key's bytes."""
    return f"{known_hosts_name(host, port)} {key_type(key)} {base64.b64encode(key).decode()}"


def known_hosts_name(host: str, port: int) -> str:
    """How known_hosts calls a server: in small letters, with the port unless that is 22."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def _names(patterns: str, address: str) -> bool:
    """Whether a line is about this server: hashed, or a list with wildcards, where a negated match excludes it."""
    if patterns.startswith("|1|"):
        return _hashed_name(patterns, address)
    matched = False
    for pattern in patterns.lower().split(","):
        # fnmatch would read [host] as a set of characters
        if fnmatchcase(address, pattern.removeprefix("!").replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched


def _hashed_name(hashed: str, address: str) -> bool:
    """Whether a hashed name, `|1|salt|HMAC-SHA1`, is this address. Source: sshd(8)."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed[3:].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.digest(salt, address.encode(), "sha1"), digest)


def _key(kind: str, text: str) -> bytes | None:
    """The key's bytes when they are of the kind that the line says and of one that we take."""
    try:
        key = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if kind in ALGORITHMS and key_type(key) == kind else None
