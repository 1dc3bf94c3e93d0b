"""The harness of the pages sees a command that fails and an output that is another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks, fits
from tests.docs.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path, tmp_path / "scripts", {})
    yield session
    session.close()


def test_blocks_share_one_shell_and_their_output_is_compared(session: Session) -> None:
    session.run(Block("page", 1, "mkdir a && cd a\nexport B=two\n"))
    session.run(Block("page", 2, 'basename "$PWD"; echo $B; false || echo "exit status $?"\n',
                      "a\ntwo\nexit status 1\n"))  # fmt: skip
    session.run(Block("page", 3, "(sleep 0.3; echo later) &\n", "later\n"))


def test_another_output_is_seen(session: Session) -> None:
    with pytest.raises(AssertionError, match="page:4: shown\none\n"):
        session.run(Block("page", 4, "echo two\n", "one\n"), late_s=0.2)


def test_a_command_that_fails_is_seen_also_before_others(session: Session) -> None:
    with pytest.raises(AssertionError, match="page:5: a command failed"):
        session.run(Block("page", 5, "false\necho fine\n"))


@pytest.mark.parametrize(
    ("shown", "said", "does"),
    [
        ("a … c", "a b c\n", True),
        ("a … c", "a b d\n", False),
        ("a\n…\nd", "a\nb\nc\nd\n", True),
        ("a\n…\nd", "a\nb\nc\n", False),
        ("a", "a\nb\n", False),
        ("a (1)*", "a (1)*\n", True),
    ],
)
def test_what_is_different_each_time_is_left_out(shown: str, said: str, does: bool) -> None:
    assert fits(shown, said) == does


def test_a_page_is_read_as_blocks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\none\n```\nIt says:\n```text\n1\n```\n<!-- not run: why -->\n```sh\ntwo\n```\n```yaml\na: b\n```\n"
    )
    assert blocks(page) == [
        Block("page.md", 2, "one\n", shown="1\n"),
        Block("page.md", 10, "two\n", not_run="why"),
    ]
