"""A GnuPG of our own, for as long as a block lasts: a private home, its agent, and limits on every child.

gpg reaches secret keys only through gpg-agent. The agent is started here and lives as long as `cat`, which it looks
after and which reads from us: when we are killed, `cat` ends, and the agent within seconds. Its sockets are
redirected to short relative names, because a socket's path has at most 107 bytes. Source: gpg-agent(1), `--daemon`;
libassuan's `assuan_sock_set_sockaddr_un`.
"""

from __future__ import annotations

import os
import re
import resource
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, BinaryIO

from pipeline.core.openpgp import GpgStatus
from pipeline.edge.disk import new_file, remove, scratch_folder
from pipeline.errors import ConfigError, GpgFailed

OLDEST = (2, 2)
"""Earlier versions refuse no message without protection against changes."""
STALL_S = 30
"""gpg is ended when nothing comes from it for so long."""
CPU_S = 60
"""For a small file; more by `CPU_PER_MIB_S`, which is a hundredth of the speed that was measured."""
CPU_PER_MIB_S = 1.0
MEMORY_BYTES = 1 << 28
"""256 MiB of address space: gpg took 15 MiB of memory whatever the file, and worked with 64."""
OWN_FILES_BYTES = 1 << 24
"""16 MiB: what gpg writes below its home, keyring and status lines."""
_AT_ITS_LIMITS = (-signal.SIGXCPU, -signal.SIGXFSZ)
_WRONG = 2
"""How gpg ends when it does not understand a message; of some damage its status lines say nothing."""
_BLOCK_BYTES = 1 << 18
_REDIRECTED = "%Assuan%\nsocket=./S{0}\n"
_STATUS = "status"
_ROUNDS = "65536"
"""How the agent protects a key with a passphrase in a home that lasts for one file; else it measures how long it may
take, for seconds on a busy machine."""
_OPTIONS = (
    *("--homedir", ".", "--batch", "--no-tty", "--yes", "--no-options", "--no-autostart"),
    *("--trust-model", "always", "--no-auto-key-retrieve", "--no-auto-key-locate", "--disable-dirmngr"),
    *("--pinentry-mode", "loopback", "--no-random-seed-file", "--no-auto-check-trustdb"),
)
"""No terminal, no network, no settings of the machine; every key that we import is one that the operator trusts."""


class GpgGaveUp(Exception):
    """gpg took too long, or wrote too much."""


