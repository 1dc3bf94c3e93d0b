"""An SFTP server on loopback: one folder, one user.

It is asyncssh on purpose: the loader uses paramiko, and two ends of one library would agree on its mistakes.
"""

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh

from pipeline.sandbox.background import BackgroundLoop

HOST = "127.0.0.1"


class SandboxSftp:
    """Serves `root` as "/", from a thread of its own.

    Args:
        root: must exist; names outside it cannot be reached, as after chroot.
        authorized_key: a public key in OpenSSH's one-line form, or the path of a file that holds it. With neither it
        nor a
            password nobody gets in.
        host_key_file: keeps the host key from one start to the next; None makes a new one for each.
        port: 0 takes a free one, which `port` then shows.
    """

    def __init__(
        self,
        root: Path,
        username: str = "billferry",
        *,
        password: str | None = None,
        authorized_key: str | Path | None = None,
        host_key_file: Path | None = None,
        port: int = 0,
    ) -> None:
        self.root = root
        self.username = username
        self.host = HOST
        self.port = port
        self._host_key = _kept_key(host_key_file) if host_key_file else _new_key()
        self._password = password
        self._authorized_key = _public_key(authorized_key)
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._loop: BackgroundLoop | None = None
        self._listener: asyncssh.SSHAcceptor | None = None

    def start(self) -> None:
        """Returns when it listens. Raises OSError when the port is taken; nothing is left running then."""
        # Clients that break off are the purpose here; asyncssh would write a trace for each.
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
        self._loop = BackgroundLoop("sandbox-sftp")
        try:
            self._loop.run(self._listen())
        except BaseException:
            self.stop()
            raise

    async def _listen(self) -> None:
        self._listener = await asyncssh.listen(
            self.host,
            self.port,
            server_host_keys=[self._host_key],
            server_factory=lambda: _Door(
                self.username, self._password, self._authorized_key, self._connections
            ),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=os.fsencode(self.root)),
            allow_scp=False,
        )
        self.port = self._listener.get_port()

    def stop(self) -> None:
        """Cuts every connection. Stopping twice does no harm."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.run(self._close())
        loop.stop()

    async def _close(self) -> None:
        if self._listener is None:
            return
        self._listener.close()
        for connection in list(self._connections):
            connection.abort()
            await connection.wait_closed()
        # Last, because from Python 3.12 on a listener counts as closed only when its connections are.
        await self._listener.wait_closed()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def host_public_key(self) -> str:
        """OpenSSH's one-line form, without comment."""
        return _line(self._host_key)

    @property
    def known_hosts_line(self) -> str:
        """What a client needs in its known_hosts file to trust this server; in brackets, as for ports other than 22."""
        return f"[{self.host}]:{self.port} {self.host_public_key}"


class _Door(asyncssh.SSHServer):
    """Who may log in on one connection, which is listed in `connections` while it lasts."""

    def __init__(
        self,
        username: str,
        password: str | None,
        key: asyncssh.SSHKey | None,
        connections: set[asyncssh.SSHServerConnection],
    ) -> None:
        self._username = username
        self._password = password
        self._key = key
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncssh's signature
        self._connections.discard(self._connection)

    def password_auth_supported(self) -> bool:
        return self._password is not None

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (self._username, self._password)

    def public_key_auth_supported(self) -> bool:
        return self._key is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._username and key == self._key


def write_key_pair(path: Path) -> str:
    """An ed25519 key at `path`, mode 0600, in OpenSSH's format; returns its public key line.

    A key that is already there is kept.
    """
    return _line(_kept_key(path))


def _new_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def _kept_key(path: Path) -> asyncssh.SSHKey:
    """The private key at `path`; one that is not there is made (ed25519, mode 0600 from its first byte on)."""
    if path.exists():
        return asyncssh.read_private_key(path)
    key = _new_key()
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.export_private_key())
    return key


def _public_key(given: str | Path | None) -> asyncssh.SSHKey | None:
    if given is None:
        return None
    return asyncssh.import_public_key(given.read_bytes() if isinstance(given, Path) else given)


def _line(key: asyncssh.SSHKey) -> str:
    """The public key in OpenSSH's one-line form, without the comment, which may name a user and a machine."""
    algorithm, encoded = key.export_public_key().decode().split()[:2]
    return f"{algorithm} {encoded}"
