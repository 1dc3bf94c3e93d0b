"""report.html without a browser: what it says, what it leaves out, and that it is one safe piece."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from pipeline.core.file_stages import Refusal
from pipeline.core.outcomes import FileState, Outcome
from pipeline.report.html import page_facts
from pipeline.report.html.charts import Caption, Series, columns, stacked_bar
from pipeline.report.html.page_facts import PageFacts
from pipeline.report.html.render import MAX_ODD, MAX_SHOWN, reference, safe_text
from pipeline.report.html.wording import MEANINGS, verdict
from pipeline.report.results import nothing_sent
from pipeline.report.summary import FileReport
from pipeline.report.write import write_report
from schemas.results import ControlFacts, ControlTotals
from tests.pages.example import PERSONAL, every_outcome, hostile
from tests.report.example import DRY_RUN, RUN, Row, checked_file, outcomes_of, rejected


class Text(HTMLParser):
    """The words of a page, without its style and script, and the tags it is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in {"style", "script"}

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 (asked for by the parser)
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.extend(data.split())


def read(path: Path) -> Text:
    text = Text()
    text.feed(path.read_text())
    return text


def said(path: Path) -> str:
    return " ".join(read(path).words)


def report_of(
    tmp_path: Path,
    rows: list[Row],
    outcomes: dict[int, Outcome] | None = None,
    *,
    dry: bool = False,
    **facts: object,
) -> FileReport:
    checked = checked_file(tmp_path, rows, **facts)  # type: ignore[arg-type]
    run = DRY_RUN if dry else RUN
    return write_report(checked, outcomes_of(outcomes or {}), folder=tmp_path / "reports", run=run)


# -- the verdict --

SKIPPED = Row(verdict="skipped", message="left out by feed.nothing_due")


@pytest.mark.parametrize(
    ("rows", "outcomes", "dry", "sentence"),
    [
        ([Row()], {1: Outcome.CREATED}, False, "The one record is loaded."),
        ([Row()] * 2, {1: Outcome.CREATED, 2: Outcome.UNCHANGED}, False, "All 2 records are loaded."),
        (
            [Row(), Row(verdict="duplicate", duplicate_of=1)],
            {1: Outcome.UPDATED},
            False,
            "All 2 records are loaded; 1 is a duplicate, sent once.",
        ),
        ([Row(), SKIPPED], {1: Outcome.CREATED}, False, "1 of 2 records is loaded; the feed leaves out 1."),
        (
            [Row(), Row(), SKIPPED, Row(verdict="duplicate", duplicate_of=1)],
            {1: Outcome.CREATED, 2: Outcome.UNCHANGED},
            False,
            "3 of 4 records are loaded; 1 is a duplicate, sent once; the feed leaves out 1.",
        ),
        ([SKIPPED], {}, False, "Nothing is loaded: the feed leaves out the one record of the file."),
        ([SKIPPED] * 2, {}, True, "Nothing is ready to load: the feed leaves out all 2 records of the file."),
        (
            [SKIPPED, Row(), rejected("a.b")],
            {},
            True,
            "1 of 3 records is ready to load, 1 is left out, 1 is not ready to load.",
        ),
        ([], {}, False, "The file contains no records."),
        (
            [Row(), rejected("a.b"), Row(verdict="duplicate", duplicate_of=1)],
            {1: Outcome.CREATED},
            False,
            "1 of 3 records is loaded, 1 is a duplicate, 1 is not loaded.",
        ),
        (
            [Row()] * 3,
            {1: Outcome.CREATED, 2: Outcome.CONFLICT, 3: Outcome.REFUSED},
            False,
            "1 of 3 records is loaded, 2 are not loaded.",
        ),
        (
            [Row()] * 3,
            {1: Outcome.CREATED, 2: Outcome.IN_DOUBT},
            False,
            "The file is unfinished: 2 of 3 records are open.",
        ),
        (
            [Row(), rejected("a.b")],
            {},
            False,
            "The file is unfinished: 1 of 2 records is open, and 1 is not loaded.",
        ),
        ([Row()] * 2, {}, True, "All 2 records are ready to load."),
        (
            [Row(), Row(), rejected("a.b")],
            {},
            True,
            "2 of 3 records are ready to load, 1 is not ready to load.",
        ),
    ],
)
def test_one_sentence_says_what_became_of_the_file(
    tmp_path: Path, rows: list[Row], outcomes: dict[int, Outcome], dry: bool, sentence: str
) -> None:
    report = report_of(tmp_path, rows, outcomes, dry=dry)
    told = verdict(report.summary)
    assert told.sentence == sentence
    assert sentence in said(report.paths["page"])
    assert all(step in said(report.paths["page"]) for step in told.steps)
    assert told.steps


