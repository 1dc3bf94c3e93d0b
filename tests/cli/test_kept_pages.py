"""Polars' allocator is told how long to keep freed memory before polars is loaded, for it asks once."""

from __future__ import annotations

import os
import subprocess
import sys

from pipeline.cli.kept_pages import KEPT_PAGES

_SCRIPT = """
import os, sys
from pipeline.cli import main
assert "polars" not in sys.modules
sys.argv = ["billferry", "--version"]
try:
    main()
finally:
    print(os.environ["_RJEM_MALLOC_CONF"])
"""


def started(**environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != KEPT_PAGES[0]}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()[-1]


def test_the_allocator_keeps_freed_memory_unless_the_environment_says_otherwise() -> None:
    assert started() == KEPT_PAGES[1]
    assert started(_RJEM_MALLOC_CONF="dirty_decay_ms:1") == "dirty_decay_ms:1"
