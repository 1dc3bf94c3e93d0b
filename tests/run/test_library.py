"""Billferry as a library: from any thread, with its errors as exceptions, and nothing done to the process around it."""

from __future__ import annotations

import ast
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, assert_type

import pytest
import yaml

import pipeline
from pipeline import Config, RunResult, Settings, load_config, run_pass, validate_files
from pipeline.edge.local.lock import only_run
from pipeline.edge.log import LOGGER
from pipeline.errors import AnotherRun, ConfigError, UsageError
from pipeline.sandbox.serve import SandboxApi
from pipeline.signals import STOP_SIGNALS
from tests.world import ROOT, feed, merchant_config, write_key

T = TypeVar("T")

THREADS = 4
HEADER = "customer_reference,account_reference,bill_reference,currency,amount_due\n"


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi() as running:
        yield running


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logger as it is where no command has begun, whatever commands other tests have run in this process."""
    logger = logging.getLogger(LOGGER)
    monkeypatch.setattr(logger, "handlers", [logging.NullHandler()])
    monkeypatch.setattr(logger, "propagate", True)


def merchant(folder: Path, api: SandboxApi, number: int = 1) -> Path:
    """The config of a merchant with one dropped bill."""
    folder.mkdir()
    write_key(folder)
    (folder / "drop").mkdir()
    bill = f"{HEADER}C{number},A{number},B{number},ZAR,10.00\n"
    (folder / "drop" / f"{number}_bills.csv").write_text(bill)
    settings = merchant_config(api.url, [feed("bills", "bill", "*_bills.csv")])
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder / "config.yaml"


def at_once(work: Callable[[int], T]) -> list[T]:
    """What work comes to in each of four threads that begin together."""
    together = threading.Barrier(THREADS)

    def begin(number: int) -> T:
        together.wait(10)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


def bills(api: SandboxApi) -> list[str]:
    return sorted(each["external_reference"] for each in api.snapshot()["bills"])


def test_the_library_has_types(tmp_path: Path, api: SandboxApi) -> None:
    config = load_config(str(merchant(tmp_path / "m", api)))
    assert_type(config, Config)
    assert_type(config.settings, Settings)
    assert_type(run_pass(config, dry_run=True), RunResult)
    assert_type(validate_files(["x.csv"], model="bill"), RunResult)
    assert all((ROOT / package / "py.typed").exists() for package in ("pipeline", "schemas"))
    assert set(pipeline.__all__) <= set(dir(pipeline))


def test_a_name_that_the_library_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="retry_files"):
        pipeline.retry_files  # noqa: B018


def test_four_passes_at_once_in_work_dirs_of_their_own_load_each_its_file(
    tmp_path: Path, api: SandboxApi
) -> None:
    configs = [merchant(tmp_path / f"m{number}", api, number) for number in range(THREADS)]
    results = at_once(lambda number: run_pass(load_config(configs[number])))
    assert [(each.exit_status, each.files[0].state) for each in results] == [(0, "loaded")] * THREADS
    assert bills(api) == ["B0", "B1", "B2", "B3"]


def test_of_passes_at_once_in_one_work_dir_one_works_and_another_raises(
    tmp_path: Path, api: SandboxApi
) -> None:
    config = load_config(merchant(tmp_path / "m", api))

    def attempt(_: int) -> RunResult | AnotherRun:
        try:
            return run_pass(config)
        except AnotherRun as busy:
            return busy

    results = at_once(attempt)
    worked = [each for each in results if isinstance(each, RunResult)]
    assert worked
    assert [file.state for each in worked for file in each.files] == ["loaded"]
    assert bills(api) == ["B1"]


def test_a_pass_beside_another_one_raises_and_a_dry_run_does_not(tmp_path: Path, api: SandboxApi) -> None:
    config = load_config(merchant(tmp_path / "m", api))
    run_pass(config, dry_run=True)
    with only_run(config.settings.work_dir / "lock"):
        with pytest.raises(AnotherRun):
            run_pass(config)
        assert [file.state for file in run_pass(config, dry_run=True).files] == ["validated"]
    assert bills(api) == []


def test_four_checks_at_once_check_each_its_file(tmp_path: Path) -> None:
    for number in range(THREADS):
        amount = "1.005" if number == 2 else "1.00"
        (tmp_path / f"{number}.csv").write_text(f"{HEADER}C,A,B{number},ZAR,{amount}\n")
    results = at_once(lambda number: validate_files([tmp_path / f"{number}.csv"], model="bill"))
    assert [each.exit_status for each in results] == [0, 0, 1, 0]
    assert [each.files[0].records.rejected for each in results] == [0, 0, 1, 0]


def test_what_is_asked_wrongly_is_raised(tmp_path: Path, api: SandboxApi) -> None:
    config = load_config(merchant(tmp_path / "m", api))
    path = tmp_path / "m" / "drop" / "1_bills.csv"
    with pytest.raises(UsageError, match="neither"):
        validate_files([path])
    with pytest.raises(UsageError, match="exclude"):
        validate_files([path], config, model="bill")
    with pytest.raises(UsageError, match="unknown model"):
        validate_files([path], model="bills")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="nope"):
        validate_files([path], config, feed="nope")
    with pytest.raises(ConfigError):
        load_config(tmp_path / "gone.yaml")


@pytest.mark.usefixtures("unasked")
def test_signals_and_output_are_left_to_the_program_around(
    tmp_path: Path, api: SandboxApi, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def mine(*_: object) -> None:
        """The program's own handler."""

    before = [signal.signal(number, mine) for number in STOP_SIGNALS]
    seen = list[object]()
    config = load_config(merchant(tmp_path / "m", api))

    def watch() -> None:
        while not done.wait(0.005):
            seen.extend(signal.getsignal(number) for number in STOP_SIGNALS)

    done = threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with caplog.at_level(logging.INFO, logger=LOGGER):
            assert run_pass(config).exit_status == 0
    finally:
        done.set()
        watcher.join()
        for number, handler in zip(STOP_SIGNALS, before, strict=True):
            signal.signal(number, handler)
    assert set(seen) == {mine}
    assert capfd.readouterr() == ("", "")
    assert "1_bills.csv: loaded" in caplog.text
    assert bills(api) == ["B1"]


