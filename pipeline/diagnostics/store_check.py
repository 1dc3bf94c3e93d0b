"""What `doctor` says of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pipeline.core.how_many import how_many
from pipeline.edge.ledger.documents import Documents
from pipeline.edge.store.place import open_store
from pipeline.errors import BillferryError
from pipeline.run.work_dir import existing_ledger
from schemas.settings import Settings


def store_checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """The checks, each a name and what looks: good news, or raised as ConfigError, ExtraMissing, StoreError."""
    if settings.store is not None:
        yield "store", partial(_standing, settings)


def _standing(settings: Settings) -> str:
    """Whether it can be reached, and what is still to be put there."""
    store = open_store(settings)
    return f"{store.look()}; {_owed(settings)}" if store is not None else "none"


def _owed(settings: Settings) -> str:
    try:
        with existing_ledger(settings) as ledger:
            owed = len(Documents(ledger).owed()) if ledger is not None else 0
    except BillferryError:
        return "what is owed is not known"  # why, the check of the ledger tells
    return f"{how_many(owed, 'document')} still to be put there" if owed else "nothing is owed to it"
