"""Encrypted bill files: how a feed's OpenPGP files are decrypted, and whose signatures count."""

from __future__ import annotations

from pydantic import model_validator

from schemas.shape import LocalPath, Shape


class Pgp(Shape):
    """The files of a feed are OpenPGP messages, encrypted to a key of ours."""

    key_file: LocalPath
    """File with the secret key to which files are encrypted, as `gpg --export-secret-keys` writes it, readable only by
    its owner. It may hold several keys, such as an old one beside its successor.
    """
    passphrase_file: LocalPath | None = None
    """File with the passphrase of the secret key, readable only by its owner; null: the key has none."""
    signers_file: LocalPath | None = None
    """File with the public keys whose signatures count, as `gpg --export` writes them; writable only by its owner.
    null: signatures are not checked.
    """
    require_signature: bool | None = None
    """Whether a file without a signature is refused. null: yes if `signers_file` is set. A signature that is there must
    be valid in either case.
    """
    upload_rejects: bool = False
    """Whether `rejects.csv` of these files, which is not encrypted, is uploaded to `sftp.reports` like that of other
    files.
    """

    @property
    def must_be_signed(self) -> bool:
        """Whether a file without a signature is refused."""
        return self.signers_file is not None if self.require_signature is None else self.require_signature

    @model_validator(mode="after")
    def _signatures_need_signers(self) -> Pgp:
        if self.require_signature and self.signers_file is None:
            raise ValueError("require_signature needs signers_file, the public keys whose signatures count")
        return self
