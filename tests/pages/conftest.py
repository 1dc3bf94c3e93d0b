"""One browser for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.report.summary import FileReport
from tests.pages.browser import Browser, started
from tests.pages.comparison import comparison_page
from tests.pages.example import every_outcome
from tests.pages.month import month_page


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> FileReport:
    """A report with every outcome."""
    return every_outcome(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a month."""
    return month_page(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a comparison with the vendor's report."""
    return comparison_page(tmp_path_factory.mktemp("comparison"))
