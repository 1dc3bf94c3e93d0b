"""Pages that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.report.summary import FileReport
from tests.pages.comparison import comparison_page
from tests.pages.example import every_outcome
from tests.pages.month import month_page


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
