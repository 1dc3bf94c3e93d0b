"""What every view of the page is given: the config, the ledger for reading, and how a page is made."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pipeline.edge.clock import utc_now
from pipeline.edge.config import Config
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.loads_under_way import LoadsUnderWay
from pipeline.errors import BillferryError, FileRefused
from pipeline.report.html.index_page import KnownFile
from pipeline.report.html.render import rendered_below, shared_asset
from pipeline.run.check_notes import check_under_way
from pipeline.run.ledger_sums import LedgerSums
from pipeline.run.preview import Previews
from pipeline.run.stored_documents import StoredDocuments
from pipeline.run.work_dir import existing_ledger
from pipeline.serve.page.people import People, Visitor
from pipeline.serve.page.progress import HowFar, ProgressFeed, progress_of
from schemas.settings import Page, Settings

T = TypeVar("T")
_FOLDER = Path(__file__).parent
TEMPLATES = _FOLDER / "templates"
_STATIC = _FOLDER / "static"
_PRINT_DIGITS = 12
MAX_DIGITS = 19
"""A number in an address has fewer: SQLite counts in 64 bits."""
ASSET_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "site.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "site.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""Name of each file that pages load, and its type."""
_SHARED = ("page.css", "page.js")
"""Those that reports have inside."""


class Kept(Generic[T]):
    """A value that takes long to make, kept until its mark is another one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: tuple[object, T] | None = None

    def get(self, mark: object, make: Callable[[], T]) -> T:
        """The value of that mark; several who ask at once wait for the first."""
        with self._lock:
            if self._kept is None or self._kept[0] != mark:
                self._kept = mark, make()
            return self._kept[1]


Form = Mapping[str, str]
"""The fields of a form by name; of a field that was sent twice, the last."""


@dataclass(frozen=True)
class Site:
    """The page of one merchant, for as long as it is served."""

    config: Config
    page: Page
    people: People
    token_key: bytes
    """Of this process: what forms are signed with."""
    previews: Previews

    month: Kept[dict[str, Any]] = field(default_factory=Kept)

    @cached_property
    def sums(self) -> LedgerSums:
        """What is added up over all files."""
        return LedgerSums(self.settings)

    def look_ahead(self) -> None:
        """Add up what is there, so that the first visitor does not wait for it; what is wrong, visitors will see.

        What another host has forgotten is removed before.
        """
        with suppress(BillferryError), self.ledger() as ledger:
            if ledger is not None:
                StoredDocuments(self.settings, ledger).remove_forgotten()
                self.sums.mark(ledger)

    @property
    def settings(self) -> Settings:
        """The config as values."""
        return self.config.settings

    def ledger(self) -> AbstractContextManager[Ledger | None]:
        """The ledger for reading; None before the first run. Raises as `existing_ledger`."""
        return existing_ledger(self.settings)

    def is_well(self) -> bool:
        """Whether the ledger can be read; before the first run there is none to be read."""
        try:
            with self.ledger():
                return True
        except BillferryError:
            return False

    @cached_property
    def progress(self) -> ProgressFeed:
        """How far the files are that runs work on."""
        return ProgressFeed(self.under_way)

    def under_way(self) -> Mapping[str, HowFar]:
        """SHA-256 → how far that file is, of those that a run works on or will. Raises as `existing_ledger`."""
        with self.ledger() as ledger:
            files = LoadsUnderWay(ledger).all() if ledger is not None else []
        now, check = utc_now(), check_under_way(self.settings) if files else None
        return {file.sha256: progress_of(file, self.settings, now, check) for file in files}

    @cached_property
    def assets(self) -> Mapping[str, bytes]:
        """Name → content of what pages load beside themselves."""
        return {
            name: shared_asset(name) if name in _SHARED else (_STATIC / name).read_bytes()
            for name in ASSET_TYPES
        }

    @cached_property
    def asset_links(self) -> Mapping[str, str]:
        """Name → address, with a print of the content: a new version is another address, so it may be kept for good."""
        return {
            name: f"/static/{name}?{hashlib.sha256(content).hexdigest()[:_PRINT_DIGITS]}"
            for name, content in self.assets.items()
        }

    @staticmethod
    def file(ledger: Ledger | None, key: str) -> FileRow:
        """The file that an address names, by its SHA-256 or as reports link to it.

        Raises HTTPException: there is none, or more than one.
        """
        files = Files(ledger) if ledger is not None else None
        try:
            row = (files.by_sha256(key) or files.by_short_name(key)) if files else None
        except FileRefused:  # two files whose first digits are alike
            row = None
        if row is None:
            raise HTTPException(404, "the ledger knows no such file")
        return row

    def form_token(self, visitor: Visitor) -> str:
        """What a form must send back: it was shown to this person by this process."""
        return hmac.digest(self.token_key, visitor.name.encode(), "sha256").hex()

    def require_form_token(self, visitor: Visitor, token: str) -> None:
        """Compares in constant time. Raises HTTPException: it is not that."""
        if not hmac.compare_digest(self.form_token(visitor).encode(), token.encode()):
            raise HTTPException(
                403, "the page you sent that from is too old; open it again, then try once more"
            )

    def show(
        self, request: Request, template: str, context: Mapping[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """A page of the site from one of its templates."""
        return HTMLResponse(b"".join(self._pieces(request, template, context)), status_code=status)

    @cached_property
    def _sections(self) -> Sequence[tuple[str, str]]:
        """Address and name of what the navigation leads to."""
        payments = [("/payments/", "Payments")] if self.settings.payments is not None else []
        return [
            ("/", "Overview"),
            ("/files/", "Files"),
            ("/search/", "Search"),
            *payments,
            ("/health/", "Health"),
        ]

    def _pieces(self, request: Request, template: str, context: Mapping[str, Any]) -> Iterator[bytes]:
        visitor = visitor_of(request)
        known = {
            "merchant": self.settings.merchant,
            "environment": self.settings.environment,
            "visitor": visitor,
            "token": self.form_token(visitor),
            "assets": self.asset_links,
            "path": request.url.path,
            "sections": self._sections,
        }
        if isinstance(row := context.get("file"), FileRow):
            known["names"] = _names_of(row)
        return rendered_below(TEMPLATES, template, {**known, **context}, timezone=self.settings.timezone)


def _names_of(row: FileRow) -> list[str]:
    """What the page of a file may name in its texts: itself, and the file that it corrects."""
    return [row.name, *([row.rejects_of.rpartition(".")[0]] if row.rejects_of else [])]


def visitor_of(request: Request) -> Visitor:
    """Who sent a request that the guards let through."""
    visitor = request.scope["visitor"]
    if not isinstance(visitor, Visitor):
        raise TypeError("a request reached a view without passing the guards")
    return visitor


def number_asked(request: Request, name: str) -> int | None:
    """A whole number in the address, such as the last row of the page before; None: there is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < MAX_DIGITS else None


def file_address(file: KnownFile) -> str:
    """Where a file is shown."""
    return f"/files/{file.sha256}/"
