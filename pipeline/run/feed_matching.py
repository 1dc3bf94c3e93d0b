"""How a run recognises bill files: by the feeds of the config, and corrected rejects by what the ledger knows."""

from __future__ import annotations

from pathlib import Path

from pipeline.collect.feed_of_file import Matching
from pipeline.edge.local.landing import staging
from pipeline.edge.reader.corrected_rejects import sheet_as_text
from pipeline.run.file_repository import FileRepository, KnownFiles
from schemas.settings import Settings


def matching_of_run(settings: Settings, files: FileRepository | KnownFiles, scratch: Path) -> Matching:
    """How bill files are recognised: by the config, and for corrected rejects by what the ledger knows. `scratch`: a
    folder of ours for what is opened meanwhile.
    """

    def as_text(content: bytes) -> bytes | None:
        with staging(scratch) as folder:
            return sheet_as_text(content, folder)

    return Matching(settings.feeds, settings.ignore, files.feed_of_rejects, as_text)
