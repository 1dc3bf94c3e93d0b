"""Billferry carries bill files into Moment's Billing API: `billferry` on the command line, or these names in Python.

What is listed in `__all__` is the library and stays (docs/how-to/python.md); everything else may change at any time.
Importing this package alone loads nothing and changes nothing: the names come from `run.library` when one is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.run.library import Config, RunResult, Settings, load_config, run_pass, validate_files

__all__ = ["Config", "RunResult", "Settings", "load_config", "run_pass", "validate_files"]


def __getattr__(name: str) -> Any:
    """A name of the library, looked up once."""
    if name not in __all__:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
    from pipeline.run import library  # noqa: PLC0415 (what it needs takes a second to import)

    found = globals()[name] = getattr(library, name)
    return found


def __dir__() -> list[str]:
    """The library, for those who explore it."""
    return sorted({*globals(), *__all__})
