"""The merchant of the stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sandbox.serve import SandboxApi
from tests.stories.merchant import Merchant


@pytest.fixture
def merchant(tmp_path: Path, impatient: None) -> Iterator[Merchant]:
    """A merchant with a drop folder and an empty Billing API."""
    with SandboxApi() as api:
        yield Merchant(tmp_path, api)


@pytest.fixture
def sftp_merchant(merchant: Merchant) -> Iterator[Merchant]:
    """A merchant with an SFTP server instead of a drop folder."""
    with merchant.with_sftp():
        yield merchant
