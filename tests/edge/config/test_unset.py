"""A proposed config says in one line what to fill in, and everything else that is wrong with it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.config.config_place import Place


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, capsys, monkeypatch)


def test_what_is_not_set_yet_is_one_line_and_the_rest_is_checked_all_the_same(place: Place) -> None:
    place.feed(
        match="*{date:%Q}",
        amount={"unit": "?", "decimal": "?"},
        currency="?",
        date_formats=["?"],
        delimeter=";",
        expected_codes=["nope"],
        columns={
            "customer_reference": "?",
            "bill_reference": "b",
            "amount_due": {"debit": "a"},
            "bil_date": "d",
        },
    )
    lines = place.says_all()
    assert lines[0] == (
        "config.yaml: feed bills: not set yet: amount.decimal, amount.unit, columns.customer_reference, currency,"
        ' date_formats; replace each "?"'
    )
    told = (
        "delimeter: unknown key",
        "amount_due.credit: is missing",
        "%Q",
        "nope is not a rule",
        "bil_date is not",
    )
    for part, line in zip(told, lines[1:], strict=True):
        assert part in line


def test_without_a_model_nothing_is_said_that_depends_on_it(place: Place) -> None:
    place.feed(model="?", columns={"customer_reference": "a", "balance": "b"})
    assert place.says() == 'config.yaml: feed bills: not set yet: model; replace each "?"'


def test_a_sign_of_another_currency_is_no_mistake_while_the_currency_is_open(place: Place) -> None:
    place.feed(currency="?", amount={"unit": "major", "currency_sign": "EUR"})
    assert place.says() == 'config.yaml: feed bills: not set yet: currency; replace each "?"'
