"""config.yaml as a shape. Reading it, and the environment over it, is `pipeline/edge/config.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from schemas.feed import Feed, OnReject
from schemas.shape import Shape

Environment = Literal["test", "live"]
Upload = Literal["summary", "results", "rejects"]

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Count = Annotated[int, Field(ge=1)]
Folder = Annotated[Path, Field(strict=False)]
"""A local path; relative ones start at the config's folder."""


class Api(Shape):
    """The Billing API and how hard to press it."""

    base_url: str
    key: SecretStr | None = None
    """Only from the environment (`BILLFERRY_API__KEY`)."""
    key_file: Folder | None = None
    timeout_s: Seconds = 30
    max_in_flight: Annotated[int, Field(ge=1, le=1024)] = 64
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 8
    max_retry_s: Seconds = 600
    key_retention_h: Annotated[float, Field(gt=1, le=24 * 365)] = 24
    update_details: bool = True
    """Patch names, e-mails and phones of existing customers and accounts when the file has new ones."""


class Sftp(Shape):
    """The merchant's SFTP server. Folders are absolute paths on it."""

    host: Annotated[str, Field(min_length=1)]
    port: Port = 22
    username: Annotated[str, Field(min_length=1)]
    private_key_file: Folder | None = None
    passphrase_file: Folder | None = None
    password_file: Folder | None = None
    known_hosts_file: Folder
    incoming: str = "/incoming"
    archive: str | None = "/archive"
    quarantine: str | None = "/quarantine"
    reports: str | None = "/reports"
    upload: list[Upload] = ["summary", "results", "rejects"]
    settle_s: Annotated[float, Field(ge=0, le=86_400)] = 30
    done_marker: str | None = None
    """Name of the trigger file that says "complete", for example `"{name}.done"`."""
    poll_interval_s: Seconds = 60
    timeout_s: Seconds = 30


class Drop(Shape):
    """A local folder where people and programs put bill files."""

    folder: Folder
    settle_s: Annotated[float, Field(ge=0, le=86_400)] = 2
    archive: Folder | None = None
    quarantine: Folder | None = None


class Limits(Shape):
    """A bound on everything that comes from outside."""

    max_file_bytes: Count = 2_147_483_648
    max_records: Count = 20_000_000
    max_record_bytes: Count = 1_048_576
    max_columns: Count = 1000
    max_decompressed_bytes: Count = 8_589_934_592
    max_decompression_ratio: Annotated[float, Field(gt=1)] = 200
    max_reject_ratio: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Refused only above both this and `max_rejects`."""
    max_rejects: Annotated[int, Field(ge=0)] = 100
    on_reject: OnReject = "load_rest"


class Retention(Shape):
    """How long files and outcomes are kept. SHA-256s, open intents and ids are kept for good."""

    landing_days: Count = 30
    reports_days: Count = 400
    outcomes_days: Count = 400


class Settings(Shape):
    """One merchant, one API key, one SFTP server, one work_dir."""

    merchant: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    environment: Environment
    timezone: str = "UTC"
    """Only for `expect_by` and pages; everything stored is UTC."""
    work_dir: Folder = Path("var")
    api: Api
    sftp: Sftp | None = None
    drop: Drop | None = None
    ignore: list[str] = []
    """Name patterns of files that are none of ours."""
    limits: Limits = Limits()
    retention: Retention = Retention()
    metrics_file: Folder | None = None
    feeds: Annotated[list[Feed], Field(min_length=1)]

    @field_validator("feeds")
    @classmethod
    def _feed_names_are_unique(cls, feeds: list[Feed]) -> list[Feed]:
        names = [feed.name for feed in feeds]
        if len(names) != len(set(names)):
            raise ValueError("two feeds have the same name")
        return feeds
