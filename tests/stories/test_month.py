"""A month of files adds up to the cent, however it is asked for: an oracle reads the files and the API alone."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.core.days import Days
from pipeline.edge.config import load_config
from pipeline.edge.ledger.chains import Chains
from pipeline.monitoring.period_totals import Selection, selected, totals_of
from schemas.totals import DayKind, Grouping
from tests.ledger_of_world import sqlite_alone
from tests.seeds import cases, drawn
from tests.stories.merchant import Merchant
from tests.stories.month import (
    DECIMALS,
    Money,
    Month,
    Reckoned,
    api_of_a_month,
    outcomes_in,
    reckon,
)
from tests.stories.test_retention import let_pass
from tests.stories.views import Figures, agreed, month_figures
from tests.world import Json

FILES = cases(20, soak=40)
SEEDS = range(cases(1, soak=8))
LOADED = ("created", "updated", "unchanged")
LEFT = ("rejected", "conflict", "refused", "in_doubt", "not_attempted")
PERIOD = ("--from", "2026-11-01", "--to", "2026-11-30")
PAGE = "month-2026-11.html"


@pytest.fixture(scope="module", params=SEEDS)
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """Files and their corrections, loaded in ten runs. Tests leave them as they are."""
    with api_of_a_month() as api:
        month = Month(Merchant(tmp_path_factory.mktemp("month"), api), drawn())
        month.load(FILES)
        assert len(month.originals) == FILES
        assert len(month.corrections) >= 5
        assert month.refused
        assert month.written_off
        yield month


@pytest.fixture(scope="module")
def reckoned(month: Month) -> Reckoned:
    return reckon(month)


def totals(merchant: Merchant) -> Json:
    """`totals --json` of November."""
    return merchant.json_command("totals", *PERIOD).document


def exported(merchant: Merchant) -> tuple[Json, list[dict[str, str]]]:
    """The document of an export, and its rows."""
    path = merchant.folder / "out" / "accepted.csv"
    path.unlink(missing_ok=True)
    said = merchant.json_command("export", "--accepted", *PERIOD, "-o", path)
    return said.document, list(csv.DictReader(io.StringIO(path.read_text())))


def sums_of(rows: list[dict[str, str]]) -> Money:
    """Rows of an export by currency; the major units say the same as the minor ones."""
    sums: dict[str, tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    for row in rows:
        minor = Decimal(row["amount"]).scaleb(DECIMALS[row["currency"]])
        assert int(row["amount_minor"]) == minor
        before = sums[row["currency"]]
        sums[row["currency"]] = (before[0] + 1, before[1] + int(minor), 0)
    return dict(sums)


def figures(money: Money) -> Figures:
    """All currencies together, as views say it."""
    return (
        sum(one[0] for one in money.values()),
        {currency: money[currency][1] for currency in sorted(money) if money[currency][1]},
        sum(one[2] for one in money.values()),
    )


def on_page(merchant: Merchant, title: str) -> Money:
    """A figure on the month's page, of each currency that has records."""
    page = month_figures(merchant.work_dir / "reports" / PAGE)
    return {
        "?" if name == "unknown" else name: (found[title][0], sum(found[title][1].values()), found[title][2])
        for name, found in page.items()
        if found[title][0]
    }


def assert_all_is_as_reckoned(month: Month, reckoned: Reckoned, *, with_reports: bool = True) -> None:
    """Every view says to the cent what the oracle has reckoned."""
    merchant, found = month.merchant, totals(month.merchant)
    assert outcomes_in(found, "total") == reckoned.total == on_page(merchant, "In the files")
    assert outcomes_in(found, *LOADED) == reckoned.loaded == on_page(merchant, "Loaded")
    assert outcomes_in(found, "open") == reckoned.open == on_page(merchant, "Still to correct")
    assert outcomes_in(found, *LEFT) == reckoned.left
    assert outcomes_in(found, "written_off") == reckoned.written_off
    assert sums_of(exported(merchant)[1]) == reckoned.loaded
    view = agreed(merchant, with_reports=with_reports)
    assert view.by_file == reckoned.open_by_file
    assert view.open == figures(reckoned.open)
    assert view.loaded == figures(reckoned.loaded)[1]


def test_all_views_are_what_the_files_and_the_api_come_to(month: Month, reckoned: Reckoned) -> None:
    assert reckoned.loaded.keys() == set(DECIMALS)
    assert_all_is_as_reckoned(month, reckoned)
    found = totals(month.merchant)
    assert found["files"] == FILES
    assert found["corrections"] == len({path.read_bytes() for path in month.corrections})
    assert PAGE in (month.merchant.work_dir / "reports" / "index.html").read_text()


