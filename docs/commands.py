"""The commands and their options as pages, from the command line itself."""

from __future__ import annotations

from functools import cache
from typing import Any

from typer.main import get_command

from docs.tables import table
from pipeline.cli import app


@cache
def all_commands() -> dict[str, Any]:
    """Words of each command → the command, in the order of the help; `payments list` after `payments`."""
    root: Any = get_command(app)
    found: dict[str, Any] = {}
    for name, command in root.commands.items():
        below = getattr(command, "commands", {})
        if not below or command.invoke_without_command:
            found[name] = command
        found |= {f"{name} {each}": inner for each, inner in below.items()}
    return found


def command_words() -> dict[str, list[str]]:
    """Command → its options and arguments as they are typed; the bare program is `""`."""
    root: Any = get_command(app)
    words = {"": [word for parameter in root.params for word in _words(parameter)]}
    for name, command in all_commands().items():
        words[name] = [word for parameter in command.params for word in _words(parameter)]
    return words


def commands() -> str:
    """A section for each command."""
    root: Any = get_command(app)
    parts = [_section("billferry", root)]
    parts += [_section(f"billferry {name}", command) for name, command in all_commands().items()]
    return "\n\n".join(parts)


def _section(title: str, command: Any) -> str:
    usage = [parameter.typed for parameter in command.params if _is_argument(parameter)]
    lines = [f"### {title}", "", " ".join((command.help or "").split())]
    if usage:
        lines += ["", f"`{title} [OPTIONS] {' '.join(usage)}`"]
    rows = [_row(parameter) for parameter in command.params if _words(parameter)]
    if rows:
        lines += ["", table(("option", "meaning", "default"), rows)]
    return "\n".join(lines)


def _row(parameter: Any) -> tuple[str, str, str]:
    default = parameter.default
    shown = (
        ""
        if default in {None, False, ()}
        else f"`{default:g}`"
        if isinstance(default, float)
        else f"`{default}`"
    )
    return " ".join(f"`{word}`" for word in _words(parameter)), parameter.help, shown


def _words(parameter: Any) -> list[str]:
    if _is_argument(parameter):
        return [parameter.typed]
    # Completion is typer's own and the same everywhere.
    return [] if "completion" in parameter.name else list(parameter.opts)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")