def test_a_refused_file_says_why_and_that_nothing_was_sent(tmp_path: Path) -> None:
    refusal = Refusal("file.too_many_rejects", "2 of 3 records are rejected; correct the feed or the file")
    report = report_of(tmp_path, [Row(), rejected("a.b")], refusal=refusal)
    text = said(report.paths["page"])
    assert "The file was refused. Nothing of it was sent." in text
    assert refusal.message in text
    assert refusal.code in text


def test_what_to_do_names_the_command_that_does_it(tmp_path: Path) -> None:
    refused = report_of(tmp_path, [Row(), Row()], {1: Outcome.REFUSED, 2: Outcome.CREATED})
    assert any("billferry retry" in step for step in verdict(refused.summary).steps)
    assert any("rejects.csv" in step for step in verdict(refused.summary).steps)


def test_what_to_correct_has_the_name_that_its_file_has(tmp_path: Path) -> None:
    summary = report_of(tmp_path, [Row(), Row()], {1: Outcome.REFUSED, 2: Outcome.CREATED}).summary
    of_meters = summary.model_copy(update={"reports": ["summary.json", "rejects.ndjson"]})
    assert any("in rejects.ndjson and" in step for step in verdict(of_meters).steps)


def test_an_amount_that_nobody_could_read_is_not_shown_as_nothing(tmp_path: Path) -> None:
    unread = replace(rejected("amount_due.format"), amount_minor=None)
    text = said(report_of(tmp_path, [Row(), unread], {1: Outcome.CREATED}).paths["page"])
    figures = text[text.index("In the file") : text.index("Still to load")]
    assert "1 amount unknown" in figures
    assert "0.00" not in figures[figures.index("Not loaded") :]
    assert "1 amount unknown" in figures[figures.index("Not loaded") :]


def test_every_outcome_has_a_meaning_and_every_state_a_verdict(tmp_path: Path) -> None:
    assert set(MEANINGS) == set(Outcome)
    report = report_of(tmp_path, [Row()], {1: Outcome.CREATED})
    for state in FileState:
        assert verdict(report.summary.model_copy(update={"state": state.value})).sentence


# -- what it holds --


def test_declared_totals_that_differ_are_seen(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row(), Row()])
    control = ControlTotals(records=3, amounts_minor={"ZAR": 200})
    checked = replace(checked, control=ControlFacts(declared=control, counted=control))
    report = write_report(checked, outcomes_of({1: Outcome.CREATED}), folder=tmp_path / "reports", run=RUN)
    assert "✗ Balances, but differs from what the file declares" in said(report.paths["page"])


def test_each_rule_has_its_count_its_lines_and_its_remedy(tmp_path: Path) -> None:
    rows = [
        *[rejected("due_date.format", "amount_due.missing") for _ in range(7)],
        rejected("due_date.format"),
    ]
    text = said(report_of(tmp_path, rows, part_records=2).paths["page"])
    assert "due_date.format 8 Date is not in the expected format. Lines 2, 3, 4, 5, 6 and 3 more" in text
    assert "amount_due.missing 7 No amount. Lines 2, 3, 4, 5, 6 and 2 more Fill it in." in text


def test_what_the_api_said_stands_beside_its_code(tmp_path: Path) -> None:
    refused = {"outcome": "refused", "codes": "api.400.too-far", "message": "Too far ahead"}
    checked = checked_file(tmp_path, [Row()] * 3)
    report = write_report(
        checked, outcomes_of(dict.fromkeys((1, 3), refused)), folder=tmp_path / "r", run=RUN
    )
    text = said(report.paths["page"])
    assert "api.400.too-far 2 Too far ahead Lines 2 and 4" in text


