"""Where the code branches on a word: names and attributes in conditions, wherever Python has one."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.law import house


def branches_on(root: Path, *words: str) -> Counter[str]:
    """File → how often one of the words stands in a condition of it."""
    found: Counter[str] = Counter()
    for path in house.sources(root, "pipeline"):
        tree = house.tree_of(path)
        places = {
            (node.lineno, node.col_offset)
            for condition in _conditions(tree)
            for node in ast.walk(condition)
            if isinstance(node, ast.Name | ast.Attribute) and _word(node) in words
        }
        if places:
            found[path.relative_to(root).as_posix()] = len(places)
    return found


def _word(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _conditions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.If() | ast.IfExp() | ast.While() | ast.Assert():
                yield node.test
            case ast.comprehension():
                yield from node.ifs
            case ast.BoolOp():
                yield from node.values
            case ast.UnaryOp(op=ast.Not()):
                yield node.operand
            case ast.Match():
                yield node.subject
            case ast.match_case(guard=ast.expr() as guard):
                yield guard
            case _:
                pass
