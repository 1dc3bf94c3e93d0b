"""The sources of one run: what they show is remembered, and what is new there is landed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter
from pathlib import Path

from pipeline.collect.archives import bill_files_of
from pipeline.collect.collect import UNMATCHED, Source, collect, control_of
from pipeline.collect.feed_of_file import HEAD_BYTES, Matching, match_file
from pipeline.collect.fetch_ahead import Arrival, Fetch, FetchAhead
from pipeline.collect.model import Collected, Found, RememberedFile, Unmatched, sighting_row
from pipeline.collect.named_files import land_named
from pipeline.core.file_stages import LandedFile, RemoteFile
from pipeline.core.truncate import truncate_messages
from pipeline.edge.ledger.file_rows import ENDED_STATES, FINISHED_STATES
from pipeline.edge.log import get_logger
from pipeline.errors import BillferryError, ListingCut
from pipeline.monitoring.run_history import History
from pipeline.run.context import RunContext
from pipeline.run.file_reports import FileReports
from pipeline.run.file_repository import FileRepository
from pipeline.run.handover import HandOver
from pipeline.run.sources import SourceRegistry

log = get_logger()

Work = tuple[LandedFile, tuple[RemoteFile, ...]]
"""A landed file, and what moves at its source when it is finished: itself and what belongs to it."""
Guard = Callable[[Callable[[], None]], None]
"""Calls, and reports the trouble of a source."""


@dataclass(slots=True)
class Collecting:
    """Lands the files of one run. `again_in_s`: after so long the first file that still moves may be taken."""

    context: RunContext
    files: FileRepository
    sources: SourceRegistry
    handovers: HandOver
    history: History
    reports: FileReports
    matching: Matching
    done: Mapping[str, str]
    """SHA-256 → name of the files that this run has worked on already."""
    put_back: bool
    """Whether what a killed run left aside at a source gets its name back."""
    again_in_s: float | None = None
    archives: dict[str, tuple[RemoteFile, ...]] = field(default_factory=dict)
    """SHA-256 → what moves at its source once all bill files in it are finished, of archives of several."""
    _at_hand: list[Work] = field(default_factory=list)
    """What needs no fetch."""
    _ahead: list[FetchAhead] = field(default_factory=list)

    def look(self, source: Source, wait: Callable[[float], None] | None) -> None:
        """Look at a source, remember what was seen, and begin to fetch what is new there. `in_order` hands it out.

        `wait` sleeps that many seconds until files stand still; without it there is one look. One file's trouble is
        reported; raises SourceError when the whole source is out of reach.
        """
        sightings = self.sources.sightings(source.name)
        seen = collect(
            source,
            self.matching,
            sightings,
            clock=self.context.options.clock,
            wait=wait,
            put_back=self.put_back,
        )
        self.again_in_s = seen.again_in_s
        self.sources.memory.remember_sightings(source.name, map(sighting_row, seen.sightings))
        self._report(source, seen, patient=wait is not None)
        finished = [(one.sha256, (one.remote, *one.companions)) for one in seen.known if one.finished]
        if finished:
            self.handovers.owe_archiving(finished)
        new: list[Found] = []
        try:
            for known in seen.known:
                if not known.finished:
                    self.reports.guarded(known.remote.name, partial(self._known, known, source, new))
        except BillferryError:
            source.close()
            raise
        self._begin_fetching(source, [*new, *seen.found])

    def _begin_fetching(self, source: Source, new: list[Found]) -> None:
        """Archives first, for nothing is worked on before it is known what is in them; the others as they come."""
        if not new:
            source.close()  # nothing is asked of it while files load, and its patience starts afresh
            return
        ahead = FetchAhead(
            source,
            partial(self.sources.second, source.name),
            sorted(new, key=lambda found: not found.may_be_archive),
            self.context.landing,
            max_file_bytes=self.context.settings.limits.max_file_bytes,
            clock=self.context.options.clock,
        )
        self._ahead.append(ahead)
        ahead.start()

    def in_order(self, guard: Guard) -> Iterator[Work]:
        """What is to be worked on, by date and name, each as soon as it is here; a file's trouble when it is its turn.

        `guard` reports that a source was lost; files of it that have landed come all the same.
        """
        fetches = [fetch for ahead in self._ahead for fetch in ahead.fetches]
        for fetch in fetches:
            if fetch.found.may_be_archive:
                self._at_hand += self._arrived(fetch, guard)
        turns: list[tuple[str, str, Work | Fetch]] = [
            *(
                (landed.name_parts.get("date", ""), landed.name, (landed, remotes))
                for landed, remotes in self._at_hand
            ),
            *(
                (fetch.found.name_parts.get("date", ""), fetch.found.remote.name, fetch)
                for fetch in fetches
                if not fetch.found.may_be_archive
            ),
        ]
        for _, _, due in sorted(turns, key=itemgetter(0, 1)):
            yield from self._arrived(due, guard) if isinstance(due, Fetch) else (due,)

    def stop_fetching(self) -> None:
        """Give up what is still on its way: somebody wants the run to end. `in_order` goes on with what is here."""
        for ahead in self._ahead:
            ahead.end()

    def end_fetching(self) -> None:
        """No file is waited for any more, and the sources are ours again."""
        self.stop_fetching()
        self._ahead.clear()
        self._at_hand.clear()

    def _arrived(self, fetch: Fetch, guard: Guard) -> list[Work]:
        """What a fetch has brought; nothing where it failed, which is reported."""
        work: list[Work] = []
        guard(partial(self.reports.guarded, fetch.found.remote.name, partial(self._take_in, fetch, work)))
        return work

    def named(self, path: Path) -> list[LandedFile]:
        """Land a file named on the command line, which is left where it is: the bill files in it, where it is an
        archive of several. Raises as `land_named` and `archives.bill_files_of`.
        """
        limits = self.context.settings.limits
        landed = land_named(
            path,
            self.matching,
            self.context.landing,
            max_file_bytes=limits.max_file_bytes,
            max_record_bytes=limits.max_record_bytes,
            feed=self.context.options.feed,
        )
        files = bill_files_of(landed, self.matching, limits, feed=self.context.options.feed)
        now = self.context.options.clock()
        for file in files:
            self._landed(Arrival(file, now))
        return files

    def owe_archives(self) -> None:
        """Owe the moves of archives in which every bill file has come to its end: of those with a refused one to the
        quarantine.
        """
        for sha256, remotes in self.archives.items():
            states = [state for _, state in self.sources.memory.archive_members(sha256)]
            if states and all(state in ENDED_STATES for state in states):
                is_whole = all(state in FINISHED_STATES for state in states)
                self.handovers.owe(sha256, remotes, "archive" if is_whole else "quarantine", None)
        self.archives.clear()

    def _known(self, known: RememberedFile, source: Source, new: list[Found]) -> None:
        """A file that was fetched before and is not finished: from our copy, or fetched again where that is gone."""
        remotes = (known.remote, *known.companions)
        row = self.files.row(known.sha256)
        if row is None:
            self._known_archive(known, source, new)
            return
        if known.sha256 in self.done:
            return
        landed = self.files.landed_from(row)
        if landed.path.exists():
            control = control_of(known.companions, known.remote.name, source)
            self._at_hand.append((replace(landed, control=control), remotes))
        else:
            new.append(
                Found(known.remote, landed.feed, landed.name_parts, landed.rejects_of, known.companions)
            )

    def _take_in(self, fetch: Fetch, work: list[Work]) -> None:
        """A new file: wait for it, and remember it."""
        found, remote = fetch.found, fetch.found.remote
        if fetch.is_over:
            arrival = fetch.arrived(lambda _: None)
        else:
            with self.context.ui.stage("fetch", remote.name, remote.size_bytes, "bytes") as progress:
                arrival = fetch.arrived(progress)
        if arrival is None:
            return
        landed = arrival.landed
        self.sources.memory.remember_fetched(remote.source, remote.name, landed.sha256)
        remotes = (remote, *found.companions)
        files = [landed]
        if found.may_be_archive:
            files = bill_files_of(landed, self.matching, self.context.settings.limits)
        for file in files:
            self._landed(replace(arrival, landed=file))
        if files == [landed]:
            work.append((landed, remotes))
            return
        self.sources.memory.remember_archive(landed.sha256, [file.sha256 for file in files])
        self.archives[landed.sha256] = remotes
        work += [(file, ()) for file in files]

    def _known_archive(self, known: RememberedFile, source: Source, new: list[Found]) -> None:
        """An archive of several that was fetched before: the files in it that have not come to their end, from our
        copies, or out of the archive again. Those refused are checked again once nothing else is open.
        """
        self.archives[known.sha256] = (known.remote, *known.companions)
        members = self.sources.memory.archive_members(known.sha256)
        ended = ENDED_STATES if any(state not in ENDED_STATES for _, state in members) else FINISHED_STATES
        left = {sha256 for sha256, state in members if state not in ended} - self.done.keys()
        rows = [row for sha256 in left if (row := self.files.row(sha256)) is not None]
        files = [self.files.landed_from(row) for row in rows]
        if len(files) < len(left) or not all(file.path.exists() for file in files):
            files = [file for file in self._opened_again(known, source, new) if file.sha256 in left]
        self._at_hand += [(file, ()) for file in files]

    def _opened_again(self, known: RememberedFile, source: Source, new: list[Found]) -> list[LandedFile]:
        """The files in an archive, from our copy of it; where that is gone it is fetched as a new one, with them."""
        name, copy = known.remote.name, self.context.landing / known.sha256 / "content"
        if copy.exists():
            with copy.open("rb") as content:
                head = content.read(HEAD_BYTES)
        else:
            head = source.read_head(known.remote, HEAD_BYTES)
        matched = match_file(name, head, self.matching)
        if matched is None:
            self.reports.unmatched([Unmatched(name, UNMATCHED, known.remote.size_bytes)])
            return []
        if not copy.exists():
            new.append(Found(known.remote, matched.feed, matched.name_parts, None, known.companions))
            return []
        parts, size_bytes = dict(matched.name_parts), known.remote.size_bytes
        landed = LandedFile(known.sha256, copy, name, parts, size_bytes, known.remote.source, matched.feed)
        return bill_files_of(landed, self.matching, self.context.settings.limits)

    def _landed(self, arrival: Arrival) -> None:
        """A file is here: its feed is not late. A correction says nothing of that."""
        landed = arrival.landed
        log.info("landed", file=landed.name, sha256=landed.sha256, size_bytes=landed.size_bytes)
        if landed.rejects_of is None:
            self.history.arrived(landed.feed.name, arrival.at)

    def _report(self, source: Source, seen: Collected, *, patient: bool) -> None:
        """`patient`: the look waited for files to stand still, so what still moves is left for the next run."""
        if seen.unmatched:
            self.reports.unmatched(seen.unmatched)
        for troubled in seen.troubled:
            self.reports.trouble(troubled.remote.name, troubled.error)
        waiting = [each for each in seen.waiting if patient or each.ripe_in_s is None]
        for text in truncate_messages(
            [f"{each.remote.name}: left for the next run ({each.reason})" for each in waiting]
        ):
            self.context.ui.line(text)
        for text in truncate_messages(seen.notes):
            self.context.ui.warn(text)
        if seen.cut is not None:
            self.context.fail(ListingCut(source=source.where, problem=seen.cut))
        log.info("collected", source=source.name, found=len(seen.found), waiting=len(seen.waiting))
