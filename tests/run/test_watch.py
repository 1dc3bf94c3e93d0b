"""watch takes what comes, when it comes, once; it outlives outages and ends cleanly. As a process, on OpenSSH."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.edge.local.folder_changes import DEBOUNCE_MS, SIGNAL_LATENCY_S
from tests.cli.desk import GOOD_BILLS, Desk
from tests.cli.watcher import bill, until, watching
from tests.seeds import cases
from tests.servers.openssh import OpenSsh, require_sshd
from tests.world import ROOT

WATCH_S = cases(12, soak=100)
SETTLE_S = 1.0


@pytest.fixture
def server(desk: Desk, tmp_path: Path) -> Iterator[OpenSsh]:
    require_sshd()
    root = tmp_path / "sftp"
    for folder in ("incoming", "archive", "quarantine", "reports"):
        (root / folder).mkdir(parents=True)
    with OpenSsh(tmp_path / "openssh") as running:
        (tmp_path / "known_hosts").write_text(running.known_hosts_lines)
        desk.configure(
            api={
                "base_url": desk.api.url, "key_file": "api.key", "timeout_s": 2, "max_attempts": 3, "max_retry_s": 3,
            },
            drop={"folder": "drop", "settle_s": SETTLE_S, "archive": "archive"},
            sftp={
                "host": running.host,
                "port": running.port,
                "username": running.username,
                "private_key_file": str(running.user_key),
                "known_hosts_file": "known_hosts",
                **{name: f"{root}/{name}" for name in ("incoming", "archive", "quarantine", "reports")},
                "settle_s": SETTLE_S,
                "poll_interval_s": 2,
                "timeout_s": 3,
            },
        )  # fmt: skip
        yield running


TELLS_ITS_WAITS = """
import sys
import pipeline.run.watch as place
wait = place.FolderWatcher.wait
def telling(self, most_s):
    changed = wait(self, most_s)
    print("called" if changed else f"waited {most_s:.2f}", file=sys.stderr, flush=True)
    return changed
place.FolderWatcher.wait = telling
"""


def test_what_is_dropped_is_loaded_within_a_second_of_standing_still(desk: Desk) -> None:
    """By what it chose to wait for: how long the machine takes to do its work is not ours to say."""
    desk.configure(drop={"folder": "drop", "settle_s": SETTLE_S, "archive": "archive"})
    took_s = []
    with watching(desk, late=TELLS_ITS_WAITS) as watcher:
        for number in (1, 2, 3):
            until(lambda number=number: watcher.text.count("_bills.csv: loaded") == number - 1)  # type: ignore[misc]
            desk.put("whole", bill(number)).rename(desk.folder / "drop" / f"{number}_bills.csv")
            took_s.append(until(lambda number=number: f"B{number}" in watcher.created(), 100))  # type: ignore[misc]
        until(lambda: watcher.text.count("_bills.csv: loaded") == 3)
        assert watcher.stop()[0] == 143
    assert min(took_s) >= SETTLE_S
    for said in re.split("_bills.csv: loaded", watcher.text.partition("watching")[2])[:3]:
        after_the_call = said.partition("called\n")[2]
        assert after_the_call, "it came upon the file without being called"
        waited_s = sum(float(each) for each in re.findall(r"waited ([0-9.]+)", after_the_call))
        assert waited_s + DEBOUNCE_MS / 1000 < SETTLE_S + 1
    assert watcher.text.count("_bills.csv: loaded") == 3
    assert "still" not in watcher.text, "what settles is no news"


def test_a_file_that_is_written_slowly_is_taken_whole_and_holds_nothing_up(desk: Desk) -> None:
    desk.configure(drop={"folder": "drop", "settle_s": 2, "archive": "archive"})
    with watching(desk) as watcher:
        slow = desk.put("drop/slow_bills.csv", GOOD_BILLS.splitlines()[0] + "\n")
        with slow.open("a") as file:
            for number in range(20):
                file.write(f"S{number},T{number},U{number},1.00\n")
                file.flush()
                if number == 3:
                    desk.put("drop/quick_bills.csv", bill("quick"))
                time.sleep(0.3)
        until(lambda: "slow_bills.csv: loaded" in watcher.text)
        assert watcher.stop()[0] == 143
    bills = [each["external_reference"] for each in desk.api.snapshot()["bills"]]
    assert bills[0] == "Bquick"
    assert sorted(bills[1:]) == sorted(f"U{number}" for number in range(20))
    assert watcher.text.count("slow_bills.csv: loaded") == 1


@pytest.mark.timeout(600)
def test_files_dropped_every_second_through_an_outage_and_a_restart_are_all_loaded_once(
    desk: Desk, server: OpenSsh, tmp_path: Path
) -> None:
    """On both doors; the API is away for longer than a file waits for it, and the SFTP server is started anew."""
    expected: set[str] = set()
    with watching(desk) as watcher:
        began, number = time.monotonic(), 0
        events = [(2.0, desk.api.stop), (6.0, desk.api.start), (8.0, server.stop), (10.0, server.start)]
        while (elapsed_s := time.monotonic() - began) < WATCH_S:
            if events and elapsed_s >= events[0][0]:
                events.pop(0)[1]()
            for door in ("drop", "sftp/incoming"):
                number += 1
                desk.put(f"{door}/{number}_bills.csv", bill(number))
                expected.add(f"B{number}")
            time.sleep(1)
        until(lambda: watcher.created() >= expected, 300)
        until(lambda: not any((tmp_path / "sftp" / "incoming").iterdir()))
        until(lambda: not any((tmp_path / "drop").iterdir()))
        status, end_s = watcher.stop()
    assert status == 143, watcher.text
    assert end_s < 5
    held = Counter(each["external_reference"] for each in desk.api.snapshot()["bills"])
    assert held == Counter(expected)
    assert len(list((tmp_path / "sftp" / "archive").iterdir())) == number / 2
    assert len(list((tmp_path / "sftp" / "reports").iterdir())) == number / 2
    assert "Traceback" not in watcher.text


def test_while_it_watches_other_commands_get_their_turn(desk: Desk) -> None:
    with watching(desk) as watcher:
        desk.put("other_bills.csv", bill(7))
        assert desk.spawn("load", "other_bills.csv", "--wait", "5").exit_status == 0
        assert desk.spawn("status").exit_status == 0
        assert watcher.stop()[0] == 143


HOLD = """
from pathlib import Path
from pipeline.edge.local.lock import only_run
with only_run(Path("var/lock")):
    print("held", flush=True)
    input()
