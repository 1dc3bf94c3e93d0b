"""When a load stops because the API refuses record after record for one and the same reason."""

from __future__ import annotations

from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.errors import ApiRefusesAll

ALIKE_REFUSALS = 20
"""So many first records refused alike mean that the file or the account is wrong, not the records."""


class RepeatedRefusals:
    """Watches whether the first records are all refused for one and the same reason."""

    def __init__(self) -> None:
        self._first: list[tuple[tuple[str, ...], str | None]] | None = []
        """Codes and messages while all were refused; None once one was not."""

    def are_too_many(self, settled: RecordOutcome) -> bool:
        """Whether, with this record, so many first ones were refused alike that sending the rest makes no sense."""
        if self._first is None:
            return False
        if settled.outcome is not Outcome.REFUSED:
            self._first = None
            return False
        self._first.append((settled.codes, settled.message))
        if len(set(self._first)) > 1:
            self._first = None
            return False
        return len(self._first) >= ALIKE_REFUSALS

    def reason(self, base_url: str) -> ApiRefusesAll:
        """The error that the load stops with."""
        refusals = self._first or []
        return ApiRefusesAll(base_url=base_url, count=len(refusals), code=";".join(refusals[0][0]))
