"""A folder with a config, a drop folder and a sandbox API, and the command line as people use it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.sandbox.serve import TEST_KEY, SandboxApi

ROOT = str(Path(__file__).resolve().parents[2])
PLANTED_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
GOOD_BILLS = (
    "customer_reference,account_reference,bill_reference,amount_due\nC1,A1,B1,10.00\nC1,A1,B2,20.50\n"
)
MIXED_BILLS = (
    "customer_reference,account_reference,bill_reference,amount_due\nC2,A2,B3,10.00\nC2,A2,B4,1.005\n"
)


@dataclass
class Said:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str


@dataclass
class Desk:
    """`billferry` in a folder of its own, as a process of its own."""

    folder: Path
    api: SandboxApi
    environment: dict[str, str] = field(default_factory=dict)

    def configure(self, **changes: Any) -> None:
        config: dict[str, Any] = {
            "merchant": "citypower",
            "environment": "test",
            "api": {"base_url": self.api.url, "key_file": "api.key", "max_attempts": 2, "timeout_s": 5},
            "drop": {"folder": "drop", "settle_s": 0, "archive": "archive"},
            "feeds": [
                {
                    "name": "bills",
                    "match": "*_bills.csv",
                    "model": "bill",
                    "amount": {"unit": "major"},
                    "unusual": "load",
                    "currency": "ZAR",
                    "phone_region": "ZA",
                }
            ],
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump({**config, **changes}))

    def put(self, name: str, text: str = GOOD_BILLS) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *words: str | Path, code: str = "") -> subprocess.Popen[str]:
        """`code` runs before the command in its process."""
        script = f"{code}\nimport sys\nfrom pipeline.cli import main\nmain()"
        return subprocess.Popen(
            [sys.executable, "-c", script, *words],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "PYTHONPATH": ROOT,
                **self.environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def billferry(self, *words: str | Path, code: str = "") -> Said:
        with self.start(*words, code=code) as process:
            out, err = process.communicate(timeout=60)
        return Said(process.returncode, out, err)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with SandboxApi(keys=(TEST_KEY, PLANTED_KEY)) as api:
        desk = Desk(tmp_path, api)
        desk.configure()
        (tmp_path / "drop").mkdir()
        (tmp_path / "archive").mkdir()
        desk.put("api.key", TEST_KEY + "\n").chmod(0o600)
        yield desk
