from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sandbox.serve import SandboxApi
from tests.payments.merchant import Merchant


@pytest.fixture
def merchant(tmp_path: Path) -> Iterator[Merchant]:
    with SandboxApi() as api:
        yield Merchant(tmp_path, api)
