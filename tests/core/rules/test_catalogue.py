"""The catalogue explains every code that the check can give."""

from __future__ import annotations

import re

import pytest

from pipeline.core.csv_structure import DAMAGE
from pipeline.core.rules import catalogue
from pipeline.core.rules.rule import Rule
from pipeline.core.rules.uniqueness import UNIQUENESS

CODE = re.compile(r"[a-z_]+\.[a-z_]+", re.ASCII)


@pytest.mark.parametrize("rule", catalogue.RULES.values(), ids=lambda rule: rule.code)
def test_every_rule_is_explained(rule: Rule) -> None:
    assert CODE.fullmatch(rule.code)
    assert catalogue.RULES[rule.code] is rule
    assert rule.meaning
    assert rule.remedy


def test_every_code_of_structure_and_across_records_is_in_the_catalogue() -> None:
    given = [*DAMAGE, *(rule.code for model in UNIQUENESS.values() for rule in model)]
    assert set(given) <= catalogue.RULES.keys()


def test_answers_of_the_api_are_codes_too() -> None:
    assert catalogue.is_code("api.422.invalid-request")
    assert catalogue.is_code("customer_name.too_long")
    assert not catalogue.is_code("api.422")
    assert not catalogue.is_code("customer_name.too_longer")
    assert not catalogue.is_code("api.422.x\n")
