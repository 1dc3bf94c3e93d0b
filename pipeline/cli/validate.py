"""`validate`: with a config, or without one for files in the canonical columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from pipeline.edge.config import Config
from pipeline.errors import UsageError
from pipeline.run.progress import Ui
from pipeline.run.validate import canonical_feed, validate_files
from schemas.feed import Model
from schemas.results import RunResult
from schemas.settings import Limits


def validate_as_asked(
    files: Sequence[Path],
    ui: Ui,
    *,
    config: Config | None,
    model: str | None,
    feed: str | None,
    rejects_below: Path | None,
    show: int,
    on_request: Callable[[dict[str, Any]], None],
) -> RunResult:
    """Check files under the config's feeds, or as canonical files of a model. Raises UsageError, ConfigError."""
    if config is not None:
        settings = config.settings
        return validate_files(
            files,
            ui,
            feeds=settings.feeds,
            feed=config.feed(feed) if feed else None,
            limits=settings.limits,
            merchant=settings.merchant,
            environment=settings.environment,
            timezone=settings.timezone,
            rejects_below=rejects_below,
            show=show,
            on_request=on_request,
        )
    if model not in get_args(Model):
        raise UsageError(problem=f"unknown model {model}", remedy=f"use one of {', '.join(get_args(Model))}")
    if feed is not None:
        raise UsageError(problem="--feed and --model exclude each other", remedy="use one of them")
    canonical = canonical_feed(cast(Model, model))
    return validate_files(
        files,
        ui,
        feeds=[canonical],
        feed=canonical,
        limits=Limits(),
        rejects_below=rejects_below,
        show=show,
        on_request=on_request,
    )
