"""The sandbox shares no code with what it is there to test."""

import ast
import sys
from pathlib import Path

import pipeline.sandbox

ALLOWED = {"aiohttp", "asyncssh"}


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_it_imports_nothing_but_the_standard_library_and_its_two_servers() -> None:
    files = list(Path(pipeline.sandbox.__path__[0]).glob("**/*.py"))
    assert len(files) > 10
    for file in files:
        for name in imported(file):
            top = name.partition(".")[0]
            own = name.startswith("pipeline.sandbox.") or name == "pipeline.sandbox"
            assert own or top in ALLOWED or top in sys.stdlib_module_names, f"{file.name} imports {name}"
