"""config.yaml as a shape. Reading it, and the environment over it, is `pipeline/edge/config/`."""

from __future__ import annotations

from pathlib import Path
from posixpath import normpath
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from schemas.feed import Feed, OnReject
from schemas.shape import LocalPath, Shape

Environment = Literal["test", "live"]
Upload = Literal["summary", "results", "rejects", "page"]
PageRole = Literal["read", "upload", "approve"]

PaymentColumn = Literal[
    "seq",
    "event_id",
    "payment_id",
    "obligation_id",
    "paid_at",
    "received_at",
    "source",
    "kind",
    "customer_reference",
    "account_reference",
    "bill_reference",
    "customer_id",
    "account_id",
    "bill_id",
    "currency",
    "amount_minor",
    "amount",
    "bill_amount_due_minor",
    "bill_paid_total_minor",
    "bill_status",
    "source_file",
    "record",
    "outcome",
    "codes",
]

BUCKET_ADDRESS = r"^s3://[a-z0-9][a-z0-9.-]+(/[A-Za-z0-9!_.*'()/-]*)?$"
"""`s3://BUCKET/PREFIX`. Source: Amazon S3's user guide, names of buckets, and of objects without special handling."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Count = Annotated[int, Field(ge=1, le=2**63 - 1)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class Api(Shape):
    """The Billing API and the load that may be put on it."""

    base_url: str
    """Address of the API. Plain HTTP is accepted only for this machine."""
    key: SecretStr | None = None
    """The secret key; only from the environment (`BILLFERRY_API__KEY`)."""
    key_file: LocalPath | None = None
    """File with the secret key, readable only by its owner."""
    timeout_s: Seconds = 30
    """Time limit for one request, from connecting to the last byte of its answer."""
    max_in_flight: Annotated[int, Field(ge=1, le=1024)] = 64
    """Most requests at the same time."""
    requests_per_second: Annotated[float, Field(ge=0.001, le=1_000_000)] | None = None
    """Most requests per second; null: as fast as the API allows."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 8
    """How often one request is sent before it is left in doubt for the next run."""
    max_retry_s: Seconds = 600
    """How long one request is retried before it is left in doubt; whichever limit is reached first."""
    key_retention_h: Annotated[float, Field(gt=1, le=24 * 365)] = 24
    """How long the API remembers an idempotency key. Older requests in doubt are looked up before they are resent."""
    update_details: bool = True
    """Update names, e-mails and phones of existing customers and accounts when the file has new values."""
    check_ids: Literal["sampled", "all", "none"] = "sampled"
    """Ids that are looked up before a file first uses them: every 100th, at most 20 per file (`sampled`); `all`, which
    costs one request per customer and account; or `none`. If an id belongs to another object, the run stops."""


