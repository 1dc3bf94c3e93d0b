"""Imports only go down, each outside thing is behind one door, and `core` looks at nothing outside."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.law import house

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "law",
    [
        house.upward_imports,
        house.broken_doors,
        house.impurities,
        house.hidden_imports,
        house.writes_beside_the_door,
        house.public_names_twice,
        house.import_circles,
    ],
)
def test_the_house_keeps_the_law(law: Callable[[Path], list[str]]) -> None:
    assert law(ROOT) == []


def test_the_law_looks_at_every_room() -> None:
    rooms = {
        path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")
        for path in house.sources(ROOT, "pipeline")
    }
    assert rooms - {"__init__"} == house.MAY_IMPORT.keys() - {"schemas"}


def test_the_bare_package_loads_nothing_before_it_is_asked_for() -> None:
    """What a name of the library needs comes with that name."""
    script = (
        "import sys; before = set(sys.modules); import pipeline; print(sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.partition(".")[0] for name in ast.literal_eval(ran.stdout)}
    assert loaded - sys.stdlib_module_names == {"pipeline"}


def test_long_files_and_functions_are_none_or_have_a_reason() -> None:
    reasons: dict[str, str] = {}
    """`file` or `file::function` → why it may be longer. Empty, and best left so."""
    found = house.too_long(ROOT, "pipeline", "schemas", "docs", "tests")
    assert {name: lines for name, lines in found.items() if name not in reasons} == {}
    assert reasons.keys() <= found.keys(), "a reason without its file"


def test_nothing_is_named_for_nothing() -> None:
    assert house.poor_names(ROOT, "pipeline", "schemas", "docs", "tests") == []


# -- the checkers see what they are there for ----------------------------------------------------------------

SEEN_AS_UPWARD = {
    "pipeline/core/values/money.py": "from pipeline.edge.log import start_logging",
    "pipeline/core/api/send_order.py": "import pipeline.load",
    "pipeline/core/api/rate_limiter.py": "from pipeline import run",
    "schemas/feed.py": "from pipeline.errors import ConfigError",
    "pipeline/report/summary_text.py": "from pipeline.load.loader import load",
    "pipeline/collect/collect.py": "def f():\n    from pipeline.report import describe",
    "pipeline/check/check.py": "from pipeline.collect import Source",
    "pipeline/edge/local/lock.py": "from pipeline.edge.log import mask",
    "pipeline/edge/sftp/source.py": "from pipeline.edge.local import DropFolder",
    "pipeline/edge/local/drop_folder.py": "from pipeline.check import check",
    "pipeline/edge/ledger/files.py": "from ..config import Config",
    "pipeline/load/retrying_client.py": "from pipeline.run.context import RunContext",
    "pipeline/edge/disk.py": "from pipeline.edge.ledger import Ledger",
    "pipeline/run/context.py": "import pipeline.cli",
    "pipeline/monitoring/system_status.py": "from pipeline.run.context import RunContext",
    "pipeline/run/run_pass.py": "from pipeline.sandbox.serve import SandboxApi",
    "pipeline/run/validate.py": "from pipeline.cli.terminal_ui import TerminalUi",
    "pipeline/sandbox/api.py": "from pipeline.core.values.money import exponents",
    "pipeline/sandbox/state.py": "if TYPE_CHECKING:\n    from schemas.feed import Feed",
    "pipeline/edge/billing/api.py": "from tests.servers import proxy",
    "pipeline/tools.py": "",
}
SEEN_AT_THE_DOOR = {
    "pipeline/collect/collect.py": "import paramiko",
    "pipeline/edge/billing/api.py": "import sqlite3",
    "pipeline/edge/local/drop_folder.py": "from paramiko.sftp_client import SFTPClient",
    "pipeline/run/context.py": "def f():\n    import sqlite3",
    "pipeline/load/retrying_client.py": "import httptools.parser",
    "pipeline/edge/log.py": "from yaml import safe_load",
    "pipeline/cli/demo.py": "import asyncssh",
    "pipeline/report/summary_text.py": "from rich import print",
    "schemas/feed.py": "import http.client",
}
SEEN_AS_IMPURE = (
    "import os",
    "import os.path",
    "from time import monotonic",
    "import random",
    "from logging import getLogger",
    "import urllib.request",
    "x = datetime.now(UTC)",
    "x = date.today()",
    "x = path.read_text()",
    "with open('x') as f:\n    pass",
    "def f(p):\n    return p.exists()",
    "x = uuid.uuid4()",
    "x = pl.scan_parquet('x')",
    "print('x')",
)

SEEN_AS_A_WRITE = (
    "folder.mkdir()",
    "path.unlink(missing_ok=True)",
    "part.replace(path)",
    "os.replace(part, path)",
    "os.rename(part, path)",
    "os.open(path, os.O_WRONLY)",
    "with path.open('wb') as file:\n    pass",
    "with open(path, mode='x') as file:\n    pass",
    "path.write_text('x')",
    "shutil.rmtree(folder)",
    "from shutil import rmtree\nrmtree(folder)",
    "with tempfile.TemporaryDirectory() as folder:\n    pass",
    "frame.sink_parquet(path)",
)


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize("name", SEEN_AS_UPWARD)
def test_an_import_that_goes_up_or_aside_is_seen(name: str, tmp_path: Path) -> None:
    tree(
        tmp_path,
        {name: SEEN_AS_UPWARD[name], "pipeline/run/context.py": SEEN_AS_UPWARD["pipeline/run/context.py"]},
    )
    assert any(problem.startswith(name) for problem in house.upward_imports(tmp_path))


@pytest.mark.parametrize("name", SEEN_AT_THE_DOOR)
def test_an_outside_thing_behind_its_door_is_seen(name: str, tmp_path: Path) -> None:
    assert len(house.broken_doors(tree(tmp_path, {name: SEEN_AT_THE_DOOR[name]}))) == 1


@pytest.mark.parametrize("text", SEEN_AS_IMPURE)
def test_a_look_outside_from_core_is_seen(text: str, tmp_path: Path) -> None:
    assert house.impurities(tree(tmp_path, {"pipeline/core/values/money.py": text}))


@pytest.mark.parametrize("text", SEEN_AS_A_WRITE)
def test_a_write_beside_the_door_is_seen(text: str, tmp_path: Path) -> None:
    assert house.writes_beside_the_door(tree(tmp_path, {"pipeline/report/write.py": text})), text


def test_what_only_looks_like_a_write_is_none(tmp_path: Path) -> None:
    texts = "x = 'a'.replace('a', 'b')\nf = frame.rename({'a': 'b'})\nd = path.open('rb')\ns.remove(1)"
    through = "from pipeline.edge.disk import remove\nremove(path)"
    tree(tmp_path, {"pipeline/a.py": texts, "pipeline/b.py": through})
    assert house.writes_beside_the_door(tmp_path) == []


def test_an_import_by_name_is_seen(tmp_path: Path) -> None:
    files = {"pipeline/core/a.py": "importlib.import_module('os')", "schemas/b.py": "__import__('os')"}
    assert len(house.hidden_imports(tree(tmp_path, files))) == 2


def test_a_long_file_and_a_long_function_are_seen(tmp_path: Path) -> None:
    body = "\n".join(["    x = 1"] * house.MAX_FUNCTION_LINES)
    tree(tmp_path, {"pipeline/a.py": f"async def f():\n{body}", "pipeline/b.py": "x = 1\n" * 400})
    assert house.too_long(tmp_path, "pipeline") == {"pipeline/a.py::f": 61, "pipeline/b.py": 401}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pipeline/utils/a.py", ""),
        ("tests/load_helpers.py", ""),
        ("pipeline/a.py", "class FileManager: pass"),
    ],
)
def test_a_name_for_nothing_is_seen(name: str, text: str, tmp_path: Path) -> None:
    assert len(house.poor_names(tree(tmp_path, {name: text}), "pipeline", "tests")) == 1


def test_a_public_name_of_two_modules_is_seen(tmp_path: Path) -> None:
    twice = {
        "pipeline/core/a.py": "class Wire: pass",
        "pipeline/load/b.py": "def Wire(): pass\ndef _x(): pass",
    }
    once = {
        "pipeline/run/c.py": "def _x(): pass\ndef load(): pass",
        "pipeline/cli/__init__.py": "def load(): pass",
    }
    assert len(house.public_names_twice(tree(tmp_path, {**twice, **once}))) == 1


def test_import_circles_are_seen_also_those_that_only_types_make(tmp_path: Path) -> None:
    hidden = "if TYPE_CHECKING:\n    from pipeline.edge.sftp.a import x"
    circle = {
        "pipeline/edge/sftp/a.py": "from pipeline.edge.sftp.b import y",
        "pipeline/edge/sftp/b.py": hidden,
    }
    lawful = {"pipeline/load/__init__.py": "from pipeline.load.c import z", "pipeline/load/c.py": "import os"}
    assert len(house.import_circles(tree(tmp_path, {**circle, **lawful}))) == 1


def test_what_is_lawful_is_not_seen(tmp_path: Path) -> None:
    lawful = {
        "pipeline/edge/sftp/source.py": "import paramiko\nfrom pipeline.edge.disk import x",
        "pipeline/edge/ledger/files.py": "import sqlite3\nfrom pipeline.edge.ledger.database import z",
        "pipeline/core/values/dates.py": "from datetime import datetime\nx = datetime.strptime",
        "pipeline/run/handover.py": "from pipeline.collect import Source",
        "pipeline/cli/demo.py": "from pipeline.sandbox.serve import SandboxApi\nfrom pipeline.run import run_pass",
        "pipeline/load/retrying_client.py": "from urllib.parse import quote\nfrom pipeline.load.context import x",
    }
    tree(tmp_path, lawful)
    laws = (house.upward_imports, house.broken_doors, house.impurities, house.hidden_imports)
    assert [law(tmp_path) for law in laws] == [[], [], [], []]
