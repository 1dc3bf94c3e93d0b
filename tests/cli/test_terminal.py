"""On a terminal nothing wraps badly at any width, and no progress is left over; in a pipe there are no codes."""

from __future__ import annotations

import json
import re
import signal
import time
from typing import Any

import pytest

from pipeline.sandbox.faults import Received, Scripted, status
from pipeline.sandbox.switches import Switches
from tests.cli.desk import GOOD_BILLS, MIXED_BILLS, Desk
from tests.cli.pseudo_terminal import CODE, COLOUR, DRAWN, Terminal
from tests.seeds import SOAK

HEAD = GOOD_BILLS.splitlines()[0]
LONG = "za_citypower_" + "very_long_" * 12 + "2026-11-20_bills.csv"
RECORDS = 40
TABLE = {"outcome", "records", "ZAR", "total", "created", "rejected", "refused", "not", "attempted"}
FEED = {
    "name": "bills",
    "match": "*_bills.csv",
    "model": "bill",
    "amount": {"unit": "major"},
    "unusual": "load",
    "currency": "ZAR",
}
STORY = """
import contextlib, io, json, re, sys, time
from pathlib import Path
from pipeline.cli import run_command
from pipeline.edge.local import DropFolder
read = DropFolder.blocks
def slowly(self, remote):
    for block in read(self, remote):
        yield block
        time.sleep(0.3)
DropFolder.blocks = slowly
told = {}
for words in json.loads(sys.argv[1]):
    quiet = io.StringIO()
    if words[0] not in {"run", "retry"}:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            run_command(words)
    told[words[0]] = re.sub(r"(?m)^\\d\\S+Z ", "", quiet.getvalue())
    print("##", words[0], flush=True)
    run_command(words)
Path("told.json").write_text(json.dumps(told))
"""
"""Each command once as into a pipe, then on the terminal, in one process; what is fetched is seen on any disk."""
COLOURS = """
import json, os, sys
from pipeline.cli import run_command
for name, value in json.loads(sys.argv[1]):
    before = dict(os.environ)
    os.environ[name] = value
    print("##", name, flush=True)
    run_command(["run", "--dry-run"])
    os.environ.clear(); os.environ.update(before)
"""


def many(first: int, count: int = RECORDS) -> str:
    rows = (f"C{number},A{number},B{number},10.00" for number in range(first, first + count))
    return "\n".join(
        [HEAD, *rows, f"C{first},A{first},X{first},1.005", f"C{first},A{first},REFUSED{first},1"]
    )


def is_refused(request: Received) -> bool:
    return b'"REFUSED' in request.body


def parts(text: str) -> dict[str, str]:
    """Command → what stands below its mark."""
    found = re.split(r"(?m)^## (\S+)\s*$", text)
    return dict(zip(found[1::2], found[2::2], strict=True))


@pytest.fixture
def slow(desk: Desk) -> Desk:
    """An API that takes its time, stumbles once and refuses one bill; and a feed that has never had a file."""
    desk.api.switches = Switches(latency_s=0.02)
    desk.api.faults = Scripted({3: status(503), is_refused: status(402, stored=True)})
    desk.configure(
        api={
            "base_url": desk.api.url,
            "key_file": "api.key",
            "timeout_s": 5,
            "max_in_flight": 1,
            "requests_per_second": 40,
        },
        feeds=[FEED, {**FEED, "name": "never", "match": "*_never.csv", "expect_by": "00:00"}],
    )
    desk.expect_for_long("never")
    return desk


@pytest.mark.parametrize("columns", [40, 60, 100, 160] if SOAK else [40, 100])
def test_every_command_fits_a_terminal_of_any_width(slow: Desk, columns: int) -> None:
    slow.put(f"drop/{LONG}", many(columns * 100))
    slow.put("mixed_bills.csv", MIXED_BILLS)
    story = [
        ["run"],
        ["status"],
        ["doctor"],
        ["validate", "mixed_bills.csv"],
        ["report", LONG],
        ["retry", "all"],
        ["load", "gone_bills.csv"],
    ]
    terminal = Terminal(slow.folder, columns, json.dumps(story), code=STORY)
    assert terminal.end() == 0
    shown = parts("\n".join(terminal.lines))
    assert list(shown) == [words[0] for words in story]
    every_word_is_whole(shown, json.loads((slow.folder / "told.json").read_text()), columns)
    the_table_is_whole(shown["run"].splitlines(), columns)
    the_progress_was_told(DRAWN.findall(terminal.sent.split("## status")[0]), columns)
    nothing_is_left(terminal)


