"""Both kinds of store: an object is put whole and once, comes back as it was, and goes when it is removed."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from pipeline.edge.store import s3
from pipeline.edge.store.folder import LEFT_AFTER_S, FolderStore
from pipeline.edge.store.s3 import BucketStore, read_credentials
from pipeline.errors import ConfigError, StoreError
from tests.servers.s3 import BUCKET, S3Server, shared_s3

Store = FolderStore | BucketStore
SHA = "ab" * 32
TEXT = bytes(range(25))


@pytest.fixture
def server() -> S3Server:
    return shared_s3()


def bucket(server: S3Server, folder: Path, prefix: str) -> BucketStore:
    settings = server.settings(folder, prefix)
    return BucketStore(
        f"s3://{BUCKET}/{prefix}/",
        merchant="citypower",
        environment="test",
        region=settings["s3"]["region"],
        endpoint=settings["s3"]["endpoint"],
        credentials_file=Path(settings["s3"]["credentials_file"]),
    )


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store; in a bucket a document of more than 10 bytes has several pieces."""
    if request.param == "folder":
        (tmp_path / "shared").mkdir()
        return FolderStore(tmp_path / "shared", "citypower", "test")
    monkeypatch.setattr(s3, "PIECE_BYTES", 10)
    return bucket(request.getfixturevalue("server"), tmp_path, f"x/{tmp_path.name}")


def content(store: Store, size_bytes: int = len(TEXT)) -> bytes:
    return b"".join(store.blocks(SHA, size_bytes))


@pytest.mark.parametrize("text", [TEXT, TEXT[:10], b""], ids=len)
def test_an_object_comes_back_as_it_was_put_until_it_is_removed(store: Store, text: bytes) -> None:
    assert content(store, len(text)) == b""
    store.remove(SHA, len(text))
    assert store.put(SHA, io.BytesIO(text))
    assert content(store, len(text)) == text
    store.remove(SHA, len(text))
    assert content(store, len(text)) == b""
    assert store.put(SHA, io.BytesIO(text)), "nothing of it is left"


def test_an_object_is_never_overwritten(store: Store) -> None:
    assert store.put(SHA, io.BytesIO(TEXT))
    assert not store.put(SHA, io.BytesIO(TEXT[::-1]))
    assert content(store) == TEXT


def test_a_put_that_was_cut_off_between_two_pieces_is_completed(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PIECE_BYTES", 10)
    store = bucket(server, tmp_path, "cut")
    server.put("cut/citypower/test", f"{SHA}.1of3", TEXT[:10])
    assert content(store) == TEXT[:10]
    assert not store.put(SHA, io.BytesIO(TEXT)), "whoever puts it compares it"
    assert content(store) == TEXT
    assert sorted(server.objects("cut/citypower/test")) == [f"{SHA}.{number}of3" for number in (1, 2, 3)]


def test_merchants_and_environments_have_objects_of_their_own(tmp_path: Path) -> None:
    FolderStore(tmp_path, "citypower", "test").put(SHA, io.BytesIO(TEXT))
    for other in (("citypower", "live"), ("water", "test")):
        assert content(FolderStore(tmp_path, *other)) == b""


def test_what_a_killed_put_left_in_the_folder_is_removed_a_day_later(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, "citypower", "test")
    store.put(SHA, io.BytesIO(TEXT))
    staged = tmp_path / "citypower" / "test" / ".writing"
    for name, age_s in (("old", LEFT_AFTER_S + 60), ("new", 60)):
        (staged / name).mkdir()
        then = (staged / name).stat().st_mtime - age_s
        os.utime(staged / name, (then, then))
    store.put("cd" * 32, io.BytesIO(TEXT))
    assert [path.name for path in staged.iterdir()] == ["new"]


def test_everything_in_a_folder_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FolderStore(tmp_path, "citypower", "test").put(SHA, io.BytesIO(TEXT))
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o077 for path in tmp_path.rglob("*")}
    assert modes == {0}


def test_a_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "share" / "bills", "citypower", "test")
    for work in (store.look, lambda: store.put(SHA, io.BytesIO(TEXT)), lambda: content(store)):
        with pytest.raises(StoreError, match="No such file or directory"):
            work()
    assert [*tmp_path.iterdir()] == []


def test_a_server_that_is_away_or_has_no_such_bucket_is_told_in_one_line(
    tmp_path: Path, server: S3Server
) -> None:
    away = S3Server()
    for store, told in (
        (bucket(away, tmp_path, "x"), "error sending request"),
        (
            BucketStore(
                "s3://nowhere",
                merchant="citypower",
                environment="test",
                region="us-east-1",
                endpoint=server.endpoint,
                credentials_file=Path(server.settings(tmp_path, "x")["s3"]["credentials_file"]),
            ),
            "NoSuchBucket",
        ),
    ):
        for work in (store.look, lambda store=store: store.put(SHA, io.BytesIO(TEXT))):
            with pytest.raises(StoreError) as raised:
                work()
            assert told in str(raised.value)
            assert "\n" not in str(raised.value)


def test_a_look_at_a_store_that_can_be_used_says_so(store: Store) -> None:
    assert "can be read" in store.look()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[default]\naws_access_key_id = a\naws_secret_access_key = b=/+c\n", ["a", "b=/+c"]),
        ("[bills]\naws_access_key_id=a\naws_secret_access_key=b\naws_session_token=c\n", ["a", "b", "c"]),
        ("[x]\naws_access_key_id=a\n[default]\naws_access_key_id=d\naws_secret_access_key=e\n", ["d", "e"]),
        ("[x]\naws_access_key_id=a\n[y]\naws_secret_access_key=b\n", None),
        ("[default]\naws_access_key_id = a\n", None),
        ("sEcReT\n", None),
    ],
)
def test_credentials_are_read_as_the_aws_cli_writes_them(
    tmp_path: Path, text: str, found: list[str] | None
) -> None:
    path = tmp_path / "credentials"
    path.touch(mode=0o600)
    path.write_text(text)
    if found is not None:
        assert [*read_credentials(path).values()] == found
        return
    with pytest.raises(ConfigError) as raised:
        read_credentials(path)
    assert "s3.credentials_file" in str(raised.value)
    assert "sEcReT" not in str(raised.value)


def test_credentials_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_credentials(path)
