"""What `make quick` leaves to `make test`: tests marked `slow`, one by one or here by folder and file.

Also the desk at which every command is tried, an OpenSSH server, a browser and impatience, which several rooms ask for.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.cli.desk import desk
from tests.keyring import Keyring, new_keyring
from tests.pages.browser import browser, one_browser
from tests.patience import impatient
from tests.seeds import SOAK
from tests.servers.places import openssh, openssh_place

__all__ = ["browser", "desk", "impatient", "one_browser", "openssh", "openssh_place"]

SLOW = (
    # whole processes, killed, starved, attacked or driven by hand
    "cli",
    "faults",
    "hostile",
    "packaging",
    "pages",
    "stories",
    "check/test_encrypted_files.py",
    "diagnostics/test_pgp_keys.py",
    "edge/pgp",
    "edge/ledger/test_group.py",
    "edge/local/test_moves_interrupted.py",
    "edge/sftp/test_faults.py",
    "edge/sftp/test_moves_interrupted.py",
    "edge/sftp/test_stopped.py",
    "load/test_anything_in_any_order.py",
    "load/test_balances.py",
    "load/test_bills.py",
    "load/test_full_disk.py",
    "load/test_killed_at_a_system_call.py",
    "load/test_ledger_and_disk_in_trouble.py",
    "load/test_pace_and_fairness.py",
    "load/test_parents_of_a_lost_ledger.py",
    "load/test_retry.py",
    "load/test_uncertainty.py",
    "monitoring/test_heartbeat.py",
    "run/test_watch.py",
    "serve/page/test_accessibility.py",
    "serve/page/test_attacks.py",
    "serve/page/test_every_model.py",
    "serve/page/test_killed.py",
    "serve/page/test_large_files.py",
    "serve/page/test_stopped.py",
    "docs/test_how_to.py",
    "docs/test_log_events.py",
    "docs/test_tutorial.py",
    # every way that a file may be written, which `check/test_examples.py` and the samples meet one by one
    "check/test_bad_details.py",
    "check/test_blank_beginnings.py",
    "check/test_columns_as_written.py",
    "check/test_control_totals.py",
    "check/test_encodings.py",
    "check/test_fixed_width.py",
    "check/test_headers.py",
    "check/test_hostile_totals.py",
    "check/test_item_lists.py",
    "check/test_json_arrays.py",
    "check/test_json_lines.py",
    "check/test_left_out.py",
    "check/test_line_items.py",
    "check/test_long_delimiters.py",
    "check/test_odd_rows.py",
    "check/test_old_workbooks.py",
    "check/test_opendocument.py",
    "check/test_packed_files.py",
    "check/test_spreadsheets.py",
    "check/test_structure_of_files.py",
    "check/test_text_of_spreadsheets.py",
    "core/proposal/test_lists_of_objects.py",
    "core/values/test_undeclared_notations.py",
    "docs/test_command_lines.py",
    "docs/test_formats.py",
    "docs/test_json_schemas.py",
    "edge/reader/test_delimited.py",
    "monitoring/test_late_feeds.py",
    "monitoring/test_notifications.py",
    "run/test_library.py",
    # very many inputs
    "core/api/test_rate_limiter.py",
    "core/proposal/test_corpus.py",
    "core/proposal/test_lookalikes.py",
    "core/rules/test_first_look.py",
    "core/test_json_structure.py",
    "core/test_redact.py",
    "fuzz",
    "benchmarks",
    "edge/config/test_folders.py",
    "edge/store",
    "edge/sftp/test_pin_host_keys.py",
)
QUICK = ("cli/test_words.py", "stories/test_every_model_through_every_door.py", "stories/test_upgrade.py")
"""Of the slow folders: the words, whole runs of every kind, and what an upgrade must not break."""
TESTS = Path(__file__).parent
CASES_IN_SOAK = (
    *("cli/test_terminal.py", "faults", "fuzz", "hostile", "load", "pages", "payments", "serve", "stories"),
    *("check/test_encodings.py", "check/test_long_delimiters.py", "check/test_blank_beginnings.py"),
    *("monitoring/test_notifications.py", "edge/sftp/test_faults.py", "edge/local/test_folder_changes.py"),
)
"""Where a case takes long, `make test` tries one of each test, and `make soak` all of them."""
EVERY_CASE = {
    TESTS / name
    for name in (
        *("stories/test_inputs_that_failed.py", "stories/test_every_model_through_every_door.py"),
        *("serve/page/test_guards.py", "serve/page/test_attacks.py"),
    )
}
"""Where each case is a thing of its own."""


@pytest.fixture(scope="session")
def keyring() -> Iterator[Keyring]:
    """OpenPGP keys of those who send files."""
    with new_keyring() as keys:
        yield keys


SLOW_PATHS, QUICK_PATHS = [{TESTS / each for each in named} for named in (SLOW, QUICK)]


@cache
def is_slow(path: Path) -> bool:
    return path not in QUICK_PATHS and not SLOW_PATHS.isdisjoint((path, *path.parents))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays: Python need not look through it for garbage, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files that `make quick` leaves out altogether are not even imported there."""
    if config.getoption("markexpr") == "not slow" and collection_path.suffix == ".py":
        return is_slow(collection_path) or None
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if is_slow(item.path):
            item.add_marker(pytest.mark.slow)
    if not SOAK and not any("::" in word for word in config.args):
        left_out = beyond_the_first_case(items)
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=list(left_out))


@cache
def has_cases_in_soak(path: Path) -> bool:
    folders = {TESTS / each for each in CASES_IN_SOAK}
    return path not in EVERY_CASE and not folders.isdisjoint((path, *path.parents))


def beyond_the_first_case(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Cases of tests in CASES_IN_SOAK that are left to `make soak`."""
    met: set[tuple[str, bool]] = set()
    left_out = set()
    for item in items:
        if not has_cases_in_soak(item.path):
            continue
        name, _, case = item.nodeid.partition("[")
        test = name, "postgres" in case  # each ledger is a thing of its own
        if test in met:
            left_out.add(item)
        met.add(test)
    return left_out
