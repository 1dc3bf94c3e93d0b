"""What listens at an address of this machine already. Looks only."""

from __future__ import annotations

import contextlib
import socket
from enum import Enum

from pipeline.core.payments.listen_address import ListenAddress

WITHIN_S = 2.0
_ASKED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_OF_THE_PAGE = b"frame-ancestors 'none'"
"""What its answers have, whoever asks."""


class Listening(Enum):
    """What is at an address."""

    NOTHING = "nothing"
    OUR_PAGE = "our page"
    ANOTHER = "another program"
    NOT_HERE = "not an address of this machine"


def what_listens_at(address: ListenAddress) -> Listening:
    """Connects, asks whether the page is well, and goes; waits for two seconds at most."""
    if address.path is None and not _is_ours(address.host):
        return Listening.NOT_HERE
    with socket.socket(_family(address)) as probe:
        probe.settimeout(WITHIN_S)
        if probe.connect_ex(address.path or (address.host, address.port)):
            return Listening.NOTHING
        answer = b""
        with contextlib.suppress(OSError):
            probe.sendall(_ASKED)
            while len(answer) < 4096 and (more := probe.recv(4096)):
                answer += more
    return Listening.OUR_PAGE if _OF_THE_PAGE in answer else Listening.ANOTHER


def _is_ours(host: str) -> bool:
    """Whether a socket of this machine may have that IP address; on any port, and not for long."""
    with socket.socket(_family(ListenAddress(host))) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _family(address: ListenAddress) -> socket.AddressFamily:
    if address.path is not None:
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET
