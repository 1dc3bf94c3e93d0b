"""The main stories against OpenSSH, as merchants set it up: by key, by password, chrooted, read-only."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from pipeline.core.file_stages import RemoteFile
from pipeline.edge.ledger.files import Files
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import SourceError
from pipeline.report.run_lines import NOTHING_WAITED
from schemas.settings import Sftp
from tests.seeds import each_once
from tests.servers.accounts import PASSWORD, AccountSsh, as_an_admin_would, require_accounts, uploaded
from tests.servers.openssh import OpenSsh, require_sshd
from tests.stories.files import BILLS, MODELS, Sample, bills
from tests.stories.merchant import Merchant
from tests.stories.test_corrected_rejects import CORRECTIONS, ORIGINAL, written
from tests.stories.test_every_model_through_every_door import assert_loaded

Door = Callable[[Merchant], AbstractContextManager[OpenSsh]]
NAME = "x_bills_2030-01-01.csv"


@contextmanager
def by_key(merchant: Merchant) -> Iterator[OpenSsh]:
    """The current user, who sees the whole machine."""
    require_sshd()
    files = merchant.make_sftp_folders()
    folders = {name: f"{files}/{name}" for name in ("incoming", "archive", "quarantine", "reports")}
    with OpenSsh(merchant.folder / "sshd") as server:
        merchant.use_sftp(server, server.known_hosts_lines, private_key_file=str(server.user_key), **folders)
        yield server


@contextmanager
def account(
    merchant: Merchant, *, sftp: str = "", chroot: bool = True, password: bool = False, **settings: object
) -> Iterator[OpenSsh]:
    """An account with the rights that it needs, and no others."""
    require_accounts()
    files = merchant.make_sftp_folders()
    as_an_admin_would(files)
    server = AccountSsh(merchant.folder / "sshd", files, sftp=sftp, chroot=chroot, password=password)
    (merchant.folder / "password").touch(mode=0o600)
    (merchant.folder / "password").write_text(PASSWORD)
    login = {"password_file": "password"} if password else {"private_key_file": str(server.user_key)}
    folders = {name: f"{server.files_at}/{name}" for name in ("incoming", "archive", "quarantine", "reports")}
    with server:
        merchant.use_sftp(server, server.known_hosts_lines, **{**folders, **login, **settings})
        yield server


def by_password(merchant: Merchant) -> AbstractContextManager[OpenSsh]:
    return account(merchant, chroot=False, password=True)


def chrooted(merchant: Merchant) -> AbstractContextManager[OpenSsh]:
    return account(merchant)


def without_posix_rename(merchant: Merchant) -> AbstractContextManager[OpenSsh]:
    return account(merchant, sftp="-P posix-rename")


@contextmanager
def read_only(merchant: Merchant) -> Iterator[OpenSsh]:
    with account(merchant, sftp="-R", archive=None, quarantine=None, reports=None) as server:
        yield server


def put(merchant: Merchant, name: str, text: str) -> Path:
    path = merchant.write(name, text, merchant.incoming)
    return uploaded(path) if os.getuid() == 0 else path


DOORS = [by_key, by_password, chrooted, without_posix_rename]
all_doors = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__.replace("_", " "))


@pytest.mark.parametrize(("sample", "door"), each_once([*MODELS.values()], [by_key, chrooted]))
def test_a_file_of_every_model_is_loaded_archived_and_reported_there(
    merchant: Merchant, door: Door, sample: Sample
) -> None:
    with door(merchant):
        put(merchant, sample.name, sample.text)
        said = merchant.run()
        assert_loaded(merchant, said, sample)
        assert merchant.names_in("sftp/incoming") == []
        (archived,) = merchant.names_in("sftp/archive")
        assert (merchant.folder / "sftp" / "archive" / archived).read_text() == sample.text
        report = merchant.report(said.file)
        uploads = merchant.folder / "sftp" / "reports" / report.name
        assert sorted(path.name for path in uploads.iterdir()) == ["results.csv", "summary.json"]
        for path in uploads.iterdir():
            assert path.read_bytes() == (report / path.name).read_bytes()
        again = merchant.run()
        assert (again.exit_status, again.files, again.requests.total()) == (0, [], 0)


@all_doors
def test_refused_files_go_into_quarantine_and_corrected_rejects_come_back(
    merchant: Merchant, door: Door
) -> None:
    original = ORIGINAL.replace("C-5,Billed otherwise before,,A-5,B-5,50.00,2030-01-31\n", "")
    with door(merchant):
        put(merchant, NAME, original)
        put(merchant, "y_bills_2030-01-01.csv", "")
        first = merchant.run()
        assert first.exit_status == 1
        assert first.outcomes(NAME) == {"created": 2, "rejected": 3}
        assert [name[:22] for name in merchant.names_in("sftp/quarantine")] == ["y_bills_2030-01-01.csv"]
        rows = [row | CORRECTIONS[row["bill_reference"]] for row in merchant.rejects(first, NAME)]
        put(merchant, "back again.csv", written(rows))
        second = merchant.run()
        assert second.exit_status == 0
        assert second.outcomes() == {"created": 3}
        assert set(merchant.held("bills")) == {"B-1", "B-2", "B-3", "B-4", "B-6"}
        assert merchant.names_in("sftp/incoming") == []
        assert len(merchant.names_in("sftp/archive")) == 2
        assert len(merchant.names_in("sftp/reports")) == 3


@all_doors
def test_a_report_that_comes_again_replaces_its_earlier_version(merchant: Merchant, door: Door) -> None:
    with door(merchant):
        put(merchant, NAME, bills("C-1,A-1,B-1,1.00"))
        merchant.settings["api"]["max_attempts"] = 1
        said = merchant.run()
        folder = merchant.folder / "sftp" / "reports" / merchant.report(said.file).name
        (folder / "summary.json").write_text("an earlier version, and a longer one" * 1000)
        (folder / ".results.csv.part").write_text("what an upload that broke off has left" * 1000)
        if os.getuid() == 0:
            for path in folder.iterdir():
                os.chown(path, *(folder.stat().st_uid, folder.stat().st_gid))
        lose_and_drop_again(merchant)
        again = merchant.run()
        assert again.exit_status == 0
        assert sorted(path.name for path in folder.iterdir()) == ["results.csv", "summary.json"]
        for path in folder.iterdir():
            assert path.read_bytes() == (merchant.report(again.file) / path.name).read_bytes()


def lose_and_drop_again(merchant: Merchant) -> None:
    """Without its ledger a run works on the same bytes once more, and reports once more."""
    merchant.lose_ledger()
    put(merchant, NAME, bills("C-1,A-1,B-1,1.00"))


def test_the_chrooted_account_can_write_nowhere_else(merchant: Merchant) -> None:
    """An archive where the account has no rights: told, the bills are loaded once, and the file stays."""
    with chrooted(merchant) as server:
        merchant.settings["sftp"] |= {"archive": "/elsewhere/archive", "reports": "/reports too"}
        put(merchant, NAME, bills("C-1,A-1,B-1,1.00"))
        for expected in ({"created": 1}, None):
            said = merchant.run()
            assert said.exit_status == 0
            assert "cannot be created (permission denied)" in said.stderr
            assert "tried again by the next run" in said.stderr
            assert [said.outcomes()] == [expected] if expected else said.files == []
        assert merchant.names_in("sftp/incoming") == [NAME]
        assert merchant.names_in("sftp") == ["archive", "elsewhere", "incoming", "quarantine", "reports"]
        assert merchant.names_in("sftp/elsewhere") == []
        for folder in ("/", "/elsewhere"):
            assert_refuses_a_move(settings_of(merchant, server, archive=folder))
        merchant.settings["sftp"] |= {"archive": "/archive", "reports": "/reports"}
        assert merchant.run().stderr.splitlines()[1:] == [NOTHING_WAITED]
        assert merchant.names_in("sftp/incoming") == []
        assert len(merchant.names_in("sftp/archive")) == len(merchant.names_in("sftp/reports")) == 1
        assert len(merchant.held("bills")) == 1


def settings_of(merchant: Merchant, server: OpenSsh, **changes: object) -> Sftp:
    files = {"private_key_file": server.user_key, "known_hosts_file": merchant.folder / "known_hosts"}
    return Sftp(**{**merchant.settings["sftp"], **files, **changes})


def assert_refuses_a_move(settings: Sftp) -> None:
    with closing(SftpSource(settings)) as source:
        (file,) = source.list().files
        remote = RemoteFile("sftp", file.name, file.size_bytes, file.modified_at, file.modified_at)
        with pytest.raises(SourceError, match="permission denied"):
            source.move(remote, "archive", "moved")


def test_on_a_read_only_server_the_ledger_alone_remembers(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def owe(*_: object, **__: object) -> None:
        raise AssertionError("nothing is owed where nothing would be done")

    monkeypatch.setattr(Files, "add_handover", owe)
    with read_only(merchant):
        put(merchant, BILLS.name, BILLS.text)
        put(merchant, "y_bills_2030-01-02.csv", "")
        before = what_stands_there(merchant)
        said = merchant.run()
        assert said.named(BILLS.name)["state"] == "loaded"
        assert said.named("y_bills_2030-01-02.csv")["state"] == "refused"
        again = merchant.run()
        assert [summary["state"] for summary in again.files] == ["refused"]
        assert not again.requests
        assert "warn" not in again.stderr
        put(merchant, "z_bills_2030-01-03.csv", bills("C-9,A-9,B-9,1.00"))
        third = merchant.run()
        assert third.named("z_bills_2030-01-03.csv")["state"] == "loaded"
        (merchant.incoming / "z_bills_2030-01-03.csv").unlink()
        assert len(merchant.held("bills")) == 7
        assert what_stands_there(merchant) == before


def what_stands_there(merchant: Merchant) -> dict[Path, tuple[int, int, int]]:
    """Every file and folder on the server. The time of `incoming` itself changes with what others put there."""
    return {
        path: (facts.st_mode, facts.st_size, facts.st_mtime_ns)
        for path in (merchant.folder / "sftp").rglob("*")
        if (facts := path.stat()) and path != merchant.incoming
    }


def test_a_file_that_lands_two_seconds_before_the_daily_run_is_loaded_by_it(merchant: Merchant) -> None:
    with by_key(merchant):
        merchant.settings["sftp"]["settle_s"] = 3
        path = put(merchant, NAME, bills("C-1,A-1,B-1,1.00"))
        landed_s = time.time() - 2
        os.utime(path, (landed_s, landed_s))
        start_s = time.monotonic()
        said = merchant.run()
        took_s = time.monotonic() - start_s
    assert (said.exit_status, said.state) == (0, "loaded")
    assert said.requests == {"POST bills": 1}
    assert 3 <= took_s < 8


def test_a_file_that_grows_within_that_time_is_left_for_the_next_run(merchant: Merchant) -> None:
    with by_key(merchant):
        merchant.settings["sftp"]["settle_s"] = 2
        path = put(merchant, NAME, bills("C-1,A-1,B-1,1.00"))

        def write_more() -> None:
            time.sleep(1)
            with path.open("a") as file:
                file.write("C-2,A-2,B-2,2.00\n")

        writer = threading.Thread(target=write_more)
        writer.start()
        first = merchant.run()
        writer.join()
        assert (first.files, first.requests.total()) == ([], 0)
        assert "it has not been unchanged for 2 s" in first.stderr
        assert merchant.run().outcomes() == {"created": 2}
