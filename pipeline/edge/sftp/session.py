"""One SFTP connection: the server proves its pinned key before we log in, and nothing waits for ever.

Source: RFC 4253 (transport), RFC 4252 (log-in), OpenSSH's PROTOCOL for strict key exchange.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import paramiko
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
from paramiko.message import Message
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

from pipeline.edge.sftp.client import HardenedSFTPClient
from pipeline.edge.sftp.known_hosts import pinned_keys
from pipeline.edge.small_files import read_secret
from pipeline.errors import ConfigError, NoSafeAlgorithm, SourceError, SourceUnauthorised, SourceUnreachable
from schemas.settings import Sftp

CONNECT_ATTEMPTS = 3
CLOSING_S = 1.0
MAX_PACKET_BYTES = 262_144
"""Source: PACKET_MAX_SIZE of OpenSSH. RFC 4253 asks for 35 000."""

# It logs names, key exchanges and user names of its own accord.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class Session:
    """A logged-in connection with its SFTP channel."""

    def __init__(self, transport: paramiko.Transport, wire: HardenedSFTPClient) -> None:
        self._transport = transport
        self.wire = wire

    @property
    def alive(self) -> bool:
        return self._transport.is_active()

    def close(self) -> None:
        end(self._transport)


def end(transport: paramiko.Transport) -> None:
    """Close a connection, in bounded time.

    A stop signal may have taken us out of paramiko just when it had taken one of its locks, which nobody gives back:
    then closing waits for ever, and is left alone.
    """
    closing = threading.Thread(target=transport.close, name="closing", daemon=True)
    closing.start()
    closing.join(CLOSING_S)


class _Transport(paramiko.Transport):
    """A transport that holds no more of what the server sends than the server was allowed to send.

    paramiko believes the length that a packet states, up to 4 GiB and before anybody has proved who he is, and keeps
    what comes beyond the channel's window.
    """

    # Nothing weak is offered (paramiko's key exchanges are all SHA-2 or post-quantum). GCM first: a hash of its own for
    # each packet made a fetch take half as long again.
    _preferred_ciphers = (
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    )
    _preferred_macs = (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    )

    def __init__(self, connection: socket.socket) -> None:
        # Else a small request waits until the server has acknowledged the one before, which it puts off for 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(connection)
        read_all = self.packetizer.read_all

        def read_some(size_bytes: int, check_rekey: bool = False) -> bytes:
            if size_bytes > MAX_PACKET_BYTES:
                raise SSHException("a packet larger than any server sends")
            return read_all(size_bytes, check_rekey)

        self.packetizer.read_all = read_some  # type: ignore[method-assign,assignment]


def _within_window(feed: Callable[[paramiko.Channel, Message], None]) -> Callable[..., None]:
    def fed(channel: paramiko.Channel, message: Message) -> None:
        feed(channel, message)
        if len(channel.in_buffer) + len(channel.in_stderr_buffer) > channel.in_window_size + MAX_PACKET_BYTES:
            raise SSHException("more than the channel's window")

    return fed


_Transport._channel_handler_table = {  # type: ignore[attr-defined]  # inner things, which the stubs leave out
    **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
    MSG_CHANNEL_DATA: _within_window(paramiko.Channel._feed),  # type: ignore[attr-defined]
    MSG_CHANNEL_EXTENDED_DATA: _within_window(paramiko.Channel._feed_extended),  # type: ignore[attr-defined]
}


def address(settings: Sftp) -> str:
    """The server as messages name it."""
    return f"sftp://{settings.host}:{settings.port}"


def open_session(settings: Sftp) -> Session:
    """Connect, check the host key, log in, open SFTP. Only reaching the server is tried again.

    Raises:
        SourceUnreachable, SourceUnauthorised, HostKeyUnknown, HostKeyChanged, HostKeyRevoked, ConfigError.
    """
    credentials = _Credentials(settings)
    reach = Retrying(
        retry=retry_if_exception_type(SourceUnreachable),
        stop=stop_after_attempt(CONNECT_ATTEMPTS) | stop_after_delay(settings.timeout_s),
        wait=wait_random_exponential(multiplier=0.5, max=5),
        reraise=True,
    )
    transport = reach(_reach, settings)
    try:
        _log_in(transport, settings, credentials)
        return Session(transport, _open_wire(transport, settings))
    except BaseException:
        end(transport)
        raise


def _reach(settings: Sftp) -> paramiko.Transport:
    """A connection to a server that has proved a pinned key; nobody is logged in yet."""
    pinned = pinned_keys(settings.known_hosts_file, settings.host, settings.port)
    transport = exchange_keys(settings, pinned.algorithms())
    try:
        pinned.check(transport.get_remote_server_key().asbytes(), address(settings))
        _require_strict_exchange(transport, address(settings))
    except BaseException:
        end(transport)
        raise
    return transport


def exchange_keys(settings: Sftp, algorithms: Sequence[str]) -> paramiko.Transport:
    """A connection on which the server has proved to own the host key it shows; whether to trust it is not asked.

    Raises:
        SourceUnreachable. NoSafeAlgorithm: it offers none of `algorithms`, or nothing else that is safe.
    """
    with _reported(settings):
        connection = socket.create_connection((settings.host, settings.port), timeout=settings.timeout_s)
        try:
            transport = _Transport(connection)
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
            end(transport)
            raise
    return transport


def _limit(transport: paramiko.Transport, timeout_s: float) -> None:
    # Longer, so that start_client's own time-out comes first and can be told from a broken connection.
    transport.banner_timeout = transport.handshake_timeout = 2 * timeout_s
    transport.auth_timeout = timeout_s
    transport.channel_timeout = timeout_s
    transport.clear_to_send_timeout = timeout_s


def _require_strict_exchange(transport: paramiko.Transport, where: str) -> None:
    if not transport.agreed_on_strict_kex:  # type: ignore[attr-defined]  # the stubs do not know it
        raise SourceError(
            source=where,
            problem="the server does not do strict key exchange, so its first messages can be tampered with"
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
    with _reported(settings):
        wanted: list[str] = []
        if credentials.key is not None:
            wanted = transport.auth_publickey(settings.username, credentials.key)
        if credentials.password is not None and not transport.is_authenticated():
            wanted = transport.auth_password(settings.username, credentials.password)
        if wanted or not transport.is_authenticated():
            raise SourceUnauthorised(source=address(settings), username=settings.username)


def _open_wire(transport: paramiko.Transport, settings: Sftp) -> HardenedSFTPClient:
    with _reported(settings):
        channel = transport.open_session(timeout=settings.timeout_s)
        channel.settimeout(settings.timeout_s)
        # invoke_subsystem waits without limit for the server's answer; closing the connection ends that.
        watchdog = threading.Timer(settings.timeout_s, transport.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            channel.invoke_subsystem("sftp")
            return HardenedSFTPClient(channel, settings.timeout_s)
        finally:
            watchdog.cancel()


@contextmanager
def _reported(settings: Sftp) -> Iterator[None]:
    """paramiko's and the system's exceptions as ours; their texts may hold what the server says, so are not shown."""
    where = address(settings)
    try:
        yield
    except BadAuthenticationType as error:
        raise SourceUnauthorised(source=where, username=settings.username) from error
    except AuthenticationException as error:
        if type(error) is AuthenticationException and "failed." not in str(error):
            raise SourceUnreachable(source=where, problem="the server broke off the log-in") from error
        raise SourceUnauthorised(source=where, username=settings.username) from error
    except IncompatiblePeer as error:
        raise NoSafeAlgorithm(source=where) from error
    except (SSHException, OSError, EOFError, UnicodeError) as error:
        raise SourceUnreachable(source=where, problem=said(error)) from error


def said(error: BaseException) -> str:
    """A connection's failure in our own words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "its name is not known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "the connection was cut or made no sense"


def _private_key(file: Path, passphrase: str | None) -> paramiko.PKey:
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
            problem=f"{file} is no private key that can be read with this passphrase",
            remedy="check both files",
        ) from error