@dataclass(frozen=True, slots=True)
class GnuPg:
    """gpg with the keys that were imported into this home."""

    home: Path
    program: str

    def run(self, *words: str, given: bytes = b"") -> tuple[GpgStatus, bytes]:
        """One short command, with `given` on its stdin; its status lines, and what it printed.

        Raises GpgGaveUp, GpgFailed.
        """
        with self._child(words, stdin=subprocess.PIPE) as child:
            try:
                printed, _ = child.communicate(given, timeout=STALL_S)
            except subprocess.TimeoutExpired as error:
                raise GpgGaveUp from error
            return self._status(child.returncode), printed

    def decrypted(
        self, message: BinaryIO, size_bytes: int, passphrase: bytes, found: list[GpgStatus]
    ) -> Iterator[bytes]:
        """What comes out of a message, in blocks; at the end its status is appended to `found`.

        Args:
            size_bytes: of the message, which decides how much time it may take.

        Raises:
            GpgGaveUp: it took too long.
            GpgFailed: it was ended from outside, or did not begin.
        """
        cpu_s = CPU_S + int(size_bytes / 2**20 * CPU_PER_MIB_S)
        with (
            _readable(passphrase) as secret,
            self._child(
                ("--passphrase-fd", str(secret), "--decrypt"), stdin=message, keep=(secret,), cpu_s=cpu_s
            ) as child,
        ):
            while block := _next_block(_pipe(child.stdout)):
                yield block
            with suppress(subprocess.TimeoutExpired):
                child.wait(STALL_S)
            if child.returncode is None:
                raise GpgGaveUp
            status = self._status(child.returncode)
            if not status.lines and child.returncode != _WRONG:
                raise GpgFailed(status=child.returncode)
            found.append(status)

    @contextmanager
    def _child(
        self,
        words: Sequence[str],
        *,
        stdin: int | BinaryIO,
        keep: Sequence[int] = (),
        cpu_s: int = CPU_S,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A gpg with limits; ended with the block. Its status lines go to a file of the home."""
        remove(self.home / _STATUS)
        child = subprocess.Popen(  # noqa: S603 (no shell; the program is gpg)
            [self.program, *_OPTIONS, "--status-file", _STATUS, *words],
            cwd=self.home,
            env=_environment(),
            umask=0o077,
            pass_fds=keep,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _limit(child.pid, cpu_s)
        try:
            yield child
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()

    def _status(self, exit_status: int) -> GpgStatus:
        """What gpg wrote. Raises GpgGaveUp when its limits have ended it; GpgFailed when something else has."""
        if exit_status in _AT_ITS_LIMITS:
            raise GpgGaveUp
        path = self.home / _STATUS
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if exit_status < 0:
            raise GpgFailed(status=exit_status)
        return GpgStatus.of(text, exit_status)


@contextmanager
def gnupg(within: Path) -> Iterator[GnuPg]:
    """A GnuPG with an empty home below `within`; home and agent are gone when the block ends.

    Raises:
        ConfigError: gpg is missing or too old.
        DiskFull: no room for the home.
    """
    program, agent = _program("gpg"), _program("gpg-agent")
    _refuse_old(program)
    with scratch_folder("gnupg-", within) as home:
        for name in ("", ".extra", ".browser", ".ssh"):
            with new_file(home / f"S.gpg-agent{name}", durable=False) as redirection:
                redirection.write(_REDIRECTED.format(name).encode())
        with _agent(agent, home):
            yield GnuPg(home, program)


@contextmanager
def _agent(program: str, home: Path) -> Iterator[None]:
    """The agent of a home. Its process group is killed at the end, whatever it is doing."""
    keeper = subprocess.Popen(  # noqa: S603 (no shell; the program is gpg-agent)
        [
            *(program, "--homedir", ".", "--no-detach", "--quiet", "--no-options", "--disable-scdaemon"),
            *("--allow-loopback-pinentry", "--s2k-count", _ROUNDS, "--daemon", "--", _program("cat")),
        ],
        cwd=home,
        env=_environment(),
        umask=0o077,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    asks, answers = _pipe(keeper.stdin), _pipe(keeper.stdout)
    try:
        _limit(keeper.pid, CPU_S)
        with suppress(BrokenPipeError):
            asks.write(b"\n")  # `cat` gives it back once the agent has its sockets
            asks.flush()
        if not _next_block(answers):
            raise ConfigError(
                where="pgp",
                problem="gpg-agent does not start",
                remedy="try gpg-agent --version, and reinstall gnupg",
            )
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()
        _reap(keeper.pid)
        with suppress(GpgGaveUp):
            while _next_block(answers):  # the agent has this pipe, too: at its end both are gone
                pass
        asks.close()
        answers.close()


def _reap(group: int) -> None:
    """In a container we may be the process that inherits the agent when `cat` has gone."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)


def _limit(pid: int, cpu_s: int) -> None:
    """Limits on a child that has just started, which has read nothing of ours yet."""
    if not hasattr(resource, "prlimit"):
        return  # elsewhere than on Linux: time limits alone
    limits = {
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_FSIZE: OWN_FILES_BYTES,
    }
    with suppress(ProcessLookupError):
        for which, most in limits.items():
            _, hard = resource.prlimit(pid, which)
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, which, (bound, bound))
        # Not the upper bound: gpg and its agent read both and write them back with the lower at 0. Were the upper one
        # lowered in between, that is forbidden, and they end at once. Source: GnuPG's common/sysutils.c.
        _, hard = resource.prlimit(pid, resource.RLIMIT_CORE)
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, hard))


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for."""
    if pipe is None:
        raise RuntimeError("a child without the pipe that it was given")
    return pipe


def _next_block(pipe: IO[bytes]) -> bytes:
    """What comes next, empty at the end. Raises GpgGaveUp when nothing does for too long."""
    ready, _, _ = select.select([pipe], [], [], STALL_S)
    if not ready:
        raise GpgGaveUp
    return os.read(pipe.fileno(), _BLOCK_BYTES)


@contextmanager
def _readable(secret: bytes) -> Iterator[int]:
    """A descriptor that a child reads a short secret from."""
    reading, writing = os.pipe()
    try:
        os.write(writing, secret + b"\n")
        os.close(writing)
        yield reading
    finally:
        os.close(reading)


def _environment() -> dict[str, str]:
    """Nothing of ours: no home, no terminal, no keys."""
    return {"PATH": os.defpath, "LC_ALL": "C", "HOME": "/nonexistent"}


def _program(name: str) -> str:
    """Where a program is. Raises ConfigError where it is not."""
    found = shutil.which(name)
    if found is None:
        raise ConfigError(
            where="pgp",
            problem=f"the program {name} is not installed",
            remedy="install GnuPG (Debian: gnupg)",
        )
    return os.path.realpath(found)


@cache
def gpg_version(program: str) -> tuple[int, ...]:
    """Of a gpg, such as (2, 2, 40); empty where it does not say."""
    said = subprocess.run(  # noqa: S603 (no shell; the program is gpg)
        [program, "--version"], env=_environment(), capture_output=True, timeout=STALL_S, check=False
    )
    found = re.match(rb"gpg \(GnuPG[^)]*\) (\d+)\.(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, found.groups())) if found else ()


def _refuse_old(program: str) -> None:
    version = gpg_version(program)
    if version < OLDEST:
        shown, oldest = ".".join(map(str, version)) or "unknown", ".".join(map(str, OLDEST))
        raise ConfigError(
            where="pgp", problem=f"gpg is of version {shown}", remedy=f"install GnuPG {oldest} or later"
        )
