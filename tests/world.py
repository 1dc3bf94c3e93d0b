"""A merchant's world, all real and all in one folder: config, key, drop folder, Billing API, SFTP server, commands.

What a room of tests adds (its rows, its faults, its judge) stands in that room, on top of `World`.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from pipeline.cli import run_command
from pipeline.sandbox.faults import Received
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from pipeline.sandbox.sftp import SandboxSftp, write_key_pair
from tests.ledger_of_world import LedgerOfWorld
from tests.servers.openssh import OpenSsh
from tests.warm import Process, Warm

STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", re.MULTILINE)
"""What lines for people begin with where stderr is no terminal."""
Json = dict[str, Any]
Row = dict[str, str]
Which = Callable[[Received], bool]

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "schemas" / "json"
MARKS = {
    "result": "run_id",
    "status": "open_intents",
    "totals": "groups",
    "export": "not_kept",
    "audit_check": "without_end",
    "audit": "head",
    "doctor": "checks",
    "forget": "was_only_looked_at",
}
"""Schema of a document that `--json` prints → a key that no other one has, of those that come after it."""


@cache
def schema_named(name: str) -> Any:
    """What validates against a schema of `schemas/json`, formats too."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return jsonschema_rs.validator_for(schema, validate_formats=True)


READ_AT_IMPORT = {"FORCE_COLOR", "COLUMNS"}
"""Of the environment: what libraries look at when they are imported, so that a command must be started from cold."""
SFTP_FOLDERS = ("incoming", "archive", "quarantine", "reports")


def unstamped(text: str) -> str:
    """Lines of a log without their times."""
    return STAMP.sub("", text)


def is_trouble(summary: Json) -> bool:
    """Whether a file's summary alone explains an exit status that is not 0."""
    records = summary["records"]
    return (
        summary["state"] in {"unfinished", "refused", "unmatched", "held", "compared_with_differences"}
        or (summary["file"]["kind"] == "reconciliation" and summary["state"] == "validated_with_rejects")
        or bool(summary["holds"])
        or any(records[outcome] for outcome in ("rejected", "conflict", "refused"))
    )


# -- a config --


def feed(name: str, model: str, match: str, unit: str = "major", **facts: Any) -> Json:
    """A feed that loads what is unusual, unless its facts say otherwise; None leaves a key out."""
    said = {
        "name": name,
        "match": match,
        "model": model,
        "amount": {"unit": unit},
        "unusual": "load",
        **facts,
    }
    return {key: value for key, value in said.items() if value is not None}


def merchant_config(url: str, feeds: Sequence[Json], *, api: Mapping[str, Any] | None = None) -> Json:
    """The config of a merchant with a drop folder that never waits; `api` adds to how the API is spoken to."""
    return {
        "merchant": "citypower",
        "environment": "test",
        "work_dir": "var",
        "api": {"base_url": url, "key_file": "api.key", **(api or {})},
        "drop": {"folder": "drop", "settle_s": 0, "archive": "archive"},
        "feeds": [dict(each) for each in feeds],
    }


