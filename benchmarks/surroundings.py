"""Where and when something was measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def surroundings() -> str:
    """One line: date, processor, cores, system, Python, and how busy the machine was: where others work, seconds mean
    little, and ratios less than they could."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, {platform.system()}"
        f" {platform.release().split('-')[0]}, Python {platform.python_version()},"
        f" load of the last 15 minutes {os.getloadavg()[2]:.1f}"
    )


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