class Sftp(Shape):
    """The merchant's SFTP server. Folders are absolute paths on it."""

    host: Annotated[str, Field(min_length=1)]
    """Host name or address of the server."""
    port: Port = 22
    """Port of the server."""
    username: Annotated[str, Field(min_length=1)]
    """Login name."""
    private_key_file: LocalPath | None = None
    """Private key for the login (Ed25519, RSA or ECDSA), readable only by its owner."""
    passphrase_file: LocalPath | None = None
    """File with the passphrase of an encrypted key."""
    password_file: LocalPath | None = None
    """File with the password, for servers without key login."""
    known_hosts_file: LocalPath
    """The pinned host keys, in OpenSSH format. Unknown host keys are never accepted."""
    incoming: str = "/incoming"
    """Folder with the bill files."""
    archive: str | None = "/archive"
    """Folder to which finished files are moved; null: they stay, and only the ledger records that they are finished."""
    quarantine: str | None = "/quarantine"
    """Folder to which refused files are moved; null: they stay."""
    reports: str | None = "/reports"
    """Folder to which reports are uploaded; null: none."""
    upload: list[Upload] = ["summary", "results", "rejects"]
    """The reports to upload; `page` is `report.html`."""
    payments: str | None = None
    """Folder to which payments files are uploaded; null: they are kept in `work_dir/payments` only."""
    settle_s: Annotated[float, Field(ge=0, le=86_400)] = 30
    """A file is taken once its size and modification time are unchanged for this long."""
    done_marker: str | None = None
    """Name of the trigger file that marks a file as complete, for example `"{name}.done"`."""
    poll_interval_s: Seconds = 60
    """How often `billferry watch` checks the server."""
    timeout_s: Seconds = 30
    """Time limit for connecting, for each step of the login, and for every read."""

    @model_validator(mode="after")
    def _finished_files_go_elsewhere(self) -> Sftp:
        places = [path and normpath(path.replace("//", "/")) for path in self.folders()]
        incoming, archive, quarantine, reports, payments = places
        if incoming in {archive, quarantine}:
            raise ValueError(
                "archive and quarantine must be other folders than incoming, or null: files stay"
            )
        for name, folder in (("reports", reports), ("payments", payments)):
            if folder is not None and folder in {incoming, archive, quarantine}:
                raise ValueError(f"{name} must be another folder than incoming, archive and quarantine")
        return self

    def folders(self) -> tuple[str | None, ...]:
        """Every folder that the config names on the server, and null where there is none."""
        return self.incoming, self.archive, self.quarantine, self.reports, self.payments


class Drop(Shape):
    """A local folder where people and programs put bill files."""

    folder: LocalPath
    """The folder."""
    settle_s: Annotated[float, Field(ge=0, le=86_400)] = 2
    """A file is taken once its size and modification time are unchanged for this long."""
    archive: LocalPath | None = None
    """Folder to which finished files are moved; null: they stay."""
    quarantine: LocalPath | None = None
    """Folder to which refused files are moved; null: they stay."""


class Limits(Shape):
    """Limits on everything that comes from outside."""

    max_file_bytes: Count = 2_147_483_648
    """Larger files are refused, before and during the transfer."""
    max_records: Count = 20_000_000
    """Files with more records are refused."""
    max_record_bytes: Count = 1_048_576
    """Files with a longer line are refused."""
    max_columns: Count = 1000
    """Files with more columns are refused."""
    max_decompressed_bytes: Count = 8_589_934_592
    """Largest size of a compressed file or a workbook after decompression."""
    max_decompression_ratio: Annotated[float, Field(gt=1)] = 200
    """Largest ratio of the decompressed size to the size of a compressed file or a workbook."""
    max_reject_ratio: Annotated[float, Field(ge=0, le=1)] = 0.2
    """A file of 20 records or more is refused if a larger share of them is rejected; a smaller file if more than half
    are. 1.0: no file is refused because of rejects. Corrections are never refused for this."""
    max_rejects: Annotated[int, Field(ge=0)] | None = None
    """A file is refused if more records are rejected, whatever their share. null: only the share counts."""
    on_reject: OnReject = "load_rest"
    """`load_rest` loads the good records of a file; `refuse_file` refuses the whole file if any record is rejected."""


class Retention(Shape):
    """How many days files and outcomes are kept; `run` and `watch` delete older ones.

    SHA-256s, open intents, ids, and everything that belongs to an unfinished file are never deleted.
    """

    landing_days: Days = 30
    """Billferry's copies of finished and refused files. `billferry retry` needs them."""
    reports_days: Days = 400
    """Report folders."""
    outcomes_days: Days = 400
    """Outcomes of single records in the ledger."""


