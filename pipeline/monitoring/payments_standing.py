"""How payments stand, for `status` and the metrics file. Reads the inbox alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from pipeline.edge.ledger.database import snapshot
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.paid_by_file import PaidByFile, paid_by_file
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.ledger.inbox.views import InboxStanding, InboxViews
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class PaymentsStanding:
    """What of payments somebody may have to know."""

    inbox: InboxStanding
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Outcome → deliveries; empty where they were not counted."""


@contextmanager
def inbox_to_read(settings: Settings) -> Iterator[Ledger | None]:
    """The inbox as it is at one moment; None where payments are not configured, or there is none yet.

    Raises as `open_inbox`.
    """
    path = inbox_path(settings.work_dir)
    if settings.payments is None or not path.exists():
        yield None
        return
    opened = open_inbox(path, merchant=settings.merchant, environment=settings.environment, read_only=True)
    with closing(opened) as inbox, snapshot(inbox):
        yield inbox


def paid_as_known(settings: Settings) -> PaidByFile | None:
    """What is paid of the bills of each file; None where payments are not configured. Raises as `open_inbox`."""
    if settings.payments is None:
        return None
    with inbox_to_read(settings) as inbox:
        return {} if inbox is None else paid_by_file(inbox)


def payments_standing(settings: Settings, *, counted: bool = False) -> PaymentsStanding | None:
    """How payments stand; None where they are not configured, or none was ever received.

    Args:
        counted: also count deliveries by outcome, which looks at every one.

    Raises as `open_inbox`.
    """
    with inbox_to_read(settings) as inbox:
        if inbox is None:
            return None
        views = InboxViews(inbox)
        return PaymentsStanding(views.standing(), views.outcomes() if counted else {})
