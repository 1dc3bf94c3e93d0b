"""`forget` in the inbox: bodies of deliveries and references go, also from payments files below work_dir.

Files first, the inbox last: after a kill in between the inbox still says which files they are, and the same command
again finishes the work.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.payments.payments_file import ALL_COLUMNS, control_file
from pipeline.edge.disk import remove, replaced_file
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.customers import FileWithCustomer, InboxCustomer
from pipeline.edge.ledger.inbox.exports import Exports
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.errors import CustomerUnsettled
from pipeline.payments.export import CONTROL
from pipeline.report.redaction import redact_comparison
from schemas.settings import Settings

_REFERENCES = frozenset({"customer_reference", "account_reference", "bill_reference"})


@dataclass(frozen=True, slots=True)
class CustomerPayments:
    """What is known of the payments of one customer. Only while the run's lock is held."""

    settings: Settings
    inbox: Ledger
    customer: InboxCustomer

    def refuse_owed(self) -> None:
        """Raises CustomerUnsettled: a payment is still to be handed to the merchant, with its references."""
        if self.settings.payments is not None and self.customer.is_owed():
            raise CustomerUnsettled(
                problem="a payment of this customer is not handed over in a payments file yet",
                remedy="Run billferry payments export",
            )

    def files(self) -> Sequence[FileWithCustomer]:
        """Payments files below work_dir that have references of the customer."""
        return [file for file in self.customer.files() if (self._folder / file.name).exists()]

    def remove(self, texts: Sequence[str]) -> None:
        """Remove everything; `texts` are the customer's, which other deliveries may quote.

        Raises DiskFull, LedgerBusy.
        """
        for file in self.files():
            self._redact(file)
        self.customer.remove(texts)
        self.inbox.overwrite()

    @property
    def _folder(self) -> Path:
        return self.settings.work_dir / "payments"

    def _redact(self, file: FileWithCustomer) -> None:
        """Empty the references; a file whose columns are not those of the config any more is removed."""
        path, exports = self._folder / file.name, Exports(self.inbox)
        (stored,) = (each for each in exports.all() if each.seq == file.seq)
        control = path.with_name(path.name + CONTROL)
        columns = self.settings.payments.columns if self.settings.payments else None
        content = without_references(
            path.read_text(encoding="utf-8"),
            {str(column): name for column, name in columns.items()} if columns else None,
            file.references,
        )
        if content is None:
            remove(path)
            remove(control)
            return
        sha256 = hashlib.sha256(content).hexdigest()
        with replaced_file(path) as target:
            target.write(content)
        exports.rewritten(file.seq, sha256)
        with replaced_file(control) as target:
            target.write(control_file(file.name, file.seq, stored.records, stored.amounts_minor, sha256))


def redact_matches(settings: Settings, reference: str) -> None:
    """Remove what comparisons by `payments match` say of a customer. Raises DiskFull."""
    for results in (settings.work_dir / "payments" / "matches").glob("*.csv"):
        redact_comparison(results, results.with_suffix(".html"), reference)


def without_references(
    text: str, columns: dict[str, str] | None, references: Collection[str]
) -> bytes | None:
    """A payments file without these references; None where its header is another one.

    Args:
        columns: as of `payments_csv`.
    """
    names = columns or {name: name for name in ALL_COLUMNS}
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    if header != list(names.values()):
        return None
    places = [place for place, name in enumerate(names) if name in _REFERENCES]
    for row in rows:
        for place in places:
            if row[place] in references:
                row[place] = ""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([header, *rows])
    return written.getvalue().encode()


@contextmanager
def customer_payments(
    settings: Settings, reference: str, ids: Collection[str]
) -> Iterator[CustomerPayments | None]:
    """The customer's payments, while the block lasts; None where no payment was ever received.

    Args:
        ids: the API's, of the customer, its accounts and its bills.
    """
    path = inbox_path(settings.work_dir)
    if not path.exists():
        yield None
        return
    with closing(open_inbox(path, merchant=settings.merchant, environment=settings.environment)) as inbox:
        yield CustomerPayments(settings, inbox, InboxCustomer(inbox, reference, ids))
