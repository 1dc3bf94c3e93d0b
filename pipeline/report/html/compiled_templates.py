"""Compiled templates, kept beside them as Python keeps its own modules: compiling takes longer than a page.

Where the package cannot be written, or Python is told to write no bytecode, each process compiles its own.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from jinja2 import BytecodeCache, FileSystemBytecodeCache, FileSystemLoader
from jinja2.bccache import Bucket

TEMPLATES = Path(__file__).with_name("templates")


class _BesideTemplates(FileSystemBytecodeCache):
    """A page does not fail because what was compiled for it cannot be kept."""

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)


def template_loader() -> FileSystemLoader:
    """Reads the templates of all pages and charts."""
    return FileSystemLoader(TEMPLATES)


def compiled_templates(folder: Path = TEMPLATES / "__pycache__") -> BytecodeCache | None:
    """What keeps them; None where Python writes no bytecode. Another template or Jinja compiles anew."""
    return None if sys.dont_write_bytecode else _BesideTemplates(str(folder))
