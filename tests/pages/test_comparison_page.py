"""The page of a comparison: what a person does about each difference, bounded, and deaf to what a report says."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.payments.compare_report import DIFFERS
from pipeline.report.html.comparison_page import SHOWN_ROWS, WHAT_TO_DO
from tests.pages.browser import Browser
from tests.pages.comparison import hostile, largest
from tests.pages.test_in_a_browser import assert_quiet, records_shown


def test_there_is_something_to_do_about_each_difference() -> None:
    assert set(WHAT_TO_DO) == DIFFERS


def test_result_and_sums_come_first_then_what_to_do_then_the_payments(
    browser: Browser, comparison: Path
) -> None:
    page = browser.open(comparison)
    assert page.texts("h2") == [
        "COMPARED WITH DIFFERENCES\n60 differences between the report and the payments known here.",
        *("Result", "What to do", "Payments that differ", "Report"),
    ]
    assert "In both\n12\nJPY 740 730\nZAR 7 407.36" in page.value("document.querySelector('dl').innerText")
    assert records_shown(page) == 60
    assert page.texts("td[data-label=Customer]")[-1] == "INV-1"
    assert any("0085" in text for text in page.texts("td[data-label=Customer]")), "masked but for its end"
    assert "8501015800085" not in comparison.read_text()
    chosen = "e.value = 'tie'; e.dispatchEvent(new Event('input', {bubbles: true}))"
    page.value(f"(e => {{ {chosen} }})(document.querySelector('select'))")
    page.value("new Promise(done => setTimeout(done, 150))")
    assert records_shown(page) == 12


def test_hostile_references_are_shown_and_do_not_run(browser: Browser, tmp_path: Path) -> None:
    path = hostile(tmp_path)
    page = browser.open(path)
    assert_quiet(page, path)
    assert "<script>window.ran = 1</script>" in page.value("document.body.innerText")


def test_the_largest_page_is_small_and_says_what_is_left_out(browser: Browser, tmp_path: Path) -> None:
    path = largest(tmp_path)
    assert path.stat().st_size < 5_000_000
    page = browser.open(path)
    assert_quiet(page, path)
    assert records_shown(page) == SHOWN_ROWS * len(DIFFERS)
    assert page.texts(".more") == ["and 5 more in the file of results"]
