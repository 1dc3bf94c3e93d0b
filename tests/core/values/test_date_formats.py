"""Formats of dates are those of strptime: the standard library is the judge of every directive that a feed may use."""

from __future__ import annotations

import random
import re
from datetime import date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from pipeline.core.values import dates
from pipeline.core.values.date_formats import DIRECTIVES, problems, read_date, write_date
from pipeline.core.values.month_names import LANGUAGES, months, name_of
from pipeline.core.values.xlsx_cells import moment_text
from schemas.feed import DateLanguage
from tests.seeds import cases, drawn

LITERALS = ("-", "/", ".", " ", ", ", "T", "x", "ü", "[", "\\", "7", "")
DAYS = ("%d", "%j")


def column(texts: list[str], *formats: str, language: DateLanguage = "en") -> list[str | None]:
    frame = dates.parse_dates(pl.Series(texts, dtype=pl.String), formats, language)
    faults = frame.select(pl.sum_horizontal(pl.col(*("format", "impossible", "ambiguous")).cast(pl.Int8)))
    for day, count in zip(frame["day"], faults.to_series(), strict=True):
        assert count == (day is None)
    return frame["day"].to_list()


def random_format(chance: random.Random) -> str:
    """A format of a few directives, each of them any that a feed may have."""
    names = [f"%{name}" for name in DIRECTIVES]
    stated = chance.sample(names, chance.randrange(1, 5)) if chance.random() < 0.3 else []
    whole = [
        *chance.choice(
            [("%Y", "%m", "%d"), ("%y", "%m", "%d"), ("%d", "%b", "%Y"), ("%d", "%B", "%y"), ("%Y", "%j")]
        )
    ]
    if chance.random() < 0.5:
        whole += chance.sample(["%H", "%M", "%S", "%f", "%z", "%p", "%I", "%Z", "%%"], chance.randrange(5))
    if chance.random() < 0.5:
        chance.shuffle(whole)
    return "".join(part + chance.choice(LITERALS) for part in whole + stated)


def mangled(chance: random.Random, text: str) -> str:
    """Something that fits the format no longer, or perhaps does."""
    at = chance.randrange(len(text) + 1)
    match chance.randrange(7):
        case 0:
            return text[:at] + text[at + 1 :]
        case 1:
            return text[:at] + chance.choice(list("0123456789 -/:.PpMm+zZáİſ٣\n\u00a0\u0301")) + text[at:]
        case 2:
            return re.sub("[0-9]", lambda digit: chance.choice([digit[0], "9", "0"]), text)
        case 3:
            return re.sub("0([0-9])", r"\1", text)
        case 4:
            return text.upper()
        case 5:
            return re.sub("[A-Za-z]+", "Foo", text)
        case _:
            return chance.choice(["", "0", "99999999", "x" * 300, text * 2])


def by_the_standard_library(text: str, date_format: str) -> str | None:
    """What strptime reads; None where two readings are possible, or where it reads what is not of ASCII."""
    try:
        return datetime.strptime(text, date_format).date().isoformat()  # noqa: DTZ007
    except ValueError:
        return None


@pytest.mark.slow
def test_no_directive_and_no_text_can_crash_the_reading_or_make_it_another_day() -> None:
    chance = drawn()
    used: set[str] = set()
    read = 0
    for _ in range(cases(120, soak=300)):
        date_format = random_format(chance)
        if problems(date_format):
            continue
        used |= set(re.findall("%(.)", date_format))
        moments = [datetime(1970, 1, 1) + timedelta(seconds=chance.randrange(3 * 10**9)) for _ in range(8)]  # noqa: DTZ001
        texts = [write_date(moment, date_format) for moment in moments]
        own = column(texts, date_format)
        assert own == [moment.date().isoformat() for moment in moments], date_format
        texts += [mangled(chance, text) for text in texts for _ in range(6)]
        for text, day in zip(texts, column(texts, date_format), strict=True):
            assert day == read_date(text, date_format), (text, date_format)
            if day is not None and not {"%Z", "%z", "%f"} & set(re.findall("%.", date_format)):
                plain = text.replace("\u00a0", " ")
                undotted = re.sub(
                    r"(?<=[A-Za-z])\.", "", plain
                )  # of short names and of a.m., which it cannot read
                expected = {by_the_standard_library(each, date_format) for each in (plain, undotted)}
                assert day in expected, (text, date_format)
                read += 1
    assert used == set(DIRECTIVES)
    assert read > cases(400, soak=1000)