def test_groups_add_up_to_the_whole_by_whichever_day(month: Month) -> None:
    """The first files landed at 22:30 UTC on the first, which is the second in Johannesburg."""
    settings = load_config(month.merchant.config).settings
    as_of = datetime.now(UTC)
    with closing(month.merchant.opened_ledger()) as ledger:
        chains = Chains(ledger).all()
    whole = totals(month.merchant)
    for by, kind in product(get_args(Grouping), get_args(DayKind)):
        which = Selection(Days(date(2026, 11, 1), date(2026, 12, 31)), kind)
        portions = list(selected(chains, which, settings.zone))
        document = totals_of(portions, settings, which, by, as_of=as_of)
        found: dict[str, Any] = document.model_dump(mode="json")
        for name in ("total", "open", "written_off", *LOADED, *LEFT):
            added: dict[str, tuple[int, ...]] = {}
            for group in found["groups"]:
                for currency, one in outcomes_in(group, name).items():
                    added[currency] = tuple(map(sum, zip(added.get(currency, (0, 0, 0)), one, strict=True)))
            assert added == outcomes_in(found, name) == outcomes_in(whole, name), (by, kind, name)
        if (by, kind) == ("day", "landed"):
            assert found["groups"][0]["name"] == "2026-11-02"


def test_what_each_summary_says_adds_up_to_the_same(month: Month, reckoned: Reckoned) -> None:
    """Those of originals alone: what their corrections loaded is in their `chain`."""
    every, loaded = 0, defaultdict[str, int](int)
    for path in (month.merchant.work_dir / "reports").glob("*/summary.json"):
        summary = json.loads(path.read_text())
        if summary["file"]["name"].startswith("mended"):
            continue
        every += summary["records"]["total"]
        for currency, parts in summary["amounts_minor"].items():
            loaded[currency] += sum(parts[name] for name in LOADED)
        chain = summary["chain"] or {"corrected": {"amounts_minor": {}}}
        for currency, amount in chain["corrected"]["amounts_minor"].items():
            loaded[currency] += amount
    assert {name: amount for name, amount in sorted(loaded.items()) if amount} == figures(reckoned.loaded)[1]
    assert every == figures(reckoned.total)[0]


def test_an_export_holds_each_loaded_bill_with_its_id_and_its_line(month: Month, reckoned: Reckoned) -> None:
    document, rows = exported(month.merchant)
    assert {each["currency"]: each["amount_minor"] for each in document["currencies"]} == {
        currency: one[1] for currency, one in reckoned.loaded.items()
    }
    assert {row["bill_reference"]: row["bill_id"] for row in rows if row["kind"] == "bill"} == reckoned.ids
    lines = {path.name: path.read_text().splitlines() for path in (*month.originals, *month.corrections)}
    for row in rows:
        line = lines[row["file"]][int(row["line"]) - 1]
        assert row["bill_reference"] in line
        assert row["account_reference"] in line
        assert Decimal(row["amount"]) in amounts_in(line)


def amounts_in(line: str) -> set[Decimal]:
    return {Decimal(text) for text in line.split(",") if re.fullmatch(r"-?[0-9.]*[0-9]", text)}


@sqlite_alone
def test_all_agrees_when_copies_and_outcomes_are_gone_and_after_a_restored_backup(
    month: Month, reckoned: Reckoned, tmp_path: Path
) -> None:
    merchant = month.merchant
    copy = tmp_path / "copy.sqlite"
    assert merchant.command("backup", copy).exit_status == 0
    kept = merchant.folder / "kept"
    shutil.copytree(merchant.work_dir, kept)
    try:
        forget(merchant)
        still_held = {name for (name,) in merchant.ledger("SELECT sha256 FROM files WHERE state = 'held'")}
        assert {path.name for path in (merchant.work_dir / "landing").glob("*")} == still_held
        assert_all_is_as_reckoned(month, reckoned)
        shutil.rmtree(merchant.work_dir)
        merchant.work_dir.mkdir()
        shutil.copy(copy, merchant.work_dir / "ledger.sqlite")
        merchant.run()
        assert_all_is_as_reckoned(month, reckoned, with_reports=False)
        forget(merchant, outcomes_days=300)
        assert outcomes_in(totals(merchant), *LOADED) == reckoned.loaded
        document, left = exported(merchant)
        gone = defaultdict[str, int](int)
        for each in document["not_kept"]:
            assert each["reason"] == "retention"
            for currency, amount in each["amounts_minor"].items():
                gone[currency] += amount
        assert document["exit_status"] == 1
        held = {currency: one[1] for currency, one in sums_of(left).items()}
        assert {name: gone[name] + held.get(name, 0) for name in DECIMALS} == {
            name: one[1] for name, one in reckoned.loaded.items()
        }
    finally:
        shutil.rmtree(merchant.work_dir)
        kept.rename(merchant.work_dir)


def forget(merchant: Merchant, **days: int) -> None:
    """What retention does in 400 days."""
    merchant.settings["retention"] = {"landing_days": 300, "reports_days": 4000, "outcomes_days": 4000} | days
    let_pass(merchant, 400)
    merchant.run()
