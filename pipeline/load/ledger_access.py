"""What the load reads from the ledger and writes to it. `edge/ledger` offers both; tests offer their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import polars as pl

from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import Change
from pipeline.core.api.requests import Kind


class LedgerReader(Protocol):
    """The ledger's intents, ids and outcomes. Raises LedgerDamaged and LedgerBusy."""

    def open_intents(self) -> list[Intent]:
        """Intents of any file that no outcome has closed yet, oldest first."""
        ...

    def entities(self, kind: Kind, references: Iterable[str]) -> dict[str, Entity]:
        """Reference → entity, of those that the ledger knows."""
        ...

    def references(self, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
        """Id → the reference that it is known under, of those that are known."""
        ...

    def count_parents(self, up_to: int) -> int:
        """How many customers and accounts are known; no more than `up_to` are counted."""
        ...

    def parent_ids(self) -> Iterator[tuple[Kind, str]]:
        """(kind, id) of every known customer and account."""
        ...

    def generations(self, kind: Kind, references: Iterable[str]) -> dict[tuple[str, str], int]:
        """(reference, content) → the generation of key to use next, where earlier keys are spent."""
        ...

    def settled_records(self, file_id: int) -> pl.Series:
        """Numbers (Int64) of the file's records that have a final outcome."""
        ...


class LedgerWriter(Protocol):
    """Makes changes of the ledger durable, many at once, in the order in which they are asked for.

    So only what must be on disk before something else happens is waited for: an intent, before it is sent.
    """

    async def durable(self, *changes: Change) -> None:
        """Make changes together and come back when they, and all before them, are on disk."""
        ...

    async def soon(self, *changes: Change) -> None:
        """Make changes together, before any that are asked for later."""
        ...
