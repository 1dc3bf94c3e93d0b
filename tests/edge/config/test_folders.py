"""No folder for bill files may hold, or be, what is ours; no key may be where bill files are taken from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import run_command
from pipeline.edge.config import load_config
from pipeline.edge.config.folders import folder_mistake
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.operator_files import MAX_SECRET_BYTES, read_secret
from pipeline.errors import ConfigError
from tests.edge.config.config_place import PASSWORD, SFTP, TEST_KEY, Place

STRANGER = 54_321
LEDGER = "it shares its place with the ledger; name another folder, such as work_dir/drop"
COPIES = "it shares its place with the folder of our copies; name another folder, such as work_dir/drop"
REPORTS = "it shares its place with the folder of the reports; name another folder, such as work_dir/drop"
ITSELF = "this is work_dir itself; give bill files a folder of their own"
AROUND = "this is a folder that work_dir lies in; give bill files a folder of their own"


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    """With a work_dir in which everything is there, and links to it."""
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, capsys, monkeypatch)
    assert run_command(["run"]) == 0
    capsys.readouterr()
    for folder in ("var/landing/deeper", "var/reports/deeper", "elsewhere", "var/drop/deeper"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for link, target in {
        "to_work_dir": "var",
        "to_reports": "var/reports",
        "to_landing": "var/landing/deeper",
        "to_elsewhere": "elsewhere",
        "var/to_elsewhere": "elsewhere",
        "to_drop": "drop",
    }.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    return place


@pytest.mark.parametrize("key", ["folder", "archive", "quarantine"])
@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("var", ITSELF),
        ("var/", ITSELF),
        ("var/.", ITSELF),
        ("var/landing/..", ITSELF),
        ("elsewhere/../var", ITSELF),
        ("to_work_dir", ITSELF),
        (".", AROUND),
        ("..", AROUND),
        ("/", AROUND),
        ("var/landing", COPIES),
        ("var/landing/deeper", COPIES),
        ("to_landing", COPIES),
        ("var/reports", REPORTS),
        ("var/reports/deeper", REPORTS),
        ("var/drop/../reports", REPORTS),
        ("to_reports/deeper", REPORTS),
        ("to_work_dir/reports", REPORTS),
        ("var/reports/not/there/yet", REPORTS),
    ],
)
def test_a_folder_for_bill_files_that_is_ours_is_a_mistake(
    place: Place, key: str, folder: str, said: str
) -> None:
    ledger = (place.folder / "var/ledger.sqlite").read_bytes()
    place.change(**{f"drop__{key}": folder})
    assert f"drop.{key}: {said}" in place.says_all()
    assert (place.folder / "var/ledger.sqlite").read_bytes() == ledger


@pytest.mark.parametrize(
    "name", ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "lock", "Ledger.SQLite-WAL"]
)
def test_a_folder_by_the_name_of_a_file_of_ours_is_a_mistake(place: Place, name: str) -> None:
    place.change(drop__archive=f"var/{name}")
    assert any(line.startswith("drop.archive: it shares its place with ") for line in place.says_all())


def test_a_ledger_that_a_link_leads_out_of_work_dir_is_found(place: Place) -> None:
    (place.folder / "disk").mkdir()
    (place.folder / "var/ledger.sqlite").rename(place.folder / "disk/l.sqlite")
    (place.folder / "var/ledger.sqlite").symlink_to(place.folder / "disk/l.sqlite")
    place.change(drop__folder="disk")
    assert place.says() == f"drop.folder: {LEDGER}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_folder_that_is_mounted_twice_is_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `mount --bind` shows it: another real path, and the same device and inode."""
    twin = place.folder / "elsewhere"
    reports = place.folder / "var/reports"
    real = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        return real(reports if self == twin else self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    place.change(drop__archive="elsewhere")
    assert place.says() == f"drop.archive: {REPORTS}"


@pytest.mark.parametrize(
    "changes",
    [
        {"drop": {"folder": "var/drop", "archive": "var/archive", "quarantine": "var/quarantine"}},
        {
            "drop": {
                "folder": "var/drop/deeper",
                "archive": "var/reports-of-ours",
                "quarantine": "var/landings",
            }
        },
        {"drop": {"folder": "to_elsewhere", "archive": "var/drop"}},
        {"drop": {"folder": "drop", "archive": "drop/done", "quarantine": "drop/bad"}},
        {"drop": {"folder": "drop", "archive": "elsewhere", "quarantine": "elsewhere"}},
    ],
    ids=str,
)
def test_folders_of_their_own_are_fine(place: Place, changes: dict[str, Any]) -> None:
    place.change(**changes)
    load_config(Path("config.yaml"))


@pytest.mark.parametrize("key", ["archive", "quarantine"])
@pytest.mark.parametrize("folder", ["to_drop", "elsewhere/../drop", "drop/", "drop"])
def test_a_finished_file_never_goes_back_to_where_it_came_from(place: Place, key: str, folder: str) -> None:
    place.change(**{f"drop__{key}": folder})
    assert place.says() == (
        "config.yaml: drop: archive and quarantine must be other folders than folder, or null: files stay; correct it"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"reports": "/incoming"},
        {"reports": "/incoming/"},
        {"incoming": "//x/../incoming", "reports": "/incoming"},
        {"archive": "/incoming/."},
        {"quarantine": "/x/../incoming"},
        {"reports": "/archive"},
        {"reports": "/quarantine/"},
    ],
    ids=str,
)
def test_folders_on_the_server_differ_however_they_are_written(place: Place, changes: dict[str, str]) -> None:
    place.secret("password", PASSWORD)
    place.change(sftp=SFTP | {"password_file": "password"} | changes)
    assert place.says().startswith("config.yaml: sftp: ")


