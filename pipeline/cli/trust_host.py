"""`trust-host`: a person compares the SFTP server's fingerprints with what its owner says, then pins its keys.

A key is never trusted because it was seen first ("trust on first use"): the person who answers may be spoofed, the
fingerprint that came another way is not. Fingerprints are OpenSSH's: `SHA256:` and unpadded Base64 (RFC 4648).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from pipeline.cli.printing import say
from pipeline.edge.sftp.host_keys import fingerprint, key_type
from pipeline.edge.sftp.known_hosts import PinnedKeys, pinned_keys
from pipeline.edge.sftp.pin_host_keys import pin_host_keys, presented_host_keys
from pipeline.edge.sftp.session import address
from pipeline.errors import HostKeyNotPinned, HostKeyRevoked, UsageError
from pipeline.run.audited_command import audited_command
from schemas.settings import Settings, Sftp


def trust_as_asked(settings: Settings, *, yes: str | None) -> None:
    """Show the host keys that the server presents, and pin what a person, or `yes`, confirms; nothing is sent but the
    handshake.

    Args:
        yes: the fingerprint of one presented key, confirmed beforehand; None asks at the terminal.

    Raises:
        UsageError: no SFTP server in the config, or nobody at a terminal to ask. Exit status 2.
        ConfigError: there is something wrong with the known_hosts file. Exit status 2.
        SourceUnreachable: the server does not answer. Exit status 3.
        HostKeyRevoked, HostKeyNotPinned: only revoked keys were presented; none was confirmed. Exit status 5.
    """
    sftp = settings.sftp
    if sftp is None:
        raise UsageError(problem="the config has no sftp section", remedy="there is no host key to trust")
    pinned = pinned_keys(sftp.known_hosts_file, sftp.host, sftp.port)
    shown = presented_host_keys(sftp)
    _show(sftp, pinned, shown)
    usable = [key for key in shown if key not in pinned.revoked]
    if not usable:
        raise HostKeyRevoked(
            source=address(sftp), fingerprint=fingerprint(shown[0]), known_hosts=sftp.known_hosts_file
        )
    chosen = _confirmed(sftp, usable, yes) if yes else _answered(sftp, pinned, usable)
    if set(chosen) <= set(pinned.trusted):
        say(f"already pinned in {sftp.known_hosts_file}; nothing to do", err=True)
        return
    # Other pinned keys that the server still presents stay: a server has one for each algorithm.
    still = [key for key in pinned.trusted if key in usable and key not in chosen]
    with audited_command(settings, "trust-host") as note:
        left = pin_host_keys(sftp.known_hosts_file, sftp.host, sftp.port, [*chosen, *still])
        if not note([], {"server": address(sftp), "pinned": [fingerprint(key) for key in chosen]}):
            say("not noted in the audit trail: the folder of work_dir does not exist yet", err=True)
    say(f"pinned in {sftp.known_hosts_file}: {', '.join(map(fingerprint, chosen))}", err=True)
    for number in left:
        say(
            f"line {number} of it still trusts another key, and names more than this server: edit it by hand",
            err=True,
        )


def _show(sftp: Sftp, pinned: PinnedKeys, shown: Sequence[bytes]) -> None:
    say(f"{address(sftp)} shows:", err=True)
    for key in shown:
        note = "revoked" if key in pinned.revoked else "pinned" if key in pinned.trusted else "not pinned"
        say(f"  {key_type(key):<20} {fingerprint(key)}  ({note})", err=True)
    for key in pinned.trusted:
        if key not in shown:
            say(f"pinned, but not presented by the server: {key_type(key)} {fingerprint(key)}", err=True)


def _confirmed(sftp: Sftp, usable: Sequence[bytes], wanted: str) -> list[bytes]:
    """The one usable key of the fingerprint `wanted`, with or without Base64 padding. Raises HostKeyNotPinned."""
    chosen = [key for key in usable if fingerprint(key) == wanted.rstrip("=")]
    if not chosen:
        raise HostKeyNotPinned(source=address(sftp), problem=f"it shows no key {wanted} that can be trusted")
    return chosen


def _answered(sftp: Sftp, pinned: PinnedKeys, usable: Sequence[bytes]) -> list[bytes]:
    """The keys that somebody at the terminal confirms: all, or one by typing its fingerprint. Nothing is asked where
    all are pinned already.
    """
    if set(usable) <= set(pinned.trusted):
        return list(usable)
    if not sys.stdin.isatty():
        raise UsageError(
            problem="trust-host needs a terminal to ask for confirmation",
            remedy="use --yes with the fingerprint that the server's owner gave you",
        )
    say(
        "Compare each fingerprint with the one that the server's owner confirms another way, for example by phone.",
        err=True,
    )
    if any(key not in usable for key in pinned.trusted):
        say("The pinned key that the server did not present will no longer be trusted.", err=True)
    answer = typer.prompt(
        "Pin these keys? yes, no, or the fingerprint of one", default="no", err=True
    ).strip()
    if answer.lower() == "yes":
        return list(usable)
    if answer.startswith("SHA256:"):
        return _confirmed(sftp, usable, answer)
    raise HostKeyNotPinned(source=address(sftp), problem="not confirmed")