def every_word_is_whole(shown: dict[str, str], told: dict[str, str], columns: int) -> None:
    """What stands on the screen are the words that went into the pipe, in their order where there is no table."""
    for command in ("status", "doctor", "load"):
        assert cut_words(shown[command].split(), told[command].split(), columns) == [], command
    for command in ("validate", "report"):
        # A table has words of its own. Where the reports are is a path that may be wider than the terminal.
        found, expected = (text[command].partition("written again:")[0].split() for text in (shown, told))
        unknown = {word for word in set(found) - set(expected) - TABLE if "…" not in word}
        assert all(re.fullmatch(r"[\d.]+", word) for word in unknown), f"{command}: {unknown}"


def cut_words(found: list[str], expected: list[str], columns: int) -> list[str]:
    """Words that are broken though they would fit; figures that change, and shortened names, are none."""
    found, cut = [*found], []
    for word in expected:
        seen = found.pop(0)
        while seen != word and len(word) > columns - 4 and word.startswith(seen):
            seen += found.pop(0)
        if seen != word and "…" not in seen and not seen.isdecimal():
            cut.append(word)
    return cut + found


def the_table_is_whole(lines: list[str], columns: int) -> None:
    lines = [line for line in lines if line]
    head = next(at for at, line in enumerate(lines) if line.split()[0] == "outcome")
    assert any("loaded with rejects" in " ".join(lines[at : at + 2]) for at in range(head))
    rows = [line.split() for line in lines[head : head + 5]]
    assert rows == [
        ["outcome", "records", "ZAR"],
        ["created", "40", "400.00"],
        ["rejected", "1"],
        ["refused", "1", "1.00"],
        ["total", "42", "401.00"],
    ]
    assert max(len(line) for line in lines if "/" not in line) <= columns, "paths are left whole"
    late = " ".join(" ".join(lines).split())
    assert "billferry: feed never: no file received for" in late
    assert "due by 00:00 (UTC); check the incoming folder, or ask the merchant" in late


def the_progress_was_told(drawn: list[str], columns: int) -> None:
    assert {line.split()[0] for line in drawn} == {"fetch", "check", "load"}
    assert max(map(len, drawn)) <= columns - 3
    assert all(line.split()[1].startswith("za_c") for line in drawn if columns > 40)
    (*_, fetched) = [line for line in drawn if line.startswith("fetch")]
    assert "100%" in fetched
    loading = [line for line in drawn if line.startswith("load") and " left" in line]
    assert loading, "rate and time left at every width"
    assert all(re.search(r"\d+%, [\d.]+/s, \d+ s left", line) for line in loading)
    if columns >= 100:
        assert re.search(r"fetch \S+ .*1\.\d kB of 1\.\d kB, 100%", fetched)
        assert re.search(r"load za_c\S+_bills.csv .*\d+ of 41, .* left, 1 retry, at most 40/s", loading[-1])


def nothing_is_left(terminal: Terminal) -> None:
    assert [line for line in terminal.lines if line.startswith(("fetch", "check ", "load "))] == []
    assert not terminal.cursor_is_hidden
    assert set(CODE.findall(COLOUR.sub("", terminal.sent))) <= {
        "\x1b[2K",
        "\x1b[1A",
        "\x1b[?25l",
        "\x1b[?25h",
    }


