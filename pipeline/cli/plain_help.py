"""Help that shows an argument as it is typed: `FILE…`, not `{files}... <list[Path]>`, which typer would write.

Typer has no option for that, so its classes of an argument and of the group of commands are extended here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator


class PlainArgument(TyperArgument):
    """An argument that is shown as its metavar alone, in brackets where it may be left out.

    Its metavar already ends in `…` where it may be repeated, so typer's own dots would double that.
    """

    @property
    def typed(self) -> str:
        """As it is typed on the command line: `FILE…`, `[FILE]`. docs/commands.md is made from it, too."""
        return str(self.metavar) if self.required else f"[{self.metavar}]"

    def get_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as typer calls it
        return [self.typed]

    def display_type_rich(self, ctx: Any) -> str | None:  # noqa: ARG002
        """No type behind the name: `<list[Path]>` means nothing to an operator."""
        return None


class PlainGroup(TyperGroup):
    """The commands, whose arguments are plain ones. typer makes arguments itself and takes no class for them."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for argument in self._arguments():
            argument.__class__ = PlainArgument

    def _arguments(self) -> Iterator[TyperArgument]:
        for command in self.commands.values():
            yield from (each for each in command.params if isinstance(each, TyperArgument))
