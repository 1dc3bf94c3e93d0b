"""The sources of one run: what they show is remembered, and what is new there is landed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.collect.collect import Source, collect, control_of, land, land_named
from pipeline.collect.feed_of_file import Matching
from pipeline.collect.model import Collected, Found, RememberedFile, sighting_row
from pipeline.core.file_stages import LandedFile, RemoteFile
from pipeline.core.truncate import truncate_messages
from pipeline.edge.local.landing import staging
from pipeline.edge.log import get_logger
from pipeline.edge.reader.corrected_rejects import sheet_as_text
from pipeline.errors import ListingCut
from pipeline.monitoring.run_history import History
from pipeline.run.context import RunContext
from pipeline.run.file_reports import FileReports
from pipeline.run.file_repository import FileRepository
from pipeline.run.handover import HandOver
from pipeline.run.sources import SourceRegistry

log = get_logger()

Work = tuple[LandedFile, tuple[RemoteFile, ...]]
"""A landed file, and what moves at its source when it is finished: itself and what belongs to it."""


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

    def bring(self, source: Source, work: list[Work], wait: Callable[[float], None] | None) -> None:
        """Look at a source, remember what was seen, and add what is to be worked on to `work`, each as it is landed.

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
        fetches = [
            (known.remote.name, partial(self._known, known, source, work))
            for known in seen.known
            if not known.finished
        ]
        fetches += [(found.remote.name, partial(self._found, found, source, work)) for found in seen.found]
        try:
            for name, fetch in fetches:
                self.reports.guarded(name, fetch)
        finally:
            source.close()  # nothing is asked of it while files load, and its patience starts afresh

    def named(self, path: Path) -> LandedFile:
        """Land a file named on the command line, which is left where it is. Raises as `collect.land_named`."""
        limits = self.context.settings.limits
        landed = land_named(
            path,
            self.matching,
            self.context.landing,
            max_file_bytes=limits.max_file_bytes,
            max_record_bytes=limits.max_record_bytes,
            feed=self.context.options.feed,
        )
        self._landed(landed)
        return landed

    def _known(self, known: RememberedFile, source: Source, work: list[Work]) -> None:
        """A file that was fetched before and is not finished: from our copy, or fetched again where that is gone."""
        remotes = (known.remote, *known.companions)
        row = self.files.row(known.sha256)
        if row is None or known.sha256 in self.done:
            return
        landed = self.files.landed_from(row)
        if landed.path.exists():
            control = control_of(known.companions, known.remote.name, source)
            work.append((replace(landed, control=control), remotes))
        else:
            again = Found(known.remote, landed.feed, landed.name_parts, landed.rejects_of, known.companions)
            self._found(again, source, work)

    def _found(self, found: Found, source: Source, work: list[Work]) -> None:
        """A new file: fetch it."""
        remote = found.remote
        with self.context.ui.stage("fetch", remote.name, remote.size_bytes, "bytes") as progress:
            landed = land(
                found,
                source,
                self.context.landing,
                max_file_bytes=self.context.settings.limits.max_file_bytes,
                progress=progress,
            )
        self.sources.memory.remember_fetched(remote.source, remote.name, landed.sha256)
        self._landed(landed)
        work.append((landed, (remote, *found.companions)))

    def _landed(self, landed: LandedFile) -> None:
        """A file is here: its feed is not late. A correction says nothing of that."""
        log.info("landed", file=landed.name, sha256=landed.sha256, size_bytes=landed.size_bytes)
        if landed.rejects_of is None:
            self.history.arrived(landed.feed.name, self.context.options.clock())

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


def matching_of(context: RunContext, files: FileRepository) -> Matching:
    """How a run recognises files: by its config, and for corrected rejects by what the ledger knows."""

    def as_text(content: bytes) -> bytes | None:
        with staging(context.landing) as folder:
            return sheet_as_text(content, folder)

    return Matching(context.settings.feeds, context.settings.ignore, files.feed_of_rejects, as_text)
