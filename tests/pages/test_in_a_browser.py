"""The pages as people meet them, in a headless Chromium."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.core.values.amount_text import exponents
from pipeline.core.values.amount_text import format_amount as money
from pipeline.report.html.wording import named
from pipeline.report.summary import FileReport
from pipeline.report.write import write_report
from tests.pages.browser import HIDDEN_SIDEWAYS, Browser, Opened
from tests.pages.example import HOSTILE, hostile, large
from tests.pages.overview import ODD_NAMES, known, overview
from tests.report.example import RUN
from tests.seeds import cases

A4_TEXT_MM = 210 - 2 * 12
"""The width of a page without its margins."""
AA, AA_LARGE, AA_SHAPES = 4.5, 3.0, 3.0
STUCK_S = 10
"""A page that opens at once takes half a second, on a machine that has time for it."""

CONTRASTS = """
(() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => {
    const [more, less] = [light(a), light(b)].sort((p, q) => q - p);
    return (more + 0.05) / (less + 0.05);
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
      if (colour[3] > 0) throw new Error("half transparent: " + at.className);
    }
    return [255, 255, 255];
  };
  const said = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const written = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const size = parseFloat(style.fontSize), bold = parseInt(style.fontWeight) >= 700;
    const svg = element instanceof SVGElement;
    if (written && !["title", "desc"].includes(element.tagName)) {
      const colour = rgb(svg ? style.fill : style.color);
      const large = size >= 24 || (bold && size >= 18.66);
      said.push(["text", large, ratio(colour, behind(svg ? element.closest("figure") : element)),
        element.tagName + "." + element.getAttribute("class")]);
    }
    if (element.classList.contains("swatch") || element.tagName === "rect") {
      const colour = rgb(svg ? style.fill : style.backgroundColor);
      said.push(["shape", false, ratio(colour, behind(svg ? element.closest("figure") : element.parentElement)),
        element.tagName + "." + element.getAttribute("class")]);
    }
  }
  return said;
})()
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return overview(tmp_path_factory.mktemp("overview"), [known(name) for name in ODD_NAMES])


@pytest.fixture(params=["report", "index", "month", "comparison"])
def page(request: pytest.FixtureRequest, report: FileReport, index: Path) -> Path:
    made = {"report": report.paths["page"], "index": index}
    return made.get(request.param) or request.getfixturevalue(request.param)


def assert_quiet(opened: Opened, path: Path) -> None:
    """Nothing was complained about, nothing but the page itself was asked for, and nothing of a text ran."""
    assert opened.complaints == []
    assert opened.requests == [path.as_uri()]
    assert opened.value("window.ran") is None


def records_shown(page: Opened) -> int:
    rows = "[...document.querySelectorAll('[data-filtered] tbody tr')]"
    return int(page.value(f"{rows}.filter(row => row.checkVisibility()).length"))


def typed(page: Opened, selector: str, text: str) -> None:
    page.value(
        f"(e => {{ e.value = {json.dumps(text)}; e.dispatchEvent(new Event('input', {{bubbles: true}})) }})"
        f"(document.querySelector({selector!r}))"
    )
    page.value("new Promise(done => setTimeout(done, 150))")


def picked(page: Opened, outcome: str) -> None:
    page.value(f"document.querySelector('input[name=kind][value=\"{outcome}\"]').click()")
    page.value("new Promise(done => setTimeout(done, 150))")


# -- nothing leaves the page --


def test_a_page_opens_without_an_error_or_a_request(browser: Browser, page: Path) -> None:
    opened = browser.open(page)
    assert_quiet(opened, page)
    opened.look(scheme="dark")
    assert_quiet(opened, page)


def test_a_planted_remote_image_is_noticed(browser: Browser, report: FileReport, tmp_path: Path) -> None:
    text = report.paths["page"].read_text()
    image = '<img src="http://127.0.0.1:9/planted.png" alt="">'
    kept, lifted = tmp_path / "kept.html", tmp_path / "lifted.html"
    kept.write_text(text.replace("</main>", f"{image}</main>"))
    lifted.write_text(re.sub(r"<meta http-equiv[^>]*>", "", kept.read_text()))
    stopped = browser.open(kept)
    assert any("Content Security Policy" in said for said in stopped.complaints)
    with pytest.raises(AssertionError):
        assert_quiet(browser.open(lifted), lifted)
    assert "http://127.0.0.1:9/planted.png" in browser.open(lifted).requests


