"""The merchant of the stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sandbox.serve import SandboxApi
from tests import ledger_of_world
from tests.stories.merchant import Merchant

BOTH_LEDGERS = {"test_killed", "test_running_again"}
"""Stories that are told over both ledgers each time; all of them are by `make soak`, or with TEST_LEDGER=postgres."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in BOTH_LEDGERS:
        metafunc.parametrize(
            "where", dict.fromkeys(("sqlite", ledger_of_world.LEDGER, "postgres")), indirect=True
        )


@pytest.fixture(autouse=True)
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the ledger of a story is."""
    monkeypatch.setattr(ledger_of_world, "LEDGER", getattr(request, "param", ledger_of_world.LEDGER))


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
