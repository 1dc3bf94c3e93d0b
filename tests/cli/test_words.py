"""Help, version, and words that mean nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.metadata import version

import pytest

from docs.commands import command_words
from pipeline.cli import run_command
from tests.world import unstamped

EVERY = [command for command in command_words() if command]


METAVARS = (
    r"FILE…?|FOLDER|SECONDS|N|FEED|MODEL|REASON|RECORDS|STATE|SHA256:…|DAY|MONTH|REF|GROUP|KIND"
    r"|NUMBER:HASH|REFERENCE|AMOUNT|TIME|PAYMENT"
)
"""What help shows for a value."""


@pytest.mark.parametrize("command", [*EVERY, ""])
def test_a_short_h_asks_for_help_as_well(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = command.split()
    assert run_command([*words, "-h"]) == 0
    asked_in_short = capsys.readouterr().out
    assert run_command([*words, "--help"]) == 0
    assert capsys.readouterr().out == asked_in_short
    assert "-h, --help" in asked_in_short


@pytest.mark.parametrize("command", EVERY)
def test_help_shows_plain_words_for_what_is_to_be_typed(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*command.split(), "-h"]) == 0
    usage, help_text = capsys.readouterr().out.split("\n", 1)
    shown = re.fullmatch(rf"Usage: billferry {command} \[OPTIONS\](?: (.*))?", usage)
    assert shown is not None, usage
    words = (shown[1] or "").split()
    assert all(re.fullmatch(rf"{METAVARS}|\[(FILE|DAY|COMMAND)\]", word) for word in words), usage
    assert not re.search(r"<\w|list\[|\{", help_text)
    options = re.findall(r"^  (?:-\w, )?--[a-z-]+ (\S.*?)(?:  |$)", help_text, re.MULTILINE)
    assert all(re.fullmatch(METAVARS, option) for option in options), options


@pytest.mark.parametrize("command", EVERY)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*command.split(), "--help"]) == 0
    said = capsys.readouterr()
    assert f"Usage: billferry {command}" in said.out
    assert "--verbose" in said.out
    assert said.err == ""


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {command.split()[0]} " in out for command in EVERY)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--version"]) == 0
    assert capsys.readouterr().out == f"billferry {version('billferry')}\n"


def test_no_words_at_all_show_the_help_and_are_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Usage: billferry")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["laod"], "no such command 'laod'"),
        (["run", "--dry"], "no such option: --dry"),
        (["load"], "missing argument 'FILE…'; see billferry load --help"),
        (["refuse", "bills.csv"], "missing option '--why'; see billferry refuse --help"),
        (["laod"], "; see billferry --help"),
        (["load", "gone.csv"], "file 'gone.csv' does not exist"),
        (["validate", "gone.csv", "--model", "bill"], "file 'gone.csv' does not exist"),
        (["load", "."], "file '.' is a directory"),
        (["load", __file__, "--limit", "0"], "--limit"),
        (["validate", __file__, "--model", "invoice"], "unknown model invoice; use one of bill,"),
        (["validate", __file__, "--model", "bill", "--feed", "x"], "--feed and --model exclude each other"),
    ],
)
def test_a_wrong_word_is_one_line_and_status_2(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert unstamped(said.err).startswith("billferry: ")
    assert said.err.count("\n") == 1
    assert part in said.err


def test_help_is_instant_because_heavy_parts_are_not_imported() -> None:
    code = (
        "import sys; from pipeline.cli import run_command; run_command(['load', '--help'])\n"
        "heavy = {'polars', 'paramiko', 'aiohttp', 'httptools', 'asyncssh', 'phonenumbers', 'uvloop'}\n"
        "heavy &= sys.modules.keys()\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("command", ["demo", "sandbox"])
def test_without_the_sandbox_extra_the_line_says_what_to_install(command: str) -> None:
    code = (
        "import sys; sys.modules['asyncssh'] = None; from pipeline.cli import run_command\n"
        f"sys.exit(run_command(['{command}']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    line = "billferry: the sandbox is not installed; install billferry[sandbox]\n"
    assert (ended.returncode, ended.stderr) == (2, line)