def test_a_planted_script_style_or_handler_does_not_run(
    browser: Browser, report: FileReport, tmp_path: Path
) -> None:
    planted = (
        "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
        "<style>h1 { display: none }</style><p id='odd' style='display: none'>odd</p>"
    )
    path = tmp_path / "planted.html"
    path.write_text(report.paths["page"].read_text().replace("</main>", f"{planted}</main>"))
    page = browser.open(path)
    assert page.value("window.ran") is None
    assert page.texts("h1, #odd")[1:] == ["odd"]
    assert len(page.complaints) >= 4


def test_hostile_text_is_shown_and_does_not_run(browser: Browser, tmp_path: Path) -> None:
    path = hostile(tmp_path).paths["page"]
    page = browser.open(path)
    assert_quiet(page, path)
    shown = page.value("document.body.innerText")
    assert "<script>window.ran = 1</script>" in shown
    assert "{{ 7 * 7 }}{% raw %}" in shown
    for selector in ("td.ref", ".notes li", ".said", "h1"):
        for text in page.texts(selector):
            assert not re.match(r"\s*[=+\-@]", text), text
    assert page.value("document.querySelectorAll('main img, main script, main a[href*=\":\"]').length") == 0


# -- what it says --


def test_the_totals_shown_are_those_of_the_summary(browser: Browser, report: FileReport) -> None:
    page = browser.open(report.paths["page"])
    summary = json.loads(report.paths["summary"].read_text())
    tables = page.value(
        "[...document.querySelectorAll('table.control')].map(t => [t.caption.innerText,"
        " [...t.rows].slice(1).map(r => [...r.cells].map(c => c.innerText.trim()))])"
    )
    assert [name for name, _ in tables] == ["All records", "USD", "ZAR"]
    shown = {name: {row[0]: row[1:] for row in rows} for name, rows in tables}
    all_records = shown["All records"]
    for outcome, number in summary["records"].items():
        name = "Sum of outcomes" if outcome == "total" else named(outcome)
        assert all_records[name] == [f"{number:,}".replace(",", " ")], outcome
    for currency, amounts in summary["amounts_minor"].items():
        for outcome, amount in amounts.items():
            name = "Sum of outcomes" if outcome == "total" else named(outcome)
            assert shown[currency][name][1] == money(currency, amount)
        parts = [
            rows[1]
            for name, rows in shown[currency].items()
            if name in {named(outcome) for outcome in amounts if outcome != "total"}
        ]
        assert sum(map(minor, parts)) == amounts["total"] == minor(shown[currency]["In the file"][1])
    assert shown["ZAR"]["Declared by the file"][1] == money(
        "ZAR", summary["control"]["declared"]["amounts_minor"]["ZAR"]
    )
    assert page.texts(".balance strong") == [
        "✓ Balances, and is what the file declares",
        "✓ Balances",
        "✓ Balances, and is what the file declares",
    ]


def minor(text: str) -> int:
    """Money as a page writes it, in minor units."""
    currency, number = text.split(" ", 1)
    assert "." in number or not exponents()[currency]
    return int(re.sub(r"[ .]", "", number))


def test_the_bar_has_the_shares_of_the_outcomes(browser: Browser, report: FileReport) -> None:
    page = browser.open(report.paths["page"])
    widths = page.value(
        "Object.fromEntries([...document.querySelectorAll('.bar .series')].map(s =>"
        " [s.classList[1], s.querySelector('rect').getBoundingClientRect().width]))"
    )
    parts = {f"o-{name}": number for name, number in report.summary.records.parts().items() if number}
    assert widths.keys() == parts.keys()
    whole = sum(widths.values())
    for name, number in parts.items():
        assert widths[name] / whole == pytest.approx(number / report.summary.records.total, abs=0.002)
    assert whole == pytest.approx(page.value("document.querySelector('figure').clientWidth"), rel=0.01)


