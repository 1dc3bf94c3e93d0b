"""A clock that jumps forgets nothing: what is old is what something else than this machine calls old."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

import pipeline.edge.clock
import pipeline.run.clock_check
from pipeline.cli import run_command
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.stories.test_retention import KEEP, copies, count, reports

Jump = Callable[[timedelta], None]
YEARS = timedelta(days=3 * 365)


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """From now on this machine's clock is off by so much; files keep the times that the disk gives them."""

    def jumped(off: timedelta) -> None:
        class Jumped(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Jumped:
                return super().now(tz) + off

        monkeypatch.setattr(pipeline.edge.clock, "datetime", Jumped)

    return jumped


@pytest.fixture
def loaded(merchant: Merchant) -> Merchant:
    merchant.settings["retention"] = KEEP
    merchant.write("x_bills_2030-01-05.csv", bills("C1,A1,B1,1.00"), merchant.drop)
    assert merchant.run().exit_status == 0
    assert everything(merchant) == (1, 1, 1)
    return merchant


def everything(merchant: Merchant) -> tuple[int, int, int]:
    return copies(merchant), reports(merchant), count(merchant, "outcomes")


def doctor(merchant: Merchant) -> tuple[int, str]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = run_command(["doctor", "--config", str(merchant.folder / "config.yaml")])
    return status, out.getvalue()


@pytest.mark.parametrize("days", [95, 3 * 365])
def test_an_idle_run_whose_clock_jumped_asks_the_api_forgets_nothing_and_says_so(
    loaded: Merchant, jump: Jump, days: int
) -> None:
    jump(timedelta(days=days))
    for _ in range(2):  # the first run must not make the second one believe it
        said = loaded.run()
        assert said.exit_status == 1
        assert sum("no old data was deleted" in line for line in said.stderr.splitlines()) == 1
        assert f"{days} days ahead of the API's" in said.stderr
        assert said.requests == {"GET customers": 1}
    assert everything(loaded) == (1, 1, 1)
    jump(timedelta(0))
    assert loaded.run().exit_status == 0
    assert everything(loaded) == (1, 1, 1)


def test_a_run_that_loads_while_the_clock_is_ahead_forgets_nothing_and_says_so(
    loaded: Merchant, jump: Jump
) -> None:
    jump(YEARS)
    loaded.write("y_bills_2030-01-06.csv", bills("C2,A2,B2,1.00"), loaded.drop)
    said = loaded.run()
    assert (said.exit_status, said.state) == (1, "loaded")
    assert "1095 days ahead of the API's" in said.stderr
    assert everything(loaded) == (2, 2, 2)
    jump(timedelta(0))
    assert loaded.run().exit_status == 0, "with the clock put right all is well"
    assert everything(loaded) == (2, 2, 2)


def test_when_nothing_can_confirm_a_jump_nothing_is_forgotten_until_something_does(
    loaded: Merchant, jump: Jump
) -> None:
    jump(YEARS)
    loaded.settings["timezone"] = "Africa/Johannesburg"
    url = loaded.settings["api"]["base_url"]
    loaded.settings["api"]["base_url"] = "http://127.0.0.1:9"
    for _ in range(2):
        said = loaded.run()
        assert said.exit_status == 1
        assert "1095 days ahead of" in said.stderr
        assert re.search(r"\d\d:\d\d SAST, the last confirmed time", said.stderr)
    assert everything(loaded) == (1, 1, 1)
    loaded.settings["api"]["base_url"] = url
    assert loaded.run().exit_status == 1
    assert everything(loaded) == (1, 1, 1)


def test_a_clock_that_was_behind_while_a_file_was_loaded_does_not_make_the_file_old(
    merchant: Merchant, jump: Jump
) -> None:
    merchant.settings["retention"] = KEEP
    merchant.write("x_bills_2030-01-05.csv", bills("C1,A1,B1,1.00"), merchant.drop)
    merchant.run()
    jump(-2 * YEARS)
    merchant.write("y_bills_2030-01-06.csv", bills("C2,A2,B2,1.00"), merchant.drop)
    said = merchant.run()
    assert (said.exit_status, said.state) == (1, "loaded")
    assert "2190 days behind the API's" in said.stderr
    jump(timedelta(0))
    assert merchant.run().exit_status == 0
    assert everything(merchant) == (2, 2, 2)


def test_a_machine_that_was_off_for_a_year_forgets_what_is_old_once_the_api_confirms_the_time(
    loaded: Merchant, jump: Jump, monkeypatch: pytest.MonkeyPatch
) -> None:
    jump(YEARS)
    real = pipeline.run.clock_check.Timekeeper.heard
    monkeypatch.setattr(  # the API's clock is as far on
        pipeline.run.clock_check.Timekeeper,
        "heard",
        lambda keeper, date: real(
            keeper, f"{datetime.now(UTC) + YEARS:%a, %d %b %Y %H:%M:%S} GMT" if date else None
        ),
    )
    said = loaded.run()
    assert said.exit_status == 0
    assert "deleted 1 landed copies, 1 reports, the outcomes of 1 files" in said.stderr
    assert said.requests == {"GET customers": 1}
    assert loaded.run().requests == {}, "it is asked once"


def test_an_idle_run_with_nothing_to_forget_asks_nobody(merchant: Merchant, jump: Jump) -> None:
    merchant.run()
    jump(YEARS)
    said = merchant.run()
    assert (said.exit_status, said.requests) == (0, {})


def test_doctor_says_that_a_clock_jumped(loaded: Merchant, jump: Jump) -> None:
    assert doctor(loaded)[0] == 0
    jump(YEARS)
    status, said = doctor(loaded)
    assert status == 2
    assert "off the API's" in said
    config = loaded.folder / "config.yaml"
    config.write_text(config.read_text().replace(loaded.settings["api"]["base_url"], "http://127.0.0.1:9"))
    _, said = doctor(loaded)
    assert "PROBLEM  clock: this machine's clock is 1095 days ahead of" in said
