"""This machine's clock: the one place where a run reads it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """What this machine takes for the time, in UTC. `run.clock_check` decides whether it is to be believed."""
    return datetime.now(UTC)