class Ping(Shape):
    """A monitor that expects regular requests: GET `…/start`, then `…` or `…/fail`."""

    url: SecretStr | None = None
    """The address; only from the environment (`BILLFERRY_PING__URL`). Secret, since it is enough to report success."""
    url_file: LocalPath | None = None
    """File with the address, readable only by its owner. Plain HTTP is accepted only for this machine."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5
    """Time limit for one ping. A failed ping is only a warning."""


NotifyEvent = Literal["failure", "attention", "held", "late"]


class Notify(Shape):
    """A program of your own that is told what needs a person."""

    command: Annotated[str, Field(min_length=1)] | None = None
    """Program and arguments; no shell is involved. A relative path starts at the config's folder. It gets one JSON
    document on its standard input, and nothing of the environment that may be secret."""
    on: list[NotifyEvent] = ["failure", "attention", "held", "late"]
    """What it is told of: a run that could not finish; rejected records, refused and unmatched files; held files; late
    feeds. Each is told once, a failure that lasts once a day."""
    digest_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    """Time of day, in quotes and in `timezone`, after which the day's first run tells how things stand; null: never."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10
    """Time limit. A command that fails is only a warning; the next run tells it again."""


class S3(Shape):
    """The server that has the bucket of `store`, and the right to use it."""

    endpoint: str | None = None
    """Address of a server that is not Amazon's. Plain HTTP is accepted only for this machine."""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    """Its region; null: as `AWS_REGION` says."""
    credentials_file: LocalPath | None = None
    """File with `aws_access_key_id` and `aws_secret_access_key`, as the AWS CLI writes it, readable only by its owner;
    null: from the environment (`AWS_ACCESS_KEY_ID` and its like), or by the role of the machine."""


