"""`demo`: the main job on sample files, with built-in test servers; then once more, to show that nothing doubles.

It runs what `billferry run` runs, over real sockets, and differs only in the config it is given. No network is needed.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from pipeline.cli.sandbox import sandbox_sftp, write_private
from pipeline.cli.shipped_config import shipped
from pipeline.cli.terminal_ui import TerminalUi
from pipeline.edge.config import Config, load_config
from pipeline.errors import EX_BUG, EX_RECORDS, UsageError
from pipeline.report import OVERVIEW
from pipeline.run import run_everything
from pipeline.run.context import Options
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from schemas.results import RunResult

SETTLE_S = 0.5
"""Nobody is still writing the demo's files."""
LATER_S = 60
"""SFTP tells times in whole seconds, and the first run may take less than one."""


def run_demo(folder: Path) -> int:
    """Run twice in `folder`, which is made, or emptied when an earlier demo left it.

    Returns:
        0 when both runs went as they should, else 70: samples and servers are built in, so anything else is a bug.

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
        files = sorted(path for path in shipped("sample_files").iterdir() if path.is_file())
        samples = [path for path in files if path.suffix != ".ctl"]
        for file in files:
            shutil.copy(file, incoming)
        ui.line(
            f"A Billing API and an SFTP server run on this machine; {len(samples)} bill files wait on the SFTP server."
            " Some of them contain mistakes on purpose, to show what is rejected."
        )
        ui.line("\n-- billferry run ------------------------------------------------------------")
        first = run_everything(config, ui, Options())
        ui.line("\n-- billferry run, once more --------------------------------------------------")
        # The same files again, as a merchant might send them twice, a little later.
        for file in files:
            copy = shutil.copy(file, incoming)
            os.utime(copy, (time.time() + LATER_S,) * 2)
        loaded = len(api.snapshot()["bills"])
        second = run_everything(config, ui, Options())
        doubled = len(api.snapshot()["bills"]) - loaded
        ui.line("")
        state = api.snapshot()
        ui.line(
            f"The API now holds {len(state['customers'])} customers, {len(state['accounts'])} accounts and"
            f" {len(state['bills'])} bills; the second run added {doubled}."
        )
    reports = config.settings.work_dir / "reports"
    ui.line(f"Reports: {reports} (summary.json, results.csv, rejects.csv per file). Open in a browser:")
    ui.line(f"  {reports / OVERVIEW}   (all files)")
    ui.line(f"  {_report_with_rejects(reports)}   (a file with rejects)")
    ui.line(
        f"The files as they would be on your SFTP server: {config.settings.work_dir / 'sandbox' / 'sftp'}"
    )
    ui.line(f"Took {time.monotonic() - began:.1f} s. Next: docs/tutorial.md.")
    return 0 if _went_as_expected(first, second, len(samples)) and not doubled else EX_BUG


def _went_as_expected(first: RunResult, second: RunResult, samples: int) -> bool:
    """The samples contain mistakes on purpose: the first run rejects some records, the second finds all loaded."""
    return (
        first.exit_status == EX_RECORDS
        and len(first.files) == len(second.files) == samples
        and all(file.state in {"loaded", "loaded_with_rejects"} for file in first.files)
        and second.exit_status == 0
        and all(file.state == "already_loaded" for file in second.files)
    )


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
    """A page that has something to show; the folder where none is there."""
    with_rejects = [rejects.with_name("report.html") for rejects in reports.glob("*/rejects.csv")]
    return min(with_rejects, default=reports)
