"""The base that every shape shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LocalPath = Annotated[Path, Field(strict=False)]
"""A local file or folder; relative paths start at the config's folder."""


class Shape(BaseModel):
    """A frozen model that takes no unknown keys, converts no types and never repeats a bad value in its errors."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        extra="forbid",
        hide_input_in_errors=True,  # a rejected value may be a secret or personal data
    )
