"""Words that no system takes, under every command: told in lines, never a bug."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import run_command
from tests.edge.config.config_place import TEST_KEY, Place

LONG = "a" * 300
HALF = "\udce9"
"""A byte that is not UTF-8, as Python hands it over."""
MANY = "9" * 30
BILLS = "customer_reference,bill_reference,currency,amount_due\nC,B1,ZAR,1.00\nC,B2,ZAR,1.001\n"


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x_bills_1.csv").write_text(BILLS)
    return Place(tmp_path, capsys, monkeypatch)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "words",
    [
        ("validate", "x_bills_1.csv", "--show", MANY),
        ("validate", "x_bills_1.csv", "--feed", HALF),
        ("validate", "x_bills_1.csv", "--feed", LONG),
        ("validate", "x_bills_1.csv", "--feed", TEST_KEY),
        ("validate", "x_bills_1.csv", "--model", HALF),
        ("validate", "x_bills_1.csv", "--rejects", LONG),
        ("validate", "x_bills_1.csv", "--rejects", f"{LONG}/x"),
        ("validate", "x_bills_1.csv", "--rejects", "api.key/x"),
        ("validate", LONG),
        ("validate", HALF),
        ("load", "x_bills_1.csv", "--limit", MANY),
        ("load", "x_bills_1.csv", "--limit", MANY * 200),
        ("run", "--wait", "nan"),
        ("report", HALF),
        ("retry", LONG, HALF),
        ("release", HALF, "--limit", MANY),
        ("refuse", LONG, "--why", HALF),
        ("init", LONG),
        ("init", "nowhere/x"),
        ("init", "new.yaml", "--from", LONG),
        ("init", "new.yaml", "--from", "/dev/zero"),
        ("status", "--config", LONG),
        ("trust-host", "--yes", HALF),
        ("demo", "--dir", LONG),
        ("demo", "--dir", "api.key"),
    ],
    ids=lambda words: " ".join(words)[:60].encode("unicode_escape", "surrogatepass").decode(),
)
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["", "json"])
def test_odd_words_are_told(
    place: Place, words: tuple[str, ...], more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    if more and words[0] in {"init", "trust-host", "demo"}:
        more = ()  # these have none
    status = run_command([*words, *more])
    said = capsys.readouterr()
    assert status in {1, 2, 3}, said.err
    assert "Traceback" not in said.err
    assert TEST_KEY not in said.err + said.out
    (said.out + said.err).encode()  # nothing that no terminal takes
