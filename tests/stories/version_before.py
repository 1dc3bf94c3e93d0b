"""What a live merchant had under the version before: `written_before/`, put up as on the morning of the upgrade.

It was written by commit 388c7ff and is not to be changed: its config, its work_dir, its ledger as SQL, and what it
asked of the API, in order. Of its four files one was loaded with a reject, one was loaded, one is held, and one is
unfinished: of two bills in doubt the API has made one.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from pipeline.sandbox.serve import SandboxApi
from tests.world import write_key

BEFORE = Path(__file__).parent / "written_before"
VERSION = 6
"""Of that ledger."""
LIVE_KEY = "sk_live_sandbox"


def put_up(folder: Path) -> None:
    """Config, key, drop folder, archive and work_dir, as that version left them."""
    shutil.copytree(BEFORE, folder, dirs_exist_ok=True)
    shutil.copytree(folder / "work_dir", folder / "var", dirs_exist_ok=True)
    shutil.rmtree(folder / "work_dir")
    with closing(sqlite3.connect(folder / "var" / "ledger.sqlite")) as ledger:
        ledger.executescript((folder / "ledger.sql").read_text())
        for name, modified_at in ledger.execute("SELECT name, modified_at FROM sightings"):
            at = datetime.fromisoformat(modified_at)
            os.utime(folder / "drop" / name, ns=(int(at.timestamp()) * 10**9 + at.microsecond * 1000,) * 2)
    for path in ((folder / "var"), *(folder / "var").rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    write_key(folder, LIVE_KEY)


def asked_before() -> list[dict[str, Any]]:
    """What was asked of the API: method, path, idempotency key, body; and whether it got lost on its way there."""
    asked: list[dict[str, Any]] = json.loads((BEFORE / "requests.json").read_text())
    return asked


def ask_again(api: SandboxApi) -> None:
    """So that a new API holds what that one held, under the same ids."""
    for asked in asked_before():
        if not asked["lost"]:
            headers = {
                "Authorization": f"Bearer {LIVE_KEY}",
                "Content-Type": "application/json",
                "Idempotency-Key": asked["key"],
            }
            url = f"{api.url}{asked['path']}"
            urlopen(Request(url, asked["body"].encode(), headers, method=asked["method"])).close()  # noqa: S310
