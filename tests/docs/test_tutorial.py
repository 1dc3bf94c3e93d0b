"""The tutorial does what it shows, from a clone to cron."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import blocks, fences
from tests.docs.conftest import ROOT, Ports
from tests.docs.session import Session
from tests.packaging.cron import as_cron_runs_it, cron_line
from tests.warm import write_warm_program

PAGE = ROOT / "docs" / "tutorial.md"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose environment is made already, from what runs this test."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "tests/pages/requirements.lock", "pyproject.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    write_warm_program(folder / ".venv" / "bin" / "billferry")
    ready = folder / ".venv" / ".ready"
    ready.touch()
    os.utime(ready, (time.time() + 60,) * 2)
    return folder


@pytest.fixture
def session(clone: Path, tmp_path: Path, ports: Ports) -> Iterator[Session]:
    environment = {**ports.environment(), "HOME": str(tmp_path)}
    session = Session(clone, tmp_path / "scripts", environment, ports.told())
    yield session
    session.close()


@pytest.mark.timeout(900)
def test_the_tutorial_does_what_it_shows(session: Session, tmp_path: Path) -> None:
    steps = blocks(PAGE)
    assert len(steps) > 12
    assert [step for step in steps if step.not_run] == []
    for step in steps:
        session.run(step)
    ((times, command),) = [cron_line(text) for kind, text, _, _ in fences(PAGE.read_text()) if kind == "cron"]
    assert (times, command) == cron_line((ROOT / "contrib" / "crontab").read_text())
    ran, log = as_cron_runs_it(
        command, folder=tmp_path / "billferry" / "citypower", program=tmp_path / "clone/.venv/bin/billferry"
    )
    # The sandbox is stopped and cron knows no ports of ours: it starts, reads the config, and says so in its log.
    assert (ran.stdout, ran.stderr) == (log, ""), "cron mails the end of the log"
    assert log.endswith("; exit status 3\n")
    assert "sftp://127.0.0.1:2400: cannot be reached" in log
