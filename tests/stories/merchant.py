"""A merchant's world for stories: config, drop folder, SFTP server and Billing API, all real, all in one folder."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import yaml

from pipeline.cli import run_command
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from pipeline.sandbox.sftp import SandboxSftp, write_key_pair
from pipeline.sandbox.switches import Switches
from tests.servers.openssh import OpenSsh

Json = dict[str, Any]
Row = dict[str, str]

FEEDS: list[Json] = [
    {
        "name": "bills",
        "match": "*_bills_{date:%Y-%m-%d}.csv",
        "model": "bill",
        "amount": {"unit": "major"},
        "unusual": "load",
        "currency": "ZAR",
        "phone_region": "ZA",
    },
    {
        "name": "accounts",
        "match": "*_accounts_{date:%Y-%m-%d}.csv",
        "model": "account_balance",
        "amount": {"unit": "minor"},
        "unusual": "load",
    },
    {
        "name": "balances",
        "match": "*_balances_{date:%Y-%m-%d}.csv",
        "model": "customer_balance",
        "amount": {"unit": "major"},
        "unusual": "load",
    },
]


@dataclass(frozen=True)
class Said:
    """What one command said and did."""

    exit_status: int
    files: list[Json]
    """Summaries, in order."""
    stderr: str
    requests: Counter[str]
    """What the API was asked while it ran: `POST bills` → how often."""

    @property
    def file(self) -> Json:
        (only,) = self.files
        return only

    @property
    def state(self) -> str:
        return str(self.file["state"])

    def outcomes(self, name: str | None = None) -> dict[str, int]:
        """Outcomes of a file that are not zero."""
        summary = self.file if name is None else self.named(name)
        return {key: count for key, count in summary["records"].items() if count and key != "total"}

    def named(self, name: str) -> Json:
        (found,) = [summary for summary in self.files if summary["file"]["name"] == name]
        return found


@dataclass
class Merchant:
    """Use the `merchant` fixture. Settings may be changed before a run; each run reads them anew."""

    folder: Path
    api: SandboxApi
    settings: Json = field(default_factory=dict)
    sftp: SandboxSftp | None = None

    def __post_init__(self) -> None:
        key = self.folder / "api.key"
        key.touch(mode=0o600)
        key.write_text(TEST_KEY)
        for name in ("drop", "out"):
            (self.folder / name).mkdir()
        self.settings = {
            "merchant": "citypower",
            "environment": "test",
            "work_dir": "var",
            "api": {
                "base_url": self.api.url,
                "key_file": "api.key",
                "timeout_s": 2,
                "max_attempts": 3,
                "max_retry_s": 5,
            },
            "drop": {"folder": "drop", "settle_s": 0, "archive": "archive", "quarantine": "quarantine"},
            "ignore": ["*.md"],
            "limits": {"max_reject_ratio": 1.0},
            "feeds": [dict(feed) for feed in FEEDS],
        }

    # -- files --

    @property
    def drop(self) -> Path:
        return self.folder / "drop"

    @property
    def incoming(self) -> Path:
        return self.folder / "sftp" / "incoming"

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

    def run(self, *words: str) -> Said:
        return self._command("run", *words)

    def load(self, *words: str | Path) -> Said:
        return self._command("load", *map(str, words))

    def release(self, file: str, *words: str) -> Said:
        return self._command("release", file, *words)

    def refuse(self, file: str, *words: str) -> Said:
        return self._command("refuse", file, *words)

    def validate(self, *words: str | Path) -> Said:
        return self._command("validate", *map(str, words))

    def rewrite(self, file: str) -> Said:
        return self._command("report", file)

    def status(self) -> Json:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert run_command(["status", "--config", str(self.folder / "config.yaml"), "--json"]) == 0
        found: Json = json.loads(out.getvalue())
        return found

    def _command(self, *words: str) -> Said:
        config = self.folder / "config.yaml"
        config.write_text(yaml.safe_dump(self.settings))
        before = self._asked()
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            exit_status = run_command([*words, "--config", str(config), "--json"])
        document = json.loads(out.getvalue())
        assert document["exit_status"] == exit_status
        return Said(exit_status, document["files"], err.getvalue(), self._asked() - before)

    def _asked(self) -> Counter[str]:
        return Counter(
            f"{request['method']} {request['path'].split('/')[2]}"
            for request in self.api.snapshot()["requests"]
        )

    # -- reports --

    def report(self, summary: Mapping[str, Any]) -> Path:
        """The report folder of a file, by its summary."""
        reports = self.folder / "var" / "reports"
        if summary["run"]["dry_run"]:
            reports /= "dry-run"
        return reports / f"{summary['file']['name']}.{summary['file']['sha256'][:8]}"

    def results(self, said: Said, name: str | None = None) -> list[Row]:
        """Rows of results.csv."""
        return self._rows(said, name, "results.csv")

    def rejects(self, said: Said, name: str | None = None) -> list[Row]:
        """Rows of rejects.csv."""
        return self._rows(said, name, "rejects.csv")

    def _rows(self, said: Said, name: str | None, report: str) -> list[Row]:
        summary = said.file if name is None else said.named(name)
        with (self.report(summary) / report).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

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

    def held(self, kind: str) -> dict[str, Json]:
        """What the API holds of a kind (`bills`), by reference."""
        held = self.api.snapshot()[kind]
        by_reference = {entity["external_reference"]: entity for entity in held}
        assert len(by_reference) == len(held), "a reference was created twice"
        return by_reference

    def switch(self, **switches: Any) -> None:
        """Let the API answer open questions another way."""
        self.api.switches = Switches(**switches)

    def lose_ledger(self) -> None:
        for path in (self.folder / "var").glob("ledger*"):
            path.unlink()

    # -- the SFTP server --

    @contextlib.contextmanager
    def with_sftp(self) -> Iterator[None]:
        """An SFTP server with the usual folders, and no drop folder beside it."""
        files = self.make_sftp_folders()
        key = write_key_pair(self.folder / "id_ed25519")
        with SandboxSftp(files, authorized_key=key) as self.sftp:
            self.use_sftp(self.sftp, self.sftp.known_hosts_line, private_key_file="id_ed25519")
            yield

    def make_sftp_folders(self) -> Path:
        """The usual folders; what is "/" for whoever logs in."""
        for folder in ("incoming", "archive", "quarantine", "reports"):
            (self.folder / "sftp" / folder).mkdir(parents=True)
        return self.folder / "sftp"

    def use_sftp(self, server: SandboxSftp | OpenSsh, known_hosts: str, **settings: Any) -> None:
        """Let the config name that server, and no drop folder beside it."""
        (self.folder / "known_hosts").write_text(known_hosts.rstrip() + "\n")
        self.settings["sftp"] = {
            "host": server.host,
            "port": server.port,
            "username": server.username,
            "known_hosts_file": "known_hosts",
            "settle_s": 0,
            **settings,
        }
        self.settings.pop("drop", None)


def copied(source: Path, target: Path) -> Path:
    """The same bytes elsewhere."""
    return Path(shutil.copy(source, target))
