"""Commands as processes of their own that need not be imported first: forked from a process that has imported them all.

To import Billferry takes longer than most commands that tests run. What a command is given (words, folder, environment,
files) and how it ends are as if it had been started from cold, and it may be killed like any other. A test that changes
the program before it is imported, or looks at how it starts, starts it from cold.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import IO, Any, NoReturn, Protocol, Self

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 1 << 20
"""Of what a command is given as words and environment."""


class Process(Protocol):
    """What tests use of `subprocess.Popen[str]`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | Any: ...
    @property
    def stdout(self) -> IO[str] | None: ...
    @property
    def stderr(self) -> IO[str] | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def communicate(self, input: None = None, timeout: float | None = None) -> tuple[str, str]: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *of_error: Any) -> None: ...


class Warm:
    """A command that was forked; a `Process`. It is killed when this object goes."""

    def __init__(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], *, code: str = ""
    ) -> None:
        """`environment` is all that it has. `code` runs in it before the command, which has been imported by then."""
        self.returncode: int | Any = None
        self._words = list(words)
        self._waiting = threading.Lock()
        self._said = ["", ""]
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            self._forked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._forked.connect(warm_program())
            asked = {
                "words": self._words,
                "folder": str(folder),
                "environment": dict(environment),
                "code": code,
            }
            socket.send_fds(self._forked, [json.dumps(asked).encode()], [nothing, its_out, its_err])
            self.pid = int(self._forked.recv(64))
        finally:
            for each in (nothing, its_out, its_err):
                os.close(each)
        self.stdout = os.fdopen(out, encoding="utf-8")
        self.stderr = os.fdopen(err, encoding="utf-8")

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        if not self._waiting.acquire(timeout=-1 if timeout is None else timeout):
            raise subprocess.TimeoutExpired(self._words, timeout or 0)
        try:
            if self.returncode is None:
                ready, _, _ = select.select([self._forked], [], [], _left(until))
                if not ready:
                    raise subprocess.TimeoutExpired(self._words, timeout or 0)
                self.returncode = int(self._forked.recv(64))
                self._forked.close()
        finally:
            self._waiting.release()
        return self.returncode

    def communicate(self, _: None = None, timeout: float | None = None) -> tuple[str, str]:
        until = None if timeout is None else time.monotonic() + timeout
        said = self._said

        def read(number: int, pipe: IO[str]) -> None:
            said[number] += "" if pipe.closed else pipe.read()

        readers = [
            threading.Thread(target=read, args=each, daemon=True)
            for each in enumerate((self.stdout, self.stderr))
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(_left(until))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self._words, timeout or 0)
        self.wait(_left(until))
        self.stdout.close()
        self.stderr.close()
        return said[0], said[1]

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.stderr.close()
        self.wait()


def _left(until: float | None) -> float | None:
    return None if until is None else max(until - time.monotonic(), 0)


@cache
def warm_program() -> str:
    """The socket at which commands may be had. What forks them is started the first time and ends with this process."""
    folder = tempfile.TemporaryDirectory(dir="/tmp", prefix="warm-")  # a socket's path must be short
    path = f"{folder.name}/socket"
    program = subprocess.Popen(
        [sys.executable, "-c", "import sys; from tests.warm import serve; serve(sys.argv[1])", path],
        env={"HOME": folder.name, "PYTHONPATH": str(ROOT)}
        | {name: os.environ[name] for name in ("PATH", "PYTHONDONTWRITEBYTECODE") if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdin is not None
    assert program.stdout is not None

    def end() -> None:
        program.communicate(timeout=60)
        folder.cleanup()

    atexit.register(end)
    assert program.stdout.readline() == b"listening\n", "see stderr"
    return path


def write_warm_program(path: Path) -> Path:
    """`billferry` as a program for shells: it stands for the forked command, and hands signals on to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable} -IS\nSOCKET = {warm_program()!r}\n{_STANDS_FOR_IT}")
    path.chmod(0o755)
    return path


_STANDS_FOR_IT = """
import json, os, signal, socket, sys

forked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
forked.connect(SOCKET)
asked = {"words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}
socket.send_fds(forked, [json.dumps(asked).encode()], [0, 1, 2])
command = int(forked.recv(64))
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, lambda number, _: os.kill(command, number))
status = int(forked.recv(64))
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


# -- the process that has imported everything --

_exit_status: list[int] = []


def serve(path: str) -> None:
    """Fork a command for each that connects, until stdin ends. A command returns from here too, to end as others do."""
    from pipeline.cli.kept_pages import KEPT_PAGES

    atexit.register(_end)
    os.environ.setdefault(*KEPT_PAGES)
    import pipeline

    for module in walk_packages(pipeline.__path__, "pipeline."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # of what is not installed here: who needs it says so
                import_module(module.name)
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(path)
        listening.listen()
        print("listening", flush=True)  # noqa: T201
        while listening.fileno() in select.select([listening.fileno(), 0], [], [])[0]:
            connection, _ = listening.accept()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if os.fork() == 0:
                listening.close()
                _run(connection)
                return
            connection.close()


def _run(connection: socket.socket) -> None:
    """Be the command in a child that is looked after, or look after it and never return."""
    text, files, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
    pid = os.fork()
    if pid:
        for each in (0, 1, 2, *files):
            os.close(each)
        _look_after(pid, connection)
    connection.close()
    for number, each in enumerate(files):
        os.dup2(each, number)
        os.close(each)
    asked = json.loads(text)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    tempfile.tempdir = None
    time.tzset()
    sys.argv[1:] = asked["words"]
    from pipeline.cli import main

    exec(asked.get("code", ""), {})  # noqa: S102 (a test's own)
    try:
        main()
    except SystemExit as ended:
        _exit_status.append(int(ended.code or 0))
        raise


def _end() -> None:
    """Of all that is done at the end of a program, spare the last: to take apart what was imported."""
    if _exit_status:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_status[0])


def _look_after(pid: int, connection: socket.socket) -> NoReturn:
    """Tell its number at once and its exit status when it ends; kill it when nobody is there to be told."""
    connection.send(str(pid).encode())
    ended = os.pidfd_open(pid)
    ready, _, _ = select.select([ended, connection.fileno()], [], [])
    if ended not in ready:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):
        connection.send(str(status).encode())
    os._exit(0)
