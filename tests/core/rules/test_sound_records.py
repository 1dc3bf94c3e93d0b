"""A record is sound where no rule by itself is broken, and values read at once are those read closely."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.core.csv_structure import DAMAGE
from pipeline.core.mapping.fit_feed import lay_out
from pipeline.core.mapping.layout import CANONICAL
from pipeline.core.mapping.normalise import canonical
from pipeline.core.rules import evaluate
from pipeline.core.rules.field_rules import field_rules_of
from pipeline.core.values import dates, money
from pipeline.core.values.date_formats import ISO
from schemas.feed import AmountFormat, Feed, Model
from tests.seeds import cases

LONG = ("N" * 255, "N" * 256, "é" * 128, "é" * 255, "é" * 256)
REFERENCES = ("C-1", "8.5E+12", "8E+12", "12E4", "#REF!", "#N/A", "a b", "a/b", "é", "-", "_", *LONG)
TEXTS = {
    "reference": REFERENCES,
    "name": ("Ann", "1.5E+20", "-1.5E+20", "#N/A", "#####", "#VALUE!", "9 lives", "", *LONG),
    "email": ("a@b.co", "a@b", "a..b@c.de", "a@b.c-", f"{'a' * 310}@{'b' * 5}.com", f"{'a' * 320}@b.com"),
    "phone": ("+27821234567", "0821234567", "082 123 4567", "12 34", "+0821", "00", "+27" + "8" * 14),
    "currency": ("ZAR", "KWD", "JPY", "CLF", "XXQ", "zar", "XAU"),
    "amount": (
        *("1", "1.5", "1.50", "1.500", "1.505", "0", "-0", "-0.00", "-5.00", "+5.00", "1,234.50", "1.234,50"),
        *("12,5", "1e5", "1.2E+5", "#NUM!", ".5", "5.", "01.50", "0000000000001.00", "5.00-", "(5.00)"),
        *("9" * 13 + ".99", "9" * 14 + ".99", "9" * 17, "9" * 18, "9" * 19, "٣.00", "1 000.00", "5.00 CR"),
    ),
    "date": (
        *("2026-01-31", "2026-02-28", "2026-02-29", "2024-02-29", "2026-04-31", "2026-13-01", "0000-01-01"),
        *(
            "0999-12-31",
            "9999-12-31",
            "2026-1-1",
            "2026-00-10",
            "2026-10-00",
            "01/02/2026",
            "1/2/2026",
            "31-DEC-26",
            "29-feb-26",
            "2026-01-31 23:59",
            "2026-12-01 ",
            "x",
        ),
    ),
}
KIND = {
    **dict.fromkeys(("customer_reference", "account_reference", "bill_reference"), "reference"),
    **dict.fromkeys(("customer_name", "account_name"), "name"),
    "customer_email": "email",
    "customer_phone": "phone",
    "currency": "currency",
    **dict.fromkeys(("amount_due", "balance"), "amount"),
    **dict.fromkeys(("bill_date", "due_date"), "date"),
}
GOOD = {"reference": "R-1", "amount": "10.00", "currency": "ZAR", "date": "2026-05-05"}
STYLES: tuple[dict[str, object], ...] = (
    {"unit": "major"},
    {"unit": "minor"},
    {"unit": "major", "decimal": ","},
    {"unit": "major", "thousands": ","},
    {"unit": "major", "negative": "trailing_minus"},
    {"unit": "major", "negative": "cr"},
    {"unit": "major", "negative": "parentheses"},
    {"unit": "major", "negative": "unicode_minus"},
    {"unit": "major", "extra_zeros": True},
)
MODELS: tuple[Model, ...] = ("bill", "account_balance", "customer_balance")


@st.composite
def batches(draw: st.DrawFn) -> tuple[Feed, pl.DataFrame, tuple[str, ...]]:
    """A feed, and some records of which many fields are good and some odd."""
    model = draw(st.sampled_from(MODELS))
    own = (*CANONICAL[model], "metadata.note", *(("account_metadata.zone",) if model == "bill" else ()))
    feed = Feed.model_validate(
        {
            "name": "bills",
            "match": "*",
            "model": model,
            "amount": draw(st.sampled_from(STYLES)),
            "phone_region": draw(st.sampled_from([None, "ZA"])),
            "date_formats": draw(
                st.sampled_from(
                    [["%Y-%m-%d"], ["%d/%m/%Y", "%Y-%m-%d"], ["%d/%m/%Y"], ["%d-%b-%y"], ["%Y-%m-%d %H:%M"]]
                )
            ),
        }
    )
    height = draw(st.integers(1, 6))
    fields = {}
    for position, name in enumerate(own):
        kind = KIND.get(name, "name")
        text = st.one_of(
            st.just(GOOD.get(kind)), st.just(GOOD.get(kind)), st.sampled_from((None, *TEXTS[kind]))
        )
        fields[f"field_{position}"] = pl.Series(
            draw(st.lists(text, min_size=height, max_size=height)), dtype=pl.String
        )
    damage = draw(st.lists(st.sampled_from([None, None, None, 3]), min_size=height, max_size=height))
    numbers = list(range(1, height + 1))
    places = dict.fromkeys(("record", "line", "byte_start", "byte_end"), numbers)
    damaged = {
        "damage": pl.Series(damage, dtype=pl.UInt8),
        "damaged_column": pl.Series([None] * height, dtype=pl.String),
    }
    frame = pl.DataFrame(places | damaged | fields)
    return feed, frame, own


@pytest.mark.slow
@bounded(deadline=None, max_examples=cases(60, soak=1_000))
@given(batches())
def test_a_record_gets_the_code_of_every_rule_that_it_breaks_by_itself(
    made: tuple[Feed, pl.DataFrame, tuple[str, ...]],
) -> None:
    feed, fields, own = made
    layout = lay_out(feed, own, {}, file_name="bills.csv")
    records = canonical(fields, layout)
    read = records.with_columns(evaluate._read(records, layout))
    broken = read.select(**{rule.code: broken for rule, broken in field_rules_of(layout)})
    expected = {}
    for record, damage in records.select("record", "damage").iter_rows():
        codes = [code for code in broken.columns if broken[code][record - 1] and damage is None]
        if codes or damage is not None:
            expected[record] = codes if damage is None else [DAMAGE[damage]]
    findings = evaluate.evaluate_rules(records, layout).findings
    assert dict(findings.select("record", "codes").iter_rows()) == expected


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("currency", [None, *TEXTS["currency"]])
def test_amounts_are_the_same_read_at_once_or_closely(style: dict[str, object], currency: str | None) -> None:
    form = AmountFormat.model_validate(style)
    texts = pl.Series(["7.00", None, *TEXTS["amount"], "7"], dtype=pl.String)
    currencies = pl.Series([currency] * len(texts), dtype=pl.String)
    closely = money._slow_path(pl.DataFrame({"text": texts, "currency": currencies}), form)
    at_once = money.parse_amounts(texts, currencies, form)
    assert_frame_equal(at_once.fill_null(value=False), closely.select(at_once.columns).fill_null(value=False))


def test_every_day_of_some_years_is_the_same_read_at_once_or_closely() -> None:
    texts = pl.Series(
        [
            f"{year:04}-{month:02}-{day:02}"
            for year in (1, 999, 1900, 2000, 2023, 2024, 9999)
            for month in range(14)
            for day in range(33)
        ]
    )
    closely = dates._slow_path(texts.to_frame("text"), [ISO], "en")
    assert_frame_equal(dates.parse_dates(texts, [ISO]).fill_null(value=False), closely.fill_null(value=False))
