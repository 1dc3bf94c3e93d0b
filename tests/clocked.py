"""Commands of a merchant at a time of the test's choosing, in this process: `run` and `load` alone read a clock."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.cli.terminal_ui import TerminalUi
from pipeline.edge.config import load_config
from pipeline.run.context import Options
from pipeline.run.run_pass import load_named_files, run_everything
from schemas.results import RunResult


@dataclass(frozen=True)
class Told:
    """What one command came to, and its lines on stderr."""

    result: RunResult
    stderr: str

    @property
    def exit_status(self) -> int:
        return self.result.exit_status


def run_at(now: datetime, config: Path) -> Told:
    """`billferry run` when this machine's clock shows `now`."""
    with contextlib.redirect_stderr(io.StringIO()) as err:
        result = run_everything(load_config(config), TerminalUi(), Options(clock=lambda: now))
    return Told(result, err.getvalue())


def load_at(now: datetime, config: Path, *files: Path, force: bool = False) -> Told:
    """`billferry load` then."""
    options = Options(force=force, clock=lambda: now)
    with contextlib.redirect_stderr(io.StringIO()) as err:
        result = load_named_files(load_config(config), files, TerminalUi(), options)
    return Told(result, err.getvalue())
