from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
