"""Both kinds of SFTP server, each with a folder behind it and the settings that reach it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.sandbox.sftp import SandboxSftp, write_key_pair
from schemas.settings import Sftp
from tests.servers.openssh import OpenSsh, require_sshd


@dataclass
class Place:
    """An SFTP server whose `incoming` is a folder here."""

    root: Path
    settings: Sftp

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    def put(self, name: str, content: bytes = b"a,b\n1,2\n") -> Path:
        path = self.incoming / name
        path.write_bytes(content)
        return path

    def but(self, **changes: object) -> Sftp:
        return self.settings.model_copy(update=changes)


@pytest.fixture
def openssh(tmp_path: Path) -> Iterator[OpenSsh]:
    require_sshd()
    with OpenSsh(tmp_path / "openssh") as server:
        yield server


@pytest.fixture
def openssh_place(tmp_path: Path, openssh: OpenSsh) -> Place:
    root = _root(tmp_path)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(openssh.known_hosts_lines)
    settings = Sftp(
        host=openssh.host,
        port=openssh.port,
        username=openssh.username,
        private_key_file=openssh.user_key,
        known_hosts_file=known_hosts,
        incoming=f"{root}/incoming",
        archive=f"{root}/archive",
        quarantine=f"{root}/quarantine",
        reports=f"{root}/reports",
        settle_s=0,
        timeout_s=5,
    )
    return Place(root, settings)


@pytest.fixture
def sandbox_place(tmp_path: Path) -> Iterator[Place]:
    root = _root(tmp_path)
    with SandboxSftp(root, authorized_key=write_key_pair(tmp_path / "key"), password="right") as server:
        yield Place(root, settings_for(server, tmp_path))


@pytest.fixture(params=["openssh", "sandbox"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


def settings_for(server: SandboxSftp, tmp_path: Path) -> Sftp:
    """To reach a sandbox server with the key in `tmp_path / "key"`."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(server.known_hosts_line + "\n")
    return Sftp(
        host=server.host,
        port=server.port,
        username=server.username,
        private_key_file=tmp_path / "key",
        known_hosts_file=known_hosts,
        settle_s=0,
        timeout_s=5,
    )


def _root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "incoming").mkdir(parents=True)
    return root
