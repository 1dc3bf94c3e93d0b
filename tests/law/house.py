"""Checkers of the house's laws over the syntax of its files. Each returns what is wrong, as readable lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

BELOW_STAGES = {"schemas", "errors", "signals", "core", "edge"}
STAGES = {"collect", "check", "load", "report"}
BELOW_RUN = BELOW_STAGES | STAGES | {"payments", "monitoring"}

MAY_IMPORT: dict[str, set[str]] = {
    "schemas": set(),
    "errors": set(),
    "signals": {"errors"},
    "core": {"schemas", "errors"},
    "edge": {"schemas", "errors", "signals", "core"},
    **dict.fromkeys(STAGES, BELOW_STAGES),
    "monitoring": BELOW_STAGES,
    "workers": BELOW_STAGES | {"load"},
    "run": BELOW_RUN | {"workers"},
    "diagnostics": BELOW_RUN | {"run"},
    "payments": BELOW_STAGES | {"load"},
    "serve": BELOW_RUN | {"run"},
    "sandbox": set(),
    "cli": BELOW_RUN | {"run", "workers", "diagnostics", "serve", "sandbox"},
    "__main__": {"cli"},
}
"""Room → rooms below it. A room may always import itself, but for `edge`, whose rooms do not know each other."""

BELOW_EDGE = {"disk", "operator_files"}
"""What every room of `edge` may use: how files are written and read on this machine."""

DOORS: dict[str, tuple[str, ...]] = {
    "paramiko": ("pipeline/edge/sftp/*",),
    "socket": (
        "pipeline/edge/sftp/*",
        "pipeline/edge/billing/*",
        "pipeline/edge/local/listening.py",
        "pipeline/serve/listener.py",
        "pipeline/sandbox/*",
    ),
    "httptools": ("pipeline/edge/billing/*",),
    "aiohappyeyeballs": ("pipeline/edge/billing/*",),
    "aiohttp": ("pipeline/sandbox/*",),
    "http.client": ("pipeline/edge/monitoring/heartbeat.py",),
    "sqlite3": ("pipeline/edge/ledger/*",),
    "yaml": ("pipeline/edge/config/*",),
    "python_calamine": ("pipeline/edge/reader/xls/child.py",),
    "asyncssh": ("pipeline/sandbox/*",),
    "fcntl": ("pipeline/edge/local/lock.py",),
    "typer": ("pipeline/cli/*",),
    "rich": ("pipeline/cli/*",),
    "jinja2": ("pipeline/report/html/*",),
    "prometheus_client": ("pipeline/monitoring/metrics.py",),
    "uvloop": ("pipeline/load/*", "pipeline/serve/serve.py"),
    "starlette": ("pipeline/serve/*",),
    "uvicorn": ("pipeline/serve/listener.py",),
    "python_multipart": ("pipeline/serve/page/streaming.py",),
    "xlsxwriter": ("pipeline/report/totals_workbook.py",),
    "obstore": ("pipeline/edge/store/s3.py",),
    "psycopg": ("pipeline/edge/ledger/postgres/*",),
    "watchfiles": ("pipeline/edge/local/folder_changes.py",),
    **dict.fromkeys(
        ("http.server", "httpx", "requests", "urllib3", "ftplib", "smtplib"),
        (),
    ),
}
"""Package → the only files that may import it; `urllib.parse` is no door."""

IMPURE_MODULES = frozenset(
    """asyncio logging multiprocessing os random secrets selectors shutil signal socket sqlite3 ssl
    subprocess sys tempfile threading time urllib.request""".split()  # noqa: SIM905 (a page of quotes reads worse)
)
IMPURE_CALLS = frozenset(
    """open print input now utcnow today uuid1 uuid4 monotonic urandom getenv
    read_text read_bytes write_text write_bytes exists is_file is_dir stat unlink mkdir rmdir touch
    iterdir glob rglob resolve absolute cwd home expanduser
    scan_csv scan_parquet scan_ndjson read_csv read_parquet read_ndjson
    sink_csv sink_parquet write_csv write_parquet""".split()  # noqa: SIM905
)
"""Called by these names, with or without an object before them: a clock, disk, network, chance or a terminal."""

WRITES = frozenset(
    """mkdir makedirs rmdir unlink remove rename renames write_text write_bytes touch chmod fchmod link symlink
    symlink_to hardlink_to truncate ftruncate fsync rmtree copy copyfile copytree copystat move
    mkstemp mkdtemp TemporaryFile TemporaryDirectory NamedTemporaryFile SpooledTemporaryFile
    sink_parquet sink_csv""".split()  # noqa: SIM905
)
"""Called by these names something is written, made or removed; `replace` and `open` are looked at more closely."""
FRAMES_HAVE = frozenset({"rename", "remove", "copy", "move", "link"})
"""Also methods of frames, lists and sources: of `os` and `shutil` alone they write."""
MODULES_THAT_WRITE = frozenset({"os", "shutil", "tempfile", "path", "Path"})
MAY_WRITE = (
    "pipeline/edge/disk.py",  # the door
    "pipeline/edge/local/lock.py",  # through it, with descriptors that stay open
    "pipeline/edge/ledger/database.py",  # SQLite writes by itself; its complaints are told as the door tells them
    "pipeline/edge/operator_files.py",  # opens to read alone
    "pipeline/report/accepted_file.py",  # into what was opened through it
    "pipeline/edge/local/atomic_move.py",  # moves at a source
    "pipeline/edge/local/drop_folder.py",
    "pipeline/edge/local/file_facts.py",
    "pipeline/edge/sftp/*",  # at a source, and known_hosts
    "pipeline/serve/listener.py",  # a unix socket, where the config wants it
    "pipeline/sandbox/*",
    "pipeline/cli/demo.py",
    "pipeline/cli/shipped_config.py",  # a new config.yaml, where a person wants it
)
"""Files that write without the door."""

POOR_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|managers?|misc)($|_)", re.IGNORECASE)
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def sources(root: Path, *folders: str) -> Iterator[Path]:
    """Python files below folders of a tree."""
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def tree_of(path: Path) -> ast.Module:
    """A file of the program as its syntax; read once, however many laws look at it."""
    return _parsed(path.read_text(encoding="utf-8"))


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def imported(root: Path, path: Path) -> Iterator[tuple[str, int]]:
    """Every imported module of a file, with its line; a name from a package counts as the module it may be."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(root, path, node)
            for alias in node.names:
                below = root / Path(*base.split("."), alias.name)
                is_module = below.is_dir() or below.with_suffix(".py").exists()
                yield (f"{base}.{alias.name}" if is_module else base), node.lineno


