"""How statements of the ledger are spelled for PostgreSQL."""

from __future__ import annotations

import json

import pytest

from pipeline.edge.ledger.postgres.dialect import array_of, spelled


@pytest.mark.parametrize(
    ("written", "text", "order"),
    [
        ("SELECT 1 WHERE a = ? AND b = ?", "SELECT 1 WHERE a = %s AND b = %s", (0, 1)),
        ("SELECT ?2 WHERE a = ?1 OR b = ?1", "SELECT %s WHERE a = %s OR b = %s", (1, 0, 0)),
        (
            "SELECT json_group_array(a) FROM t WHERE b = ?",
            "SELECT coalesce(json_agg(a), '[]')::text FROM t WHERE b = %s",
            (0,),
        ),
        ("INSERT INTO t VALUES (:name, :sha256)", "INSERT INTO t VALUES (%s, %s)", ("name", "sha256")),
        ("SELECT a % 10, '%', '?', ':no' FROM t", "SELECT a %% 10, '%%', '?', ':no' FROM t", ()),
        ("SELECT 'it''s ?', ?", "SELECT 'it''s ?', %s", (0,)),
        ("SELECT 1 WHERE a IS NOT ?", "SELECT 1 WHERE a IS DISTINCT FROM %s", (0,)),
        ("SELECT 1 WHERE a IS NOT NULL", "SELECT 1 WHERE a IS NOT NULL", ()),
        ("SELECT 1 FROM a CROSS JOIN b ON b.x = a.x", "SELECT 1 FROM a JOIN b ON b.x = a.x", ()),
    ],
)
def test_a_statement_is_spelled(written: str, text: str, order: tuple[int | str, ...]) -> None:
    assert (spelled(written).text, spelled(written).order) == (text, order)


def test_a_list_is_an_array_and_the_other_values_keep_their_places() -> None:
    statement = spelled("SELECT 1 WHERE k = ? AND r IN (SELECT value FROM json_each(?)) AND x = ?")
    assert statement.text == "SELECT 1 WHERE k = %s AND r = ANY (%s) AND x = %s"
    assert statement.values(["bill", '["B1","it\\"s, {so}"]', 3]) == ["bill", '{"B1","it\\"s, {so}"}', 3]


def test_truth_is_a_number_and_text_has_no_nul() -> None:
    assert spelled("SELECT ?, ?").values([True, "a\0b"]) == [1, "a\ufffdb"]


def test_an_array_quotes_what_it_must() -> None:
    assert array_of(["NULL", "a,b", "back\\slash", ""]) == '{"NULL","a,b","back\\\\slash",""}'
    assert array_of([1, -2]) == "{1,-2}"
    assert array_of([]) == "{}"


def test_rows_are_added_many_at_once_where_the_statement_adds_rows() -> None:
    many = spelled("INSERT INTO t (a,b, c) VALUES (?2,?1, ?3) ON CONFLICT DO NOTHING").of_many
    assert many is not None
    assert many.text == (
        "INSERT INTO t (a,b, c) SELECT a,b, c FROM jsonb_populate_recordset(NULL::t, %s) ON CONFLICT DO NOTHING"
    )
    rows = [{"a": "x\ufffd", "b": 1, "c": 2**62}, {"a": None, "b": 0, "c": 1.5}]
    assert json.loads(many.values([(1, "x\0", 2**62), (False, None, 1.5)])[0]) == rows
    for other in (
        "UPDATE t SET a = ? WHERE b = ?",
        "INSERT INTO t VALUES (?)",
        "INSERT INTO t (a, b) VALUES (?, 'x')",
    ):
        assert spelled(other).of_many is None
