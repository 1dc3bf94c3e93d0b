"""Records that need a person are shown by outcome with radio buttons, which need no script."""

from __future__ import annotations

from pipeline.report.summary import FileReport
from tests.pages.browser import Browser


def test_records_can_be_shown_by_outcome_without_a_script(browser: Browser, report: FileReport) -> None:
    page = browser.open(report.paths["page"], scripts=False)
    visible = (
        "[...document.querySelectorAll('tr[data-kind]')].filter(row => row.offsetParent !== null).length"
    )
    found = report.summary.records
    for outcome, number in (
        ("conflict", found.conflict),
        ("rejected", found.rejected),
        ("refused", found.refused),
    ):
        page.value(f"document.querySelector('#only-{outcome}').click()")
        assert page.value(visible) == number > 0
