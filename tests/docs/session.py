"""One shell, in which a page's blocks are run one after another, as a reader would."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.docs.blocks import Block, fits
from tests.world import unstamped

ROOT = Path(__file__).resolve().parents[2]
_ONLY_IN_LOGS = re.compile(r"(?m)^(?:(?:dry )?run [0-9a-f]{8} begins: |1 file: ).*\n")
MARK = "== block ended =="


def write_program(path: Path) -> Path:
    """`billferry` as it is installed: a program that finds its own Python, whatever the environment says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom pipeline.cli import main\nmain()\n"
    path.write_text(f"#!{sys.executable}\n{start}")
    path.chmod(0o755)
    return path


class Session:
    """Bash in a folder. A command that fails ends it, as `set -e` does."""

    def __init__(
        self, folder: Path, scripts: Path, environment: dict[str, str], told: dict[str, str] | None = None
    ) -> None:
        """`told`: text of this session → what the page says instead, such as a port."""
        self._scripts = scripts
        self._told = told or {}
        self._said = bytearray()
        self._count = 0
        scripts.mkdir()
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-e"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def run(self, block: Block, *, timeout_s: float = 120, late_s: float = 60) -> str:
        """Run one block and compare; what it said. Fails when a command fails or says something else.

        `late_s`: so long after the block has ended may come what it started with `&` and what that says first.
        """
        self._count += 1
        where = f"{block.page}:{block.line}"
        script = self._scripts / f"{self._count}.sh"
        script.write_text(block.commands, encoding="utf-8")
        start = len(self._said)
        stdin = self._shell.stdin
        assert stdin is not None
        # Read from a file, so that no command eats what is to be run after it.
        stdin.write(f". '{script}' </dev/null\necho '{MARK}'\n".encode())
        stdin.flush()
        until, over = time.monotonic() + timeout_s, False
        while True:
            said = self._since(start)
            if not over and MARK in said:
                until, over = time.monotonic() + late_s, True
            said = said.replace(f"{MARK}\n", "")
            if over and (block.shown is None or fits(block.shown, said)):
                return said
            gone = self._shell.poll() is not None and not self._listener.is_alive()
            assert not gone, f"{where}: a command failed\n{self._since(start)}"
            assert time.monotonic() < until, f"{where}: shown\n{block.shown}\nbut said\n{said}"
            time.sleep(0.02)

    def close(self) -> None:
        """End the shell and all it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        self._listener.join(5)
        for pipe in (self._shell.stdin, self._shell.stdout):
            if pipe is not None:
                pipe.close()

    def _since(self, start: int) -> str:
        text = unstamped(bytes(self._said[start:]).decode(errors="replace"))
        text = _ONLY_IN_LOGS.sub("", text)  # readers sit at a terminal
        for ours, theirs in self._told.items():
            text = text.replace(ours, theirs)
        return text

    def _listen(self) -> None:
        assert self._shell.stdout is not None
        while chunk := os.read(self._shell.stdout.fileno(), 65536):
            self._said += chunk
