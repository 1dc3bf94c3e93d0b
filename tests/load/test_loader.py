"""What a load relies on, and a bug in it: that ends the run loudly, and the next one sends the record."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest

from pipeline.core.api.send_order import ScheduledRequest
from pipeline.core.outcomes import RecordOutcome
from pipeline.errors import EX_BUG
from pipeline.load import loader
from pipeline.load.records import RecordSender
from tests.load.conftest import Merchant

send = RecordSender.send


async def fails_on_the_second(self: RecordSender, scheduled: ScheduledRequest) -> RecordOutcome:
    if scheduled.request.record == 2:
        raise ZeroDivisionError("a planted bug")
    return await send(self, scheduled)


def test_a_bug_while_a_record_is_sent_ends_with_70_and_its_trace_and_loses_nothing(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = merchant.bills(["C1,A1,B1,1.00", "C2,A2,B2,2.00", "C3,A3,B3,3.00"])
    with monkeypatch.context() as planted:
        planted.setattr(RecordSender, "send", fails_on_the_second)
        said = merchant.command("load", path)
    assert said.exit_status == EX_BUG
    assert "ZeroDivisionError: a planted bug" in said.stderr
    assert "B2" not in merchant.held("bills")
    assert merchant.load(path).row_outcomes == ["created"] * 3


def test_a_key_is_relied_on_for_an_hour_less_than_the_api_keeps_it() -> None:
    job: Any = MagicMock()
    job.settings.api.key_retention_h = 24
    nobody: Any = MagicMock()
    assert loader._context(job, nobody, nobody).key_life_s == 23 * 3600
