"""A store in S3, or in what speaks like it. Objects are put on condition that there is none of that name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from pipeline.edge.operator_files import read_secret
from pipeline.errors import ConfigError, StoreError

PIECE_BYTES = 32 * 2**20
"""Of a larger document each piece is an object of its own: a put on condition is one request, sent from memory."""
CREDENTIALS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}
"""Key in a credentials file → what obstore calls it. Source: the file that the AWS CLI and SDKs share."""
_CREDENTIALS_FILE = "s3.credentials_file"
_RETRIES = {"max_retries": 1, "retry_timeout": timedelta(seconds=30)}
"""A store that is away must not hold up a load: what is owed is put by the next run."""
_CODE = re.compile(r"<Code>(\w+)</Code>")
_NOBODY = "0" * 64
"""The name that no object has."""


class BucketStore:
    """The objects of one merchant and environment. Raises StoreError where the bucket cannot be read or written."""

    def __init__(
        self,
        address: str,
        *,
        merchant: str,
        environment: str,
        region: str | None,
        endpoint: str | None,
        credentials_file: Path | None,
    ) -> None:
        """Nothing is connected yet.

        Args:
            address: `s3://BUCKET/PREFIX`.
            endpoint: address of a server that is not Amazon's; only one of this machine is spoken to without TLS.
            credentials_file: None: as obstore finds them, in AWS_… of the environment or by the machine's role.

        Raises:
            ConfigError: the credentials cannot be read.
        """
        self._address = address
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        prefix = "/".join([*filter(None, prefix.split("/")), merchant, environment])
        chosen = {"region": region, "endpoint": endpoint}
        if credentials_file is not None:
            chosen |= read_credentials(credentials_file)
        with self._reached():
            self._bucket = S3Store(
                bucket,
                prefix=prefix,
                client_options={
                    "allow_http": endpoint is not None and endpoint.startswith("http://"),
                    "connect_timeout": "5s",
                    "timeout": "30s",
                },
                retry_config=_RETRIES,  # type: ignore[arg-type]  # its kind is for type checkers alone
                **{name: value for name, value in chosen.items() if value is not None},  # type: ignore[arg-type]
            )

    def __str__(self) -> str:
        return self._address

    def put(self, sha256: str, content: BinaryIO) -> bool:
        """Put an object there; False where there is one of that name, or a piece of it, which nobody has compared."""
        content.seek(0, 2)
        names, is_new = _pieces(sha256, content.tell()), True
        content.seek(0)
        with self._reached():
            for name in names:
                try:
                    obstore.put(self._bucket, name, content.read(PIECE_BYTES), mode="create")
                except AlreadyExistsError:
                    is_new = False
        return is_new

    def blocks(self, sha256: str, size_bytes: int) -> Iterator[bytes]:
        """What is in an object; nothing of a piece that is missing. `size_bytes`: as it was put."""
        with self._reached():
            for name in _pieces(sha256, size_bytes):
                try:
                    stream = obstore.get(self._bucket, name).stream()
                except FileNotFoundError:
                    continue
                for block in stream:
                    yield bytes(block)

    def remove(self, sha256: str, size_bytes: int) -> None:
        """Remove an object, which need not be there."""
        with self._reached():
            for name in _pieces(sha256, size_bytes):
                obstore.delete(self._bucket, name)

    def look(self) -> str:
        """What `doctor` says of it. Nothing is written, so that a missing right to write is not seen."""
        with self._reached():
            try:
                obstore.get(self._bucket, _NOBODY)
            except FileNotFoundError as error:
                if _told(error) == "NoSuchBucket":
                    raise
        return f"{self} can be read; rights to put and delete objects were not tried"

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise StoreError(where=self, problem=_told(error)) from None


def _pieces(sha256: str, size_bytes: int) -> list[str]:
    """Names of the objects that make up one document: its SHA-256, and if there are several their number."""
    count = max(1, -(-size_bytes // PIECE_BYTES))
    return [sha256] if count == 1 else [f"{sha256}.{number}of{count}" for number in range(1, count + 1)]


def _told(error: Exception) -> str:
    """What the server says is wrong, in one line; without the addresses and headers that obstore adds."""
    text = str(error)
    if (code := _CODE.search(text)) is not None:
        return code[1]
    return text.partition("\n")[0].rpartition(" - ")[2].strip(" :")[:200]


def read_credentials(path: Path) -> Mapping[str, str]:
    """The credentials in a file as the AWS CLI writes it: its section `default`, or its only one.

    Raises:
        ConfigError: it cannot be read, others can read it, or it holds none.
    """
    parser = RawConfigParser()
    try:
        parser.read_string(read_secret(path, _CREDENTIALS_FILE))
    except Error:
        parser.clear()
    names = parser.sections()
    section = "default" if "default" in names else names[0] if len(names) == 1 else None
    found = {
        ours: parser[section][theirs].strip()
        for theirs, ours in CREDENTIALS.items()
        if section is not None and theirs in parser[section]
    }
    if not found.keys() >= {"access_key_id", "secret_access_key"}:
        raise ConfigError(
            where=_CREDENTIALS_FILE,
            problem=f"{path} has no aws_access_key_id and aws_secret_access_key",
            remedy="write both below [default], as the AWS CLI does",
        )
    return found
