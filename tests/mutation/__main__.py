"""Plants mutants in copies of the repository and runs tests against them: `python -m tests.mutation --minutes 30`.

The sample is chosen by a seed, modules in turn, so that a run that ends early has looked at all of them alike.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from tests.mutation.mutants import Mutant, sample
from tests.mutation.suites import SUITES

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    "pipeline",
    "schemas",
    "tests",
    "benchmarks",
    "docs",
    "sample_files",
    "pyproject.toml",
    "config.yaml",
    "README.md",
)
PATIENCE = 4.0
"""A mutant's tests may take so many times what they take without it, and then count as failed."""
LEAST_PATIENCE_S = 30.0
LONGEST_S = 600.0
BROKEN = "its tests fail without a mutant"


class Verdict(NamedTuple):
    """What became of a mutant: killed by a failing test, killed because the tests did not end, or survived."""

    mutant: Mutant
    how: str


class Bench:
    """Copies of the repository, one for each worker, in which tests are run."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        self._baselines_s: dict[Sequence[str], float | None] = {}
        """Tests → how long they take without a mutant; None: they fail. Measured when they are needed."""
        for number in range(workers):
            copy = folder / str(number)
            for name in NEEDED:
                source = ROOT / name
                if source.is_dir():
                    shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy2(source, copy / name)
            self._free.put(copy)

    def verdict(self, mutant: Mutant) -> str:
        """`survived`, `killed`, `timed out`, or that the tests fail without a mutant, too."""
        tests = SUITES[mutant.module]
        if tests not in self._baselines_s:
            began = time.monotonic()
            sound = self._try_out(None, tests, LONGEST_S) == "survived"
            self._baselines_s[tests] = time.monotonic() - began if sound else None
        baseline_s = self._baselines_s[tests]
        if baseline_s is None:
            return BROKEN
        return self._try_out(mutant, tests, max(LEAST_PATIENCE_S, PATIENCE * baseline_s))

    def _try_out(self, mutant: Mutant | None, tests: Sequence[str], bound_s: float) -> str:
        """Run tests with a mutant in place (None: without one): `survived`, `killed` or `timed out`."""
        copy = self._free.get()
        try:
            if mutant is not None:
                (copy / mutant.module).write_text(mutant.text, encoding="utf-8")
            return _run_tests(copy, tests, bound_s)
        finally:
            if mutant is not None:
                (copy / mutant.module).write_text(mutant.before, encoding="utf-8")
            self._free.put(copy)


def _run_tests(copy: Path, tests: Sequence[str], bound_s: float) -> str:
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    # Subprocesses of tests import the copy, too; no .pyc of one mutant may outlive it within a second.
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(copy.parent),
    }
    started = subprocess.Popen(
        [*words, *tests],
        cwd=copy,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return "survived" if started.wait(bound_s) == 0 else "killed"
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, 9)
        started.wait()
        return "timed out"


def main() -> int:
    """Print survivors as they come and a table at the end; 1 when tests fail without a mutant."""
    options = _options()
    ends_at = time.monotonic() + 60 * options.minutes
    modules = [
        module for module in SUITES if not options.only or any(word in module for word in options.only)
    ]
    samples = {module: sample(ROOT, module, options.each, options.seed) for module in modules}
    in_turn = [
        mutant for mutant in chain(*zip_longest(*(mutants for mutants, _ in samples.values()))) if mutant
    ]
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        bench = Bench(Path(folder), options.workers)
        with ThreadPoolExecutor(options.workers) as pool:

            def verdict(mutant: Mutant) -> Verdict:
                if time.monotonic() > ends_at:
                    return Verdict(mutant, "not tried")
                found = Verdict(mutant, bench.verdict(mutant))
                if found.how in {"survived", BROKEN}:
                    print(
                        _shown(mutant) if found.how == "survived" else f"{mutant.module}: {BROKEN}",
                        flush=True,
                    )
                return found

            verdicts = list(pool.map(verdict, in_turn))
    print(_table(verdicts, {module: total for module, (_, total) in samples.items()}))
    broken = dict.fromkeys(found.mutant.module for found in verdicts if found.how == BROKEN)
    for module in broken:
        print(f"{module}: {BROKEN}")
    return int(bool(broken))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("only", nargs="*", help="modules whose path contains one of these words")
    parser.add_argument("--minutes", type=float, default=30.0, help="when to stop trying more")
    parser.add_argument("--each", type=int, default=20, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def _shown(mutant: Mutant) -> str:
    before = mutant.before.splitlines()
    changed = [
        line
        for line in difflib.unified_diff(before, mutant.text.splitlines(), n=0, lineterm="")
        if line[:1] in "+-" and line[:3] not in {"+++", "---"}
    ]
    return "\n".join([f"{mutant.module}:{mutant.line} {mutant.operator}", *changed])


def _table(verdicts: Sequence[Verdict], totals: dict[str, int]) -> str:
    rows = [
        "| module | mutants | tried | killed | of them by time | survived |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for module, total in totals.items():
        hows = [found.how for found in verdicts if found.mutant.module == module]
        survived, late = hows.count("survived"), hows.count("timed out")
        killed = hows.count("killed") + late
        rows.append(f"| `{module}` | {total} | {killed + survived} | {killed} | {late} | {survived} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
