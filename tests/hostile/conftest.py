"""A merchant whose SFTP server is the enemy; the drop folder beside it is not."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import yaml

from pipeline.sandbox.sftp import SandboxSftp, write_key_pair
from tests.servers.raw import Answer, RawSftp
from tests.servers.scripted import ScriptedSftp
from tests.stories.conftest import merchant
from tests.stories.files import bills
from tests.stories.merchant import Merchant

__all__ = ["merchant"]

Server = TypeVar("Server", bound=SandboxSftp)
MEASURED = """
import atexit, pathlib
atexit.register(lambda: print(pathlib.Path("/proc/self/status").read_text()))
from pipeline.cli import main
main()
"""
"""The system's own account of a child would begin with what its parent holds."""
GOOD = "a_bills_2030-01-01.csv"
CONTENT = bills("C-1,A-1,B-1,1.00").encode()
BESIDE = "z_bills_2030-01-01.csv"


@dataclass(frozen=True)
class Spent:
    """What a whole run, in a process of its own, came to."""

    exit_status: int
    stderr: str
    took_s: float
    peak_mib: float


@dataclass
class Enemy:
    merchant: Merchant
    stack: ExitStack

    def raw(self, answer: Answer, *, timeout_s: float = 1, **said: Any) -> RawSftp:
        said.setdefault("files", {GOOD.encode(): CONTENT})
        server = RawSftp(self.merchant.folder / "sftp", answer, authorized_key=self._key(), **said)
        return self._use(server, timeout_s)

    def scripted(self, factory: Callable[..., Any], *, timeout_s: float = 1) -> ScriptedSftp:
        server = ScriptedSftp(self.merchant.folder / "sftp", factory, authorized_key=self._key())
        return self._use(server, timeout_s)

    def _key(self) -> str:
        self.merchant.make_sftp_folders()
        return write_key_pair(self.merchant.folder / "id_ed25519")

    def _use(self, server: Server, timeout_s: float) -> Server:
        self.stack.enter_context(server)
        drop = self.merchant.settings["drop"]
        self.merchant.use_sftp(
            server, server.known_hosts_line, private_key_file="id_ed25519", timeout_s=timeout_s
        )
        self.merchant.settings["drop"] = drop
        self.merchant.settings["sftp"] |= {"archive": None, "quarantine": None, "reports": None}
        self.merchant.write(BESIDE, bills("C-9,A-9,B-9,9.00"), self.merchant.drop)
        return server

    def spend(self, code: str = "") -> Spent:
        """A run as cron starts it, measured; `code` runs before it in its process."""
        config = self.merchant.folder / "config.yaml"
        config.write_text(yaml.safe_dump(self.merchant.settings))
        start_s = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-c", code + MEASURED, "run", "--config", str(config)],
            capture_output=True,
            text=True,
            check=False,
        )
        took_s = time.monotonic() - start_s
        (peak_kib,) = re.findall(r"^VmHWM:\s+([0-9]+) kB", ended.stdout, re.MULTILINE)
        return Spent(ended.returncode, ended.stderr, took_s, int(peak_kib) / 1024)

    def landed_bytes(self) -> int:
        return sum(path.stat().st_size for path in (self.merchant.folder / "var" / "landing").rglob("*"))


@pytest.fixture
def enemy(merchant: Merchant) -> Iterator[Enemy]:
    with ExitStack() as stack:
        yield Enemy(merchant, stack)
