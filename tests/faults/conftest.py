from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.load import create, retrying_client
from pipeline.sandbox.faults import Faults
from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from tests.faults.rig import Rig

Open = Callable[..., Rig]


@pytest.fixture
def open_rig(tmp_path: Path) -> Iterator[Open]:
    """Opens merchants, each with a folder and a Billing API of its own."""
    opened: list[SandboxApi] = []

    def open_(switches: Switches | None = None, faults: Faults | None = None, **api_settings: object) -> Rig:
        api = SandboxApi(switches, faults=faults)
        api.start()
        opened.append(api)
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        rig = Rig(folder, api)
        rig.configure_api(**api_settings)
        return rig

    yield open_
    for api in opened:
        api.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the waiting, and as many attempts."""
    monkeypatch.setattr(retrying_client, "FIRST_BACKOFF_S", retrying_client.FIRST_BACKOFF_S / 10)
    monkeypatch.setattr(create, "LAG_PAUSES_S", tuple(pause / 10 for pause in create.LAG_PAUSES_S))
    monkeypatch.setattr(
        create, "IN_FLIGHT_PAUSES_S", tuple(pause / 10 for pause in create.IN_FLIGHT_PAUSES_S)
    )
