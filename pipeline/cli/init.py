"""`init --from`: a config with a feed proposed for an unknown file, to be confirmed by a person."""

from __future__ import annotations

from pathlib import Path

from pipeline.cli.shipped_config import config_with, write_new
from pipeline.core.names import label_of_path
from pipeline.core.proposal.feed_proposal import Proposal, propose
from pipeline.edge.disk import scratch_folder
from pipeline.edge.reader.sample import FileSample, sample_of
from pipeline.errors import FileRefused, UsageError
from schemas.settings import Limits


def write_proposal(path: Path, file: Path) -> Proposal:
    """Write the commented config with one feed, proposed for `file`, to `path`, which must not exist.

    Everything before `feeds:` is the shipped config.yaml; the feeds of the sample files give way to the proposal.

    Returns:
        The proposal; `open_keys` are those that a person has to fill in.

    Raises:
        UsageError: `path` exists or cannot be written; `file` cannot be read, or is nothing that a feed could describe.
        DiskFull: there is no room to unpack the beginning of the file.
    """
    name = label_of_path(file.name)
    seen = _beginning(file, name)
    proposal = propose(
        name, seen.head, whole=seen.whole, workbook=seen.workbook, first_row=seen.first_row, notes=seen.notes
    )
    write_new(path, config_with(proposal.yaml, not_ignored=name))
    return proposal


def _beginning(file: Path, name: str) -> FileSample:
    """The first part of a file, unpacked and as text; enough to guess by, however large the file is. Raises
    UsageError."""
    try:
        if file.exists() and not file.is_file():
            raise UsageError(problem=f"{file} is not a file", remedy="name another")
        with scratch_folder("billferry-init-") as folder:
            return sample_of(file, name, Limits(), folder, allow_merged=True)
    except OSError as error:
        raise UsageError(problem=f"{file} cannot be read ({error.strerror})", remedy="name another") from None
    except FileRefused as refused:
        raise UsageError(
            problem=f"{name}: {refused.facts['problem']}", remedy=refused.facts["remedy"]
        ) from None