"""
TELLS_THAT_IT_MET_ANOTHER = """
import sys
import pipeline.run.watch as place
pass_over = place.pass_over
def telling(*given):
    try:
        return pass_over(*given)
    except place.AnotherRun:
        print("met the lock", file=sys.stderr, flush=True)
        raise
place.pass_over = telling
"""


def test_a_command_that_holds_the_lock_is_waited_for(desk: Desk) -> None:
    (desk.folder / "var").mkdir(mode=0o700)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        cwd=desk.folder,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        desk.put("drop/1_bills.csv", bill(1))
        with watching(desk, late=TELLS_THAT_IT_MET_ANOTHER) as watcher:
            until(lambda: watcher.text.count("met the lock") >= 2)
            assert watcher.created() == set()
            holder.communicate("\n")
            until(lambda: watcher.created() == {"B1"})
            assert watcher.stop()[0] == 143
    assert "another run" not in watcher.text


def test_what_stays_the_same_is_told_once(desk: Desk) -> None:
    desk.put("drop/unknown.bin", "?")
    with watching(desk) as watcher:
        for number in range(3):
            desk.put(f"drop/{number}_bills.csv", bill(number))
            until(lambda number=number: f"{number}_bills.csv: loaded" in watcher.text)  # type: ignore[misc]
        watcher.stop()
    assert watcher.text.count("unknown.bin: unmatched") == 1
    assert watcher.text.count("records: 1 = 1 created") == 3


def test_a_held_file_is_told_once_and_sent_once_it_is_released(desk: Desk) -> None:
    feed = {"name": "bills", "match": "*_bills.csv", "model": "bill", "amount": {"unit": "major"}}
    desk.configure(feeds=[{**feed, "currency": "ZAR", "release": "first"}])
    with watching(desk) as watcher:
        for number in range(2):
            desk.put(f"drop/{number}_bills.csv", bill(number))
            until(lambda number=number: f"{number}_bills.csv: held" in watcher.text)  # type: ignore[misc]
        assert watcher.text.count("0_bills.csv: held") == 1
        assert watcher.created() == set()
        assert desk.spawn("release", "0_bills.csv", "--wait", "20").exit_status == 0
        desk.put("drop/2_bills.csv", bill(2))
        until(lambda: len(watcher.created()) == 3)
        watcher.stop()


def test_a_wrong_host_key_needs_a_person_and_ends_it_but_each_start_takes_what_was_dropped(
    desk: Desk, server: OpenSsh, tmp_path: Path
) -> None:
    (tmp_path / "known_hosts").write_text("")
    desk.put("drop/1_bills.csv", bill(1))
    said = desk.spawn("watch")
    assert said.exit_status == 5
    assert "trust-host" in said.stderr
    time.sleep(SETTLE_S)
    assert desk.spawn("watch").exit_status == 5
    assert [each["external_reference"] for each in desk.api.snapshot()["bills"]] == ["B1"]


def test_a_wrong_config_ends_it_at_once(desk: Desk) -> None:
    desk.configure(drop=None)
    said = desk.spawn("watch")
    assert said.exit_status == 2
    assert "nothing to watch" in said.stderr
    desk.configure(merchant="another")
    desk.put("drop/1_bills.csv", bill(1))
    desk.spawn("run")
    desk.configure(merchant="citypower")
    assert desk.spawn("watch").exit_status == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_it_waits_ends_it_within_a_second(desk: Desk, number: signal.Signals) -> None:
    """It would wait for a minute; it wakes every SIGNAL_LATENCY_S, so that a signal is heard (`FolderWatcher.wait`)."""
    with watching(desk) as watcher:
        time.sleep(0.7)
        status, end_s = watcher.stop(number)
    assert status == 128 + number
    assert SIGNAL_LATENCY_S < 1, "it wakes so often to hear of a signal"
    assert end_s < 30
    assert f"stopped by {number.name}" in watcher.text


SWALLOWED_IN = {
    "a pass": "import pipeline.run.watch as place; name = 'pass_over'",
    "the metrics": "import pipeline.edge.monitoring.metrics_file as place; name = 'write_metrics'",
}
SWALLOWED = """
import os, signal
from pipeline.errors import Stopped
original = getattr(place, name)
def swallowing(*given):
    result = original(*given)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except Stopped:
        pass
    return result
setattr(place, name, swallowing)
"""


@pytest.mark.parametrize("where", SWALLOWED_IN)
def test_a_signal_that_something_swallows_ends_it_all_the_same(desk: Desk, where: str) -> None:
    desk.configure(metrics_file="metrics.prom")
    said = desk.spawn("watch", late=f"{SWALLOWED_IN[where]}\n{SWALLOWED}")
    assert said.exit_status == 143
    assert "stopped by SIGTERM" in said.stderr
