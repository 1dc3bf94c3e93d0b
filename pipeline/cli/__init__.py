"""The command line: words to one call each, errors to exit statuses (docs/exit-statuses.md). No logic.

`main` is what `billferry` and `python -m pipeline` call; `run_command` is the same without leaving the process, `app`
is read for the docs. No room imports this one, and only here do signals stop a run. A command's docstring is its help:
what readers of the code need is in comments. Commands import their heavy parts themselves, so that `--help` is instant.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.audit import audit
from pipeline.cli.export import export
from pipeline.cli.forget import forget
from pipeline.cli.kept_pages import KEPT_PAGES
from pipeline.cli.ledger import ledger
from pipeline.cli.options import (
    DEFAULT_CONFIG,
    MOST,
    AsJson,
    ConfigPath,
    FeedName,
    Files,
    KnownFile,
    Limit,
    Verbose,
    Wait,
    config_at,
    finish,
    require_sandbox,
    start,
)
from pipeline.cli.payments import payments
from pipeline.cli.payments_compare import add_comparisons
from pipeline.cli.payments_decide import add_decisions
from pipeline.cli.plain_help import PlainGroup
from pipeline.cli.printing import (
    command_of,
    log_lines,
    one_line,
    pretty,
    print_errors,
    print_expected_error,
    print_json,
    say,
)
from pipeline.cli.release import refuse, release
from pipeline.cli.sandbox_commands import sandbox
from pipeline.cli.serve import serve
from pipeline.cli.show_status import status
from pipeline.cli.totals import totals
from pipeline.cli.watch import watch
from pipeline.cli.worker import worker
from pipeline.cli.write_off import write_off
from pipeline.core.error_document import bug_document
from pipeline.core.names import printable
from pipeline.errors import EX_BUG, EX_USAGE, BillferryError, Stopped, UsageError
from pipeline.load.interpreter_tuning import YOUNG_OBJECTS
from pipeline.signals import answered

app = typer.Typer(
    name="billferry",
    cls=PlainGroup,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"billferry {version('billferry')}")
        raise typer.Exit


@app.callback()
def billferry(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Load bill files from an SFTP server or a folder into Moment's Billing API. Every row is accounted for."""


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="FOLDER", help="Folder for the demo and its reports.")
    ] = Path("billferry-demo"),
    verbose: Verbose = False,
) -> None:
    """Run the main job on sample files and built-in test servers. Needs no config and no network."""
    start(verbose=verbose)
    require_sandbox()
    from pipeline.cli.demo import run_demo

    raise typer.Exit(run_demo(folder, verbose=verbose))


@app.command()
def run(
    config: ConfigPath = DEFAULT_CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="No request, no move, no ledger change.")
    ] = False,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Load all waiting files once, for cron. Unfinished files first, then the SFTP server and the drop folder."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.run.context import Options
    from pipeline.run.run_pass import run_everything

    options = Options(dry_run=dry_run, wait_s=wait)
    finish(run_everything(config_at(config), TerminalUi(), options), as_json=as_json)


app.command()(watch)
app.command()(worker)


@app.command()
def load(
    files: Files,
    config: ConfigPath = DEFAULT_CONFIG,
    feed: FeedName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="No request, no ledger change.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Reload files that were already loaded; replace any balance at the API."
        ),
    ] = False,
    limit: Limit = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Load the named files. Like `run`, but the files stay where they are."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.run.context import Options
    from pipeline.run.run_pass import load_named_files

    settings = config_at(config)
    options = Options(
        dry_run=dry_run,
        force=force,
        limit=limit,
        feed=settings.feed(feed) if feed else None,
        wait_s=wait,
    )
    finish(load_named_files(settings, files, TerminalUi(), options), as_json=as_json)


@app.command()
def validate(
    files: Files,
    config: ConfigPath = DEFAULT_CONFIG,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="For files with canonical columns: bill, account_balance or customer_balance. Needs no config.",
        ),
    ] = None,
    feed: FeedName = None,
    show: Annotated[
        int,
        typer.Option(min=0, max=MOST, metavar="N", help="Print the first N requests that would be sent."),
    ] = 0,
    head: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST,
            metavar="N",
            help="Show the first N records before and after mapping, side by side.",
        ),
    ] = 0,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write each file's rejected records, with the reasons, into this folder."
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Check files without network, ledger or key. Reports what a run would report, and can show its requests."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.run.validate import check_as_configured, check_canonical

    shown = sys.stderr if as_json else sys.stdout  # with --json stdout is one document
    check = (
        partial(check_canonical, model=model)
        if model
        else partial(check_as_configured, config=config_at(config))
    )
    result = check(
        files,
        TerminalUi(),
        feed=feed,
        rejects_below=rejects,
        show=show,
        on_request=lambda request: print(pretty(request), file=shown),
        head=head,
        on_line=lambda line: print(printable(line), file=shown),
    )
    finish(result, as_json=as_json)


