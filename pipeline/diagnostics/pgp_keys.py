"""doctor's look at the keys of encrypted feeds: they are tried as a sender and a run would use them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from pipeline.edge.clock import utc_now
from pipeline.edge.disk import scratch_folder
from pipeline.edge.pgp.decrypt import KeyFacts, try_keys
from pipeline.run.encrypted_files import where_of
from schemas.pgp import Pgp

SOON = timedelta(days=30)
"""A key that expires sooner is warned of: a new one has to reach every sender."""


def key_facts(pgp: Pgp, feed: str) -> KeyFacts:
    """What is known of the keys of the feed of that name.

    Raises:
        ConfigError: gpg, a key or the passphrase cannot be used.
        DiskFull: no room to try them.
    """
    with scratch_folder("billferry-doctor-") as folder:
        return try_keys(pgp, where_of(feed), folder)


def shown_keys(facts: KeyFacts) -> str:
    """The good news, with the fingerprint that senders should see."""
    ends = f", until {facts.expires_at:%Y-%m-%d}" if facts.expires_at else ""
    return f"gpg {facts.version} decrypts with key {' and '.join(facts.fingerprints)}{ends}"


def key_warnings(facts: KeyFacts) -> Iterator[str]:
    """What will stop working, or is not guarded against."""
    if _is_soon(facts.expires_at):
        yield (
            f"nobody can encrypt to key {facts.fingerprints[-1]} after {facts.expires_at:%Y-%m-%d};"
            " extend its expiry, and give the senders its public part again"
        )
    for fingerprint, ends in facts.signers:
        if _is_soon(ends):
            word = "has expired" if ends is not None and ends <= utc_now() else "expires"
            yield (
                f"the signer's key {fingerprint} {word} on {ends:%Y-%m-%d};"
                " ask the sender for its public part with a later expiry, or for the next key"
            )
    if not facts.signers:
        yield (
            "signatures are not checked: whoever knows the public key and can write to the folder can send bills;"
            " set pgp.signers_file"
        )


def _is_soon(moment: datetime | None) -> bool:
    return moment is not None and moment - utc_now() < SOON
