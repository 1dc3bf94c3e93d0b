"""How payments stand, for `status` and the metrics file. Reads the inbox alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from pipeline.edge.ledger.database import snapshot
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.ledger.inbox.views import InboxStanding, InboxViews
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class PaymentsStanding:
    """What of payments somebody may have to know."""

    inbox: InboxStanding
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Outcome → deliveries; empty where they were not counted."""


def payments_standing(settings: Settings, *, counted: bool = False) -> PaymentsStanding | None:
    """How payments stand; None where they are not configured, or none was ever received.

    Args:
        counted: also count deliveries by outcome, which looks at every one.

    Raises as `open_inbox`.
    """
    path = inbox_path(settings.work_dir)
    if settings.payments is None or not path.exists():
        return None
    opened = open_inbox(path, merchant=settings.merchant, environment=settings.environment, read_only=True)
    with closing(opened) as inbox, snapshot(inbox):
        views = InboxViews(inbox)
        return PaymentsStanding(views.standing(), views.outcomes() if counted else {})
