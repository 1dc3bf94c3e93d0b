"""Free ports and short waits for the shipped config: a page names its ports, a test machine may have them taken."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ports:
    api: int
    sftp: int
    page: int

    def told(self) -> dict[str, str]:
        """Our ports → those of the pages."""
        return {f":{self.api}": ":8400", f":{self.sftp}": ":2400", f":{self.page}": ":8430"}

    def environment(self) -> dict[str, str]:
        """Instead of the ports and waits of the shipped config; all other keys are as shipped."""
        return {
            "BILLFERRY_API__BASE_URL": f"http://127.0.0.1:{self.api}",
            "BILLFERRY_PAGE__LISTEN": f"127.0.0.1:{self.page}",
            "BILLFERRY_SFTP__PORT": str(self.sftp),
            "BILLFERRY_SFTP__SETTLE_S": "0.1",
            "BILLFERRY_DROP__SETTLE_S": "0",
        }


@pytest.fixture
def ports() -> Ports:
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for each in (one, two, three):
            each.bind(("127.0.0.1", 0))
        return Ports(*(each.getsockname()[1] for each in (one, two, three)))
