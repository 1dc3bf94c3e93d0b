"""Sums that a page keeps, compared with those made afresh of the whole ledger."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pipeline.edge.config import load_config
from pipeline.edge.ledger.chains import Chains
from pipeline.edge.ledger.place import open_merchants_ledger
from pipeline.monitoring.payments_standing import paid_as_known
from pipeline.run.ledger_sums import LedgerSums
from pipeline.run.month_pages import month_totals
from pipeline.run.month_sums import month_counted_in
from pipeline.run.overview_sums import overview_sums

AS_OF = datetime(2026, 11, 30, tzinfo=UTC)
MANY = 1_000_000
_kept: dict[Path, LedgerSums] = {}


def assert_kept_sums_are_right(config: Path) -> int:
    """Look once more with the sums that were kept since the first call for this config; how many months there are."""
    settings = load_config(config).settings
    kept = _kept.setdefault(config, LedgerSums(settings))
    paid = paid_as_known(settings)
    with closing(open_merchants_ledger(settings, read_only=True)) as ledger:
        chains = Chains(ledger).all()
        assert kept.overview(ledger) == overview_sums(chains)
        months = {month for chain in chains if (month := month_counted_in(chain, settings.zone)) is not None}
        for month in months:
            found = kept.month(ledger, month, as_of=AS_OF, paid=paid, most=MANY)
            assert found == month_totals(settings, chains, month, AS_OF, paid), month
    return len(months)
