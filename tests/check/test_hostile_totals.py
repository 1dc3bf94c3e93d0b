"""Whatever stands in a control file, in a trailer or in an unknown file: a refusal in one line, never a crash."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.core.proposal.feed_proposal import propose
from pipeline.core.rules.control_totals import declared_totals
from pipeline.errors import FileRefused, UsageError
from schemas.results import ControlTotals
from tests.check.landing import feed

SIDECAR = feed(control={"kind": "sidecar", "hash_total": {"column": "a"}})
TRAILER = feed(
    control={
        "kind": "trailer",
        "marker": "T",
        "records": 2,
        "sums": [{"field": 3, "currency_field": 4}],
        "hash_total": {"column": "a", "field": 5},
    }
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "records": st.integers(-5, 10) | values,
        "amounts": st.dictionaries(
            st.sampled_from(["ZAR", "JPY", "X", ""]), st.sampled_from(["1.00", "5"]) | values
        )
        | values,
        "hash_total": st.sampled_from(["7", "07", "-7", "٧"]) | values,
    },
)


def told(**stated: object) -> ControlTotals | None:
    facts = {"trailer": None, "sidecar": None, **stated}
    declared = TRAILER if facts["trailer"] is not None else SIDECAR
    said = None
    try:
        return declared_totals(declared, "x.csv", **facts)  # type: ignore[arg-type]
    except FileRefused as refused:
        said = refused
    assert said.rule == "file.control_unreadable"
    assert "\n" not in str(said)
    return None


@settings(deadline=None)
@given(st.binary(max_size=200))
@example(b'{"records": 1, "amounts": {"\\ud800": "1.00"}, "hash_total": "1"}')
def test_any_bytes_are_totals_or_a_refusal(content: bytes) -> None:
    told(sidecar=content)


@settings(deadline=None)
@given(documents)
def test_any_json_is_totals_or_a_refusal(document: dict[str, object]) -> None:
    found = told(sidecar=json.dumps(document).encode())
    if found is not None:
        assert found.records == document["records"]
        assert type(document["records"]) is int
        assert all(isinstance(text, str) for text in dict(document["amounts"]).values())  # type: ignore[call-overload]


@settings(deadline=None)
@given(st.text(alphabet='T,"0123456789.-eZARJPY \n\x00\x1a٣', max_size=40))
def test_any_trailer_is_totals_or_a_refusal(text: str) -> None:
    told(trailer=text)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    st.binary(max_size=120)
    | st.text(alphabet="ab,;|\t\"{}:#\n\r-0123456789.é\u2028\x85'", max_size=120).map(
        lambda text: ("customer_reference;amount;" + text).encode()
    )
    | st.text(max_size=20).map(lambda text: f"amount;x{text};y\n1;2;3\n".encode(errors="surrogatepass"))
    | st.lists(st.dictionaries(st.text(max_size=6), values, max_size=3), max_size=3).map(
        lambda objects: "".join(json.dumps(each) + "\n" for each in objects).encode()
    ),
    st.text(alphabet='ab{}*"\\:# é.-0123456789', min_size=1, max_size=20),
)
def test_any_file_is_a_proposal_that_can_be_read_or_a_line(head: bytes, name: str) -> None:
    said = None
    try:
        found = propose(name, head, whole=True)
    except UsageError as error:
        said = str(error)
    if said is not None:
        assert "\n" not in said
        return
    (proposed,) = yaml.safe_load(found.yaml)
    assert proposed["amount"]["unit"] == "?"
    assert "amount.unit" in found.open_keys
