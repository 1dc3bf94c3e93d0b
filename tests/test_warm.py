"""A command that was forked says, does and ends as one that was started from cold."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.warm import ROOT, Warm, write_warm_program

FROM_COLD = "pass"
"""Code before the import, with which `Desk.start` forks nothing."""
TELL = "import os, sys; print(os.getcwd(), os.environ.get('SAID'), sys.argv[1:], flush=True)"
WAIT = "import time; print('waits', flush=True); time.sleep(60)"


@pytest.mark.parametrize("words", [["--version"], ["validate", "gone.csv"], ["loud"], ["--help"]])
def test_it_says_and_ends_the_same(desk: Desk, words: list[str]) -> None:
    warm, cold = desk.spawn(*words), desk.spawn(*words, code=FROM_COLD)
    assert (warm.exit_status, warm.stdout, warm.stderr) == (cold.exit_status, cold.stdout, cold.stderr)


def test_it_has_the_folder_the_environment_and_the_words_that_it_is_given(tmp_path: Path) -> None:
    with Warm(["--version"], tmp_path, {"SAID": "yes"}, code=TELL) as command:
        told, _ = command.communicate(timeout=60)
    assert told.splitlines()[0] == f"{tmp_path} yes ['--version']"
    assert command.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_it_and_is_its_exit_status(tmp_path: Path, number: signal.Signals) -> None:
    with Warm(["--version"], tmp_path, {}, code=WAIT) as command:
        assert command.stdout.readline() == "waits\n"
        assert command.poll() is None
        command.send_signal(number)
        assert command.wait(60) == -number


def test_a_bug_shows_its_trace(tmp_path: Path) -> None:
    with Warm(["--version"], tmp_path, {}, code="1 / 0") as command:
        _, said = command.communicate(timeout=60)
    assert command.returncode == 1
    assert said.endswith("ZeroDivisionError: division by zero\n")


def test_a_shell_sees_it_as_its_own_program(tmp_path: Path) -> None:
    program = write_warm_program(tmp_path / "bin" / "billferry")
    script = f"'{program}' --version; '{program}' loud; echo $?; '{program}' --version | cat"
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    cold = [sys.executable, "-c", "from pipeline.cli import main; main()", "--version"]
    version = subprocess.run(cold, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert ran.stdout == f"{version}2\n{version}"
