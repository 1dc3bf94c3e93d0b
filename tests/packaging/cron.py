"""A crontab line, run as cron runs it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

FOLDER, PROGRAM = "/srv/billferry/citypower", "/usr/local/bin/billferry"


def cron_line(crontab: str) -> tuple[str, str]:
    """Time fields and command of the one line that is no comment and no setting."""
    lines = crontab.splitlines()
    (line,) = [line for line in lines if line and not line.startswith("#") and not re.match(r"[A-Z]+=", line)]
    found = re.fullmatch(r"((?:\S+ +){5}) *(.+)", line)
    assert found is not None
    return found[1], found[2]


def as_cron_runs_it(
    command: str, *, folder: Path, program: Path
) -> tuple[subprocess.CompletedProcess[str], str]:
    """By /bin/sh, with cron's own short environment, from the home folder; and what stands in run.log."""
    command = command.replace(FOLDER, str(folder)).replace(PROGRAM, str(program))
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "SHELL": "/bin/sh", "LOGNAME": "billferry"}
    ran = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran, (folder / "run.log").read_text()
