"""config.yaml as a shape. Reading it, and the environment over it, is `pipeline/edge/config.py`."""

from __future__ import annotations

from pathlib import Path
from posixpath import normpath
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from schemas.feed import Feed, OnReject
from schemas.shape import Shape

Environment = Literal["test", "live"]
Upload = Literal["summary", "results", "rejects", "page"]

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Count = Annotated[int, Field(ge=1, le=2**63 - 1)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Folder = Annotated[Path, Field(strict=False)]
"""A local path; relative ones start at the config's folder."""


class Api(Shape):
    """The Billing API and how hard to press it."""

    base_url: str
    """Address of the API. Plain HTTP is accepted for this machine only."""
    key: SecretStr | None = None
    """Only from the environment (`BILLFERRY_API__KEY`)."""
    key_file: Folder | None = None
    """File with the secret key, readable by its owner only."""
    timeout_s: Seconds = 30
    """For one request, from connecting to the last byte of its answer."""
    max_in_flight: Annotated[int, Field(ge=1, le=1024)] = 64
    """Requests at once."""
    requests_per_second: Annotated[float, Field(ge=0.001, le=1_000_000)] | None = None
    """A limit of your own; null: as fast as the API allows."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 8
    """Sends of one request before it is left in doubt for the next run."""
    max_retry_s: Seconds = 600
    """The same bound in time; whichever comes first."""
    key_retention_h: Annotated[float, Field(gt=1, le=24 * 365)] = 24
    """How long the API remembers an idempotency key. An older request in doubt is looked up before it is sent again."""
    update_details: bool = True
    """Patch names, e-mails and phones of existing customers and accounts when the file has new ones."""
    check_ids: Literal["sampled", "all", "none"] = "sampled"
    """Ids that are looked up before a file first sends by them: every 100th, at most 20 a file; all, which costs a
    request for each customer and account; or none. An id that turns out to be another's stops the run."""


class Sftp(Shape):
    """The merchant's SFTP server. Folders are absolute paths on it."""

    host: Annotated[str, Field(min_length=1)]
    """Name or address of the server."""
    port: Port = 22
    """Its port."""
    username: Annotated[str, Field(min_length=1)]
    """Who logs in."""
    private_key_file: Folder | None = None
    """Key to log in with (Ed25519, RSA or ECDSA), readable by its owner only."""
    passphrase_file: Folder | None = None
    """File with the passphrase of an encrypted key."""
    password_file: Folder | None = None
    """File with the password, for servers without key log-in."""
    known_hosts_file: Folder
    """The pinned host keys, in the format of OpenSSH. Nothing accepts unknown ones."""
    incoming: str = "/incoming"
    """Where bill files are found."""
    archive: str | None = "/archive"
    """Where finished files are moved; null: they stay, and the ledger alone remembers them."""
    quarantine: str | None = "/quarantine"
    """Where refused files are moved; null: they stay."""
    reports: str | None = "/reports"
    """Where reports are put back; null: nowhere."""
    upload: list[Upload] = ["summary", "results", "rejects"]
    """Which of the reports are put back; `page` is `report.html`."""
    settle_s: Annotated[float, Field(ge=0, le=86_400)] = 30
    """A file is taken when its size and time stood still so long."""
    done_marker: str | None = None
    """Name of the trigger file that says "complete", for example `"{name}.done"`."""
    poll_interval_s: Seconds = 60
    """Time between two looks at the server by `billferry watch`."""
    timeout_s: Seconds = 30
    """For connecting, each step of the log-in, and every read."""

    @model_validator(mode="after")
    def _finished_files_go_elsewhere(self) -> Sftp:
        places = [path and normpath(path.replace("//", "/")) for path in self._folders()]
        incoming, archive, quarantine, reports = places
        if incoming in {archive, quarantine}:
            raise ValueError(
                "archive and quarantine must be other folders than incoming, or null: files stay"
            )
        if reports is not None and reports in {incoming, archive, quarantine}:
            raise ValueError("reports must be another folder than incoming, archive and quarantine")
        return self

    def _folders(self) -> tuple[str | None, ...]:
        return self.incoming, self.archive, self.quarantine, self.reports


class Drop(Shape):
    """A local folder where people and programs put bill files."""

    folder: Folder
    """Where files are dropped."""
    settle_s: Annotated[float, Field(ge=0, le=86_400)] = 2
    """A file is taken when its size and time stood still so long."""
    archive: Folder | None = None
    """Where finished files are moved; null: they stay."""
    quarantine: Folder | None = None
    """Where refused files are moved; null: they stay."""


class Limits(Shape):
    """A bound on everything that comes from outside."""

    max_file_bytes: Count = 2_147_483_648
    """Larger files are refused, before and while they are fetched."""
    max_records: Count = 20_000_000
    """Files with more records are refused."""
    max_record_bytes: Count = 1_048_576
    """Files with a longer line are refused."""
    max_columns: Count = 1000
    """Files with more columns are refused."""
    max_decompressed_bytes: Count = 8_589_934_592
    """What a compressed file or a workbook may become."""
    max_decompression_ratio: Annotated[float, Field(gt=1)] = 200
    """How many times its size a compressed file or a workbook may become."""
    max_reject_ratio: Annotated[float, Field(ge=0, le=1)] = 0.2
    """A file of 20 records or more is refused when a larger share of them is rejected; one of fewer when more than half
    are. 1.0: no file is refused for its rejects. Corrections never are."""
    max_rejects: Annotated[int, Field(ge=0)] | None = None
    """A file is refused when more records are rejected, whatever their share. null: the share alone counts."""
    on_reject: OnReject = "load_rest"
    """`load_rest` loads the good records of a file; `refuse_file`: all or nothing."""


class Retention(Shape):
    """How long files and outcomes are kept, in days; looked after by `run` and `watch`.

    SHA-256s, open intents and ids are kept for good, and whatever belongs to a file that is not finished.
    """

    landing_days: Days = 30
    """Our copies of finished and refused files. `billferry retry` needs them."""
    reports_days: Days = 400
    """Report folders."""
    outcomes_days: Days = 400
    """Outcomes of single records in the ledger."""


class Ping(Shape):
    """A monitor that waits for a sign of life: GET `…/start`, then `…` or `…/fail`."""

    url: SecretStr | None = None
    """Only from the environment (`BILLFERRY_PING__URL`): whoever knows it can say that all is well."""
    url_file: Folder | None = None
    """File with the address, readable by its owner only. Plain HTTP is accepted for this machine only."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5
    """For one ping. One that fails is a warning and no more."""


class Settings(Shape):
    """One merchant, one API key, one SFTP server, one work_dir."""

    merchant: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """Your name for the merchant; bound into the ledger and the idempotency keys."""
    environment: Environment
    """`test` or `live`; must fit the prefix of the API key, and is bound like `merchant`."""
    timezone: str = "UTC"
    """The merchant's time zone, for `expect_by`, messages, notes and pages; all that is stored as a time is UTC."""
    work_dir: Folder = Path("var")
    """Ledger, landing, reports and lock; private to its owner. Never delete it: it remembers what was sent."""
    api: Api
    """The Billing API."""
    sftp: Sftp | None = None
    """The merchant's SFTP server; absent: files only come by hand."""
    drop: Drop | None = None
    """A folder for files dropped by hand; absent: none."""
    ignore: list[str] = []
    """Name patterns of files that are none of ours."""
    limits: Limits = Limits()
    """Bounds on files."""
    retention: Retention = Retention()
    """How long things are kept."""
    metrics_file: Folder | None = None
    """A `.prom` file for node_exporter's textfile collector, written after each run, readable by all; null: none."""
    ping: Ping | None = None
    """A monitor that is told of every `run` and of what `watch` does; absent: nobody is."""
    feeds: Annotated[list[Feed], Field(min_length=1)]
    """One per kind of bill file."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which people read times."""
        return ZoneInfo(self.timezone)

    @field_validator("feeds")
    @classmethod
    def _feed_names_are_unique(cls, feeds: list[Feed]) -> list[Feed]:
        names = [feed.name for feed in feeds]
        if len(names) != len(set(names)):
            raise ValueError("two feeds have the same name")
        return feeds
