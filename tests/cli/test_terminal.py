"""On a terminal nothing wraps badly, at any width; in a pipe there are no codes."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pyte
import pytest

from tests.cli.desk import MIXED_BILLS, ROOT, Desk

LONG = "za_citypower_" + "very_long_" * 12 + "2026-11-20_bills.csv"


def screen(desk: Desk, columns: int, *words: str) -> list[str]:
    """What a terminal of that width shows at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", "from pipeline.cli import main; main()", *words],
        cwd=desk.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ROOT, "TERM": "xterm"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = pyte.Screen(columns, 60)
    stream = pyte.ByteStream(shown)
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:
            break
        if not block:
            break
        stream.feed(block)
    process.wait(30)
    os.close(ours)
    return [line.rstrip() for line in shown.display if line.strip()]


@pytest.mark.parametrize("columns", [60, 100, 160])
def test_a_file_is_a_table_that_fits_the_terminal(desk: Desk, columns: int) -> None:
    desk.put(f"drop/{LONG}", MIXED_BILLS)
    lines = screen(desk, columns, "run")
    assert lines[0].startswith("za_citypower")
    assert "…" in lines[0]
    assert "_bills.csv: " in lines[0], "both ends of a name stay"
    assert lines[0].endswith("loaded with rejects (feed bills)")
    assert [line.split()[0] for line in lines[1:5]] == ["outcome", "created", "rejected", "total"]
    assert lines[2].split() == ["created", "1", "10.00"]


def test_in_a_pipe_there_are_plain_lines_without_codes(desk: Desk) -> None:
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.environment["FORCE_COLOR"] = "1"
    said = desk.billferry("run")
    assert "\x1b" not in said.err
    assert "records: 2 = 1 created + 1 rejected" in said.err
