"""Every `billferry …` that a page shows is one that the command line takes: commands, options, numbers of words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.commands import all_commands
from docs.generate import pages
from tests.docs.blocks import fences
from tests.docs.conftest import ROOT

SHELLS = ("sh", "cron")
END = re.compile(r"^(?:[|&;<>()]+|[0-9]?>&?[0-9]?|#.*)$", re.ASCII)
"""A word of the shell that ends a command's own words."""


def words_of(line: str) -> Iterator[list[str]]:
    """The words behind each `billferry` of a shell line."""
    lexer = shlex.shlex(line.rstrip("\\"), posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    lexer.whitespace_split = True
    words = list(lexer)
    for place, word in enumerate(words):
        if word.rpartition("/")[2] == "billferry":
            rest = words[place + 1 :]
            until = next((number for number, each in enumerate(rest) if END.match(each)), len(rest))
            yield rest[:until]


def typed(page: Path) -> Iterator[tuple[str, list[str], bool]]:
    """Each use of the command on a page: where, its words, and whether it is complete."""
    text = page.read_text(encoding="utf-8")
    for kind, block, first, _ in fences(text):
        if kind in SHELLS:
            for number, line in enumerate(block.splitlines(), start=first):
                if "billferry" in line.partition("#")[0] and not line.lstrip().startswith("<"):
                    yield from ((f"{page.name}:{number}", words, True) for words in words_of(line))
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for span in re.findall(r"`(billferry [^`]+)`", prose):
        yield from ((f"{page.name}: {span}", words, False) for words in words_of(span))


def mistake(words: list[str], *, complete: bool) -> str | None:
    """What is wrong with the words of a command line, or None. Names of files need not exist."""
    if not words or words[0] in {"--version", "--help"}:
        return None
    known = all_commands()
    name = next((each for each in (" ".join(words[:2]), words[0]) if each in known), None)
    if name is None:
        return f"there is no command {words[0]}"
    command = known[name]
    given = [word for word in words[len(name.split()) :] if not word.startswith("[")]  # [OPTIONS], [PATH]
    context = command.make_context(words[0], [], resilient_parsing=True)
    context.resilient_parsing = False  # from here on mistakes are raised
    try:
        options, left, _ = command.make_parser(context).parse_args(list(given))
        for parameter in command.params:
            value = options.get(parameter.name)
            if parameter.param_type_name == "option" and isinstance(value, str):
                parameter.process_value(context, value)
            elif complete and parameter.param_type_name == "argument" and parameter.required and not value:
                return f"{parameter.name} is missing"
    except Exception as error:  # noqa: BLE001 (whatever the parser says is what we want to hear)
        return str(error) or type(error).__name__
    return f"too many words: {left}" if left else None


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_command_lines_of_a_page_are_taken(page: Path) -> None:
    found = list(typed(page))
    wrong = [
        f"{where}: {said}" for where, words, complete in found if (said := mistake(words, complete=complete))
    ]
    assert wrong == []


def test_every_command_is_shown_somewhere_beside_its_reference() -> None:
    used = {
        name
        for page in pages()
        if page.name != "commands.md"
        for _, words, _ in typed(page)
        for name in (" ".join(words[:2]), " ".join(words[:1]))
    }
    assert all_commands().keys() <= used


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("billferry load a.csv --limit 10 || echo", False),
        ("cd x && /usr/local/bin/billferry run --config config.yaml >> run.log 2>&1", False),
        ('billferry load "a b.csv"   # a comment', False),
        ("billferry loud a.csv", True),
        ("billferry run --dry", True),
        ("billferry load a.csv --limit ten", True),
        ("billferry load", True),
        ("billferry report a.csv b.csv", True),
    ],
)
def test_a_command_line_that_is_not_taken_is_seen(line: str, wrong: bool) -> None:
    ((words),) = words_of(line)
    assert (mistake(words, complete=True) is not None) == wrong