@pytest.mark.parametrize(
    ("text", "date_format", "expected"),
    [
        ("1/5/2026", "%m/%d/%Y", "2026-01-05"),
        ("01/05/2026", "%m/%d/%Y", "2026-01-05"),
        ("12/31/2026", "%m/%d/%Y", "2026-12-31"),
        ("1/5/26", "%d/%m/%y", "2026-05-01"),
        ("29-DEC-15", "%d-%b-%y", "2015-12-29"),
        ("29-dec-15", "%d-%b-%y", "2015-12-29"),
        ("29-Dec.-15", "%d-%b-%y", "2015-12-29"),
        ("SEPTEMBER 7, 2026", "%B %d, %Y", "2026-09-07"),
        ("Jan  5 2026", "%b %d %Y", "2026-01-05"),
        ("1/5/68", "%d/%m/%y", "2068-05-01"),
        ("1/5/69", "%d/%m/%y", "1969-05-01"),
        ("2026-01-31 07:57:37", "%Y-%m-%d %H:%M:%S", "2026-01-31"),
        ("2026-01-31T07:57:37.123456+02:00", "%Y-%m-%dT%H:%M:%S.%f%z", "2026-01-31"),
        ("2026-01-31T23:59:59Z", "%Y-%m-%dT%H:%M:%S%z", "2026-01-31"),
        ("1/31/2026 7:05 pm", "%m/%d/%Y %I:%M %p", "2026-01-31"),
        ("2026-01-31 24:00:00", "%Y-%m-%d %H:%M:%S", "impossible"),
        ("2026-01-31 13:00 PM", "%Y-%m-%d %I:%M %p", "impossible"),
        ("2026-01-31", "%Y-%m-%d %H:%M:%S", "format"),
        ("2026-01-31 07:57:37", "%Y-%m-%d", "format"),
        ("1112026", "%d%m%Y", "format"),
        ("01112026", "%d%m%Y", "2026-11-01"),
        ("29-DEZ-15", "%d-%b-%y", "format"),
        ("31-FEB-15", "%d-%b-%y", "impossible"),
        ("5 jan 2026", "%d%% %b %Y", "format"),
        ("5% jan 2026", "%d%% %b %Y", "2026-01-05"),
    ],
)
def test_a_format_reads_what_strptime_reads_and_leaves_the_time_out(
    text: str, date_format: str, expected: str
) -> None:
    frame = dates.parse_dates(pl.Series([text]), [date_format])
    found = frame["day"].item() or next(name for name in ("format", "impossible") if frame[name].item())
    assert found == expected


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("date_format", ["%d. %B %Y", "%d-%b-%y", "%d %b %Y"])
def test_months_are_read_in_the_language_of_the_feed_in_any_case(
    language: DateLanguage, date_format: str
) -> None:
    moments = [datetime(2026, month, 9) for month in range(1, 13)]  # noqa: DTZ001
    for change in (str, str.upper, str.lower, str.title):
        texts = [change(write_date(moment, date_format, language)) for moment in moments]
        assert column(texts, date_format, language=language) == [
            f"2026-{month:02}-09" for month in range(1, 13)
        ]


