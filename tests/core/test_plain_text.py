"""Words for people without a shell: no command, option or key of the config is left in them."""

from __future__ import annotations

import pytest

from pipeline.core.plain_text import command_in, without_commands
from pipeline.core.release_decisions import (
    Person,
    always,
    first_of_feed,
    limited,
    restored,
    stopped,
    uploaded,
)
from pipeline.core.rules.catalogue import RULES
from pipeline.report.html.wording import on_page

SOMEBODY = Person("thandi", "the page")


@pytest.mark.parametrize("code", RULES)
def test_whatever_a_rule_says_is_whole_without_its_commands_and_keys(code: str) -> None:
    for text in (RULES[code].meaning, RULES[code].remedy):
        told = without_commands(text)
        assert command_in(told) is None, told
        assert told
        assert not told.endswith((",", ":", "or", "then", "to", " "))
        assert "  " not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("release it (billferry release FILE)", "release it"),
        ("separated by commas (whoever maintains it can set feed.amount.thousands)", "separated by commas"),
        ("sum (feed.line_items: {sum: true, identical: sum}) them", "sum them"),
        ("a sum (of 3 records), za_bills (copy).csv", "a sum (of 3 records), za_bills (copy).csv"),
        ("Billferry reads it (Billferry has read it)", "Billferry reads it (Billferry has read it)"),
    ],
)  # fmt: skip
def test_what_stands_in_parentheses_for_a_shell_is_left_out(text: str, told: str) -> None:
    assert without_commands(text) == told


@pytest.mark.parametrize(
    "text", ["run billferry retry", "add --accept-changes", "page.approvals is second_person", "(feed.header"]
)
def test_commands_options_and_keys_are_seen(text: str) -> None:
    assert command_in(text) is not None


def test_holds_name_no_commands_to_people_without_a_shell() -> None:
    holds = [
        uploaded(SOMEBODY),
        first_of_feed("bills"),
        always(),
        restored(),
        stopped(SOMEBODY, 1, 2),
        limited(1, 2),
    ]
    for hold in holds:
        assert command_in(on_page(hold.message, hold.code)) is None


def test_a_reason_that_names_a_command_gives_way_to_the_words_of_its_rule() -> None:
    told = on_page("it has no line 3, as feed.header says; correct feed.header", "file.header")
    assert told == (
        "a header that cannot be read, or is not where the feed says; export again, or ask whoever maintains the"
        " config to correct that"
    )
    told = on_page("5 columns, at most 4 are read; check feed.delimiter", "file.too_many_columns")
    assert told.startswith("5 columns, at most 4 are read; check what parts its columns")
