"""The crontab line and the systemd units are tried, as far as a machine allows: on a real merchant's folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.desk import MIXED_BILLS, Desk, desk
from tests.docs.session import write_program
from tests.packaging.cron import PROGRAM, as_cron_runs_it, cron_line
from tests.world import ROOT

__all__ = ["desk"]

CONTRIB = ROOT / "contrib"
UNITS = sorted((CONTRIB / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
INSTANCE_FOLDER = "/srv/billferry/%i"


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        if os.environ.get("CI") and program != "systemd-analyze":
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return write_program(tmp_path / "bin" / "billferry")


@pytest.fixture
def merchant(desk: Desk) -> Desk:
    desk.put("drop/may_bills.csv")
    return desk


def test_the_crontab_line_runs_as_cron_runs_it(merchant: Desk, program: Path) -> None:
    times, command = cron_line((CONTRIB / "crontab").read_text())
    assert re.fullmatch(r"[\d,*/ -]+", times)
    assert "%" not in command, "cron reads a % as the end of the line"
    ran, log = as_cron_runs_it(command, folder=merchant.folder, program=program)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), "cron would send a mail"
    assert "may_bills.csv: loaded" in log
    assert len(merchant.api.snapshot()["bills"]) == 2


def test_a_run_that_did_not_end_well_is_mailed_with_the_end_of_its_log(merchant: Desk, program: Path) -> None:
    merchant.put("drop/june_bills.csv", MIXED_BILLS)
    _, command = cron_line((CONTRIB / "crontab").read_text())
    ran, log = as_cron_runs_it(command, folder=merchant.folder, program=program)
    assert ran.stdout.splitlines() == log.splitlines()[-20:]
    assert ran.stdout.endswith("; exit status 1\n")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_with_a_unit(unit: Path, program: Path, tmp_path: Path) -> None:
    analyze = need("systemd-analyze")
    place = tmp_path / "units"
    place.mkdir()
    for each in UNITS:
        text = each.read_text()
        assert each.suffix != ".service" or PROGRAM in text
        (place / each.name).write_text(text.replace(PROGRAM, str(program)))
    ran = subprocess.run([analyze, "verify", place / unit.name], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_exposes_little(unit: Path) -> None:
    """systemd's own measure, from 0 to 10; below 2 is its "OK"."""
    analyze = need("systemd-analyze")
    ran = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_the_exit_statuses_that_a_unit_names_are_ours(unit: Path) -> None:
    text = unit.read_text()
    prevents = re.search(r"RestartPreventExitStatus=(.+)", text)
    assert "SuccessExitStatus=143" in text
    if "billferry run" in text:
        assert prevents is not None
        assert prevents[1].split() == ["1", "2", "5", "70"], "3 and 4 pass by themselves"
    assert "Restart=on-failure" in text
    assert "UMask=0077" in text


def exec_start(unit: Path) -> str:
    (command,) = re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    return str(command)


READ_ONLY = """
set -e
mount --make-rprivate /
mount --bind {folder} {folder}
mount -o remount,bind,ro /
cd {folder}
exec {command}
"""


def test_the_command_of_the_unit_writes_nothing_but_its_own_folder(merchant: Desk, program: Path) -> None:
    """What ProtectSystem=strict and ReadWritePaths do: all but the merchant's folder is read-only."""
    unshare = need("unshare")
    (service,) = [unit for unit in SERVICES if "billferry run" in unit.read_text()]
    assert f"ReadWritePaths={INSTANCE_FOLDER}" in service.read_text()
    script = READ_ONLY.format(
        folder=merchant.folder, command=exec_start(service).replace(PROGRAM, str(program))
    )
    ran = subprocess.run(
        [unshare, "--mount", "/bin/sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    if re.search(r"^(unshare|mount): ", ran.stderr, re.MULTILINE):
        pytest.skip("nothing can be mounted here")
    assert ran.returncode == 0, ran.stderr
    assert len(merchant.api.snapshot()["bills"]) == 2


def test_the_unit_lets_through_every_system_call_of_a_run(merchant: Desk, program: Path) -> None:
    strace, analyze = need("strace"), need("systemd-analyze")
    known = subprocess.run([analyze, "syscall-filter"], capture_output=True, text=True, check=True).stdout
    groups: dict[str, set[str]] = {}
    for line in known.splitlines():
        if line.startswith("@"):
            groups[line.strip()] = group = set()
        elif line.startswith("    ") and not line.strip().startswith("#"):
            group.add(line.strip())

    def calls(name: str) -> set[str]:
        return set().union(*(calls(each) if each.startswith("@") else {each} for each in groups[name]))

    for unit in SERVICES:
        assert re.findall(r"SystemCallFilter=(.+)", unit.read_text()) == ["@system-service"]
    trace = merchant.folder / "trace"
    traced = subprocess.run(
        [strace, "-f", "-qq", "-o", trace, program, "run"], cwd=merchant.folder, capture_output=True, check=False
    )  # fmt: skip
    if b"ptrace" in traced.stderr:
        pytest.skip("processes may not be traced here")
    assert traced.returncode == 0
    used = set(re.findall(r"^[0-9]+ +([a-z0-9_]+)\(", trace.read_text(errors="replace"), re.MULTILINE))
    # One that strace has no name for is newer than many kernels, so whoever calls it must take a no.
    used = {call for call in used if not call.startswith("syscall_0x")}
    assert len(used) > 20
    assert used - calls("@system-service") == set()