# -- search --


def test_records_can_be_searched_and_filtered(browser: Browser, report: FileReport) -> None:
    page = browser.open(report.paths["page"])
    records = report.summary.records
    everything = records.rejected + records.conflict + records.refused + records.in_doubt
    assert records_shown(page) == everything
    assert page.texts(".found") == [f"{everything} of {everything} records shown"]
    typed(page, "#filter-text", "inv-900003")
    assert records_shown(page) == 1
    assert page.texts(".found") == [f"1 of {everything} records shown"]
    typed(page, "#filter-text", "")
    picked(page, "conflict")
    assert records_shown(page) == records.conflict
    typed(page, "#filter-code", "customer_email.invalid")
    assert records_shown(page) == 0
    picked(page, "")
    assert records_shown(page) == report.summary.codes["customer_email.invalid"]
    page.value("document.querySelector('form.filter button').click()")
    page.value("new Promise(done => setTimeout(done, 50))")
    assert records_shown(page) == everything


def test_files_can_be_searched_and_their_links_lead_to_their_reports(browser: Browser, index: Path) -> None:
    page = browser.open(index)
    assert records_shown(page) == len(ODD_NAMES)
    typed(page, "#filter-text", "zoë")
    assert records_shown(page) == 1
    links = page.value("[...document.querySelectorAll('th a')].map(a => a.href)")
    assert len(links) == len(ODD_NAMES)
    for name, link in zip(ODD_NAMES, links, strict=True):
        assert browser.open(link).value("document.title") == known(name).sha256, name


@pytest.mark.parametrize("scripts", [True, False])
def test_without_javascript_the_whole_table_is_there_and_no_search(
    browser: Browser, page: Path, scripts: bool
) -> None:
    opened = browser.open(page, scripts=scripts)
    opened.tell(
        "Emulation.setScriptExecutionDisabled", value=False
    )  # to be able to look; the page has loaded
    assert opened.complaints == []
    shown = records_shown(opened)
    assert shown == opened.value("document.querySelectorAll('[data-filtered] tbody tr').length") > 5
    assert bool(opened.texts("form.filter")) is scripts


# -- for everybody --


def test_a_screen_reader_finds_its_way(browser: Browser, page: Path) -> None:
    opened = browser.open(page)
    assert opened.value("document.documentElement.lang") == "en"
    tree = opened.tree()
    roles = [node["role"] for node in tree]
    for landmark in ("banner", "main", "contentinfo"):
        assert roles.count(landmark) == 1, landmark
    levels = [node["properties"]["level"] for node in tree if node["role"] == "heading"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    for role in ("table", "region", "image", "searchbox", "combobox", "button", "link", "heading"):
        assert all(node["name"] for node in tree if node["role"] == role), role
    assert {"table", "columnheader", "rowheader", "searchbox", "combobox", "status"} <= set(roles)
    status = next(node for node in tree if node["role"] == "status")
    assert status["properties"]["live"] == "polite"
    assert opened.value("[...document.querySelectorAll('table')].every(t => t.caption && t.tHead)")
    assert opened.value("[...document.querySelectorAll('th')].every(th => ['row', 'col'].includes(th.scope))")


def test_everything_written_can_be_read(browser: Browser, page: Path) -> None:
    opened = browser.open(page)
    least = {("text", False): AA, ("text", True): AA_LARGE, ("shape", False): AA_SHAPES}
    for scheme in ("light", "dark"):
        opened.look(scheme=scheme)
        found = opened.value(CONTRASTS)
        pale = {(what, round(ratio, 2)) for kind, big, ratio, what in found if ratio < least[kind, big]}
        assert len(found) > 50
        assert pale == set(), scheme


def test_the_colours_follow_the_scheme_and_paper_is_white(browser: Browser, report: FileReport) -> None:
    page = browser.open(report.paths["page"], scheme="dark")
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.value(colour)
    page.look(scheme="light")
    light = page.value(colour)
    page.look(scheme="dark", media="print")
    assert page.value(colour) == "rgb(255, 255, 255)"
    assert brightness(page.value("getComputedStyle(document.querySelector('h1')).color")) < 150
    assert brightness(dark) < 150
    assert brightness(light) > 600
    assert page.texts("form.filter") == []


def test_it_prints_on_a4_and_nothing_is_cut(browser: Browser, page: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "page.pdf"
    opened = browser.open(page)
    opened.printed(pdf)
    boxes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf.read_bytes()))
    [(width, height)] = boxes
    assert (round(float(width) / 72 * 25.4), round(float(height) / 72 * 25.4)) == (210, 297)
    opened.look(media="print")
    opened.size(round(A4_TEXT_MM / 25.4 * 96), 1000)
    assert opened.value(HIDDEN_SIDEWAYS) == []


