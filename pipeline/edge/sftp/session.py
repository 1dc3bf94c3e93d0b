"""One SFTP connection: the server proves its pinned key before we log in, and nothing waits for ever.

Source: RFC 4253 (transport), RFC 4252 (log-in), OpenSSH's PROTOCOL for strict key exchange.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    SSHException,
)
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from pipeline.edge.operator_files import read_secret
from pipeline.edge.sftp.client import RemoteFolderClient
from pipeline.edge.sftp.hardened import HardenedTransport
from pipeline.edge.sftp.known_hosts import pinned_keys
from pipeline.errors import ConfigError, NoSafeAlgorithm, SourceError, SourceUnauthorised, SourceUnreachable
from schemas.settings import Sftp

CONNECT_ATTEMPTS = 3
"""Of reaching the server, within timeout_s in all."""
CLOSE_TIMEOUT_S = 1.0
"""How long a connection may take to close before its thread is left behind."""

# It logs names, key exchanges and user names of its own accord.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class Session:
    """A logged-in connection with its SFTP channel. Whoever opens one closes it."""

    def __init__(self, transport: paramiko.Transport, client: RemoteFolderClient) -> None:
        self._transport = transport
        self.client = client

    @property
    def alive(self) -> bool:
        """Whether the connection is open as far as this side knows: one that was cut silently still seems to be."""
        return self._transport.is_active()

    def close(self) -> None:
        """Close the connection, in bounded time. Raises nothing."""
        close_transport(self._transport)


def close_transport(transport: paramiko.Transport) -> None:
    """Close a connection, within CLOSE_TIMEOUT_S.

    A stop signal may have taken us out of paramiko just when it had taken one of its locks, which nobody gives back:
    then closing waits for ever, and its thread is left alone.
    """
    closing = threading.Thread(target=transport.close, name="closing", daemon=True)
    closing.start()
    closing.join(CLOSE_TIMEOUT_S)


def address(settings: Sftp) -> str:
    """The server as messages name it."""
    return f"sftp://{settings.host}:{settings.port}"


def open_session(settings: Sftp) -> Session:
    """Connect, check the host key, log in, open SFTP. Only reaching the server is tried again.

    Args:
        settings: host, port, username, the files of keys and known hosts, and timeout_s, which bounds each step.

    Raises:
        SourceUnreachable: it cannot be reached, or breaks off or stays silent at any step.
        HostKeyUnknown, HostKeyChanged, HostKeyRevoked: nobody has logged in then.
        SourceUnauthorised: it refuses the key or the password. Not tried again.
        ConfigError: files that settings name cannot be used. NoSafeAlgorithm, SourceError: it offers nothing safe.
    """
    credentials = _Credentials(settings)
    retrying = Retrying(
        retry=retry_if_exception_type(SourceUnreachable),
        stop=stop_after_attempt(CONNECT_ATTEMPTS) | stop_after_delay(settings.timeout_s),
        wait=wait_random_exponential(multiplier=0.5, max=5),
        reraise=True,
    )
    transport = retrying(_connect, settings)
    try:
        _log_in(transport, settings, credentials)
        return Session(transport, _open_client(transport, settings))
    except BaseException:
        close_transport(transport)
        raise


def _connect(settings: Sftp) -> paramiko.Transport:
    """A connection to a server that has proved a pinned key; nobody is logged in yet."""
    pinned = pinned_keys(settings.known_hosts_file, settings.host, settings.port)
    transport = exchange_keys(settings, pinned.algorithms())
    try:
        pinned.check(transport.get_remote_server_key().asbytes(), address(settings))
        _require_strict_exchange(transport, address(settings))
    except BaseException:
        close_transport(transport)
        raise
    return transport


def exchange_keys(settings: Sftp, algorithms: Sequence[str]) -> paramiko.Transport:
    """A connection on which the server has proved to own the host key it presents; whether to trust it is not asked.

    Args:
        algorithms: host key algorithms to offer, best first.

    Raises:
        SourceUnreachable: see `open_session`.
        NoSafeAlgorithm: it offers none of `algorithms`, or nothing else that is safe.
    """
    with _translated_errors(settings):
        connection = socket.create_connection((settings.host, settings.port), timeout=settings.timeout_s)
        try:
            transport = HardenedTransport(connection)
        except BaseException:
            connection.close()
            raise
        try:
            _limit(transport, settings.timeout_s)
            transport.get_security_options().key_types = list(algorithms)
            transport.start_client(timeout=settings.timeout_s)
            if not transport.initial_kex_done:
                raise TimeoutError  # start_client just returns when its time is over
        except BaseException:
            close_transport(transport)
            raise
    return transport


def _limit(transport: paramiko.Transport, timeout_s: float) -> None:
    """Bound every step of the transport that waits. All of these are public attributes of paramiko."""
    # Longer, so that start_client's own time-out comes first and is not mistaken for a broken connection.
    transport.banner_timeout = transport.handshake_timeout = 2 * timeout_s
    transport.auth_timeout = timeout_s
    transport.channel_timeout = timeout_s
    transport.clear_to_send_timeout = timeout_s


def _require_strict_exchange(transport: paramiko.Transport, where: str) -> None:
    """Raise SourceError unless both sides did strict key exchange. Source: OpenSSH's PROTOCOL."""
    if not transport.agreed_on_strict_kex:  # type: ignore[attr-defined]  # the stubs do not know it
        raise SourceError(
            source=where,
            problem="the server does not support strict key exchange, so its first messages could be altered"
            " (CVE-2023-48795)",
            remedy="ask its owner to update it (OpenSSH 9.6, or a patched earlier one)",
        )


