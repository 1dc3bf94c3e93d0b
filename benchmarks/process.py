"""A program run to its end: how long it took, and how much memory of its own it held at most."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY_S = 0.01
TIMEOUT_S = 3_600.0
_ANONYMOUS = re.compile(r"^RssAnon:\s+([0-9]+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program did."""

    took_s: float
    cpu_s: float
    peak_anonymous_bytes: int
    """Memory that is no file's: what the kernel cannot drop. Of the process itself; ours has no children."""
    output: str


def run(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    statuses: Collection[int] = (0,),
    timeout_s: float = TIMEOUT_S,
) -> Finished:
    """Run a program in `folder`, looking at its memory meanwhile. SystemExit when it ends with another status."""
    before, start_s, peak = os.times(), time.perf_counter(), 0
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            words, cwd=folder, stdout=output, stderr=said, env={**_surroundings(), **(environment or {})}
        )
        try:
            while process.poll() is None:
                peak = max(peak, _anonymous_bytes(process.pid))
                if time.perf_counter() - start_s > timeout_s:
                    raise SystemExit(f"{words[0]} took more than {timeout_s:.0f} s")
                time.sleep(LOOK_EVERY_S)
        finally:
            process.kill()
            process.wait()
        took_s, after = time.perf_counter() - start_s, os.times()
        output.seek(0)
        said.seek(0)
        if process.returncode not in statuses:
            raise SystemExit(f"{' '.join(words)}: {process.returncode}\n{said.read().decode()}")
        cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
        return Finished(took_s, cpu_s, peak, output.read().decode())


def _surroundings() -> dict[str, str]:
    """Ours, except that Python may keep compiled modules, as every installation does: without them it would compile
    the program at each start.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _anonymous_bytes(pid: int) -> int:
    """Now; 0 once it is gone. Source: proc(5)."""
    try:
        found = _ANONYMOUS.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
