"""Names, e-mails, phones and metadata of customers and accounts that existed before: patched when they are new.

Only details that differ from what was last sent are patched, and empty never clears. Sending such a PATCH again
is harmless, so it needs no intent; one that fails is a note, and the next file tries again.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.api.compare import changed_details
from pipeline.core.api.intents import Entity
from pipeline.core.api.ledger_changes import UpgradeOutcome, UpsertEntity
from pipeline.core.api.requests import PATH_OF, BillRequest, Json, encode
from pipeline.core.api.responses import Expected, Meaning
from pipeline.core.api.scheduler import CustomerQueue
from pipeline.load.context import LoadContext
from pipeline.load.retrying_client import Halted


async def update_details(scope: LoadContext, part: CustomerQueue, file_id: int) -> list[str]:
    """Patch what changed of a finished customer and its accounts; notes on what could not be patched."""
    notes: list[str] = []
    for entity, stated, last in _stated(scope, part):
        if stated == entity.details or not (changed := changed_details(stated, entity.details)):
            continue
        expected = Expected({"id": entity.id}, statuses=(200,))
        # By reference: an id learned from a nested create may be a stranger's where the API attaches silently.
        path, body = f"{PATH_OF[entity.kind]}/{entity.reference}", encode(changed)
        try:
            reading = await scope.wire.persist(
                lambda path=path, body=body, expected=expected: scope.wire.ask(  # type: ignore[misc]
                    "PATCH", path, expected, body=body
                )
            )
        except Halted:
            return notes
        if reading.meaning is not Meaning.DONE:
            notes.append(
                f"details of the {entity.kind} of record {last.record} were not updated: {reading.code}"
            )
            continue
        known = entity._replace(details={**entity.details, **changed})
        scope.known.add(known)
        await scope.commits.soon(UpsertEntity(known), UpgradeOutcome(file_id, last.record))
    return notes


def _stated(scope: LoadContext, part: CustomerQueue) -> Iterator[tuple[Entity, Json, BillRequest]]:
    """Known entities whose details this file states beside the records' own, with the record that counts."""
    if part.kind == "customer":
        return  # the record itself carries them
    lasts = [group.latest or part.row(group.rows[-1]) for group in part.groups]
    last = max(lasts, key=lambda wanted: wanted.record)
    customer = scope.known.get("customer", part.customer)
    if customer is not None:
        yield customer, last.customer.details, last
    if part.kind == "account":
        return
    for group, wanted in zip(part.groups, lasts, strict=True):
        account = scope.known.get("account", group.account)
        if account is not None:
            yield account, wanted.account.details if wanted.account else {}, wanted
