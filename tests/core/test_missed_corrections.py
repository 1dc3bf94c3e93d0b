"""Of which files a restored or lost ledger may not know all corrections."""

from __future__ import annotations

import pytest

from pipeline.core.rules.missed_corrections import Missed

RESTORED = Missed(last_file=7, dated_until="2026-12-01")
NEW_BILLS, KNOWN_BILLS, ALL_REJECTED = (
    {"created": 5, "rejected": 1},
    {"created": 4, "unchanged": 1},
    {"rejected": 1},
)


@pytest.mark.parametrize("records", [NEW_BILLS, KNOWN_BILLS, ALL_REJECTED])
def test_a_ledger_that_was_never_restored_has_missed_nothing(records: dict[str, int]) -> None:
    assert not Missed().may_be_corrected(1, None, records)


@pytest.mark.parametrize(
    ("file_id", "dated", "records", "may_be"),
    [
        (7, "2026-12-09", NEW_BILLS, True),
        (8, "2026-12-01", NEW_BILLS, False),
        (8, "2026-12-01", KNOWN_BILLS, True),
        (8, "2026-12-01", {"updated": 1, "created": 1}, True),
        (8, "2026-12-01", ALL_REJECTED, True),
        (8, "2026-12-02", KNOWN_BILLS, False),
        (8, None, KNOWN_BILLS, True),
        (8, None, NEW_BILLS, False),
    ],
)
def test_a_file_may_be_corrected_unless_it_comes_for_the_first_time(
    file_id: int, dated: str | None, records: dict[str, int], *, may_be: bool
) -> None:
    assert RESTORED.may_be_corrected(file_id, dated, records) == may_be