@pytest.mark.parametrize(
    ("dates", "unit", "shown"),
    [
        (["2026-12-05", "2026-12-01", None], "day", ["2026-12-01", "2026-12-05", None]),
        (
            [f"2026-{n % 3 + 1:02}-{n % 28 + 1:02}" for n in range(84)],
            "month",
            ["2026-01", "2026-02", "2026-03"],
        ),
        (
            [f"{1900 + n}-{n % 12 + 1:02}-01" for n in range(250)],
            "year",
            ["earlier", *(str(year) for year in range(2000, 2100)), "later"],
        ),
        ([None, None], None, []),
    ],
)
def test_due_dates_are_told_by_day_month_or_year_and_add_up(
    tmp_path: Path, dates: list[str | None], unit: str | None, shown: list[str | None]
) -> None:
    rows = [Row(amount_minor=100 + n, due_date=date) for n, date in enumerate(dates)]
    checked = checked_file(tmp_path, rows, part_records=50)
    facts = PageFacts.of(checked)
    assert facts.unit == unit
    for part in sorted(checked.records.glob("*.parquet")):
        rows_ = pl.read_parquet(part).with_columns(
            currency_counted=pl.lit("ZAR"), outcome=pl.lit("created"), codes=pl.lit(None, pl.String)
        )
        facts.read(rows_)
    by_period = facts.due.get("ZAR", {})
    assert (
        sorted(by_period, key=lambda name: (name is None, name == "later", name != "earlier", name)) == shown
    )
    if unit:
        total = sum(one.amount_minor for groups in by_period.values() for one in groups.values())
        assert total == sum(row.amount_minor or 0 for row in rows)


def test_times_are_told_in_the_zone_of_the_people(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row()])
    report = write_report(
        checked, nothing_sent, folder=tmp_path / "reports", run=RUN, timezone="Africa/Johannesburg"
    )
    assert "Reported 20 Nov 2026, 08:01 Africa/Johannesburg" in said(report.paths["page"])


def test_files_beside_the_page_are_linked_as_far_as_they_are_there(tmp_path: Path) -> None:
    report = report_of(tmp_path, [Row()], {1: Outcome.CREATED})
    links = [attributes["href"] for tag, attributes in read(report.paths["page"]).tags if tag == "a"]
    assert links == ["summary.json", "results.csv"]


# -- what it leaves out --


def test_personal_data_is_not_on_the_page(tmp_path: Path) -> None:
    report = every_outcome(tmp_path)
    raw, text = report.paths["page"].read_text(), said(report.paths["page"])
    assert [value for value in PERSONAL if value in raw] == []
    assert "…0085" in text
    assert "Validation error: [e-mail] is too far ahead of [number]" in text
    assert all(value in report.paths["results"].read_text() for value in PERSONAL[:2])


def test_only_so_many_records_codes_and_examples_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_facts, "SHOWN_RECORDS", 5)
    monkeypatch.setattr(page_facts, "MAX_CODES", 3)
    rows = [rejected(f"a.b{n % 4}", message=f"{n}" + "x" * 1000) for n in range(40)] + [Row()] * 9
    report = report_of(tmp_path, rows, dict.fromkeys(range(41, 50), Outcome.CONFLICT), part_records=4)
    text = read(report.paths["page"])
    kinds = [
        attributes["data-kind"] for tag, attributes in text.tags if tag == "tr" and "data-kind" in attributes
    ]
    assert kinds == ["rejected"] * 5 + ["conflict"] * 5
    assert "and 39 more in results.csv" in " ".join(text.words)
    assert "Not all codes are listed here" in " ".join(text.words)
    assert report.paths["page"].stat().st_size < 40_000


def test_texts_are_cut_after_they_are_escaped() -> None:
    odd = "\U000e0001" * 300
    assert len(safe_text(odd)) == MAX_SHOWN + 1
    assert len(reference(odd)) == MAX_ODD + 1
    assert reference("A" * 255) == "A" * 255
    assert reference(None) == "–"


