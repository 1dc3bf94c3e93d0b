"""Where webhooks are listened for, as `payments.listen` says it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

UNIX = "unix:"
MAX_PORT = 65_535


class ListenAddress(NamedTuple):
    """A TCP address, or the path of a unix socket."""

    host: str = ""
    """An IP address without brackets; empty for a unix socket."""
    port: int = 0
    path: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether other machines cannot reach it."""
        return self.path is not None or ip_address(self.host).is_loopback


def listen_address(text: str) -> ListenAddress:
    """`127.0.0.1:8420`, `[::1]:8420` or `unix:/run/billferry/webhooks.sock`.

    Raises:
        ValueError: it is none of these. Names are not looked up: what listens must not depend on a name server.
    """
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX)
        if not path.startswith("/"):
            raise ValueError("the path of a unix socket is not absolute")
        return ListenAddress(path=path)
    host, _, digits = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address is without brackets")
    ip_address(host)
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits) <= MAX_PORT):
        raise ValueError("the port is not a number up to 65535")
    return ListenAddress(host, int(digits))