class _Credentials:
    """What we log in with, read before anything is sent."""

    def __init__(self, settings: Sftp) -> None:
        passphrase, self.password = (
            read_secret(file, where) if file is not None else None
            for file, where in (
                (settings.passphrase_file, "sftp.passphrase_file"),
                (settings.password_file, "sftp.password_file"),
            )
        )
        self.key = _private_key(settings.private_key_file, passphrase) if settings.private_key_file else None
        if self.key is None and self.password is None:
            raise ConfigError(
                where="sftp",
                problem="there is nothing to log in with",
                remedy="set private_key_file or password_file",
            )


def _log_in(transport: paramiko.Transport, settings: Sftp, credentials: _Credentials) -> None:
    """With the key, then with the password where the server wants both. Never tried twice: accounts get locked."""
    with _translated_errors(settings):
        wanted: list[str] = []
        if credentials.key is not None:
            wanted = transport.auth_publickey(settings.username, credentials.key)
        if credentials.password is not None and not transport.is_authenticated():
            wanted = transport.auth_password(settings.username, credentials.password)
        if wanted or not transport.is_authenticated():
            raise SourceUnauthorised(source=address(settings), username=settings.username)


def _open_client(transport: paramiko.Transport, settings: Sftp) -> RemoteFolderClient:
    """Open a channel, start the server's SFTP subsystem on it and agree on the version."""
    with _translated_errors(settings):
        channel = transport.open_session(timeout=settings.timeout_s)
        channel.settimeout(settings.timeout_s)
        # invoke_subsystem waits without limit for the server's answer; closing the connection ends that.
        watchdog = threading.Timer(settings.timeout_s, transport.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            channel.invoke_subsystem("sftp")
            return RemoteFolderClient(channel, settings.timeout_s)
        finally:
            watchdog.cancel()


@contextmanager
def _translated_errors(settings: Sftp) -> Iterator[None]:
    """paramiko's and the system's exceptions as ours. Their texts are not shown: they may hold what the server says."""
    where = address(settings)
    try:
        yield
    except BadAuthenticationType as error:
        raise SourceUnauthorised(source=where, username=settings.username) from error
    except AuthenticationException as error:
        if type(error) is AuthenticationException and "failed." not in str(error):
            raise SourceUnreachable(source=where, problem="the server ended the login") from error
        raise SourceUnauthorised(source=where, username=settings.username) from error
    except IncompatiblePeer as error:
        raise NoSafeAlgorithm(source=where) from error
    except (SSHException, OSError, EOFError, UnicodeError) as error:
        raise SourceUnreachable(source=where, problem=describe_failure(error)) from error


def describe_failure(error: BaseException) -> str:
    """A connection's failure in our own words, for messages."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "its name is not known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "the connection was cut, or the answers made no sense"


def _private_key(file: Path, passphrase: str | None) -> paramiko.PKey:
    """The user's key. Raises ConfigError when the file cannot be read, is no key, or the passphrase does not fit."""
    where = "sftp.private_key_file"
    read_secret(file, where)  # paramiko would wait for a FIFO
    try:
        return paramiko.PKey.from_path(file, passphrase.encode() if passphrase else None)  # type: ignore[arg-type]  # bytes it wants
    except (
        TypeError
    ) as error:  # cryptography's way to say: encrypted, and no passphrase given (or the reverse)
        raise ConfigError(
            where=where,
            problem=f"{file} is encrypted and sftp.passphrase_file is not set, or the reverse",
            remedy="set or remove sftp.passphrase_file",
        ) from error
    except (OSError, ValueError, SSHException, UnknownKeyType) as error:
        raise ConfigError(
            where=where,
            problem=f"{file} is not a private key that can be read with this passphrase",
            remedy="check both files",
        ) from error
