"""`init --from`: a config with a feed proposed for an unknown file, to be confirmed by a person."""

from __future__ import annotations

from pathlib import Path

from pipeline.cli.shipped import shipped, write_new
from pipeline.core.names import shown_name
from pipeline.core.proposal import Proposal, propose
from pipeline.errors import UsageError

HEAD_BYTES = 1 << 20


def write_proposal(path: Path, file: Path) -> Proposal:
    """Write the commented config with one feed, proposed for `file`. Raises UsageError."""
    try:
        with file.open("rb") as content:
            head = content.read(HEAD_BYTES + 1)
    except OSError as error:
        raise UsageError(problem=f"{file} cannot be read ({error.strerror})", remedy="name another") from None
    name = shown_name(file.name)
    proposal = propose(name, head[:HEAD_BYTES], whole=len(head) <= HEAD_BYTES)
    before, _, _ = shipped("config.yaml").read_text(encoding="utf-8").partition("\nfeeds:\n")
    write_new(path, f"{before}\nfeeds:\n{proposal.yaml}")
    return proposal