app.command()(status)


@app.command()
def retry(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", help="File names, or the first 8 or more digits of their SHA-256; or: all"
        ),
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Send refused records of finished files again. Use it once the cause of the refusal is fixed."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.run.context import Options
    from pipeline.run.run_pass import retry_files

    result = retry_files(config_at(config), files, TerminalUi(), Options(wait_s=wait))
    finish(result, as_json=as_json)


@app.command()
def report(
    file: KnownFile,
    config: ConfigPath = DEFAULT_CONFIG,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Write the reports of a file again. Uses the ledger and the landed copy; sends, uploads and moves nothing."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.run.context import Options
    from pipeline.run.run_pass import rewrite_reports

    finish(rewrite_reports(config_at(config), file, TerminalUi(), Options(wait_s=wait)), as_json=as_json)


for command in (release, refuse, write_off, totals, export, audit, forget, serve):
    app.command()(command)
add_comparisons(payments)
add_decisions(payments)
app.add_typer(payments, name="payments")
app.add_typer(ledger, name="ledger")


@app.command()
def doctor(
    config: ConfigPath = DEFAULT_CONFIG,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="Also test API behaviour that its contract leaves open; creates test customers."
        ),
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Check the whole set-up without changing anything. Config, folders, ledger, API key, clock, SFTP."""
    start(verbose=verbose)
    from pipeline.cli.doctor import examine_as_asked

    document = examine_as_asked(
        config_at(config, folders_may_be_missing=True), probe=probe, say=say if not as_json else None
    )
    if as_json:
        print_json(document)
    raise typer.Exit(document["exit_status"])


@app.command()
def trust_host(
    config: ConfigPath = DEFAULT_CONFIG,
    yes: Annotated[
        str | None,
        typer.Option("--yes", metavar="SHA256:…", help="Pin the key with this fingerprint without asking."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Show the SFTP server's host keys and pin them. Asks first; does not log in."""
    start(verbose=verbose)
    from pipeline.cli.trust_host import trust_as_asked

    trust_as_asked(config_at(config, folders_may_be_missing=True).settings, yes=yes)


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist.")],
    config: ConfigPath = DEFAULT_CONFIG,
    verbose: Verbose = False,
) -> None:
    """Write a consistent copy of the ledger, and of the inbox of payments beside it. Safe during a run."""
    start(verbose=verbose)
    from pipeline.cli.backup import back_up

    say(back_up(config_at(config), path), err=True)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = DEFAULT_CONFIG,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Propose a feed for this bill file, for you to confirm."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Write a commented config.yaml to start from. With --from, it contains a feed proposed for that file."""
    start(verbose=verbose)
    from pipeline.cli.init import write_config_as_asked

    write_config_as_asked(path, from_file)


# Last, as they are least used.
app.add_typer(sandbox, name="sandbox")


def main() -> None:
    """Entry point of the `billferry` command."""
    # What commands load stays: looks for garbage in it took a tenth of a short one.
    gc.set_threshold(YOUNG_OBJECTS)
    os.environ.setdefault(*KEPT_PAGES)
    exit_status = run_command(sys.argv[1:])
    gc.freeze()  # nor is it looked through again at the end
    sys.exit(exit_status)


@cache
def _commands() -> Any:
    """All commands with their options. To read them from the signatures takes as long as a small command."""
    return typer.main.get_command(app)


def run_command(words: list[str]) -> int:
    """Run one command, given without the program's name; returns the exit status. Bugs show their trace."""
    try:
        with answered():
            returned = _commands()(args=words, prog_name="billferry", standalone_mode=False)
    except typer.Exit as ended:
        return int(ended.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return print_expected_error(Stopped(signal_name="SIGINT", signal_number=2), words)
    except typer.TyperException as error:
        if not words:  # no_args_is_help: the message is the help itself
            typer.echo(error.format_message(), err=True)
            return EX_USAGE
        return print_expected_error(
            UsageError(problem=one_line(error), remedy=f"see {command_of(error)} --help"), words
        )
    except BillferryError as error:
        return print_expected_error(error, words)
    except BrokenPipeError:  # whoever read the output has gone, as `| head` does
        sys.stderr.close()
        return EX_USAGE
    except Exception as error:  # noqa: BLE001 (reported with its trace)
        from pipeline.edge.log import masked_trace

        bug = "billferry: this is a bug; please report the trace below"
        typer.echo(log_lines(f"{bug}\n{masked_trace(error)}"), err=True)
        if "--json" in words:
            print_errors([bug_document(None)], EX_BUG)
        return EX_BUG
    return returned if isinstance(returned, int) else 0
