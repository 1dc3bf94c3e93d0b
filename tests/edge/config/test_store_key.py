"""`store` in the config: a folder that all hosts have, or a bucket; and what is wrong with either."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.edge.config import load_config
from tests.edge.config.config_place import Place


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared").mkdir()
    return Place(tmp_path, capsys, monkeypatch)


def test_a_folder_starts_at_the_config_and_a_bucket_stays_as_it_is_written(place: Place) -> None:
    place.change(store="shared")
    assert load_config("config.yaml").settings.store == place.folder / "shared"
    place.change(store="s3://bills/a/b", s3={"endpoint": "http://127.0.0.1:9000", "region": "af-south-1"})
    assert load_config("config.yaml").settings.store == "s3://bills/a/b"
    place.change()
    assert load_config("config.yaml").settings.store is None
    place.setenv("BILLFERRY_STORE", "s3://bills/c")
    assert load_config("config.yaml").settings.store == "s3://bills/c"


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("missing", "store: folder missing does not exist; create it or name another"),
        ("var/shared", "store: it shares its place with work_dir"),
        (".", "store: it shares its place with work_dir"),
        ("drop/shared", "store: it shares its place with drop.folder"),
        ("gs://bills/a", "store: this is not an address of a store; write s3://BUCKET/PREFIX, or a folder"),
        ("s3://Bills", "store: this is not an address of a store"),
        ("s3://bills/a?b=c", "store: this is not an address of a store"),
    ],
)
def test_what_is_no_store_is_a_mistake(place: Place, store: str, told: str) -> None:
    for folder in ("var/shared", "drop/shared"):
        (place.folder / folder).mkdir(parents=True, exist_ok=True)
    place.change(store=store)
    assert any(told in line.replace(f"{place.folder}/", "") for line in place.says_all()), place.says_all()


def test_the_server_of_a_bucket_is_spoken_to_with_tls_unless_it_is_this_machine(place: Place) -> None:
    place.change(store="s3://bills", s3={"endpoint": "http://store.example.net"})
    assert (
        place.says()
        == "s3.endpoint: plain HTTP to another host would reveal documents of customers; use https://"
    )


def test_a_run_begins_only_with_credentials_and_with_what_speaks_to_s3(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.change(store="s3://bills", s3={"credentials_file": "s3.credentials"})
    assert "s3.credentials cannot be read; create it or correct the path" in place.says()
    monkeypatch.delitem(sys.modules, "pipeline.edge.store.s3", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)
    assert "pip install 'billferry[s3]'" in place.says()


def test_credentials_that_others_can_read_are_a_mistake(place: Place) -> None:
    place.secret("s3.credentials", "[default]", 0o644)
    place.change(store="s3://bills", s3={"credentials_file": "s3.credentials"})
    assert "s3.credentials_file" in place.says("status")
