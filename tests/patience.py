"""A tenth of the waiting between two tries, for loads in this process."""

from __future__ import annotations

import pytest

from pipeline.load import create, retrying_client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the waiting, and as many attempts."""
    monkeypatch.setattr(retrying_client, "FIRST_BACKOFF_S", retrying_client.FIRST_BACKOFF_S / 10)
    monkeypatch.setattr(create, "LAG_PAUSES_S", tuple(pause / 10 for pause in create.LAG_PAUSES_S))
    monkeypatch.setattr(
        create, "IN_FLIGHT_PAUSES_S", tuple(pause / 10 for pause in create.IN_FLIGHT_PAUSES_S)
    )
