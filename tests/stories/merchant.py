"""The merchant of the stories."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from pipeline.sandbox.serve import TEST_KEY
from pipeline.sandbox.switches import Switches
from tests.world import Json, Row, Said, World, copied, feed, rows_of

__all__ = ["Json", "Merchant", "Row", "Said", "copied"]

FEEDS: list[Json] = [
    feed("bills", "bill", "*_bills_{date:%Y-%m-%d}.csv", currency="ZAR", phone_region="ZA"),
    feed("accounts", "account_balance", "*_accounts_{date:%Y-%m-%d}.csv", "minor"),
    feed("balances", "customer_balance", "*_balances_{date:%Y-%m-%d}.csv"),
]


@dataclass
class Merchant(World):
    """Use the `merchant` fixture. Settings may be changed before a run; each run reads them anew."""

    def __post_init__(self) -> None:
        self.set_up(FEEDS, folders=("drop", "out"), timeout_s=2, max_attempts=3, max_retry_s=5)
        self.settings["drop"]["quarantine"] = "quarantine"
        self.settings |= {"ignore": ["*.md"], "limits": {"max_reject_ratio": 1.0}}

    # -- files --

    def write(self, name: str, content: str | bytes, folder: Path | None = None) -> Path:
        """A bill file, somewhere of the merchant's own unless a folder is given."""
        path = (folder or self.folder / "out") / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def names_in(self, folder: str) -> list[str]:
        """What stands in a folder of ours, by name (archived names carry 8 digits of the SHA-256)."""
        return sorted(path.name for path in (self.folder / folder).glob("*"))

    def tree(self) -> dict[str, str]:
        """Every file of the merchant's world with a digest of its content.

        Without SQLite's -shm and -wal, which reading alone leaves behind.
        """
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.name.endswith(("-shm", "-wal"))
        }

    # -- commands --

    def command(self, *words: str | Path) -> Said:
        self.write_config()
        return super().command(*words)

    def run(self, *words: str) -> Said:
        return self.json_command("run", *words)

    def load(self, *words: str | Path) -> Said:
        return self.json_command("load", *words)

    def release(self, file: str, *words: str) -> Said:
        return self.json_command("release", file, *words)

    def refuse(self, file: str, *words: str) -> Said:
        return self.json_command("refuse", file, *words)

    def validate(self, *words: str | Path) -> Said:
        return self.json_command("validate", *words)

    def rewrite(self, file: str) -> Said:
        return self.json_command("report", file)

    def status(self) -> Json:
        said = super().command("status", "--json")
        assert said.exit_status == 0
        return said.document

    # -- reports --

    def report(self, summary: Mapping[str, Any]) -> Path:
        """The report folder of a file, by its summary."""
        reports = self.work_dir / "reports"
        if summary["run"]["dry_run"]:
            reports /= "dry-run"
        return reports / f"{summary['file']['name']}.{summary['file']['sha256'][:8]}"

    def results(self, said: Said, name: str | None = None) -> list[Row]:
        """Rows of results.csv."""
        return rows_of(self.report(said.file if name is None else said.named(name)) / "results.csv")

    def rejects(self, said: Said, name: str | None = None) -> list[Row]:
        """Rows of rejects.csv."""
        return rows_of(self.report(said.file if name is None else said.named(name)) / "rejects.csv")

    # -- the API --

    def post(self, path: str, body: Json) -> Json:
        """Somebody else creates something at the API, or voids a bill."""
        return self._call("POST", path, body)

    def patch(self, path: str, body: Json) -> Json:
        """Somebody else changes something at the API."""
        return self._call("PATCH", path, body)

    def _call(self, method: str, path: str, body: Json) -> Json:
        headers = {
            "Authorization": f"Bearer {TEST_KEY}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid4()),
        }
        request = Request(f"{self.api.url}/billing/{path}", json.dumps(body).encode(), headers, method=method)  # noqa: S310
        try:
            with urlopen(request) as answer:  # noqa: S310 - http to our own sandbox
                found: Json = json.load(answer)
        except HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        return found

    def switch(self, **switches: Any) -> None:
        """Let the API answer open questions another way."""
        self.api.switches = Switches(**switches)
