"""A server's host key itself: the types that are still safe, its type and its fingerprint."""

from __future__ import annotations

import base64
import hashlib

ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""Key type in known_hosts → algorithms that prove such a key; SHA-1 is not among them."""


def fingerprint(key: bytes) -> str:
    """SHA-256 of the public key in base64 without padding, as `ssh-keygen -l` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def key_type(key: bytes) -> str:
    """A public key starts with its type, preceded by four bytes of length. Source: RFC 4253, section 6.6."""
    return key[4 : 4 + int.from_bytes(key[:4])].decode("ascii", errors="replace")