def test_the_names_of_months_are_those_that_people_write() -> None:
    said = {
        "de": "3. März 2026",
        "fr": "3. août 2026",
        "es": "3. ENERO 2026",
        "pt": "3. MARCO 2026",
        "nl": "3. maart 2026",
    }
    days = {
        "de": "2026-03-03",
        "fr": "2026-08-03",
        "es": "2026-01-03",
        "pt": "2026-03-03",
        "nl": "2026-03-03",
    }
    for language, text in said.items():
        assert read_date(text, "%d. %B %Y", language) == days[language]  # type: ignore[arg-type]
    assert (
        column(["3. Ma\u0308rz 2026", "3. MARZ 2026", "3. MAERZ 2026"], "%d. %B %Y", language="de")
        == ["2026-03-03"] * 3
    )
    assert column(["3 Mrz 2026", "3 mär. 2026"], "%d %b %Y", language="de") == ["2026-03-03"] * 2


def test_no_name_is_two_months_of_one_language() -> None:
    for language in LANGUAGES:
        for short in (True, False):
            assert set(months(language, short=short).values()) == set(range(1, 13))
            for month in range(1, 13):
                assert months(language, short=short)[name_of(month, language, short=short).lower()] == month


def test_a_month_in_another_language_is_told_with_the_key_to_set() -> None:
    frame = dates.parse_dates(pl.Series(["29-DEZ-15", "29-XYZ-15"]), ["%d-%b-%y"])
    assert frame["notation"].to_list() == [
        "the name of the month is in another language (whoever maintains the config can set feed.date_language: de)",
        None,
    ]


@pytest.mark.parametrize(
    ("date_format", "said"),
    [
        ("%d.%m", "does not give a whole date"),
        ("%-d.%m.%Y", "%- is not supported"),
        ("%e %b %Y", "use %d"),
        ("%Y-%m-%d %T", "use %H:%M:%S"),
        ("%Y-%W-%d", "%W is not supported"),
        ("%A %d %B %Y", "%A is not supported"),
        ("%x", "%x is not supported"),
        ("%Y-%m-%d%", "% is not supported"),
        ("%Y %y %m %d", "%Y and %y give the same part"),
        ("%m %b %d %Y", "%m and %b give the same part"),
        ("%Y-%j %d", "give the same part"),
        ("%H %I %d %m %Y", "%H and %I give the same part"),
        ("%d %d %m %Y", "%d is in it twice"),
        ("%d%b%p%Y", "nothing separates %b from %p"),
        ("%Y-%d %bT%Z", "nothing separates %b from %Z"),
    ],
)
def test_a_format_that_makes_no_sense_is_a_config_error(date_format: str, said: str) -> None:
    assert any(said in each for each in problems(date_format))


def test_a_date_cell_of_a_workbook_is_written_as_the_feed_reads_it() -> None:
    day, moment = datetime(2026, 3, 5), datetime(2026, 3, 5, 16, 5, 9)  # noqa: DTZ001
    for formats in (
        ["%d. %B %Y"],
        ["%m/%d/%Y %I:%M:%S %p"],
        ["%Y-%m-%dT%H:%M:%S%z"],
        ["%d%b%y", "%Y-%m-%d %H:%M"],
    ):
        assert column([moment_text(day, formats, "de")], *formats, language="de") == ["2026-03-05"]
    for formats in (["%d. %B %Y %H:%M"], ["%Y-%m-%d", "%m/%d/%Y %I:%M:%S %p"]):
        assert column([moment_text(moment, formats, "de")], *formats, language="de") == ["2026-03-05"]


def test_every_day_of_four_years_is_read_padded_or_not() -> None:
    days = [date(2023, 1, 1) + timedelta(days=each) for each in range(1461)]
    assert all(second - first == timedelta(days=1) for first, second in pairwise(days))
    for date_format in ("%d/%m/%Y", "%m-%d-%y", "%Y.%j", "%d %b %Y", "%B %d, %Y", "%Y%m%d"):
        texts = [day.strftime(date_format) for day in days]
        bare = [re.sub(r"(?<![0-9])0+(?=[1-9])", "", text) for text in texts]
        expected = [day.isoformat() for day in days]
        assert column(texts, date_format) == expected
        if date_format != "%Y%m%d":
            assert column(bare, date_format) == expected or "%y" in date_format
