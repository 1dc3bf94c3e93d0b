"""Compile the tests once, on every core, before workers start that would each do it for themselves.

pytest rewrites the asserts of what it imports and keeps the result beside it: after a checkout that is most of what a
worker does in its first half minute.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
FEW = 40
"""So many are compiled by the workers: to start pytest takes as long."""


def uncompiled() -> list[Path]:
    """Tests that pytest has not compiled since they were written."""
    return [path for path in sorted(TESTS.rglob("test_*.py")) if not _is_compiled(path)]


def _is_compiled(path: Path) -> bool:
    made = path.parent.glob(f"__pycache__/{path.stem}.{sys.implementation.cache_tag}-pytest-*.pyc")
    return any(each.stat().st_mtime >= path.stat().st_mtime for each in made)


def compile_tests() -> None:
    """Let pytest import them and run none; what is wrong with one is told by the tests themselves."""
    paths = uncompiled()
    if len(paths) < FEW:
        return
    cores = os.cpu_count() or 1
    looking = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider"]
    started = [
        subprocess.Popen([*looking, *map(str, paths[number::cores])], stdout=subprocess.DEVNULL)
        for number in range(cores)
    ]
    for each in started:
        each.wait()


if __name__ == "__main__":
    compile_tests()
