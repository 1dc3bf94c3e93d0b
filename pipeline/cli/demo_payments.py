"""The end of the demo: payers pay, `billferry serve` receives it, and the payments file goes to the SFTP server.

The receiver runs in a thread of this process, on a free port; what it does is what `billferry serve` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

from pipeline.cli.sandbox import tell_payments
from pipeline.core.how_many import how_many
from pipeline.core.payments.bill_status import bill_status
from pipeline.core.values.amount_text import format_amount
from pipeline.edge.config import Config
from pipeline.errors import Stopped
from pipeline.run.context import Options
from pipeline.run.run_pass import export_payments
from pipeline.run.ui import Ui
from pipeline.sandbox.serve import SandboxApi
from schemas.settings import Payments

WAIT_S = 30.0
ORDINARY_MINOR = (10_000, 1_000_000)
"""From 100.00 to 10 000.00: samples also have bills of five cents and of millions."""
_SHARES = (1, 1, 2)
"""Two bills are paid, and half of a third one."""


class DemoPayment(NamedTuple):
    """What a payer pays of a bill, in minor units of its currency."""

    bill: str
    currency: str
    due_minor: int
    paid_minor: int

    def in_words(self) -> str:
        """`INV-1: ZAR 5.00 of ZAR 10.00, part paid`."""
        paid, due = (format_amount(self.currency, minor) for minor in (self.paid_minor, self.due_minor))
        return (
            f"{self.bill}: {paid} of {due}, {bill_status(self.due_minor, self.paid_minor).replace('_', ' ')}"
        )


def tell_of_payments(config: Config, api: SandboxApi, folder: Path, ui: Ui, shown: Ui) -> bool:
    """Payers pay, and the merchant gets a file of it; whether all went as it should.

    Args:
        folder: where the SFTP server has payments files.
        ui: for the lines of the demo; `shown` for those of the command.
    """
    if find_spec("uvicorn") is None:
        ui.line('Payments are left out: billferry serve needs pip install "billferry[serve]".\n')
        return True
    payments = chosen_payments(api.snapshot()["bills"])
    with receiving(config, api) as with_payments:
        for each in payments:
            api.pay(each.bill, each.paid_minor)
        api.wait_for_deliveries(WAIT_S)
    ui.line("-- billferry serve, while payers pay three bills")
    for each in payments:
        ui.line(each.in_words())
    ui.line("\n-- billferry payments export")
    result = export_payments(with_payments, shown, Options())
    files = sorted(folder.glob("payments_*.csv"))
    for path in files:
        rows = len(path.read_text(encoding="utf-8").splitlines()) - 1
        ui.line(f"{path.name}: {how_many(rows, 'payment')}, for your own systems, on the SFTP server\n")
    return result.exit_status == 0 and len(files) == 1


def chosen_payments(bills: Sequence[Mapping[str, Any]]) -> list[DemoPayment]:
    """Ordinary bills, as the API shows them; the same ones whatever order they were created in."""
    ordinary = (
        bill for bill in bills if bill["currency"] == "ZAR" and bill["amount_due"] in range(*ORDINARY_MINOR)
    )
    chosen = sorted(ordinary, key=lambda bill: str(bill["external_reference"]))
    return [
        DemoPayment(
            bill["external_reference"], bill["currency"], bill["amount_due"], bill["amount_due"] // share
        )
        for bill, share in zip(chosen, _SHARES, strict=False)
    ]


@contextmanager
def receiving(config: Config, api: SandboxApi) -> Iterator[Config]:
    """While the block lasts, what the API tells is received; yields the config with which it is."""
    from pipeline.serve.listener import free_socket
    from pipeline.serve.serve import receive_on

    settings, stops, ready = config.settings, list[Callable[[Exception], None]](), Event()

    @contextmanager
    def stopping(stop: Callable[[Exception], None]) -> Iterator[None]:
        stops.append(stop)
        ready.set()
        yield

    with free_socket() as listener:
        payments = Payments(
            listen=f"127.0.0.1:{listener.getsockname()[1]}",
            secret_files=[settings.work_dir / "sandbox" / "webhook.secret"],
            export="each_run",
        )
        settings = settings.model_copy(update={"payments": payments})
        tell_payments(settings, api)
        thread = Thread(target=receive_on, args=(settings, payments, listener, stopping), name="receiver")
        thread.start()
        try:
            ready.wait(WAIT_S)
            yield Config(settings, config.path)
        finally:
            for stop in stops:
                stop(Stopped(signal_name="the end of the demo", signal_number=0))
            thread.join()
