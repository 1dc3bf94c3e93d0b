"""The container's files as data, and what Docker would do with them where there is no Docker."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.packaging.test_wheel import ran
from tests.world import ROOT

CONTAINER = ROOT / "contrib" / "container"
TMP = "/tmp"  # noqa: S108 (a tmpfs)
"""The one folder beside volumes that may be written."""
IN_IMAGE = ("/src", "/opt")
"""Folders of the build stage."""


class Instruction(NamedTuple):
    """One of the Dockerfile: `RUN`, and what is behind it. `stage` counts `FROM`."""

    stage: int
    name: str
    rest: str


def instructions() -> Iterator[Instruction]:
    """Those of the Dockerfile, in order."""
    text = re.sub(r"^#.*\n", "", (CONTAINER / "Dockerfile").read_text(), flags=re.MULTILINE)
    stage = 0
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            stage += name == "FROM"
            yield Instruction(stage, name, rest.strip())


def copied() -> list[tuple[list[str], str]]:
    """What is copied out of the checkout, and where to."""
    words = [each.rest.split() for each in instructions() if each.name == "COPY"]
    return [(each[:-1], each[-1]) for each in words if not each[0].startswith("--from")]


def build_stage(folder: Path, env: Mapping[str, str]) -> None:
    """Do in `folder` what the build stage says, with `/src` and `/opt` below it."""
    (folder / "src").mkdir(parents=True)
    for each in instructions():
        if each.stage != 1:
            continue
        if each.name == "RUN":
            line = each.rest
            for place in IN_IMAGE:
                line = line.replace(f"{place}/", f"{folder}{place}/")
            ran("/bin/sh", "-ec", line, cwd=folder / "src", env=dict(env))
        elif each.name == "COPY":
            *sources, target = each.rest.split()
            for source in sources:
                _copy(ROOT / source, folder / "src" / target)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def words_of_command(value: Any) -> list[str]:
    """The words of a command or a health check, in either of its two spellings."""
    if isinstance(value, str):
        return [*json.loads(value)] if value.startswith("[") else shlex.split(value)
    if value[0] == "CMD-SHELL":
        return ["/bin/sh", "-c", value[1]]
    return [*value[1:]] if value[0] == "CMD" else [*value]
