"""An SFTP server that says whatever a test wants it to say about its files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import asyncssh

from pipeline.sandbox.sftp import SandboxSftp, _Door


class ScriptedSftp(SandboxSftp):
    """As the sandbox, but files are served by an asyncssh.SFTPServer of the test's own making."""

    def __init__(
        self,
        root: Path,
        factory: Callable[[asyncssh.SSHServerChannel[bytes]], asyncssh.SFTPServer],
        *,
        authorized_key: str,
    ) -> None:
        super().__init__(root, authorized_key=authorized_key)
        self._factory = factory

    async def _listen(self) -> None:
        self._listener = await asyncssh.listen(
            self.host,
            self.port,
            server_host_keys=[self._host_key],
            server_factory=lambda: _Door(self.username, None, self._authorized_key, self._connections),
            sftp_factory=self._factory,
        )
        self.port = self._listener.get_port()


class MuteSubsystemSftp(SandboxSftp):
    """Lets everybody with the key in, then does not answer the request for SFTP within `silence_s`."""

    silence_s = 2.0

    async def _listen(self) -> None:
        self._listener = await asyncssh.listen(
            self.host,
            self.port,
            server_host_keys=[self._host_key],
            server_factory=lambda: _MuteDoor(self.username, None, self._authorized_key, self._connections),
        )
        self.port = self._listener.get_port()


class _MuteDoor(_Door):
    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return _MuteSession()


class _MuteSession(asyncssh.SSHServerSession[bytes]):
    def subsystem_requested(self, subsystem: str) -> bool:  # noqa: ARG002 - asyncssh's signature
        time.sleep(MuteSubsystemSftp.silence_s)  # in the server's own loop: nothing at all is answered
        return False
