"""Two hosts with a ledger in PostgreSQL and a store: what one received and reported, the other has."""

from __future__ import annotations

import hashlib
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.ledger_of_world import sqlite_alone
from tests.serve.page.browsing import showing
from tests.servers.s3 import S3Server
from tests.stories.files import bills
from tests.stories.forgetting import JUNE, dropped, forget, found_below, keeping_archive_below_work_dir
from tests.stories.merchant import Merchant
from tests.stories.stores import KINDS, Kind, Looked, LookedBucket, store_of
from tests.stories.test_retention import let_pass
from tests.stories.two_hosts import two_hosts

pytestmark = sqlite_alone  # they bring a database of their own
NAME = "x_bills_2030-01-01.csv"
ROWS = ("C1,A1,B1,1.00", "C2,A2,B2,1.005", "C3,A3,B3,3.00")
PAGE, SUMMARY = "report.html", "summary.json"


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which store; the folder unless a test says otherwise."""
    found: Kind = getattr(request, "param", "folder")
    return found


@pytest.fixture
def store(kind: Kind, tmp_path: Path) -> Looked:
    return store_of(kind, tmp_path)


@pytest.fixture
def hosts(store: Looked, tmp_path: Path) -> Iterator[tuple[Merchant, Merchant]]:
    with two_hosts(tmp_path, **store.settings()) as found:
        yield found


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def report_of(host: Merchant) -> dict[str, bytes]:
    """Name → content of the only report that is here."""
    return {path.name: path.read_bytes() for path in (host.work_dir / "reports").glob(f"{NAME}.*/*")}


def states(host: Merchant) -> list[str]:
    return [state for (state,) in host.ledger("SELECT DISTINCT state FROM documents ORDER BY state")]


@pytest.mark.parametrize("kind", KINDS[::-1], indirect=True)
def test_what_one_host_loaded_another_shows_downloads_and_reports_again(
    hosts: tuple[Merchant, Merchant], store: Looked
) -> None:
    one, other = hosts
    content = one.write(NAME, bills(*ROWS), one.drop).read_bytes()
    assert one.run().outcomes() == {"created": 2, "rejected": 1}
    there = store.objects()
    assert {name.rpartition("/")[2] for name in there} == {sha256(each) for each in there.values()}
    assert {name.rpartition("/")[0] for name in there} == {"citypower/test"}
    assert content in there.values()
    assert set(report_of(one).values()) < set(there.values())
    with showing(other) as page:
        somebody = page.visitor()
        shown = somebody.get(f"/files/{sha256(content)}/")
        assert "rejects.csv" in shown.text
        assert "No report" not in shown.said
        rejects = somebody.get(f"/files/{sha256(content)}/rejects.csv")
        assert rejects.body == report_of(one)["rejects.csv"]
    assert report_of(other) == report_of(one)
    exported = other.folder / "exported.csv"
    assert other.command("export", "--accepted", "-o", exported).exit_status == 0
    assert len(exported.read_text().splitlines()) == 3
    assert other.rewrite(NAME).exit_status == 0, "its original came from the store"
    assert (other.work_dir / "landing" / sha256(content) / "content").read_bytes() == content
    assert other.status()["owed_to_store"] == {}
    assert "ok       store" in other.command("doctor").stderr + other.command("doctor").stdout


@pytest.mark.parametrize("kind", KINDS, indirect=True)
def test_an_object_that_was_changed_or_cut_is_refused_and_put_anew_once_it_is_away(
    hosts: tuple[Merchant, Merchant], store: Looked
) -> None:
    one, other = hosts
    original = sha256(one.write(NAME, bills(*ROWS), one.drop).read_bytes())
    one.run()
    (name,) = [each for each in store.objects() if each.endswith(original)]
    for changed, told in ((b"C1,A1,B9,9.00\n", "bytes"), (store.objects()[name][:20], "it has 20 of")):
        store.put(name, changed)
        said = other.command("report", NAME)
        assert said.exit_status == 3
        (line,) = said.stderr.splitlines()
        assert original in line
        assert told in line
        assert f"billferry report {NAME}" in line
        assert not (other.work_dir / "landing" / original / "content").exists()
    assert one.command("report", NAME).exit_status == 3, "nothing in the store is overwritten"
    store.put(name, None)
    assert one.rewrite(NAME).exit_status == 0
    assert other.rewrite(NAME).exit_status == 0


def test_a_host_that_dies_in_a_load_leaves_the_original_to_the_other(
    hosts: tuple[Merchant, Merchant],
) -> None:
    one, other = hosts
    one.write(NAME, bills(*ROWS), one.drop)
    one.write_config()
    killed = one.spawn(
        "run",
        *("--config", one.config),
        late="import os, signal\nfrom pipeline.edge.ledger.lineage import Lineage\n"
        "Lineage.advance = lambda *_: os.kill(os.getpid(), signal.SIGKILL)",
    )
    assert killed.exit_status == -signal.SIGKILL
    shutil.rmtree(one.folder / "drop")
    assert other.run().outcomes() == {"created": 2, "rejected": 1}
    assert len(other.held("bills")) == 2


def test_what_is_dropped_on_the_page_of_one_host_is_loaded_by_another(
    hosts: tuple[Merchant, Merchant],
) -> None:
    one, other = hosts
    content = bills(*ROWS).encode()
    with showing(other) as page:
        assert page.visitor().put(NAME, content).status == 200
    assert one.run().state == "held"
    assert one.release(NAME).exit_status == 0
    assert one.run().outcomes() == {"created": 2, "rejected": 1}


def test_a_put_that_is_killed_leaves_no_object_and_is_made_up_for(
    hosts: tuple[Merchant, Merchant], store: Looked
) -> None:
    one, other = hosts
    content = one.write(NAME, bills(*ROWS), one.drop).read_bytes()
    one.write_config()
    killed = one.spawn(
        "run",
        *("--config", one.config),
        late="import os, signal\nfrom pipeline.edge.store import folder\n"
        "folder.shutil.copyfileobj = lambda source, sink, _: (sink.write(source.read(9)), sink.flush(),"
        " os.kill(os.getpid(), signal.SIGKILL))",
    )
    assert killed.exit_status == -signal.SIGKILL
    (left,) = store.objects()
    assert "/.writing/" in left
    assert one.run().outcomes() == {"created": 2, "rejected": 1}
    assert other.rewrite(NAME).exit_status == 0
    assert content in store.objects().values()


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server() as found:
        yield found


def test_a_store_that_dies_in_a_put_stops_no_load_and_gets_what_is_owed_from_the_next_run(
    hosts: tuple[Merchant, Merchant], server: S3Server, tmp_path: Path
) -> None:
    one, other = hosts
    store = LookedBucket(server, tmp_path)
    for host in hosts:
        host.settings |= store.settings()
        host.write_config()
    original = sha256(one.write(NAME, bills(*ROWS), one.drop).read_bytes())
    late = (
        "from pathlib import Path\nfrom pipeline.edge.store import s3\nput = s3.obstore.put\n"
        "def told(*given, **options):\n    Path('put').touch()\n    return put(*given, **options)\n"
        "s3.obstore.put = told"
    )
    server.pause()
    with one.start("run", "--json", "--config", one.config, late=late) as run:
        while not (one.folder / "put").exists():
            assert run.poll() is None
        time.sleep(0.2)  # the request is on its way, and nobody reads it
        server.kill()
        _, err = run.communicate(timeout=60)
    assert run.returncode == 3, err
    (line,) = [each for each in err.splitlines() if "the store cannot be used" in each]
    assert "nothing is lost" in line
    assert len(one.held("bills")) == 2
    assert one.status()["owed_to_store"].popitem()[1] == 5
    assert "not in the store yet: 5 documents" in one.command("status").stdout
    assert one.command("doctor").exit_status == 3
    assert other.command("report", NAME).exit_status == 3
    server.start()
    said = other.command("report", NAME)
    assert said.exit_status == 3
    assert "has not put it into the store yet" in said.stderr
    assert one.run().exit_status == 0
    assert original in {name.rpartition("/")[2] for name in store.objects()}
    assert one.status()["owed_to_store"] == {}
    assert other.rewrite(NAME).exit_status == 0


@pytest.mark.parametrize("kind", KINDS[::-1], indirect=True)
def test_what_one_host_forgets_the_store_and_the_other_host_forget_too(
    hosts: tuple[Merchant, Merchant], store: Looked, tmp_path: Path
) -> None:
    one, other = map(keeping_archive_below_work_dir, hosts)
    dropped(one, NAME, JUNE)
    assert one.run().exit_status == 1
    assert found_below(one.work_dir)
    seen = tmp_path / "seen"
    seen.mkdir()
    for at, content in enumerate(store.objects().values()):
        (seen / str(at)).write_bytes(content)
    assert found_below(seen), "so that the search is worth something"
    shutil.rmtree(one.work_dir / "archive")
    forget(other)
    shutil.rmtree(seen)
    seen.mkdir()
    for at, content in enumerate(store.objects().values()):
        (seen / f"{at}.parquet" if content.startswith(b"PAR1") else seen / str(at)).write_bytes(content)
    assert [*seen.iterdir()]
    assert found_below(seen) == []
    assert found_below(other.work_dir) == []
    one.run()
    assert found_below(one.work_dir) == []
    assert one.rewrite(NAME).exit_status == 0, "what was kept of the others came from the store"
    assert report_of(one) == report_of(other)


def test_an_object_that_is_another_is_forgotten_without_a_look(
    hosts: tuple[Merchant, Merchant], store: Looked
) -> None:
    one, other = map(keeping_archive_below_work_dir, hosts)
    dropped(one, NAME, JUNE)
    assert one.run().exit_status == 1
    (name,) = [each for each in store.objects() if each.endswith(sha256(report_of(one)["rejects.csv"]))]
    store.put(name, b"another")
    said = other.command("forget", "C-17")
    assert (said.exit_status, said.stderr.count("is not what was put there")) == (0, 1)
    assert name not in store.objects()
    assert other.status()["owed_to_store"] == {}


def test_a_correction_on_another_host_renews_the_report_there_and_the_first_host_shows_that_one(
    hosts: tuple[Merchant, Merchant], store: Looked
) -> None:
    one, other = hosts
    content = one.write(NAME, bills(*ROWS), one.drop).read_bytes()
    assert one.run().exit_status == 1
    before = report_of(one)
    other.write("fixed.csv", before["rejects.csv"].decode().replace("1.005", "1.00"), other.drop)
    assert other.run().outcomes() == {"created": 1}
    renewed = report_of(other)
    assert renewed[SUMMARY] != before[SUMMARY], "the chain changed"
    assert renewed["results.csv"] == before["results.csv"]
    assert report_of(one) == before
    with showing(one) as page:
        assert page.visitor().get(f"/files/{sha256(content)}/{PAGE}").body == renewed[PAGE]
    assert report_of(one) == renewed
    assert states(one) == ["stored", "superseded"]
    assert before[SUMMARY] in store.objects().values()
    grow_older(one, 2)
    newest = sha256(renewed[PAGE])
    one.change_ledger(f"UPDATE documents SET state = 'owed', size_bytes = 0 WHERE sha256 = '{newest}'")  # noqa: S608
    assert one.run().exit_status == 0
    assert before[SUMMARY] in store.objects().values(), "the newer one is not there yet"
    one.change_ledger("UPDATE documents SET state = 'stored' WHERE state = 'owed'")
    assert one.run().exit_status == 0
    assert before[SUMMARY] not in store.objects().values()
    assert states(one) == ["gone", "stored"]
    assert report_of(one) == renewed
    grow_older(one, 801)
    one.run()
    assert (store.objects(), states(one)) == ({}, [])


def test_what_was_loaded_before_there_was_a_store_is_put_by_the_next_run(
    hosts: tuple[Merchant, Merchant], store: Looked
) -> None:
    one, other = hosts
    content = one.write(NAME, bills(*ROWS), one.drop).read_bytes()
    with_store = dict(one.settings)
    del one.settings["store"]
    one.run()
    assert store.objects() == {}
    one.settings = with_store
    assert other.run().exit_status == 0, "another host has nothing of it, and owes nothing"
    assert one.run().exit_status == 0
    assert {content, *report_of(one).values()} == {*store.objects().values()}
    assert other.rewrite(NAME).exit_status == 0


def test_reports_that_a_dead_host_owed_the_sftp_server_are_uploaded_by_the_other(
    hosts: tuple[Merchant, Merchant],
) -> None:
    one, other = hosts
    with one.with_sftp():
        assert one.sftp is not None
        key = str(one.folder / "id_ed25519")
        other.use_sftp(one.sftp, one.sftp.known_hosts_line, private_key_file=key)
        one.write(NAME, bills(*ROWS), one.incoming)
        one.write_config()
        killed = one.spawn(
            "run",
            *("--config", one.config),
            late="import os, signal\nfrom pipeline.run.run_pass import Run\n"
            "Run._hand_over = lambda *_: os.kill(os.getpid(), signal.SIGKILL)",
        )
        assert killed.exit_status == -signal.SIGKILL
        written = report_of(one)
        shutil.rmtree(one.work_dir)
        other.write("y_bills_2030-01-02.csv", bills("C4,A4,B4,4.00"), one.incoming)
        other.write_config()
        other.change_ledger("UPDATE documents SET state = 'owed', host = 'one' WHERE name = 'results.csv'")
        said = other.run()
        assert said.exit_status == 3
        assert f"{NAME}: what was received or reported of it is only on one" in said.stderr
        assert [path.name for path in one.incoming.iterdir()] == [NAME], "the other file is not held up by it"
        other.change_ledger("UPDATE documents SET state = 'stored' WHERE host = 'one'")
        assert other.run().exit_status == 0
        uploaded = {path.name: path.read_bytes() for path in (one.folder / "sftp").glob(f"reports/{NAME}*/*")}
        assert uploaded == {name: text for name, text in written.items() if name != PAGE}
        assert one.incoming.exists()
        assert [*one.incoming.iterdir()] == []


@pytest.mark.parametrize("kind", KINDS, indirect=True)
def test_what_is_old_goes_from_the_store_and_from_every_host(
    hosts: tuple[Merchant, Merchant], store: Looked
) -> None:
    one, other = hosts
    for host in hosts:
        host.settings["retention"] = {"landing_days": 30, "reports_days": 60, "outcomes_days": 90}
    original = sha256(one.write(NAME, bills(*ROWS), one.drop).read_bytes())
    one.run()
    grow_older(one, 31)
    assert other.rewrite(NAME).exit_status == 0, "until a run removes what is old, it is there"
    grow_older(one, 0.1)
    assert other.run().exit_status == 0
    left = {name.rpartition("/")[2] for name in store.objects()}
    assert original not in left
    assert left == {sha256(each) for each in report_of(one).values()} | {
        sha256(each) for each in report_of(other).values()
    }
    assert not (other.work_dir / "landing" / original).exists(), "what was brought is as old as it was there"
    grow_older(one, 30)
    one.run()
    assert store.objects() == {}
    assert report_of(one) == {}
    assert states(one) == []


def grow_older(host: Merchant, days: float) -> None:
    """What the host has and what the ledger knows grows older by so many days."""
    let_pass(host, days)
    for number, at in host.ledger("SELECT id, at FROM documents"):
        then = (datetime.fromisoformat(at) - timedelta(days=days)).isoformat(timespec="seconds")
        host.change_ledger(f"UPDATE documents SET at = '{then.replace('+00:00', 'Z')}' WHERE id = {number}")  # noqa: S608