def _absolute(root: Path, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(root).with_suffix("").parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def room(module: str) -> tuple[str, str] | None:
    """(room, room within `edge`) of one of our modules; None for others."""
    parts = module.split(".")
    if parts[0] == "schemas":
        return "schemas", ""
    if parts[0] in {"docs", "tests"}:
        return parts[0], ""
    if parts[0] != "pipeline" or len(parts) == 1:
        return None
    sub = parts[2] if parts[1] == "edge" and len(parts) > 2 else ""
    return parts[1], sub


def upward_imports(root: Path) -> list[str]:
    """Imports that do not go down, between stages, or between rooms of `edge`."""
    problems = []
    for path in sources(root, "pipeline", "schemas"):
        here = room(".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
        if here is None:
            continue  # pipeline/__init__.py, which imports nothing: see bare_package
        if here[0] not in MAY_IMPORT:
            problems.append(f"{path.relative_to(root)}: {here[0]} has no place in the house")
            continue
        for module, line in imported(root, path):
            there = room(module)
            if (
                there is None
                or there == here
                or (here[0] == "edge" and there[0] == "edge" and there[1] in BELOW_EDGE)
            ):
                continue
            if there[0] not in MAY_IMPORT[here[0]]:
                problems.append(f"{path.relative_to(root)}:{line}: {here[0]} imports {module}")
    return problems


def broken_doors(root: Path, doors: Mapping[str, tuple[str, ...]] = DOORS) -> list[str]:
    """Packages imported elsewhere than at their door."""
    problems = []
    for path in sources(root, "pipeline", "schemas"):
        name = path.relative_to(root).as_posix()
        for module, line in imported(root, path):
            for package, files in doors.items():
                inside = module == package or module.startswith(f"{package}.")
                if inside and not any(fnmatchcase(name, pattern) for pattern in files):
                    problems.append(f"{name}:{line}: {module} is imported behind its door")
    return problems


def impurities(root: Path) -> list[str]:
    """What in `core` could look at a clock, a disk, a network, chance or a log."""
    problems = []
    for path in sources(root, "pipeline/core"):
        name = path.relative_to(root).as_posix()
        for module, line in imported(root, path):
            if module in IMPURE_MODULES or module.partition(".")[0] in IMPURE_MODULES:
                problems.append(f"{name}:{line}: imports {module}")
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                called = node.func
                word = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if word in IMPURE_CALLS:
                    problems.append(f"{name}:{node.lineno}: calls {word}")
    return problems


def hidden_imports(root: Path) -> list[str]:
    """Imports that the other checkers could not see."""
    problems = []
    for path in sources(root, "pipeline", "schemas"):
        for node in ast.walk(tree_of(path)):
            word = getattr(node, "attr", getattr(node, "id", ""))
            if word in {"import_module", "__import__"}:
                problems.append(f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}: {word}")
    return problems


def writes_beside_the_door(root: Path, allowed: tuple[str, ...] = MAY_WRITE) -> list[str]:
    """What writes, makes or removes files elsewhere than through `disk`, where a full disk is told."""
    problems = []
    for path in sources(root, "pipeline"):
        name = path.relative_to(root).as_posix()
        if any(fnmatchcase(name, pattern) for pattern in allowed):
            continue
        through_it = {
            alias.asname or alias.name
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ImportFrom) and node.module == "pipeline.edge.disk"
            for alias in node.names
        }
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and _writes(node, through_it):
                problems.append(f"{name}:{node.lineno}: {ast.unparse(node.func)}")
    return problems


def _writes(call: ast.Call, through_it: set[str]) -> bool:
    called = call.func
    if isinstance(called, ast.Name):
        return called.id in WRITES - through_it or (called.id == "open" and _opens_to_write(call, 1))
    if not isinstance(called, ast.Attribute):
        return False
    if called.attr == "open":
        of_os = isinstance(called.value, ast.Name) and called.value.id == "os"
        return of_os or _opens_to_write(call, 0)
    if called.attr == "replace":  # of a text there are two arguments
        of_os = isinstance(called.value, ast.Name) and called.value.id == "os"
        return of_os or (len(call.args) == 1 and not call.keywords)
    return called.attr in WRITES - FRAMES_HAVE or (
        called.attr in WRITES and isinstance(called.value, ast.Name) and called.value.id in MODULES_THAT_WRITE
    )


def _opens_to_write(call: ast.Call, mode_at: int) -> bool:
    modes = [call.args[mode_at]] if len(call.args) > mode_at else []
    modes += [each.value for each in call.keywords if each.arg == "mode"]
    return any(isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax+") for mode in modes)


class Definition(NamedTuple):
    """A class or a function."""

    name: str
    line: int
    lines: int
    is_class: bool


@cache
def definitions(text: str) -> list[Definition]:
    return [
        Definition(
            node.name,
            node.lineno,
            (node.end_lineno or node.lineno) - node.lineno + 1,
            isinstance(node, ast.ClassDef),
        )
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]


def too_long(root: Path, *folders: str) -> dict[str, int]:
    """`file` or `file::function` → lines, of those over the bounds."""
    found = {}
    for path in sources(root, *folders):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        if (lines := text.count("\n")) > MAX_FILE_LINES:
            found[name] = lines
        for definition in definitions(text):
            if not definition.is_class and definition.lines > MAX_FUNCTION_LINES:
                found[f"{name}::{definition.name}"] = definition.lines
    return found


def poor_names(root: Path, *folders: str) -> list[str]:
    """Files, folders, classes and functions that are named for nothing."""
    problems = []
    for path in sources(root, *folders):
        relative = path.relative_to(root)
        problems += [str(relative) for part in relative.with_suffix("").parts if POOR_NAMES.search(part)]
        for name, line, *_ in definitions(path.read_text(encoding="utf-8")):
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
            if POOR_NAMES.search(words) and not words.startswith("test_"):
                problems.append(f"{relative}:{line}: {name}")
    return problems


def public_names_twice(root: Path) -> list[str]:
    """Public classes and functions that two modules define; the sandbox speaks for itself."""
    found: dict[str, list[str]] = {}
    for path in sources(root, "pipeline", "schemas"):
        name = path.relative_to(root).as_posix()
        if name.startswith("pipeline/sandbox/"):
            continue
        for node in tree_of(path).body:
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and node.name[0] != "_"
            ):
                found.setdefault(node.name, []).append(name)
    commands = {"pipeline/cli/__init__.py"}  # a command's function has the command's name, whatever it calls
    return [
        f"{name}: {', '.join(files)}"
        for name, files in found.items()
        if len(files) > 1 and not commands.intersection(files)
    ]


def import_circles(root: Path) -> list[str]:
    """Modules that import each other, directly or through others, `TYPE_CHECKING` included."""
    below = {
        path: sorted({*_files_imported(root, path)} - {path}) for path in sources(root, "pipeline", "schemas")
    }
    problems, done = [], set[Path]()

    def walk(path: Path, trail: list[Path]) -> None:
        if path in trail:
            circle = [*trail[trail.index(path) :], path]
            problems.append(" → ".join(each.relative_to(root).as_posix() for each in circle))
        elif path not in done:
            for each in below.get(path, []):
                walk(each, [*trail, path])
            done.add(path)

    for path in below:
        walk(path, [])
    return problems


def _files_imported(root: Path, path: Path) -> Iterator[Path]:
    for module, _ in imported(root, path):
        place = root / Path(*module.split("."))
        package = place / "__init__.py"
        if package.exists():
            yield package
        elif place.with_suffix(".py").exists():
            yield place.with_suffix(".py")