def write_config(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Whole at any time, for a command that runs beside may read it."""
    path = folder / "config.yaml"
    beside = path.with_name(f".config.{threading.get_ident()}.yaml")
    beside.write_text(yaml.dump(dict(settings), Dumper=yaml.CSafeDumper))
    return beside.replace(path)


def write_key(folder: Path, key: str = TEST_KEY) -> Path:
    """The API's key as a file that only its owner reads."""
    path = folder / "api.key"
    path.touch(mode=0o600)
    path.write_text(f"{key}\n")
    return path


# -- what a command said --


@dataclass(frozen=True)
class Said:
    """What one command said and did."""

    exit_status: int
    stdout: str
    log: str
    """What it said on stderr, as it stands in a log."""
    requests: Counter[str] = field(default_factory=Counter)
    """What the API was asked while it ran: `POST bills` → how often."""

    @property
    def stderr(self) -> str:
        """What it said on stderr, as a terminal shows it: without the time."""
        return unstamped(self.log)

    @property
    def document(self) -> Json:
        """What `--json` prints, as its schema says. It says why the exit status is not 0."""
        found: Json = json.loads(self.stdout)
        kind = next(name for name, key in MARKS.items() if key in found)
        schema_named(kind).validate(found)
        if found.get("exit_status") and kind == "result":
            assert found["errors"] or any(map(is_trouble, found["files"])), found
        return found

    @property
    def files(self) -> list[Json]:
        """Summaries, in order."""
        return list(self.document["files"])

    @property
    def file(self) -> Json:
        (only,) = self.files
        return only

    @property
    def state(self) -> str:
        return str(self.file["state"])

    def named(self, name: str) -> Json:
        (found,) = [summary for summary in self.files if summary["file"]["name"] == name]
        return found

    def outcomes(self, name: str | None = None) -> dict[str, int]:
        """Outcomes that are not zero, of the file of that name or the only one."""
        summary = self.file if name is None else self.named(name)
        return {key: count for key, count in summary["records"].items() if count and key != "total"}


# -- the world --


@dataclass
class World(LedgerOfWorld):
    """A folder with a config, a key and a drop folder, and a Billing API.

    Settings may be changed before a run: `write_config` writes them down.
    """

    folder: Path
    api: SandboxApi
    settings: Json = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """Of commands that are processes of their own."""
    sftp: SandboxSftp | None = None

    def set_up(self, feeds: Sequence[Json], *, folders: Sequence[str] = ("drop",), **api: Any) -> None:
        """Make key and folders, and begin the settings; `api` is how the API is spoken to."""
        write_key(self.folder)
        for name in folders:
            (self.folder / name).mkdir()
        self.settings = merchant_config(self.api.url, feeds, api=api)
        self.begin_ledger()

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def drop(self) -> Path:
        return self.folder / "drop"

    def write_config(self) -> None:
        write_config(self.folder, self.settings)

    def configure_api(self, **api: Any) -> None:
        """Change how the API is spoken to, from now on."""
        self.settings["api"] |= api
        self.write_config()

    # -- commands --

    def command(self, *words: str | Path) -> Said:
        """In this process."""
        before = self.asked()
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            exit_status = run_command([*map(str, words), "--config", str(self.config)])
        return Said(exit_status, out.getvalue(), err.getvalue(), self.asked() - before)

    def json_command(self, *words: str | Path) -> Said:
        """In this process; what it prints is its document, which agrees with how it ends."""
        said = self.command(*words, "--json")
        assert said.document["exit_status"] == said.exit_status
        return said

    def start(self, *words: str | Path, code: str = "", late: str = "", under: Sequence[str] = ()) -> Process:
        """A command as a process of its own in the folder.

        `code` runs in its process before the command is imported, `late` when it has been; `under` is a program that
        runs it, such as strace.
        """
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            **self.environment,
        }
        if not (code or under or READ_AT_IMPORT & environment.keys()):
            return Warm([*map(str, words)], self.folder, environment, code=late)
        script = f"{code}\nimport sys\nfrom pipeline.cli import main\n{late}\nmain()"
        return subprocess.Popen(
            [*under, sys.executable, "-c", script, *words],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def spawn(
        self,
        *words: str | Path,
        code: str = "",
        late: str = "",
        under: Sequence[str] = (),
        timeout_s: float = 60,
    ) -> Said:
        """The same from its start to its end."""
        before = self.asked()
        with self.start(*words, code=code, late=late, under=under) as process:
            out, err = process.communicate(timeout=timeout_s)
        return Said(process.returncode, out, err, self.asked() - before)

    # -- what is there afterwards --

    def asked(self) -> Counter[str]:
        """What the API was asked so far: `POST bills` → how often."""
        return Counter(
            " ".join([request["method"], *request["path"].split("/")[2:3]])
            for request in self.api.snapshot()["requests"]
        )

    def held(self, kind: str) -> dict[str, Json]:
        """What the API holds of a kind (`bills`), by reference; fails when a reference is held twice."""
        held = self.api.snapshot()[kind]
        by_reference = {entity["external_reference"]: entity for entity in held}
        assert len(by_reference) == len(held), f"a reference is held twice among {kind}"
        return by_reference

    def reported(self, name: str, report: str = "results.csv") -> list[Row]:
        """The rows of a report of the only landed file of that name."""
        (path,) = (self.work_dir / "reports").glob(f"{name}.*/{report}")
        return rows_of(path)

    # -- the SFTP server --

    @property
    def incoming(self) -> Path:
        return self.folder / "sftp" / "incoming"

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
        for folder in SFTP_FOLDERS:
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


# -- small things --


def posts(reference: str) -> Which:
    """Whether a request creates that reference; for `Scripted` faults."""
    named = f'"external_reference":"{reference}"'.encode()
    return lambda request: request.method == "POST" and named in request.body


def first(which: Which) -> Which:
    """The first of those requests alone."""
    met: list[int] = []

    def is_it(request: Received) -> bool:
        if not which(request):
            return False
        met.append(request.number)
        return len(met) == 1

    return is_it


def rows_of(report: Path) -> list[Row]:
    with report.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def copied(source: Path, target: Path) -> Path:
    """The same bytes elsewhere."""
    return Path(shutil.copy(source, target))