SIDE_EFFECTS = """
import gc, locale, logging, os, signal, socket, sys, threading, warnings
def state():
    return {
        "meta_path": [repr(each) for each in sys.meta_path],
        "hooks": [sys.excepthook is sys.__excepthook__, sys.unraisablehook is sys.__unraisablehook__,
                  threading.excepthook is threading.__excepthook__],
        "signals": {int(each): repr(signal.getsignal(each)) for each in signal.valid_signals()},
        "timeout": socket.getdefaulttimeout(),
        "root": ([repr(each) for each in logging.root.handlers], logging.root.level),
        "last resort": repr(logging.lastResort.formatter),
        "warnings": [repr(each) for each in warnings.filters],
        "environ": {name: text for name, text in os.environ.items() if name != "_RJEM_MALLOC_CONF"},  # of polars
        "locale": locale.setlocale(locale.LC_ALL),
        "gc": gc.get_threshold(),
        "umask": (lambda mask: (os.umask(mask), mask)[1])(os.umask(0o022)),
        "cwd": os.getcwd(),
        "threads": threading.active_count(),
    }
before = state()
import asyncio; policy = repr(asyncio.get_event_loop_policy().__class__)
from pipeline import load_config, validate_files, run_pass, Settings, RunResult
import pipeline.load.loader, pipeline.edge.sftp.source, pipeline.edge.billing, pipeline.report.html.report_page, uvloop
after = state()
after["policy"], before["policy"] = repr(asyncio.get_event_loop_policy().__class__), policy
print({key: (before[key], after[key]) for key in before if before[key] != after[key]})
"""


def test_an_import_changes_nothing_in_the_process() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SIDE_EFFECTS],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
        cwd=ROOT,
    )
    assert ran.stderr == ""
    assert ast.literal_eval(ran.stdout) == {}
