"""Pinning a server's host keys: which keys it shows, and writing the trusted ones into known_hosts.

Nothing here decides to trust: a person does, by comparing fingerprints. Nobody is logged in.
Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from pipeline.edge.operator_files import read_small
from pipeline.edge.sftp.host_keys import ALGORITHMS
from pipeline.edge.sftp.known_hosts import (
    MAX_KNOWN_HOSTS_BYTES,
    known_hosts_line,
    known_hosts_name,
    match_known_hosts_line,
)
from pipeline.edge.sftp.session import close_transport, exchange_keys
from pipeline.errors import ConfigError, NoSafeAlgorithm
from schemas.settings import Sftp


def presented_host_keys(settings: Sftp) -> tuple[bytes, ...]:
    """The host keys that a server proves to own, one per type, best type first; as the bytes of the public keys.

    One connection per type, since a server presents a single key on each.

    Raises:
        SourceUnreachable: see `session.open_session`.
        NoSafeAlgorithm: it has no key of a type that is still safe.
    """
    found, missing = [], None
    for algorithms in ALGORITHMS.values():
        try:
            transport = exchange_keys(settings, algorithms)
        except NoSafeAlgorithm as none_of_these:
            missing = none_of_these
            continue
        try:
            found.append(transport.get_remote_server_key().asbytes())
        finally:
            close_transport(transport)
    if not found and missing is not None:
        raise missing
    return tuple(dict.fromkeys(found))


def pin_host_keys(file: Path, host: str, port: int, keys: Sequence[bytes]) -> list[int]:
    """Make `keys` the ones that known_hosts trusts for a server; the file is replaced whole, or stays as it is.

    Lines about this server alone that trust another key are taken out, revocations and all other lines stay.

    Args:
        file: it, and its folder, are made when they are missing.
        keys: as the bytes of the public keys.

    Returns:
        Numbers, from 1, of lines that still trust another key because they name more than this server.

    Raises:
        ConfigError: the file cannot be read or written.
    """
    try:
        place = Path(os.path.realpath(file))
        text = _content(place).decode(errors="surrogateescape")
        lines = text.removesuffix("\n").split("\n") if text else []
        kept, left = _without_other_keys(lines, known_hosts_name(host, port), keys)
        pinned = [line for key in keys if (line := known_hosts_line(host, port, key)) not in kept]
        _replace(place, "".join(f"{line}\n" for line in [*kept, *pinned]))
    except OSError as error:
        raise ConfigError(
            where="sftp.known_hosts_file",
            problem=f"{file} cannot be changed ({error.strerror})",
            remedy="check the file, its folder and their rights",
        ) from error
    return left


def _content(file: Path) -> bytes:
    try:
        return read_small(file, MAX_KNOWN_HOSTS_BYTES)[0]
    except FileNotFoundError:
        return b""


def _without_other_keys(
    lines: Sequence[str], address: str, keys: Collection[bytes]
) -> tuple[list[str], list[int]]:
    """The lines to keep, and the numbers among them of those that still trust another key."""
    kept: list[str] = []
    left: list[int] = []
    for line in lines:
        about = match_known_hosts_line(line, address)
        if about is None or about.revoked or about.key in keys:
            kept.append(line)
        elif not about.alone:
            kept.append(line)
            left.append(len(kept))
    return kept, left


def _replace(place: Path, text: str) -> None:
    """Write beside, sync and rename over. A link to the file stays a link; the mode stays that of the file."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = place.stat().st_mode & 0o777 if place.exists() else 0o600
    descriptor, part = tempfile.mkstemp(prefix=".known_hosts-", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode(errors="surrogateescape"))
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(place)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
