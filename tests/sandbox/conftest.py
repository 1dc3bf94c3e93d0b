from collections.abc import Iterator

import pytest

from pipeline.sandbox.serve import SandboxApi
from tests.sandbox.caller import Caller


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi() as running:
        yield running


@pytest.fixture
def caller(api: SandboxApi) -> Iterator[Caller]:
    calling = Caller(api)
    yield calling
    calling.close()
