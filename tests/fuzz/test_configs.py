"""Whatever stands in a config or in the environment: taken, or told in lines without a value; no crash, no wait."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli import run_command
from pipeline.core.names import printable
from pipeline.edge.config import load_config
from pipeline.errors import ConfigError
from tests.fuzz.configs import KEY, PLANTED, ConfigCase, case
from tests.seeds import SOAK, cases
from tests.world import ROOT

CONFIGS = cases(320, soak=100_000)
SHARES = 4
EVERY_COMMAND = 25
"""So often a config is given to a whole command as well."""
PROCESSES = 4
MOST_S = 5.0
"""Processor time for one config."""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("drop", "var"):
        (tmp_path / folder).mkdir()
    (tmp_path / "api.key").write_text(KEY)
    (tmp_path / "api.key").chmod(0o600)


def lines_about(made: ConfigCase, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """What is said of a config; nothing when it is taken."""
    Path("config.yaml").write_bytes(made.content)
    with monkeypatch.context() as environment:
        for name, text in made.environment.items():
            environment.setenv(name, text)
        started = time.process_time()
        try:
            load_config(Path("config.yaml"))
        except ConfigError as error:
            return tuple(map(str, error.errors))
        finally:
            assert time.process_time() - started < MOST_S
    return ()


def assert_nothing_is_repeated(said: str) -> None:
    assert [value for value in PLANTED if value in said] == []
    assert "Traceback" not in said


@pytest.mark.timeout(3600 if SOAK else 300)
@pytest.mark.parametrize("share", range(SHARES))
def test_a_config_is_taken_or_told(
    share: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = 0
    for seed in range(share, CONFIGS, SHARES):
        made = case(seed)
        try:
            lines = lines_about(made, monkeypatch)
            assert_nothing_is_repeated("\n".join(lines))
            assert all(0 < len(printable(line)) < 9_000 and "; " in line for line in lines)
            taken += not lines
            if seed // SHARES % EVERY_COMMAND == 0:
                assert_a_command_says_so(made, lines, monkeypatch, capsys)
        except BaseException as trouble:
            trouble.add_note(f"seed {seed}: tests.fuzz.configs.case({seed})")
            raise
    assert 0.05 < taken * SHARES / CONFIGS < 0.5, "neither all harmless nor all deadly"


def assert_a_command_says_so(
    made: ConfigCase,
    lines: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as environment:
        for name, text in made.environment.items():
            environment.setenv(name, text)
        status = run_command(["status"])
    said = capsys.readouterr()
    assert status == (2 if lines else 0), said.err
    assert_nothing_is_repeated(said.out + said.err)
    assert len(said.err.splitlines()) == len(lines)


@pytest.mark.parametrize("seed", range(PROCESSES))
def test_the_command_as_a_process_agrees(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    made = case(seed)
    lines = lines_about(made, monkeypatch)
    ran = subprocess.run(
        [sys.executable, "-m", "pipeline", "status", "--json"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"} | made.environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == (2 if lines else 0), ran.stderr
    assert_nothing_is_repeated((ran.stdout + ran.stderr).decode())
    assert len(ran.stderr.splitlines()) == len(lines)
