"""A run that is killed or stopped in the middle: the next one goes on, and nothing is doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
import yaml

from tests.stories.files import bills
from tests.stories.merchant import Merchant

COUNT = 60


def start(merchant: Merchant) -> subprocess.Popen[bytes]:
    """`billferry run` as cron starts it, stopped in its tracks when the API holds the first bills."""
    rows = [f"C-{n // 6},A-{n // 2},B-{n},{n + 1}.00" for n in range(COUNT)]
    merchant.settings["api"]["max_in_flight"] = 4
    merchant.switch(latency_s=0.03)
    merchant.write("x_bills_2030-01-01.csv", bills(*rows), merchant.drop)
    config = merchant.folder / "config.yaml"
    config.write_text(yaml.safe_dump(merchant.settings))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while len(merchant.api.snapshot()["bills"]) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    return process


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_next_run_goes_on_and_every_bill_is_created_once(
    merchant: Merchant, number: signal.Signals
) -> None:
    process = start(merchant)
    process.send_signal(number)
    assert process.wait(15) == (-number if number is signal.SIGKILL else 128 + number)
    loaded = len(merchant.held("bills"))
    assert 0 < loaded < COUNT
    assert merchant.names_in("drop") == ["x_bills_2030-01-01.csv"]

    merchant.switch()
    said = merchant.run()
    assert said.exit_status == 0
    assert said.outcomes() == {"created": COUNT}
    assert len(merchant.held("bills")) == COUNT
    assert said.requests["POST bills"] <= COUNT - loaded + 4 + 4
    assert merchant.names_in("drop") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_file_that_was_fetched_and_not_begun_when_the_run_ended_is_loaded_by_the_next(
    merchant: Merchant, number: signal.Signals
) -> None:
    merchant.write("y_bills_2030-01-01.csv", bills("C-X,A-X,B-X,1.00"), merchant.drop)
    process = start(merchant)
    process.send_signal(number)
    process.wait(15)
    assert "B-X" not in merchant.held("bills")

    merchant.switch()
    said = merchant.run()
    assert said.exit_status == 0
    assert said.named("y_bills_2030-01-01.csv")["state"] == "loaded"
    assert len(merchant.held("bills")) == COUNT + 1
    assert merchant.names_in("drop") == []


def test_a_second_run_beside_it_does_not_touch_anything(merchant: Merchant) -> None:
    process = start(merchant)
    said = merchant.run()
    assert said.exit_status == 4
    assert process.wait(30) == 0
    assert len(merchant.held("bills")) == COUNT
