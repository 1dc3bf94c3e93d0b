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
from pipeline.core.api.send_order import CustomerQueue
from pipeline.load.context import LoadContext
from pipeline.load.retrying_client import Halted


async def update_details(context: LoadContext, queue: CustomerQueue, file_id: int) -> list[str]:
    """Patch what changed of a finished customer and its accounts; notes on what could not be patched.

    A stop of the load ends it quietly: details are not worth a record's outcome.
    """
    notes: list[str] = []
    for entity, stated, last in _stated_details(context, queue):
        if stated == entity.details or not (changed := changed_details(stated, entity.details)):
            continue
        expected = Expected({"id": entity.id}, statuses=(200,))
        # By reference: an id learned from a nested create may be a stranger's where the API attaches silently.
        path, body = f"{PATH_OF[entity.kind]}/{entity.reference}", encode(changed)
        try:
            reading = await context.client.persist(
                lambda path=path, body=body, expected=expected: context.client.ask(  # type: ignore[misc]
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
        updated = entity._replace(details={**entity.details, **changed})
        context.cache.add(updated)
        await context.ledger.soon(UpsertEntity(updated), UpgradeOutcome(file_id, last.record))
    return notes


def _stated_details(context: LoadContext, queue: CustomerQueue) -> Iterator[tuple[Entity, Json, BillRequest]]:
    """Known entities whose details this file states beside the records' own, with the record that counts."""
    if queue.kind == "customer":
        return  # the record itself carries them
    last_of_groups = [group.latest or queue.row(group.rows[-1]) for group in queue.groups]
    last = max(last_of_groups, key=lambda request: request.record)
    entity = context.cache.get("customer", queue.customer)
    if entity is not None:
        yield entity, last.customer.details, last
    if queue.kind == "account":
        return
    for group, request in zip(queue.groups, last_of_groups, strict=True):
        account = context.cache.get("account", group.account)
        if account is not None:
            yield account, request.account.details if request.account else {}, request