def test_on_the_server_an_archive_within_incoming_is_fine(place: Place) -> None:
    place.secret("password", PASSWORD)
    place.change(
        sftp=SFTP | {"password_file": "password", "archive": "/incoming/done", "reports": "/incoming/r"}
    )
    load_config(Path("config.yaml"))


# -- keys and other files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["api__key_file", "metrics_file"])
def test_a_file_that_would_be_taken_for_a_bill_file_is_a_mistake(place: Place, key: str) -> None:
    place.secret("drop/key.prom", TEST_KEY)
    place.change(**{key: "to_drop/key.prom"})
    assert place.says() == (
        f"{key.replace('__', '.')}: this file lies in drop.folder and would be taken for a bill file; put it elsewhere"
    )


def test_so_is_the_config_itself(place: Place) -> None:
    (place.folder / "config.yaml").rename(place.folder / "drop/config.yaml")
    (place.folder / "config.yaml").symlink_to(place.folder / "drop/config.yaml")
    text = (place.folder / "config.yaml").read_text()
    for name in ("var", "drop", "api.key"):
        text = text.replace(f": {name}\n", f": {place.folder / name}\n")
    (place.folder / "drop/config.yaml").write_text(text)
    assert place.says().startswith("config.yaml: this file lies in drop.folder")


@pytest.mark.parametrize("name", ["ledger.sqlite", "ledger.sqlite-wal", "lock", "landing/x", "reports/x"])
def test_a_key_or_known_hosts_over_a_file_of_ours_is_a_mistake(place: Place, name: str) -> None:
    place.secret("password", PASSWORD)
    place.change(sftp=SFTP | {"password_file": "password", "known_hosts_file": f"to_work_dir/{name}"})
    (line,) = place.says_all()
    assert line.startswith("sftp.known_hosts_file: this path belongs to ")


@pytest.mark.parametrize(
    "path",
    ["var/ledger.sqlite-wal", "var/ledger.sqlite-shm", "to_reports/copy", "var/landing/copy", "to_drop/copy"],
)
def test_a_copy_of_the_ledger_is_not_put_where_ours_are(place: Place, path: str) -> None:
    (place.folder / "var/ledger.sqlite-wal").unlink(missing_ok=True)
    (place.folder / "var/ledger.sqlite-shm").unlink(missing_ok=True)
    assert place.says("backup", path).endswith("; name another file")
    assert not (place.folder / path).exists()
    assert run_command(["backup", "var/ledger.copy"]) == 0


