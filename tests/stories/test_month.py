"""A month of files adds up to the cent, however it is asked for: an oracle reads the files and the API alone."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.edge.ledger.chains import Chains
from pipeline.edge.ledger.database import open_ledger
from tests.seeds import drawn
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
from tests.world import Json

FILES = 40
SEEDS = range(8 if os.environ.get("SOAK") else 1)
LOADED = ("created", "updated", "unchanged")
LEFT = ("rejected", "conflict", "refused", "in_doubt", "not_attempted")
PERIOD = ("--from", "2026-11-01", "--to", "2026-11-30")


@pytest.fixture(scope="module", params=SEEDS)
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """Forty files and their corrections, loaded in ten runs. Tests leave them as they are."""
    with api_of_a_month() as api:
        month = Month(Merchant(tmp_path_factory.mktemp("month"), api), drawn())
        month.load(FILES)
        assert len(month.originals) == FILES
        assert len(month.corrections) >= 5
        assert month.refused
        yield month


@pytest.fixture
def reckoned(month: Month) -> Reckoned:
    return reckon(month)


def totals(merchant: Merchant, *words: str) -> Json:
    """`totals --json` of November, or as the words say."""
    return merchant.json_command("totals", *(words or PERIOD)).document


def exported(merchant: Merchant, *words: str) -> tuple[Json, list[dict[str, str]]]:
    """The document of an export, and its rows."""
    path = merchant.folder / "out" / "accepted.csv"
    path.unlink(missing_ok=True)
    said = merchant.json_command("export", "--accepted", *(words or PERIOD), "-o", path)
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


def amounts_in(line: str) -> set[Decimal]:
    return {Decimal(text) for text in line.split(",") if re.fullmatch(r"-?[0-9.]*[0-9]", text)}


def test_totals_are_what_the_files_and_the_api_come_to(month: Month, reckoned: Reckoned) -> None:
    found = totals(month.merchant)
    assert reckoned.loaded.keys() == set(DECIMALS)
    assert outcomes_in(found, "total") == reckoned.total
    assert outcomes_in(found, *LOADED) == reckoned.loaded
    assert outcomes_in(found, *LEFT) == reckoned.left
    assert found["files"] == FILES
    assert found["corrections"] == len({path.read_bytes() for path in month.corrections})


def test_what_is_open_in_status_is_the_same_to_the_cent(month: Month, reckoned: Reckoned) -> None:
    found = month.merchant.command("status", "--open", "--json").document["open"]
    assert found["records"] == sum(one[0] for one in reckoned.open.values())
    assert {currency: amount for currency, amount in found["amounts_minor"].items() if amount} == {
        currency: one[1] for currency, one in reckoned.open.items() if one[1]
    }
    assert found["amount_unreadable"] == sum(one[2] for one in reckoned.open.values())


def test_what_is_still_to_correct_is_what_chains_say(month: Month, reckoned: Reckoned) -> None:
    assert outcomes_in(totals(month.merchant), "open") == reckoned.open
    path = month.merchant.work_dir / "ledger.sqlite"
    with closing(open_ledger(path, merchant="citypower", environment="test", read_only=True)) as ledger:
        chains = Chains(ledger).all()
    assert sum(chain.open.records for chain in chains) == sum(one[0] for one in reckoned.open.values())


@pytest.mark.parametrize("by", ["day", "feed", "currency", "file"])
@pytest.mark.parametrize("date", ["landed", "file", "loaded"])
def test_groups_add_up_to_the_whole_by_whichever_day(month: Month, by: str, date: str) -> None:
    found = totals(month.merchant, *PERIOD[:2], "--to", "2026-12-31", "--by", by, "--date", date)
    whole = totals(month.merchant)
    for name in ("total", "open", *LOADED, *LEFT):
        added: dict[str, tuple[int, ...]] = {}
        for group in found["groups"]:
            for currency, one in outcomes_in(group, name).items():
                added[currency] = tuple(map(sum, zip(added.get(currency, (0, 0, 0)), one, strict=True)))
        assert added == outcomes_in(found, name) == outcomes_in(whole, name)


def test_what_each_summary_says_adds_up_to_the_same(month: Month) -> None:
    """Those of originals alone: what their corrections loaded is in their `chain`."""
    every, loaded = 0, defaultdict[str, int](int)
    for path in (month.merchant.work_dir / "reports").glob("*/summary.json"):
        summary = json.loads(path.read_text())
        if summary["file"]["name"].startswith("mended"):
            continue
        every += summary["records"]["total"]
        for currency, parts in summary["amounts_minor"].items():
            loaded[currency] += sum(parts[name] for name in LOADED)
        for currency, amount in (
            ((summary["chain"] or {}).get("corrected") or {}).get("amounts_minor", {}).items()
        ):
            loaded[currency] += amount
    found = totals(month.merchant)
    assert {name: one[1] for name, one in outcomes_in(found, *LOADED).items()} == {
        name: amount for name, amount in loaded.items() if amount
    }
    assert sum(one[0] for one in outcomes_in(found, "total").values()) == every


def test_an_export_holds_each_loaded_bill_with_its_id_and_its_line(month: Month, reckoned: Reckoned) -> None:
    document, rows = exported(month.merchant)
    assert sums_of(rows) == reckoned.loaded
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


def test_the_page_of_the_month_shows_the_same_money(month: Month, reckoned: Reckoned) -> None:
    page = (month.merchant.work_dir / "reports" / "month-2026-11.html").read_text()
    for currency, (records, minor, _) in reckoned.loaded.items():
        (section,) = re.findall(
            rf'<section aria-labelledby="{currency}-heading">.*?</section>', page, re.DOTALL
        )
        (shown,) = re.findall(r"<dt>Loaded</dt><dd[^>]*>([^<]*)</dd><dd>([^<]*)</dd>", section)
        amount = f"{Decimal(minor).scaleb(-DECIMALS[currency]):,.{DECIMALS[currency]}f}".replace(",", " ")
        assert shown == (str(records), f"{currency} {amount}")
    assert "month-2026-11.html" in (month.merchant.work_dir / "reports" / "index.html").read_text()


def test_days_are_those_of_the_time_zone(month: Month) -> None:
    """The first files landed at 22:30 UTC on the first, which is the second in Johannesburg."""
    days = [group["name"] for group in totals(month.merchant, *PERIOD, "--by", "day")["groups"]]
    assert days[0] == "2026-11-02"


def test_all_agrees_when_copies_and_outcomes_are_gone_and_after_a_restored_backup(
    month: Month, reckoned: Reckoned, tmp_path: Path
) -> None:
    merchant = month.merchant
    before, rows = totals(merchant), exported(merchant)[1]
    copy = tmp_path / "copy.sqlite"
    assert merchant.command("backup", copy).exit_status == 0
    kept = merchant.folder / "kept"
    shutil.copytree(merchant.work_dir, kept)
    try:
        forget(merchant)
        still_open = {name for (name,) in merchant.ledger("SELECT sha256 FROM files WHERE state = 'held'")}
        assert {path.name for path in (merchant.work_dir / "landing").glob("*")} == still_open
        assert _without_time(totals(merchant)) == _without_time(before)
        assert exported(merchant)[1] == rows
        shutil.rmtree(merchant.work_dir)
        merchant.work_dir.mkdir()
        shutil.copy(copy, merchant.work_dir / "ledger.sqlite")
        assert _without_time(totals(merchant)) == _without_time(before)
        assert exported(merchant)[1] == rows
        forget(merchant, outcomes_days=300)
        assert _without_time(totals(merchant)) == _without_time(before)
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


def _without_time(document: Json) -> Json:
    return {key: value for key, value in document.items() if key != "as_of"}


def forget(merchant: Merchant, **days: int) -> None:
    """What retention does in 400 days."""
    merchant.settings["retention"] = {"landing_days": 300, "reports_days": 4000, "outcomes_days": 4000} | days
    let_pass(merchant, 400)
    merchant.run()
