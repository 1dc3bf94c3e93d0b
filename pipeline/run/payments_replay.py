"""The command `payments replay`: deliveries that somebody stored are taken into the inbox."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

from pipeline.core.payments.signatures import signing_keys
from pipeline.edge.config import webhook_secrets
from pipeline.edge.disk import private_folder
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.local.file_facts import read_named
from pipeline.errors import EX_OK, EX_RECORDS, UsageError
from pipeline.payments.replay import DeliveryReplay
from pipeline.signals import stoppable
from schemas.payments import BadLineFacts, PaymentsReplay
from schemas.settings import Settings


def replay_deliveries(settings: Settings, path: Path, now: datetime, *, trusted: bool) -> PaymentsReplay:
    """Store the deliveries of a file. No lock is needed: a receiver may be at work, and so may a run.

    Args:
        trusted: signatures are not checked.

    Raises:
        UsageError: payments are not configured, or no secret is named that could have signed them.
        ConfigError: a secret cannot be read. SourceError: the file cannot. As `open_inbox`; DiskFull, LedgerBusy.
    """
    payments = settings.payments
    if payments is None:
        raise UsageError(problem="payments are not configured", remedy="add payments: to the config")
    keys = None if trusted else signing_keys(webhook_secrets(settings))
    if keys is not None and not keys:
        raise UsageError(
            problem="payments.secret_files names no secret, so no signature can be checked",
            remedy="name the signing secret, or use --trusted if you know where the file comes from",
        )
    private_folder(settings.work_dir, close=True)
    where = inbox_path(settings.work_dir)
    with closing(open_inbox(where, merchant=settings.merchant, environment=settings.environment)) as inbox:
        replay = DeliveryReplay(
            inbox,
            where=str(where),
            max_inbox_bytes=payments.max_inbox_bytes,
            max_body_bytes=payments.max_body_bytes,
        )
        with stoppable():
            found = replay.replay(read_named(path), keys, now)
    return PaymentsReplay(
        exit_status=EX_RECORDS if found.bad else EX_OK,
        stored=found.stored,
        duplicates=found.duplicates,
        bad=found.bad,
        problems=[BadLineFacts(line=each.line, problem=each.problem) for each in found.problems],
    )