# -- files with secrets ---------------------------------------------------------------------------------------

SECRET_KEYS = (
    "api.key_file",
    "sftp.private_key_file",
    "sftp.passphrase_file",
    "sftp.password_file",
    "ping.url_file",
)


def with_secret(place: Place, key: str, path: str) -> None:
    section, name = key.split(".")
    sftp = SFTP | {"password_file": "password"}
    place.secret("password", PASSWORD)
    changes: dict[str, Any] = {"sftp": sftp, "ping": {"url_file": "ping.url"}}
    place.secret("ping.url", "https://monitor.example/x")
    if section == "api":
        changes["api__key_file"] = path
    else:
        changes[section] = changes[section] | {name: path}
    place.change(**changes)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_secret_file_of_another_user_is_a_mistake(place: Place, key: str) -> None:
    place.secret("theirs", PASSWORD)
    os.chown(place.folder / "theirs", STRANGER, -1)
    with_secret(place, key, "theirs")
    path = place.folder / "theirs"
    assert place.says() == (
        f"{key}: {path} belongs to another user ({STRANGER}), who can change it; run chown root {path}"
    )
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_secret(path, key)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_secret_file_of_root_is_fine_for_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    assert read_secret(place.folder / "api.key", "api.key_file") == TEST_KEY


@pytest.mark.timeout(20)
@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_what_is_no_file_is_no_secret_and_not_waited_for(place: Place, key: str, kind: str) -> None:
    path = place.folder / "odd"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path = Path("/dev/zero")
    with_secret(place, key, str(path))
    assert place.says() == f"{key}: {path} is not a file; name the file that holds the secret"
    with pytest.raises(ConfigError, match="not a file"):
        read_secret(path, key)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; put the secret into it"),
        (b"\n", "is empty; put the secret into it"),
        (b" \r\n", "is empty; put the secret into it"),
        (b"sk_test_\0", "is not text; put nothing but the secret into it"),
        (b"caf\xe9", "is not text; put nothing but the secret into it"),
        (None, f"cannot be read (larger than {MAX_SECRET_BYTES} bytes); correct the path or its rights"),
    ],
)
def test_a_key_file_without_a_key_is_told(place: Place, content: bytes | None, said: str) -> None:
    path = place.folder / "api.key"
    if content is None:
        os.truncate(path, 2**30)
    else:
        path.write_bytes(content)
    assert place.says() == f"api.key_file: {path} {said}"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "long"])
def test_known_hosts_that_is_no_file_is_told_and_not_waited_for(place: Place, kind: str) -> None:
    path = place.folder / "odd"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path = Path("/dev/zero") if kind == "device" else place.folder / ("a" * 300)
    place.secret("password", PASSWORD)
    place.change(
        sftp=SFTP | {"host": "127.0.0.1", "password_file": "password", "known_hosts_file": str(path)}
    )
    assert place.says("run").startswith(f"sftp.known_hosts_file: {path} cannot be read")


MAKES_FOLDERS = """
import os, sys, time
for number in range(int(sys.argv[1])):
    time.sleep(0.0002)
    os.mkdir(str(number))
"""


def test_a_work_dir_that_another_command_makes_just_now_is_no_mistake(tmp_path: Path) -> None:
    count = 300
    words = [sys.executable, "-c", MAKES_FOLDERS, str(count)]
    with subprocess.Popen(words, cwd=tmp_path) as other:
        for number in range(count):
            folder = tmp_path / str(number)
            while True:
                assert list(folder_mistake("work_dir", folder, folder)) == []
                if folder.exists():
                    break
                assert other.poll() in {None, 0}
    assert other.returncode == 0


def test_the_ledger_is_where_it_was(place: Place) -> None:
    open_sqlite_ledger(place.folder / "var/ledger.sqlite", merchant="citypower", environment="test").close()
