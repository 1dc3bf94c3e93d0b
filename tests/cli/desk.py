"""A folder with a config, a drop folder and a sandbox API, and the command line as people use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from tests.world import World, feed, write_config

PLANTED_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
GOOD_BILLS = (
    "customer_reference,account_reference,bill_reference,amount_due\nC1,A1,B1,10.00\nC1,A1,B2,20.50\n"
)
MIXED_BILLS = (
    "customer_reference,account_reference,bill_reference,amount_due\nC2,A2,B3,10.00\nC2,A2,B4,1.005\n"
)


@dataclass
class Desk(World):
    """Every command is a process of its own, started in the folder."""

    def __post_init__(self) -> None:
        self.set_up(
            [feed("bills", "bill", "*_bills.csv", currency="ZAR", phone_region="ZA")],
            folders=("drop", "archive"),
            max_attempts=2,
            timeout_s=5,
        )
        self.configure()

    def configure(self, **changes: Any) -> None:
        """The usual config but for these keys."""
        write_config(self.folder, {**self.settings, **changes})

    def put(self, name: str, text: str = GOOD_BILLS) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with SandboxApi(keys=(TEST_KEY, PLANTED_KEY)) as api:
        yield Desk(tmp_path, api)