# -- one safe piece --


def test_the_policy_names_the_hashes_of_the_only_style_and_script(tmp_path: Path) -> None:
    page = hostile(tmp_path).paths["page"].read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]


def test_nothing_on_a_page_points_elsewhere_or_runs(tmp_path: Path) -> None:
    for tag, attributes in read(hostile(tmp_path).paths["page"]).tags:
        assert tag not in {
            "img",
            "iframe",
            "object",
            "embed",
            "link",
            "base",
            "video",
            "audio",
            "use",
            "image",
        }
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in {"src", "style", "xlink:href", "action", "formaction"}, (tag, name)
            if name == "href":
                assert re.fullmatch(r"#[a-z-]+|[a-z]+\.(csv|json)", value or ""), value


def test_hidden_letters_are_shown(tmp_path: Path) -> None:
    raw = hostile(tmp_path, name="a\u202egnp.\u2028exe").paths["page"].read_text()
    assert "a\\u202egnp.\\u2028exe" in raw
    assert not set(raw) & set("\u202e\u2028\u2029\x00\x1b")


def test_the_same_outcomes_give_the_same_bytes(tmp_path: Path) -> None:
    pages = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        pages.append(every_outcome(tmp_path / name).paths["page"].read_bytes())
    assert pages[0] == pages[1]


def test_charts_hold_only_shapes_and_words() -> None:
    series = [Series("g-loaded", [10**18, 1], ["<a>", "b"]), Series("g-open", [0, 5], ["c", "d"])]
    for chart in (
        stacked_bar([Series("o-created", [1], ["<script>"])], Caption("bar", "T", "D")),
        columns(series, ["2026-12-01", "</svg>"], str, Caption("due", "T & T", "<D>")),
    ):
        tree = ElementTree.fromstring(chart)  # noqa: S314 (ours)
        tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
        assert tags <= {"svg", "g", "rect", "path", "text", "title", "desc"}
        attributes = {name for element in tree.iter() for name in element.attrib}
        assert not attributes & {"style", "href", "{http://www.w3.org/1999/xlink}href", "onclick"}
        assert "<!--" not in chart
        assert (tree.get("role"), tree[0].tag[-5:], tree[1].tag[-4:]) == ("img", "title", "desc")


@pytest.mark.parametrize("highest", [0, 1, 4, 5, 6, 99, 101, 123456, 10**18])
def test_the_scale_of_a_chart_is_round_and_reaches_the_highest_column(highest: int) -> None:
    chart = ElementTree.fromstring(  # noqa: S314 (ours)
        columns([Series("g-open", [highest], ["a"])], ["2026-12"], str, Caption("due", "T", "D"))
    )
    texts = [int(each.text or "") for each in chart.iterfind(".//{*}g[@class='axis y']/{*}text")]
    assert texts[0] == 0
    assert highest <= texts[-1] <= max(1, 2 * highest)
    assert len(texts) <= 6
    assert all(re.fullmatch("[125]0*", str(upper - lower)) for lower, upper in itertools.pairwise(texts))


def test_columns_stand_on_each_other_and_grow_with_their_amounts() -> None:
    loaded, still_open = Series("g-loaded", [300, 0], ["a", "b"]), Series("g-open", [100, 200], ["c", "d"])
    chart = ElementTree.fromstring(  # noqa: S314 (ours)
        columns([loaded, still_open], ["one", "two"], str, Caption("due", "T", "D"))
    )
    first, second = (
        [{key: float(rect.get(key, "nan")) for key in ("y", "height")} for rect in group.iterfind("{*}rect")]
        for group in chart.iterfind("{*}g")
        if "series" in group.get("class", "")
    )
    assert first[0]["height"] == pytest.approx(3 * second[0]["height"], abs=0.02)
    assert second[1]["height"] == pytest.approx(2 * second[0]["height"], abs=0.02)
    assert first[1]["height"] == 0
    assert second[0]["y"] + second[0]["height"] == pytest.approx(first[0]["y"], abs=0.02)