class Payments(Shape):
    """Payments that the API reports back: how they are received, kept and handed to the merchant."""

    listen: Annotated[str, Field(min_length=1)] | None = None
    """Where webhooks are received: `ADDRESS:PORT` or `unix:/PATH`; null: nowhere. Encryption (TLS) is the task of a
    proxy in front of it."""
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")] = "/webhooks/moment"
    """Path of the webhook's address."""
    secret_files: list[LocalPath] = []
    """Files with the webhook's signing secrets, readable only by their owner. Each one is valid: while a secret is
    replaced, name the new one beside the old one."""
    tolerance_s: Seconds = 180
    """How far the time stamp of a delivery may be from this machine's clock."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=16_777_216)] = 65_536
    """Larger deliveries are refused."""
    max_inbox_bytes: Count = 8_589_934_592
    """Largest size of the inbox. A full inbox answers 503, and the API delivers again later."""
    export: Annotated[str, Field(pattern=r"^(each_run|hourly|daily ([01][0-9]|2[0-3]):[0-5][0-9])$")] = (
        "daily 18:00"
    )
    """When `run` and `watch` write a payments file: `each_run`, `hourly`, or `daily HH:MM` in `timezone`."""
    columns: Annotated[dict[PaymentColumn, str], Field(min_length=1)] | None = None
    """Columns of payments files, in order, with the names they have there: `{payment_id: Reference, amount: Paid}`;
    null: all columns under their own names."""
    retention_days: Days = 400
    """How long the bodies of deliveries are kept. What they came to is kept for good."""

    @model_validator(mode="after")
    def _deliveries_are_verified(self) -> Payments:
        if self.listen is not None and not self.secret_files:
            raise ValueError("listen needs secret_files: deliveries that nobody signed are not payments")
        return self

    @field_validator("columns")
    @classmethod
    def _column_names_differ(
        cls, columns: dict[PaymentColumn, str] | None
    ) -> dict[PaymentColumn, str] | None:
        if columns is not None and len(set(columns.values())) != len(columns):
            raise ValueError("two columns have the same name")
        return columns


class PageIdentity(Shape):
    """Who uses the page, as a reverse proxy says it."""

    header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] = "X-Remote-User"
    """The header that names the person. The proxy must set it on every request, in place of one that was sent."""
    secret_file: LocalPath | None = None
    """File with a secret, readable only by its owner, that the proxy sends with every request; needed on an address,
    where others could name themselves. On a unix socket the rights of the socket do that."""
    secret_header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] = "X-Billferry-Secret"  # noqa: S105 (a name)
    """The header with that secret."""


class Page(Shape):
    """The page in the browser: drop files, look at them, let them be loaded."""

    listen: Annotated[str, Field(min_length=1)] | None = None
    """Where the page is served: `ADDRESS:PORT` or `unix:/PATH`; null: nowhere. Encryption (TLS) is the task of a proxy
    in front of it."""
    identity: PageIdentity | Literal["local"] = "local"
    """`local`: one person on this machine, on a loopback address; or the header in which a proxy names the person."""
    approvals: Literal["none", "second_person"] = "none"
    """`second_person`: whoever dropped a file cannot release it."""
    roles: dict[PageRole, list[Annotated[str, Field(min_length=1)]]] = {}
    """Who may do what: names of people, or `*` for everybody. Without any role everybody may do everything; with one,
    nobody may do what is not named. Who may `upload` or `approve` may `read`."""
    approval_days: Days = 7
    """A release that no run has taken up for so long counts no more."""

    @model_validator(mode="after")
    def _people_can_be_told_apart(self) -> Page:
        if self.identity == "local" and self.approvals == "second_person":
            raise ValueError(
                "approvals: second_person needs identity with a header; local knows one person alone"
            )
        return self


class Settings(Shape):
    """One merchant, one API key, one SFTP server, one work_dir."""

    merchant: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """Your name for the merchant; part of the ledger and of the idempotency keys, so do not change it."""
    environment: Environment
    """`test` or `live`; must match the prefix of the API key. Like `merchant`, part of the ledger and the keys."""
    timezone: str = "UTC"
    """The merchant's time zone, for `expect_by`, messages, notes and pages. Stored times are UTC."""
    work_dir: LocalPath = Path("var")
    """Ledger, landing, reports and lock; private to its owner. Never delete it: it records what was sent."""
    ledger: Annotated[str, Field(pattern=r"^(sqlite|postgresql://\S+)$")] = "sqlite"
    """`sqlite`: a file below work_dir; or `postgresql://…`, a database of this merchant alone (needs
    `billferry[postgres]`). A password is not part of the address."""
    ledger_password_file: LocalPath | None = None
    """File with the password of the PostgreSQL ledger, readable only by its owner."""
    store: Annotated[str, Field(pattern=BUCKET_ADDRESS)] | LocalPath | None = None
    """Where hosts that share a ledger find what any of them received and reported: a folder that all of them have, or
    `s3://BUCKET/PREFIX` (needs `billferry[s3]`); null: each host keeps it in its own work_dir alone."""
    s3: S3 | None = None
    """How that bucket is reached; absent: Amazon's, with what the environment says."""
    api: Api
    """The Billing API."""
    sftp: Sftp | None = None
    """The merchant's SFTP server; absent: no server."""
    drop: Drop | None = None
    """A folder for files dropped by hand; absent: none."""
    ignore: list[str] = []
    """Name patterns of files to ignore."""
    limits: Limits = Limits()
    """Limits on files."""
    retention: Retention = Retention()
    """How long data is kept."""
    metrics_file: LocalPath | None = None
    """A `.prom` file for node_exporter's textfile collector, written after each run, world-readable; null: none."""
    ping: Ping | None = None
    """A monitor to which `run` and `watch` report; absent: none."""
    notify: Notify | None = None
    """A program that `run` and `watch` tell what needs a person; absent: none."""
    payments: Payments | None = None
    """Payments that the API reports back; absent: they are not looked at."""
    page: Page | None = None
    """The page in the browser; absent: none."""
    feeds: Annotated[list[Feed], Field(min_length=1)]
    """One for each kind of bill file."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the times that are shown."""
        return ZoneInfo(self.timezone)

    @field_validator("feeds")
    @classmethod
    def _feed_names_are_unique(cls, feeds: list[Feed]) -> list[Feed]:
        names = [feed.name for feed in feeds]
        if len(names) != len(set(names)):
            raise ValueError("two feeds have the same name")
        return feeds
