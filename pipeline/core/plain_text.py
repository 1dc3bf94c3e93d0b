"""Words for people who have a browser and neither a shell nor the config.

A sentence that both kinds of people read has commands, options and keys of the config in parentheses, and is whole
without them: `release or refuse the file (billferry release, billferry refuse)`. On the page they are left out.
"""

from __future__ import annotations

import re

_SECTIONS = "api|control|drop|feeds?|ledger|limits|notify|page|payments|pgp|retention|sftp"
_OF_A_SHELL = rf"billferry [a-z]|(?<![\w-])--[a-z]|(?<![\w./%-])(?:{_SECTIONS})\.[a-z_]"
_ASIDE = re.compile(rf"\s?\((?=[^()<>]*?(?:{_OF_A_SHELL}))[^()<>]*\)", re.ASCII)
_SEEN = re.compile(_OF_A_SHELL, re.ASCII)


def without_commands(text: str) -> str:
    """A sentence for people without a shell: parentheses with a command, an option or a key of the config are gone."""
    return _ASIDE.sub("", text)


def command_in(text: str) -> str | None:
    """The first command, option or key of the config that a text names; None: it names none."""
    found = _SEEN.search(text)
    return found[0] if found else None
