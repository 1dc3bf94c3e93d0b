"""A real OpenSSH server on a free loopback port, as the current user, for tests.

Everything is passed as `-o`: no file of the system is read or written (but, as root, the empty folder that sshd
insists on for privilege separation).
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import pytest

from pipeline.sandbox.sftp import write_key_pair

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
HOST = "127.0.0.1"
START_S = 10


class OpenSsh:
    """`sshd` with a host key of its own; `user_key` may log in. Its log is `log()`.

    `host_keys` are more private key files; `options` more `-o` settings, which win over the ones given here.
    """

    def __init__(
        self, folder: Path, *, host_keys: tuple[Path, ...] = (), options: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.host = HOST
        self.username = getpass.getuser()
        self.user_key = folder / "user_key"
        self.host_keys = host_keys or (folder / "host_key",)
        self.port = _free_port()
        self.authorized_keys = folder / "authorized_keys"
        self._log = folder / "sshd.log"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(exist_ok=True)
        self.authorized_keys.write_text(write_key_pair(self.user_key) + "\n")
        if not host_keys:
            write_key_pair(self.host_keys[0])

    def start(self) -> None:
        assert SSHD is not None
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        settings = [
            *self._options,
            f"ListenAddress={HOST}:{self.port}",
            *(f"HostKey={key}" for key in self.host_keys),
            f"AuthorizedKeysFile={self.authorized_keys}",
            "PidFile=none",
            "UsePAM=no",
            "StrictModes=no",
            "PasswordAuthentication=no",
            "KbdInteractiveAuthentication=no",
            "PermitRootLogin=prohibit-password",
            "Subsystem=sftp internal-sftp",
            "LogLevel=VERBOSE",
        ]
        options = (part for each in settings for part in ("-o", each))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._before(), SSHD, "-D", "-e", "-f", "/dev/null", *options],
                stderr=log,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        give_up = time.monotonic() + START_S
        while "Server listening" not in self.log():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise AssertionError(f"sshd did not start:\n{self.log()}")
            time.sleep(0.01)

    def _before(self) -> list[str]:
        """A command that starts the server in surroundings of its own."""
        return []

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(timeout=10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def known_hosts_lines(self) -> str:
        keys = [key.with_name(key.name + ".pub") for key in self.host_keys]
        return "".join(
            f"[{self.host}]:{self.port} {' '.join(_public(private, public).split()[:2])}\n"
            for private, public in zip(self.host_keys, keys, strict=True)
        )


def keygen(path: Path, kind: str, passphrase: str = "") -> str:
    """Make a key pair; type and public key as known_hosts has them."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def fingerprint(path: Path) -> str:
    """Of a key, as OpenSSH itself shows it."""
    shown = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True, text=True)
    return shown.stdout.split()[1]


def require_sshd() -> None:
    """Skip where OpenSSH's server is not installed; in CI that is a failure."""
    if SSHD is None:
        missing("OpenSSH's server (sshd) is not installed")


def missing(message: str) -> NoReturn:
    """Skip for want of something that CI has."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _public(private: Path, public: Path) -> str:
    if public.exists():
        return public.read_text()
    asked = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(private)], check=True, capture_output=True, text=True
    )
    return asked.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
