"""A slow line to OpenSSH: the first file is loaded while the next ones come, and whatever befalls those."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.proxy import SpoilingProxy
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.stories.test_openssh import by_key

FIRST, BIG, LAST = "z_bills_2030-01-01.csv", "a_bills_2030-01-02.csv", "b_bills_2030-01-03.csv"
"""In the order of their dates, not of their names."""
BIG_BYTES = 400_000
SLOW_BYTES_PER_S = 300_000


@pytest.fixture
def slow(merchant: Merchant) -> Iterator[SpoilingProxy]:
    """A merchant whose second file takes more than a second to fetch."""
    with (
        by_key(merchant) as server,
        SpoilingProxy(server.port, bytes_per_s=SLOW_BYTES_PER_S) as proxy,
    ):
        key = " ".join(server.known_hosts_lines.split()[1:])
        (merchant.folder / "known_hosts").write_text(f"[127.0.0.1]:{proxy.port} {key}\n")
        merchant.settings["sftp"] |= {"port": proxy.port, "timeout_s": 5}
        merchant.write(FIRST, bills("C-1,A-1,B-1,1.00"), merchant.incoming)
        short = ["x" * 500] * (BIG_BYTES // 500)
        merchant.write(BIG, bills("C-2,A-2,B-2,2.00", *short), merchant.incoming)
        merchant.write(LAST, bills("C-3,A-3,B-3,3.00"), merchant.incoming)
        yield proxy


@contextmanager
def once_the_first_is_loaded(merchant: Merchant, work: Callable[[], object]) -> Iterator[None]:
    """Meanwhile: what is done as soon as the API holds the first file's bill."""

    def body() -> None:
        give_up = time.monotonic() + 30
        while "B-1" not in merchant.held("bills") and time.monotonic() < give_up:
            time.sleep(0.02)
        work()

    thread = threading.Thread(target=body)
    thread.start()
    yield
    thread.join()


def landed(merchant: Merchant) -> list[Path]:
    return list((merchant.work_dir / "landing").glob("*/content"))


def names_of(files: list[dict[str, object]]) -> list[object]:
    return [each["file"]["name"] for each in files]  # type: ignore[index]


def test_a_file_is_loaded_while_the_next_is_fetched_and_in_the_order_of_dates(
    merchant: Merchant, slow: SpoilingProxy
) -> None:
    seen: list[int] = []
    with once_the_first_is_loaded(merchant, lambda: seen.append(len(landed(merchant)))):
        said = merchant.run()
    assert seen == [1]
    assert names_of(said.files) == [FIRST, BIG, LAST]
    assert set(merchant.held("bills")) == {"B-1", "B-2", "B-3"}
    assert merchant.names_in("sftp/incoming") == []
    assert slow.connections == 2  # one to fetch, one to hand over: two files are not worth another


def test_a_file_that_changes_while_the_first_is_loaded_is_left_and_the_third_is_loaded(
    merchant: Merchant, slow: SpoilingProxy
) -> None:
    with once_the_first_is_loaded(merchant, lambda: (merchant.incoming / BIG).write_text("another")):
        said = merchant.run()
    assert said.exit_status == 3
    assert names_of(said.files) == [FIRST, BIG, LAST]
    assert "changed while it was fetched" in said.stderr
    assert set(merchant.held("bills")) == {"B-1", "B-3"}
    assert merchant.names_in("sftp/incoming") == [BIG]


def test_a_line_that_is_cut_meanwhile_ends_the_fetching_and_no_load(
    merchant: Merchant, slow: SpoilingProxy
) -> None:
    with once_the_first_is_loaded(merchant, lambda: slow.__exit__(None, None, None)):
        said = merchant.run()
    assert said.exit_status == 3
    assert names_of(said.files) == [FIRST]
    assert said.file["state"] == "loaded"
    assert set(merchant.held("bills")) == {"B-1"}
    assert len(merchant.names_in("sftp/incoming")) == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_ends_meanwhile_is_continued_by_the_next(
    merchant: Merchant, slow: SpoilingProxy, number: signal.Signals
) -> None:
    """The signal comes while the first file is loaded, and the second cannot come in time."""
    merchant.write(FIRST, bills(*[f"C-1,A-1,B-{n},1.00" for n in (1, 11, 12)]), merchant.incoming)
    merchant.settings["api"]["max_in_flight"] = 1
    merchant.switch(latency_s=0.4)

    def stop() -> None:
        slow.bytes_per_s = 1_000  # whoever waits for the second file waits for minutes
        process.send_signal(number)

    merchant.write_config()
    with merchant.start("run", "--config", merchant.config) as process:
        with once_the_first_is_loaded(merchant, stop):
            ended = process.wait(20)
        process.communicate()
    assert ended == (-number if number is signal.SIGKILL else 128 + number)
    assert {"B-1"} <= set(merchant.held("bills")) < {"B-1", "B-11", "B-12"}
    assert merchant.names_in("sftp/incoming") == sorted([FIRST, BIG, LAST])
    merchant.switch()
    if number is signal.SIGTERM:
        assert not list((merchant.work_dir / "landing").glob("fetch-*"))
    slow.bytes_per_s = None
    said = merchant.run()
    assert said.exit_status in {0, 1}
    assert set(merchant.held("bills")) == {"B-1", "B-11", "B-12", "B-2", "B-3"}
    assert merchant.names_in("sftp/incoming") == []
    assert not list((merchant.work_dir / "landing").glob("fetch-*"))
