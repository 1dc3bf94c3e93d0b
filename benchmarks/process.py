"""A program run to its end: how long it took, and how much memory of its own it held at most."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY_S = 0.02
_ANONYMOUS = re.compile(r"^RssAnon:\s+([0-9]+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program did."""

    took_s: float
    peak_anonymous_bytes: int
    """Memory that is no file's: what the kernel cannot drop. Of the process itself; ours has no children."""
    exit_status: int
    output: str


def run(words: Sequence[str], *, folder: Path, output: Path, timeout_s: float) -> Finished:
    """Run a program in `folder`; its standard output goes to the file `output`, its words for people nowhere."""
    start_s = time.perf_counter()
    with output.open("wb") as written:
        process = subprocess.Popen(words, cwd=folder, stdout=written, stderr=subprocess.DEVNULL)
    peak = 0
    try:
        while process.poll() is None:
            peak = max(peak, _anonymous_bytes(process.pid))
            if time.perf_counter() - start_s > timeout_s:
                raise SystemExit(f"{words[0]} took more than {timeout_s:.0f} s")
            time.sleep(LOOK_EVERY_S)
    finally:
        process.kill()
        process.wait()
    took_s = time.perf_counter() - start_s
    return Finished(took_s, peak, process.returncode, output.read_text(encoding="utf-8"))


def _anonymous_bytes(pid: int) -> int:
    try:
        found = _ANONYMOUS.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * 1024 if found else 0
