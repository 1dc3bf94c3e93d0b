"""Whatever happened to a file before it was encrypted: it is read as the same file is without encryption."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.run.validate import check_files
from schemas.feed import Feed
from schemas.results import Summary
from schemas.settings import Limits
from tests.check.landing import feed
from tests.check.silence import Silence
from tests.fuzz.mutations import case
from tests.fuzz.oracle import DAMAGED, lines_of_records
from tests.keyring import THEIRS, Keyring

FILES = 2_000 if os.environ.get("SOAK") else 16


def summary_of(path: Path, content: bytes, of_feed: Feed) -> Summary:
    path.write_bytes(content)
    limits = Limits(max_reject_ratio=1.0)
    result = check_files([path], Silence(), feeds=[of_feed], feed=of_feed, limits=limits)
    assert not result.errors
    (summary,) = result.files
    return summary


@pytest.mark.timeout(3600)
def test_a_damaged_file_has_the_same_records_encrypted_or_not(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path)
    read = 0
    for seed in range(FILES):
        made = case(seed)
        plain = feed(**made.facts)
        pgp = {"key_file": str(tmp_path / "ours.key")}
        try:
            if made.raw.startswith(b"PK"):
                continue  # several members are several files, which `test_archives_of_several` looks at
            expected = summary_of(tmp_path / "x.csv", made.raw, plain)
            said = summary_of(
                tmp_path / "x.csv.pgp",
                keyring.encrypted(made.raw, by=THEIRS if seed % 2 else None),
                feed(**made.facts, pgp=pgp),
            )
            assert said.records == expected.records
            assert said.amounts_minor == expected.amounts_minor
            assert (said.refusal and said.refusal.code) == (expected.refusal and expected.refusal.code)
            found = lines_of_records(
                made.raw,
                encoding=made.facts.get("encoding", "utf-8"),
                delimiter="" if "fixed" in made.facts else made.facts.get("delimiter", ","),
                needed=made.needed,
            )
            if said.refusal is None and found not in (None, DAMAGED):
                assert said.records.total == len(found or [])
                read += said.records.total
        except BaseException as trouble:
            trouble.add_note(f"seed {seed}: tests.fuzz.mutations.case({seed})")
            raise
    assert read > FILES
