"""`demo`: the main job on sample files, with built-in test servers; then what happens on the days after, and payments.

It runs what `billferry run` and `billferry release` run, over real sockets, and differs only in the config it is given.
No network is needed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from pipeline.cli.demo_payments import tell_of_payments
from pipeline.cli.demo_story import OnlyWarnings, by_kind
from pipeline.cli.sandbox import sandbox_sftp, write_private
from pipeline.cli.shipped_config import shipped
from pipeline.cli.terminal_ui import TerminalUi
from pipeline.edge.config import Config, load_config
from pipeline.edge.local.operator import invoking_user
from pipeline.errors import EX_BUG, UsageError
from pipeline.report.folders import OVERVIEW
from pipeline.run.context import Options
from pipeline.run.release_or_refuse import Release, release_file
from pipeline.run.run_pass import run_everything
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from schemas.results import RunResult, Summary

SETTLE_S = 0.5
"""Nobody is still writing the demo's files."""
LATER_S = 60
"""SFTP tells times in whole seconds, and the first run may take less than one."""
UNUSUAL = "za_ubuntulife_premiums_20261121.csv"
UNUSUAL_TEXT = """\
Member;First name;Surname;E-mail;Cell;Home phone;Policy;Premium;Collection date
UL-70001;Zoe;Fourie;zoe.fourie@example.com;082 555 0101;;P-100201;31 000,00;01/12/2026
UL-70002;Lerato;Nkosi;;;011 555 0177;P-100310;28 500,00;15/12/2026
UL-70004;Andre;le Roux;;+27 83 555 0144;;P-100555;45 000,00;
"""
"""Single premiums, a hundred times the monthly ones in the sample files: a person has to look before they are sent."""
CORRECTED, WRONG_DATE, RIGHT_DATE = "za_citypower_branches_2026-11-20.csv", b"03/04/2026", b"25/04/2026"
"""This sample has dates that can be read in two ways; there is only one way to read the right ones."""
RETURNED = "corrected_branches.csv"


def run_demo(folder: Path, *, verbose: bool) -> int:
    """Run in `folder`, which is made, or emptied when an earlier demo left it.

    Args:
        verbose: show what `billferry run` shows of each file.

    Returns:
        0 when all went as it should, else 70: samples and servers are built in, so anything else is a bug.

    Raises:
        UsageError: the folder has something else in it or cannot be written, or the shipped config was changed.
    """
    ui = TerminalUi()
    began = time.monotonic()
    config = _prepared(folder)
    sftp = config.settings.sftp
    if sftp is None:
        raise UsageError(problem="config.yaml has no sftp:", remedy="restore it as it was shipped")
    with (
        SandboxApi(keys=(TEST_KEY,)) as api,
        sandbox_sftp(sftp, config.settings.work_dir / "sandbox", port=0) as server,
    ):
        write_private(sftp.known_hosts_file, server.known_hosts_line + "\n")
        config = _pointed_at(config, api.url, server.port)
        incoming = server.root / sftp.incoming.lstrip("/")
        went_well = _told(config, api, incoming, ui, verbose=verbose)
        folder = server.root / (sftp.payments or sftp.incoming).lstrip("/")
        shown = ui if verbose else OnlyWarnings(ui.warn)
        went_well &= tell_of_payments(config, api, folder, ui, shown)
        state = api.snapshot()
    ui.line(
        f"The API now holds {len(state['customers'])} customers, {len(state['accounts'])} accounts and"
        f" {len(state['bills'])} bills."
    )
    reports = config.settings.work_dir / "reports"
    ui.line("\nOpen in a browser:")
    ui.line(f"  {reports / OVERVIEW}   (all files)")
    ui.line(f"  {_report_with_rejects(reports)}   (a file with rejects)")
    ui.line(f"The SFTP server's folders: {server.root}")
    ui.line(f"Took {time.monotonic() - began:.1f} s. --verbose shows each file. Next: docs/tutorial.md.")
    return 0 if went_well else EX_BUG


