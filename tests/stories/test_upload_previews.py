"""What is shown of a dropped file before a run has checked it: by a child process, beside whatever run is at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.edge.local.lock import only_run
from pipeline.errors import UsageError
from pipeline.run.preview import Preview, Previews, sweep_previews
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.stories.test_uploads import NAME, THREE, config_of, desk, dropped, sha_of

__all__ = ["desk"]


@pytest.fixture
def previews(desk: Merchant) -> Iterator[Previews]:
    found = Previews(config_of(desk))
    yield found
    found.close()


def until_done(ask: Callable[[], Preview], most_s: float = 60) -> Preview:
    ends = time.monotonic() + most_s
    while (now := ask()).state in {"queued", "running"}:
        assert time.monotonic() < ends, now
        time.sleep(0.05)
    return now


def test_a_preview_says_what_a_run_would_while_one_is_at_work(desk: Merchant, previews: Previews) -> None:
    sha256 = sha_of(dropped(desk, THREE + "C-3,A-3,B-9,ten\n"))
    before = desk.ledger("SELECT * FROM files")
    with only_run(desk.work_dir / "lock"):
        assert previews.preview_upload(sha256).state == "running"
        done = until_done(lambda: previews.preview_upload(sha256))
    assert done.state == "ready", done
    assert done.summary is not None
    assert [hold["code"] for hold in done.summary["holds"]] == ["file.uploaded"]
    assert done.summary["records"]["rejected"] == 1
    assert done.summary["run"]["dry_run"]
    assert [request["path"] for request in done.requests] == ["/billing/bills"] * 3
    assert done.requests[0]["body"]["amount_due"] == 1_000
    assert done.folder is not None
    names = {path.name for path in done.folder.iterdir()}
    assert {"summary.json", "report.html", "rejects.csv"} <= names
    assert desk.ledger("SELECT * FROM files") == before
    progress = json.loads((done.folder.parent / "progress.json").read_text())
    assert (progress["stage"], progress["total"]) == ("report", 4)
    assert previews.preview_upload(sha256) == done, "and is not made again"

    desk.settings["feeds"][0]["phone_region"] = "KE"
    other = Previews(config_of(desk))
    assert other.preview_upload(sha256).state == "running", "under another feed it is made again"
    other.close()

    checked = desk.run()
    found = previews.preview_upload(sha256)
    assert (found.state, found.folder) == ("checked", desk.report(checked.file))
    sweep_previews(config_of(desk).settings)
    assert not (desk.work_dir / "uploads" / "previews").exists()


def test_previews_take_turns_and_end_with_the_server(desk: Merchant, previews: Previews) -> None:
    files = [
        sha_of(dropped(desk, bills(f"C-{day},A-{day},B-{day},1.00"), f"za_bills_2030-01-0{day}.csv"))
        for day in (1, 2)
    ]
    previews.at_once = 1
    assert [previews.preview_upload(each).state for each in files] == ["running", "queued"]
    for each in files:
        assert until_done(lambda each=each: previews.preview_upload(each)).state == "ready"  # type: ignore[misc]
    with pytest.raises(UsageError):
        previews.preview_upload("../../landing")


SERVER = """
import sys, time
from pipeline.edge.config import load_config
from pipeline.run import preview
previews = preview.Previews(load_config(sys.argv[1]))
print(previews.preview_upload(sys.argv[2]).state, *(c.process.pid for c in previews._children.values()), flush=True)
time.sleep(60)
"""


def test_a_killed_server_takes_its_previews_along(desk: Merchant) -> None:
    many = bills(*(f"C-{n},A-{n},B-{n},1.00" for n in range(100_000)))
    sha256 = sha_of(dropped(desk, many))
    desk.write_config()
    words = [sys.executable, "-c", SERVER, str(desk.folder / "config.yaml"), sha256]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        state, pid = server.stdout.readline().split()
        assert state == "running"
        server.send_signal(signal.SIGKILL)
    ends = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_the_process_of_a_preview_that_is_made_ends_well(desk: Merchant, previews: Previews) -> None:
    """One that Python aborts at its exit leaves its memory, and what the file says, in a core dump."""
    previews.preview_upload(sha_of(dropped(desk)))
    (child,) = previews._children.values()
    assert child.process.wait(60) == 0


def test_a_preview_that_breaks_off_says_so_and_may_be_made_again(desk: Merchant, previews: Previews) -> None:
    sha256 = sha_of(dropped(desk))
    previews.preview_upload(sha256)
    (child,) = previews._children.values()
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    broken = previews.preview_upload(sha256)
    assert (broken.state, "cut off" in str(broken.problem)) == ("failed", True)
    previews.again(sha256)
    assert until_done(lambda: previews.preview_upload(sha256)).state == "ready"


def test_a_file_that_would_be_refused_is_previewed_as_that(desk: Merchant, previews: Previews) -> None:
    sha256 = sha_of(dropped(desk, "customer_reference\nC-1\n", NAME))
    done = until_done(lambda: previews.preview_upload(sha256))
    assert done.state == "ready"
    assert done.summary is not None
    assert done.summary["refusal"]["code"] == "file.missing_column"
