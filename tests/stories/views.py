"""What each view says is open and loaded: commands, chains, summaries, reports, the overview and pages of months.

Read as a person reads them, from the text of pages and the documents of commands.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pipeline.core.outcomes import AT_API
from pipeline.edge.ledger.chains import Chains
from pipeline.edge.ledger.counted import added
from tests.run.kept_sums import assert_kept_sums_are_right
from tests.stories.merchant import Merchant
from tests.world import Json

Figures = tuple[int, dict[str, int], int]
"""Records, minor units by currency without those that add up to 0, records whose amount is unknown."""
DIGITS = {"ZAR": 2, "USD": 2, "JPY": 0, "KWD": 3}
EVER = ("--from", "2000-01-01", "--to", "2999-12-31")
REJECTS = ("rejected", "conflict", "refused")


@dataclass(frozen=True)
class View:
    """What one view says is still to correct, and what it says is loaded, as far as it says so."""

    by_file: dict[str, int] | None = None
    """Name of an original → records still to correct; files of the same name together, those without any left out."""
    open: Figures | None = None
    loaded: dict[str, int] | None = None
    """Minor units by currency."""


def views(merchant: Merchant, *, with_reports: bool = True) -> dict[str, View]:
    """Every view by its name. `with_reports`: those of single files are there."""
    found = {
        "chains": _chains(merchant),
        "status": _status(merchant),
        "status --open": _status(merchant, "--open"),
        "totals": _totals(merchant),
        "export": _export(merchant),
        "overview": _overview(merchant),
        "months": _months(merchant),
    }
    if with_reports:
        found |= {"summaries": _summaries(merchant), "reports": _reports(merchant)}
    return found


def agreed(merchant: Merchant, *, with_reports: bool = True) -> View:
    """What all views say; fails where one says something else than `totals`, or where sums that were kept are wrong."""
    assert_kept_sums_are_right(merchant.config)
    found = views(merchant, with_reports=with_reports)
    whole = found["totals"]
    for name, view in found.items():
        for what in ("by_file", "open", "loaded"):
            said = getattr(view, what)
            assert said in (None, getattr(whole, what)), (name, what, said, getattr(whole, what))
    return whole


# -- commands and the ledger --


def _chains(merchant: Merchant) -> View:
    with closing(merchant.opened_ledger()) as ledger:
        chains = Chains(ledger).all()
    whole = added(chain.open for chain in chains)
    loaded = added(chain.by_outcome[name] for chain in chains for name in AT_API if name in chain.by_outcome)
    return View(
        _without_none((chain.original.name, chain.open.records) for chain in chains),
        (whole.records, _nonzero(whole.amounts_minor), whole.unreadable),
        _nonzero(loaded.amounts_minor),
    )


def _status(merchant: Merchant, *words: str) -> View:
    found = merchant.command("status", "--json", *words).document
    return View(
        _without_none((file["name"], file["open"]["records"]) for file in found["files"]),
        _figures(found["open"]),
    )


def _totals(merchant: Merchant) -> View:
    found = merchant.json_command("totals", *EVER, "--by", "file").document
    parts = {each["currency"]: each["open"] for each in found["currencies"]}
    return View(
        _without_none(
            (group["name"], each["open"]["records"])
            for group in found["groups"]
            for each in group["currencies"]
        ),
        (
            sum(part["records"] for part in parts.values()),
            _nonzero({name: part["amount_minor"] for name, part in parts.items()}),
            sum(part["amount_unreadable"] for part in parts.values()),
        ),
        _nonzero(
            {
                each["currency"]: sum(
                    part["amount_minor"] for name, part in each["outcomes"].items() if name in AT_API
                )
                for each in found["currencies"]
            }
        ),
    )


def _export(merchant: Merchant) -> View:
    path = merchant.folder / "out" / "accepted.csv"
    path.unlink(missing_ok=True)
    said = merchant.json_command("export", "--accepted", *EVER, "-o", path)
    loaded = Counter[str]()
    for row in csv.DictReader(io.StringIO(path.read_text())):
        loaded[row["currency"]] += int(row["amount_minor"])
    assert {each["currency"]: each["amount_minor"] for each in said.document["currencies"]} == loaded
    return View(loaded=_nonzero(loaded))


# -- reports and pages --


def _summaries(merchant: Merchant) -> View:
    by_file, money = Counter[str](), list[Figures]()
    for path in merchant.work_dir.glob("reports/*/summary.json"):
        summary = json.loads(path.read_text())
        chain = summary["chain"]
        if chain and not chain["original"]:
            by_file[summary["file"]["name"]] += chain["open"]["records"]
            money.append(_figures(chain["open"]))
        elif chain is None and not summary["run"]["dry_run"]:
            assert not any(summary["records"][name] for name in REJECTS), path
    return View(_nonzero(by_file), _sum(money))


def _reports(merchant: Merchant) -> View:
    """What stands on the page of each file: the last line of its table, or else the figure of what is not loaded."""
    by_file = Counter[str]()
    for path in merchant.work_dir.glob("reports/*/report.html"):
        page = path.read_text()
        if "<p>This file corrects records of" in page:
            continue
        figures = dict(re.findall(r"<dt>([^<]*)</dt><dd class=\"large\">([^<]*)</dd>", page))
        still = figures.get("Still to correct")
        if still is None:
            is_good = 'class="verdict good"' in page
            named = () if is_good else ("Not loaded", "Refused with the file")
            still = str(sum(_number(figures[name]) for name in named if name in figures))
        by_file[path.parent.name.rpartition(".")[0]] += _number(still)
        is_open = 'class="verdict good"' not in page
        assert is_open or not _number(still), path
    return View(_nonzero(by_file))


def _overview(merchant: Merchant) -> View:
    page = (merchant.work_dir / "reports" / "index.html").read_text()
    rows = re.findall(r'<tr data-state.*?<th scope="row"[^>]*>(.*?)</th>(.*?)</tr>', page)
    by_file = Counter[str]()
    for name, cells in rows:
        (still,) = re.findall(r'data-label="Still to correct">([^<]*)<', cells)
        by_file[html.unescape(re.sub("<[^>]*>", " ", name).split()[0])] += _number(still)
    _assert_figures_are_of_the_rows(page, by_file)
    sums = "".join(re.findall(r"loaded by all files: (.*)</p>", page))
    loaded = re.findall(r'<span class="whole">([^<]*?),?</span>', sums)
    added = Counter[str]()  # bills and balances are apart on the page
    for currency, minor in map(_money, loaded):
        added[currency] += minor
    return View(_nonzero(by_file), loaded=_nonzero(added))


def _assert_figures_are_of_the_rows(page: str, by_file: Counter[str]) -> None:
    """What the overview counts, and what it asks for, is what its table has."""
    figures = {
        title: _number(number)
        for title, number in re.findall(r"<dt>([^<]*)</dt><dd class=\"large\">([^<]*)</dd>", page)
    }
    states = re.findall(r'<tr data-state="([^"]*)"', page)
    assert figures["Files"] == len(states)
    for state in ("Unfinished", "Held", "Refused"):
        assert figures[state] == states.count(state.lower()), state
    assert figures["Records still to correct"] == by_file.total()
    corrected = re.findall(r"Correct or write off ([0-9 ]+) records? of ([0-9]+) file", page)
    refused = re.findall(r"Have ([0-9]+) refused files? \(([0-9 ]+) record", page)
    asked = [(_number(records), int(files)) for records, files in corrected]
    asked += [(_number(records), int(files)) for files, records in refused]
    assert sum(records for records, _ in asked) == by_file.total(), page
    assert sum(files for _, files in asked) >= figures["Files to correct"]


def month_figures(page: Path) -> dict[str, dict[str, Figures]]:
    """Currency (`unknown` where that cannot be read) → title of a figure on the page of a month → what it says.

    The tables by day and by feed add up to the figures; so does each line of bills or balances in one currency.
    """
    found = {}
    for kinds in re.findall(r'<table class="stacks kinds-of">(.*?)</table>', page.read_text(), re.DOTALL):
        for line in re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", kinds):
            parts = [next(_cells(line, title)) for title in ("Loaded", "Still to correct", "Neither")]
            assert _sum(parts) == next(_cells(line, "In the files")), (page.name, line)
    sections = r'<section aria-labelledby="([A-Za-z]+)-heading">(.*?)</section>'
    for name, section in re.findall(sections, page.read_text(), re.DOTALL):
        figures = {
            title: _part(records, money)
            for title, records, money in re.findall(
                r'<dt>([^<]*)</dt><dd class="large">([^<]*)</dd><dd>([^<]*)</dd>', section
            )
        }
        for table in re.findall(r'<table class="stacks wide">(.*?)</table>', section, re.DOTALL):
            for title, whole in figures.items():
                assert _sum(_cells(table, title)) == whole, (page.name, name, title)
        if figures:
            found[name] = figures
    return found


def _months(merchant: Merchant) -> View:
    """The pages of all months."""
    still, loaded, by_file = list[Figures](), Counter[str](), Counter[str]()
    for path in merchant.work_dir.glob("reports/month-*.html"):
        page = path.read_text()
        for figures in month_figures(path).values():
            still.append(figures["Still to correct"])
            loaded.update(figures["Loaded"][1])
        for title, cells in re.findall(r'<tr data-state.*?<th scope="row"[^>]*>(.*?)</th>(.*?)</tr>', page):
            for records in re.findall(r'data-label="Still to correct">(.*?)</td>', cells):
                by_file[html.unescape(re.sub("<[^>]*>", "", title))] += sum(
                    _number(each) for each in re.findall(r'<span class="amount">([0-9 ]+):', records)
                )
    return View(_nonzero(by_file), _sum(still), _nonzero(loaded))


def _cells(table: str, title: str) -> Iterator[Figures]:
    for cell in re.findall(rf'data-label="{title}">(.*?)</td>', table):
        records, *money = re.split(r"<[^>]*>+", cell)
        yield _part(records, "; ".join(filter(None, money)))


# -- figures --


def _number(text: str) -> int:
    return 0 if text == "–" else int(text.replace(" ", ""))


def _part(records: str, money: str) -> Figures:
    """`3`, `ZAR 1 234.50; 1 amount unknown` → figures."""
    number = _number(records)
    if money == "amount unknown":
        return number, {}, number
    amounts, unknown = Counter[str](), 0
    for text in filter(lambda each: each not in {"", "–"}, money.split("; ")):
        if text.endswith("unknown"):
            unknown += _number(re.match("[0-9 ]+", text)[0].strip())  # type: ignore[index]
        else:
            currency, minor = _money(text)
            amounts[currency] += minor
    return number, _nonzero(amounts), unknown


def _money(text: str) -> tuple[str, int]:
    """`ZAR 1 234.50` → its currency and minor units; `5 minor units` are of no known currency."""
    if text.endswith("minor units"):
        return "?", _number(text.removesuffix("minor units").strip())
    currency, _, amount = text.partition(" ")
    return currency, int(Decimal(amount.replace(" ", "")).scaleb(DIGITS[currency]))


def _figures(part: Json) -> Figures:
    return part["records"], _nonzero(part["amounts_minor"]), part["amount_unreadable"]


def _sum(some: Iterable[Figures]) -> Figures:
    records, amounts, unknown = 0, defaultdict[str, int](int), 0
    for each in some:
        records += each[0]
        unknown += each[2]
        for currency, minor in each[1].items():
            amounts[currency] += minor
    return records, _nonzero(amounts), unknown


def _nonzero(numbers: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in sorted(numbers.items()) if number}


def _without_none(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    found = Counter[str]()
    for name, number in pairs:
        found[name] += number
    return _nonzero(found)
