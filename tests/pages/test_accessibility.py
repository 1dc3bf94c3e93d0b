"""Every page is as WCAG 2.2 AA asks, as far as axe-core can tell, on a desk and on a phone, in light and in dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.report.summary import FileReport
from tests.pages.axe import violations
from tests.pages.browser import Browser
from tests.pages.overview import ODD_NAMES, known, overview
from tests.seeds import SOAK


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return overview(tmp_path_factory.mktemp("overview"), [known(name) for name in ODD_NAMES])


@pytest.fixture(params=["report", "index", "month", "comparison"])
def page_path(request: pytest.FixtureRequest, report: FileReport, index: Path) -> Path:
    made = {"report": report.paths["page"], "index": index}
    return made.get(request.param) or request.getfixturevalue(request.param)


LOOKS = [(390, "dark"), (1280, "light"), *([(390, "light"), (1280, "dark")] if SOAK else [])]
"""Width of the window, and scheme."""


def test_a_page_breaks_no_rule(browser: Browser, page_path: Path) -> None:
    page = browser.open(page_path)
    for width, scheme in LOOKS:
        page.size(width, 844)
        page.look(scheme=scheme)
        assert violations(page) == [], (width, scheme)


def test_what_cannot_be_read_named_or_hit_is_noticed(browser: Browser, index: Path) -> None:
    page = browser.open(index)
    page.value(  # the page's policy lets no style in its text apply, but those that a script sets
        "(() => { const add = (name, css, words = '') => {"
        " const made = document.body.appendChild(document.createElement(name));"
        " made.style.cssText = css; made.textContent = words; return made; };"
        " add('p', 'color: #999; background: #aaa', 'pale'); add('input', '');"
        " for (const label of ['a', 'b'])"
        "  add('button', 'width: 9px; height: 9px; padding: 0').setAttribute('aria-label', label); })()"
    )
    found = {each.partition(":")[0] for each in violations(page)}
    assert {"color-contrast", "label", "target-size"} <= found
