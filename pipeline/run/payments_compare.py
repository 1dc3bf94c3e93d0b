"""The commands that compare payments with what the API shows: `payments sweep`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from pipeline.edge.config import Config
from pipeline.errors import ENDS_THE_RUN, UsageError
from pipeline.payments.sweep import Swept
from pipeline.run.context import Options
from pipeline.run.opening import OpenRun, open_run
from pipeline.run.ui import Ui
from pipeline.signals import stoppable
from schemas.payments import PaymentsSweep, SweptCurrency, TroubledBillFacts


def sweep_payments(
    config: Config, ui: Ui, options: Options, *, older_than: timedelta, limit: int | None
) -> PaymentsSweep:
    """Ask the API about open bills, and store what no event told of; arguments as of `BillSweep.sweep`.

    An API that is down is an error of the result: the next sweep goes on. Raises UsageError where payments are not
    configured; and as `open_run`.
    """
    with _opened(config, ui, options, "payments sweep") as opened:
        context, swept = opened.context, Swept()
        try:
            with stoppable():
                opened.payments.settle()
                swept = opened.payments.sweep(older_than, limit)
        except ENDS_THE_RUN as error:
            context.fail(error)
        if swept.stopped is not None:
            context.fail(swept.stopped)
        return PaymentsSweep(
            exit_status=context.status,
            as_of=context.started_at,
            asked=swept.asked,
            found=[
                SweptCurrency(currency=currency, bills=bills, amount_minor=minor)
                for currency, (bills, minor) in sorted(swept.found.items())
            ],
            voided=swept.voided,
            shows_less=swept.shows_less,
            unclear=swept.unclear,
            unanswered=swept.unanswered,
            troubles={str(trouble): count for trouble, count in sorted(swept.troubles.items())},
            troubled=[
                TroubledBillFacts(bill_reference=each.bill_reference, trouble=str(each.trouble))
                for each in swept.troubled
            ],
            left=swept.left,
            errors=context.errors,
        )


@contextmanager
def _opened(config: Config, ui: Ui, options: Options, command: str) -> Iterator[OpenRun]:
    if config.settings.payments is None:
        raise UsageError(problem="payments are not configured", remedy="add payments: to the config")
    with open_run(config, ui, options, command) as opened:
        yield opened
