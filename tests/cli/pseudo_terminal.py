"""A terminal that remembers everything: what a person sees of a command, and what was sent to draw it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte

from tests.world import ROOT

ROWS = 300
"""So many that nothing scrolls away."""
DRAWN = re.compile(r"\x1b\[(?:2K|\?25l)((?:fetch|check|load) [^\x1b\r\n]+)")
CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """`billferry` on a pseudo-terminal of its own, which is its controlling terminal: Ctrl-C works."""

    def __init__(
        self,
        folder: Path,
        columns: int,
        *words: str,
        code: str = "",
        **environment: str,
    ) -> None:
        self._ours, theirs = pty.openpty()
        self._set_size(theirs, columns)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code or "from pipeline.cli import main; main()", *words],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "PYTHONPATH": str(ROOT),
                "TERM": "xterm-256color",
                **environment,
            },
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (single-threaded until then)
        )
        os.close(theirs)
        self._screen = pyte.Screen(columns, ROWS)
        self._stream = pyte.Stream(self._screen)
        self.sent = ""
        """Everything the command wrote, codes and all."""

    def until(self, true: Callable[[], bool], within_s: float = 30) -> None:
        """Read on until it is so."""
        ends_at = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < ends_at, f"it did not come to that in time: {self.sent[-500:]!r}"
            self._read(0.1)

    def resize(self, columns: int) -> None:
        """Another width from now on."""
        self._set_size(self._ours, columns)
        self._screen.resize(ROWS, columns)

    @staticmethod
    def _set_size(terminal: int, columns: int) -> None:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self, within_s: float = 30) -> int:
        """Read until the command has ended; its exit status."""
        ends_at = time.monotonic() + within_s
        while self._read(0.2):
            assert time.monotonic() < ends_at, f"it did not end in time: {self.sent[-500:]!r}"
        status = self.process.wait(within_s)
        os.close(self._ours)
        return status

    def _read(self, within_s: float) -> bool:
        """Whether there may be more."""
        if not select.select([self._ours], [], [], within_s)[0]:
            return True
        try:
            block = os.read(self._ours, 65536).decode(errors="replace")
        except OSError:
            return False
        self.sent += block
        self._stream.feed(block)
        return bool(block)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    @property
    def cursor_is_hidden(self) -> bool:
        return bool(self._screen.cursor.hidden)

    @property
    def drawn(self) -> list[str]:
        """Every progress line that was drawn."""
        return DRAWN.findall(self.sent)
