"""Looks bills up, many at once, at the pace and with the patience of a load. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from pipeline.core.api.requests import Json
from pipeline.errors import BillferryError
from pipeline.load.retrying_client import Halted, Pacing, RetryingClient, Sender, Uncertain
from pipeline.signals import on_stop
from schemas.settings import Api


class LookedUp(NamedTuple):
    """What the API answered."""

    answers: dict[str, Json | None]
    """Reference → what the API holds; None: nothing. One without a usable answer is not there."""
    stopped: BillferryError | None
    """Why the others were not asked about: the API is down or refuses the key, or somebody stops this program."""


def look_up_bills(
    sender: AbstractAsyncContextManager[Sender], settings: Api, pace: Pacing, references: Sequence[str]
) -> LookedUp:
    """Ask the API about bills by their references; each once, at most `max_in_flight` at the same time."""
    import uvloop  # noqa: PLC0415 (only where something is asked)

    return uvloop.run(_look_up(sender, settings, pace, references))


async def _look_up(
    connecting: AbstractAsyncContextManager[Sender], settings: Api, pace: Pacing, references: Sequence[str]
) -> LookedUp:
    answers: dict[str, Json | None] = {}
    left = iter(references)
    async with connecting as sender:
        client = RetryingClient(sender, settings, pace)
        with on_stop(client.halt):
            workers = min(settings.max_in_flight, len(references))
            await asyncio.gather(*[_work(client, left, answers) for _ in range(workers)])
        return LookedUp(answers, client.halt_reason)


async def _work(client: RetryingClient, left: Iterator[str], answers: dict[str, Json | None]) -> None:
    for reference in left:
        try:
            answers[reference] = await client.look_up("bill", reference)
        except Uncertain:
            continue
        except Halted:
            return