def test_ctrl_c_while_a_file_loads_leaves_a_clean_terminal(slow: Desk) -> None:
    slow.put(f"drop/{LONG}", many(1))
    terminal = Terminal(slow.folder, 60, "run")
    terminal.until(lambda: any("left" in line for line in terminal.drawn))
    terminal.press("\x03")
    assert terminal.end() == 128 + signal.SIGINT
    nothing_is_left(terminal)
    assert "^" not in "".join(terminal.lines)
    assert "stopped by SIGINT" in " ".join(terminal.lines)
    assert "Traceback" not in terminal.sent


def test_colours_are_left_out_where_nobody_wants_them(desk: Desk) -> None:
    desk.put(f"drop/{LONG}", MIXED_BILLS)
    cases: list[tuple[str, Any]] = [
        ("LANG", "C"),
        ("NO_COLOR", "1"),
        ("FORCE_COLOR", "1"),
        ("TERM", "dumb"),
        ("COLUMNS", "50"),
    ]
    terminal = Terminal(desk.folder, 70, json.dumps(cases), code=COLOURS)
    assert terminal.end() == 0
    sent = parts(terminal.sent.replace("\r\n", "\n"))
    assert {name for name, text in sent.items() if COLOUR.search(text)} == {"LANG", "FORCE_COLOR", "COLUMNS"}
    assert {name for name, text in sent.items() if "check za_" in text} == {*sent} - {"TERM"}
    assert "\x1b" not in sent["TERM"]
    assert "\r" not in sent["TERM"]
    lines = {name: CODE.sub("", text.replace("\r", "\n")).split("\n") for name, text in sent.items()}
    widths = {name: max(len(line) for line in text if "/" not in line) for name, text in lines.items()}
    assert 60 < widths["TERM"] <= 70, "a terminal without codes has a width all the same"
    assert 60 < widths["LANG"] <= 70
    assert 40 < widths["COLUMNS"] <= 50


def test_in_a_pipe_there_are_plain_lines_without_codes(desk: Desk) -> None:
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.environment["FORCE_COLOR"] = "1"
    desk.environment["COLUMNS"] = "40"
    said = desk.spawn("run", "--verbose")
    shown = desk.spawn("status")
    for text in (said.stderr, shown.stdout):
        assert "\x1b" not in text
        assert "\r" not in text
    assert "records: 2 = 1 created + 1 rejected" in said.stderr
    assert max(map(len, shown.stdout.splitlines())) > 40, "a pipe has no width"


def test_a_run_without_files_says_so_on_a_terminal_as_in_a_log(desk: Desk) -> None:
    terminal = Terminal(desk.folder, 100, "run")
    assert terminal.end() == 0
    first, last = desk.command("run").stderr.splitlines()
    assert re.fullmatch("run [0-9a-f]{8} begins: merchant citypower, environment test", first)
    assert [last] == terminal.lines == ["nothing to do: no file was ready"]


def test_no_name_can_steer_the_terminal(desk: Desk) -> None:
    """Neither that of a file or a folder in a message, nor one from the ledger."""
    name = "\x1b[2Jcleared\r_bills.csv"
    desk.put(name)
    desk.configure(work_dir="v\x1b[2Jar\r")  # to polars a bracket would be a pattern, too
    said = [
        desk.spawn("load", name, desk.put("may_bills.csv", MIXED_BILLS)),
        desk.spawn("status"),
        desk.spawn("run", "--config", "\x1b[31mgone\r"),
    ]
    said.append(desk.spawn("report", "may_bills.csv"))
    assert "[31mgone" in said[2].stderr
    assert "written again: " in said[3].stderr
    for each in said:
        assert "\x1b" not in each.stdout + each.stderr
        assert "\r" not in each.stdout + each.stderr


def test_a_window_that_becomes_smaller_is_heeded(slow: Desk) -> None:
    slow.put(f"drop/{LONG}", many(1))
    terminal = Terminal(slow.folder, 160, "run")
    terminal.until(lambda: any("left" in line for line in terminal.drawn))
    terminal.resize(60)
    before = len(terminal.drawn)
    time.sleep(0.3)
    assert terminal.end() == 1
    assert max(map(len, terminal.drawn[before + 2 :])) <= 57
    assert not terminal.cursor_is_hidden
