"""`init --from`: a config with a feed proposed for an unknown file, to be confirmed by a person."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.cli.printing import say
from pipeline.cli.shipped_config import config_with, write_config, write_new
from pipeline.cli.terminal_ui import TerminalUi
from pipeline.core.names import label_of_path
from pipeline.core.proposal.feed_proposal import Proposal
from pipeline.edge.config import proposed_feed
from pipeline.report.summary import FileReport
from pipeline.run.propose_feed import SHOWN_RECORDS, propose_for
from pipeline.run.ui import Progress, Unit
from pipeline.run.validate import check_files
from schemas.settings import Limits


def write_config_as_asked(path: Path, file: Path | None) -> None:
    """Write a config to start from or, with a file, one with a feed proposed for it, and show what that would do.

    The preview shows records of the file: it is for the terminal of whoever has it. Raises as `write_proposal`.
    """
    if file is None:
        write_config(path)
        say(f"Wrote {path}. Try it: billferry sandbox in one terminal, billferry run in another.", err=True)
        return
    proposal = write_proposal(path, file)
    say(f"Wrote {path} with a feed for {file.name}.", err=True)
    for doubt in proposal.doubts:
        say(f"unsure: {doubt}", err=True)
    preview(file, proposal)
    say(f"Set {', '.join(proposal.open_keys)}, confirm the guesses,", err=True)
    typed = f"billferry validate {shlex.quote(str(file))} --config {shlex.quote(str(path))}"
    say(f"then run: {typed}", err=True)


def preview(file: Path, proposal: Proposal) -> None:
    """Show the first records before and after mapping on stdout and, where the model is sure, what is rejected.

    What is open is assumed for that, and told. Nothing is shown while the amount is open.
    """
    found = proposed_feed(proposal.yaml)
    if found is None:
        say("No preview yet: set what is open about the amounts and the encoding first.", err=True)
        return
    feed, assumed = found
    told = f", assuming {', '.join(assumed)}" if assumed else ""
    say(f"Preview{told}:", err=True)
    is_sure = "model" not in proposal.open_keys
    check_files(
        [file],
        TerminalUi() if is_sure else _Silent(),
        feeds=[feed],
        feed=feed,
        limits=Limits(),
        head=SHOWN_RECORDS,
        on_line=lambda line: say(line if is_sure else _without_verdict(line)),
    )


def _without_verdict(line: str) -> str:
    """The title of a record alone: without a model nothing is judged."""
    return line.partition(": ")[0] if line.startswith("record ") else line


class _Silent:
    """A `run.ui.Ui` that says nothing but warnings: without a model, no rule can be judged."""

    def line(self, _: str) -> None:
        """Nothing."""

    log_line = line

    def file(self, _: FileReport, *, shown_rejects: int = 0) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """A sentence that somebody should read."""
        say(f"billferry: {text}", err=True)

    @contextmanager
    def stage(self, _verb: str, _name: str, _total: int, _unit: Unit) -> Iterator[Progress]:
        """Nothing."""
        yield lambda _done, _note=None, /: None


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
    proposal = propose_for(file, name)
    write_new(path, config_with(proposal.yaml, not_ignored=name))
    return proposal
