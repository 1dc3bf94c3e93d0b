"""Every file of a source is found, known, waiting, unmatched, ignored or troubled; nothing is passed over."""

from __future__ import annotations

import os

import pytest

from pipeline.collect.collect import collect
from pipeline.collect.feed_of_file import Matching
from pipeline.core.whole_source import concerns_whole_source
from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import (
    FileRefused,
    HostKeyUnknown,
    SourceFileUnsettled,
    SourceInterrupted,
    SourceUnreachable,
)
from tests.collect.conftest import BILLS, UNDATED, Desk, feed
from tests.servers.places import Place

REJECTS = (
    b"bill_reference,reject_codes,reject_messages,reject_source\nB1,x.y,m,za_bills_2026-11-19.csv.0123abcd\n"
)


def test_files_come_by_date_then_by_name(desk: Desk) -> None:
    for name in ("b_bills_2026-11-19.csv", "a_bills_2026-11-20.csv", "a_bills_2026-11-19.csv", "old_z.csv"):
        desk.put(name)
    assert [(file.remote.name, file.feed.name, dict(file.name_parts)) for file in desk.collect().found] == [
        ("old_z.csv", "undated", {}),
        ("a_bills_2026-11-19.csv", "bills", {"date": "2026-11-19"}),
        ("b_bills_2026-11-19.csv", "bills", {"date": "2026-11-19"}),
        ("a_bills_2026-11-20.csv", "bills", {"date": "2026-11-20"}),
    ]


def test_what_fits_no_feed_is_unmatched_and_what_is_ignored_is_not(desk: Desk) -> None:
    for name in ("README.md", "README.MD", "za_bills_2026-13-40.csv"):
        desk.put(name)
    collected = desk.collect()
    assert collected.ignored == ("README.md",)
    assert [file.name for file in collected.unmatched] == ["README.MD", "za_bills_2026-13-40.csv"]


def test_a_name_that_fits_two_feeds_is_refused_and_the_others_go_on(desk: Desk) -> None:
    desk.matching = Matching([BILLS, feed("all", "za_*.csv")])
    desk.put("za_bills_2026-11-20.csv")
    desk.put("nl_bills_2026-11-20.csv")
    collected = desk.collect()
    assert [file.remote.name for file in collected.found] == ["nl_bills_2026-11-20.csv"]
    [troubled] = collected.troubled
    assert isinstance(troubled.error, FileRefused)
    assert "file.two_feeds" in str(troubled.error)


def test_a_sidecar_belongs_to_its_file_and_waits_without_it(desk: Desk) -> None:
    desk.put("za_bills_2026-11-20.csv")
    desk.put("za_bills_2026-11-20.csv.ctl", b"{}")
    desk.put("nl_bills_2026-11-20.csv.ctl", b"{}")
    collected = desk.collect()
    [found] = collected.found
    assert [companion.name for companion in found.companions] == ["za_bills_2026-11-20.csv.ctl"]
    assert [(file.remote.name, file.reason) for file in collected.waiting] == [
        ("nl_bills_2026-11-20.csv.ctl", "the bill file it belongs to is missing")
    ]
    assert collected.unmatched == ()


@pytest.mark.parametrize("name", ["rejects.csv", "za_bills_2026-11-21.csv"])
def test_a_rejects_file_takes_its_feed_from_the_file_it_came_from(desk: Desk, name: str) -> None:
    asked = []

    def origin(reject_source: str) -> tuple[object, dict[str, str]]:
        asked.append(reject_source)
        return UNDATED, {"date": "2026-11-19"}

    desk.matching = Matching([BILLS], feed_of_rejects=origin)  # type: ignore[arg-type]
    desk.put(name, REJECTS)
    [found] = desk.collect().found
    assert (found.feed, dict(found.name_parts)) == (UNDATED, {"date": "2026-11-19"})
    assert found.rejects_of == "za_bills_2026-11-19.csv.0123abcd"
    assert asked == ["za_bills_2026-11-19.csv.0123abcd"]


def test_a_rejects_file_of_an_unknown_file_is_refused(desk: Desk) -> None:
    desk.put("rejects.csv", REJECTS)
    [troubled] = desk.collect().troubled
    assert "file.rejects_unknown" in str(troubled.error)


def test_an_odd_name_that_fits_a_feed_is_found_under_a_name_that_can_be_shown(desk: Desk) -> None:
    desk.put("bad\nname_bills_2026-11-20.csv")
    desk.put("bad\nname.csv")
    collected = desk.collect()
    assert [file.remote.name for file in collected.found] == ["bad%0Aname_bills_2026-11-20.csv"]
    assert [file.name for file in collected.unmatched] == ["bad%0Aname.csv"]


def test_links_and_pipes_are_unmatched_each_with_its_reason_unless_they_are_ignored_or_hidden(
    desk: Desk,
) -> None:
    target = desk.put("za_bills_2026-11-20.csv")
    for name in ("link_bills_2026-11-20.csv", "link.md", ".link.csv"):
        (desk.folder / name).symlink_to(target)
    os.mkfifo(desk.folder / "pipe_bills_2026-11-20.csv")
    collected = desk.collect()
    assert [file.remote.name for file in collected.found] == ["za_bills_2026-11-20.csv"]
    assert [(file.name, file.reason.split(":")[0].split(";")[0]) for file in collected.unmatched] == [
        ("link_bills_2026-11-20.csv", "a symbolic link, and links are not followed"),
        ("pipe_bills_2026-11-20.csv", "not a regular file"),
    ]
    assert desk.collect({each.name: each for each in collected.sightings}).unmatched == collected.unmatched


def test_only_trouble_with_the_source_itself_stops_the_others() -> None:
    facts = {"source": "s", "name": "n", "problem": "p"}
    assert not concerns_whole_source(SourceInterrupted(**facts))
    assert not concerns_whole_source(SourceFileUnsettled(**facts))
    assert concerns_whole_source(SourceUnreachable(**facts))
    assert concerns_whole_source(HostKeyUnknown(source="s", fingerprint="f", known_hosts="k"))


def test_a_file_that_may_not_be_read_is_troubled_and_the_others_go_on(
    sandbox_place: Place, desk: Desk
) -> None:
    (sandbox_place.incoming / "za_bills_2026-11-20.csv").write_bytes(b"a\n1\n")
    (sandbox_place.incoming / "gone_bills_2026-11-20.csv").write_bytes(b"a\n1\n")
    source = SftpSource(sandbox_place.settings)
    head = source.read_head

    def away(remote: object, size_bytes: int) -> bytes:
        (sandbox_place.incoming / "gone_bills_2026-11-20.csv").unlink(missing_ok=True)
        return head(remote, size_bytes)  # type: ignore[arg-type]

    source.read_head = away  # type: ignore[method-assign]
    collected = collect(source, desk.matching, {}, clock=lambda: desk.now, wait=desk.wait)
    source.close()
    assert [file.remote.name for file in collected.found] == ["za_bills_2026-11-20.csv"]
    assert [file.remote.name for file in collected.troubled] == ["gone_bills_2026-11-20.csv"]