def _told(config: Config, api: SandboxApi, incoming: Path, ui: TerminalUi, *, verbose: bool) -> bool:
    """The runs, and what is said of each; whether they went as they should."""
    shown = ui if verbose else OnlyWarnings(ui.warn)
    samples = [path for path in shipped("sample_files").iterdir() if path.is_file()]
    count = sum(path.suffix != ".ctl" for path in samples)
    ui.line(
        f"A Billing API and an SFTP server run on this machine; {count} bill files wait on the SFTP server."
        " Some of them contain mistakes on purpose, to show what is rejected."
    )
    ui.line("\n-- billferry run")
    _drop(samples, incoming)
    first = run_everything(config, shown, Options())
    for line in by_kind(first.files):
        ui.line(line)
    bills = len(api.snapshot()["bills"])

    ui.line("\n-- billferry run, a day later: the same files again, a correction, and unusual amounts")
    _drop(samples, incoming, later_s=LATER_S)
    (incoming / RETURNED).write_bytes(_corrected_rejects(config))
    (incoming / UNUSUAL).write_text(UNUSUAL_TEXT, encoding="cp1252")
    second = run_everything(config, shown, Options())
    *again, returned, unusual = _in_order(second, RETURNED, UNUSUAL)
    known = [file for file in again if file.state == "already_loaded"]
    ui.line(f"{len(known)} files are known: nothing of them is sent again")
    ui.line(
        f"{RETURNED}: the rejects of {CORRECTED} with their dates corrected:"
        f" {returned.records.created} records loaded"
    )
    for hold in unusual.holds:
        ui.line(f"{UNUSUAL}: held. {hold.message}")

    ui.line(f"\n-- billferry release {(unusual.file.sha256 or '')[:8]} --now, once a person has looked")
    release = Release(by=invoking_user(), now=True)
    third = release_file(config, UNUSUAL, shown, Options(), release)
    (released,) = third.files
    ui.line(f"{UNUSUAL}: {released.records.created} records loaded\n")
    return (
        all(file.state in {"loaded", "loaded_with_rejects"} for file in first.files)
        and len(first.files) == len(known) == count
        and (returned.state, unusual.state, released.state) == ("loaded", "held", "loaded")
        and len(api.snapshot()["bills"]) == bills + returned.records.created + released.records.created
    )


def _drop(files: Iterable[Path], incoming: Path, *, later_s: float = 0) -> None:
    """Copy files to the SFTP server, as a merchant might send them twice, a little later."""
    for file in files:
        copy = shutil.copy(file, incoming)
        if later_s:
            os.utime(copy, (time.time() + later_s,) * 2)


def _corrected_rejects(config: Config) -> bytes:
    """The rejects file of the sample with ambiguous dates, with those dates as they were meant."""
    (rejects,) = (config.settings.work_dir / "reports").glob(f"{CORRECTED}.*/rejects.csv")
    return rejects.read_bytes().replace(WRONG_DATE, RIGHT_DATE)


def _in_order(result: RunResult, *last: str) -> list[Summary]:
    """The files of a run, those with these names last."""
    named = {file.file.name: file for file in result.files}
    return [file for name, file in named.items() if name not in last] + [named[name] for name in last]


def _prepared(folder: Path) -> Config:
    """A folder with the shipped config.yaml; what an earlier demo left there is removed. Raises UsageError."""
    try:
        return _prepared_folder(folder)
    except OSError as error:
        raise UsageError(
            problem=f"{folder} cannot be used ({error.strerror})", remedy="name another with --dir"
        ) from error


def _prepared_folder(folder: Path) -> Config:
    """Only a folder that has an earlier demo's `var/sandbox` is emptied: --dir may name any folder by mistake."""
    config_path = folder / "config.yaml"
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "var" / "sandbox").is_dir():
            raise UsageError(
                problem=f"{folder} contains something other than an earlier demo",
                remedy="name another with --dir",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(shipped("config.yaml"), config_path)
    config = load_config(config_path)
    if config.settings.api.key_file is not None:
        write_private(config.settings.api.key_file, TEST_KEY + "\n")
    return config


def _pointed_at(config: Config, api_url: str, sftp_port: int) -> Config:
    """The same config on the free ports that this demo got, so that it runs beside a sandbox or another demo.

    The drop folder is left out: the demo's files come over SFTP alone.
    """
    settings = config.settings
    if settings.sftp is None:
        return config
    return Config(
        settings.model_copy(
            update={
                "api": settings.api.model_copy(update={"base_url": api_url}),
                "sftp": settings.sftp.model_copy(update={"port": sftp_port, "settle_s": SETTLE_S}),
                "drop": None,
            }
        ),
        config.path,
    )


def _report_with_rejects(reports: Path) -> Path:
    """The page of the file with most rejects; the folder where there is none."""
    rejects = max(reports.glob("*/rejects.csv"), key=lambda path: path.stat().st_size, default=None)
    return rejects.with_name("report.html") if rejects else reports
