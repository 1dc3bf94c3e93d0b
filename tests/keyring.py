"""Real OpenPGP keys and files, made by GnuPG's own `gpg`, as merchants make them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

OURS, THEIRS, OTHER = "billing@ours.example", "export@merchant.example", "someone@else.example"
"""Who files are encrypted to, who signs them, and somebody else."""
PASSPHRASE = "öffne dich, Sesam"


@dataclass(frozen=True)
class Keyring:
    """A GnuPG home of people who send files; never the one that billferry uses."""

    home: Path

    def gpg(self, *words: str, given: bytes = b"", passphrase: str = "") -> bytes:
        """Run gpg; what it prints. Fails when it does."""
        done = subprocess.run(
            [
                *("gpg", "--batch", "--yes", "--quiet", "--trust-model", "always"),
                *("--pinentry-mode", "loopback", "--passphrase", passphrase, *words),
            ],
            env={**os.environ, "GNUPGHOME": str(self.home)},
            input=given,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def new_key(
        self, who: str, *, kind: str = "ed25519", subkey: str = "cv25519", expires: str = "never", **gpg: str
    ) -> str:
        """A key that signs and is encrypted to; its fingerprint. Options of `gpg` are given without dashes."""
        words = [word for name, value in gpg.items() if name != "passphrase" for word in (f"--{name}", value)]
        secret = gpg.get("passphrase", "")
        self.gpg(*words, "--quick-generate-key", who, kind, "sign,cert", expires, passphrase=secret)
        fingerprint = self.fingerprint(who)
        self.gpg(*words, "--quick-add-key", fingerprint, subkey, "encr", expires, passphrase=secret)
        return fingerprint

    def fingerprint(self, who: str) -> str:
        listed = self.gpg("--list-keys", "--with-colons", who).decode().splitlines()
        return next(line.split(":")[9] for line in listed if line.startswith("fpr"))

    def public(self, *who: str) -> bytes:
        return self.gpg("--armor", "--export", *who)

    def secret(self, *who: str, passphrase: str = "") -> bytes:
        return self.gpg("--armor", "--export-secret-keys", *who, passphrase=passphrase)

    def encrypted(
        self, content: bytes, *options: str, to: tuple[str, ...] = (OURS,), by: str | None = None
    ) -> bytes:
        """As gpg encrypts by default (compressed), and signed where `by` says so."""
        recipients = [word for who in to for word in ("--recipient", who)]
        signer = ["--local-user", by, "--sign"] if by else []
        return self.gpg(*options, *recipients, *signer, "--encrypt", given=content)

    @cached_property
    def ours(self) -> bytes:
        return self.secret(OURS)

    @cached_property
    def signers(self) -> bytes:
        return self.public(THEIRS)

    def put(self, folder: Path, **files: bytes) -> None:
        """Key files as an operator writes them: secret ones for nobody else."""
        for name, content in {"ours.key": self.ours, "signers.asc": self.signers, **files}.items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_bytes(content)


@contextmanager
def new_keyring() -> Iterator[Keyring]:
    """A keyring with the three people; its agent is gone at the end."""
    if shutil.which("gpg") is None:
        if os.environ.get("CI") == "1":
            pytest.fail("gpg is missing: install gnupg")
        pytest.skip("gpg is not installed")
    home = Path(tempfile.mkdtemp(prefix="keys-", dir="/tmp"))
    try:
        (home / "gpg-agent.conf").write_text(
            "s2k-count 65536\n"
        )  # else it measures for seconds how long it may take
        keyring = Keyring(home)
        for who in (OURS, THEIRS, OTHER):
            keyring.new_key(who)
        yield keyring
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, timeout=30)
        shutil.rmtree(home, ignore_errors=True)