def brightness(colour: str) -> int:
    return sum(map(int, re.findall(r"\d+", colour)))


def test_only_tables_scroll_sideways_and_nothing_does_on_a_phone(browser: Browser, page: Path) -> None:
    opened = browser.open(page)
    for width in (1280, 390):
        opened.size(width, 844)
        assert opened.value("document.documentElement.scrollWidth") <= width
    assert opened.value(HIDDEN_SIDEWAYS) == []


def test_a_row_of_a_table_is_a_card_on_a_phone_and_its_cells_have_names(
    browser: Browser, index: Path
) -> None:
    opened = browser.open(index)
    opened.size(390, 844)
    cells = "[...document.querySelector('.files tbody tr').cells].slice(1)"
    names = opened.value(f"{cells}.map(cell => getComputedStyle(cell, '::before').content)")
    assert names == ['"State"', '"When"', '"Records"', '"Still to correct"', '"Still to load"', '"Amount"']
    tops = opened.value(f"{cells}.map(cell => cell.getBoundingClientRect().top)")
    assert tops == sorted(set(tops)), "one below the other"


# -- large files --


def test_a_million_records_make_a_small_page_that_opens_at_once(browser: Browser, tmp_path: Path) -> None:
    records = cases(200_000, soak=1_000_000)
    checked, outcomes = large(tmp_path / "large", records=records)
    report = write_report(checked, outcomes, folder=tmp_path / "reports", run=RUN)
    path = report.paths["page"]
    assert report.summary.records.rejected == records * 3 // 10
    assert path.stat().st_size < 5_000_000
    began = time.monotonic()
    page = browser.open(path)
    took_s = time.monotonic() - began
    assert_quiet(page, path)
    assert records_shown(page) == 400
    assert page.texts(".more") == [f"and {records * 3 // 10 - 400:,} more in results.csv".replace(",", " ")]
    assert took_s < STUCK_S


def test_the_largest_page_there_can_be_opens_at_once(browser: Browser, tmp_path: Path) -> None:
    path = hostile(tmp_path, times=150, longer=100).paths["page"]
    assert path.stat().st_size < 5_000_000
    began = time.monotonic()
    page = browser.open(path)
    took_s = time.monotonic() - began
    assert_quiet(page, path)
    assert records_shown(page) == 800
    assert took_s < STUCK_S


def test_an_overview_of_ten_thousand_files_shows_the_newest(browser: Browser, tmp_path: Path) -> None:
    files = [known(f"bills_{number:05}.csv") for number in range(1000)]
    path = overview(tmp_path, files, total=10_000)
    page = browser.open(path)
    assert_quiet(page, path)
    assert records_shown(page) == 1000
    assert "1 000 of 10 000 files: all that need somebody, and the newest." in page.texts(".aside")[0]
    assert path.stat().st_size < 1_500_000


def test_the_hostile_texts_are_hostile(browser: Browser, tmp_path: Path) -> None:
    """Without escaping they run: the tests above could fail."""
    ran = []
    for number, text in enumerate(HOSTILE):
        path = tmp_path / f"{number}.html"
        raw = f'<a id="a" href="{text}">a</a><p title="{text}">{text}</p><style>{text}</style>'
        path.write_text(f"<!doctype html>{raw}")
        page = browser.open(path)
        page.value("(a => a?.protocol === 'javascript:' && a.click())(document.getElementById('a'))")
        ran.append(page.value("window.ran"))
    assert sum(value == 1 for value in ran) >= 5
