"""Mutants of a module: one small change each, as cosmic-ray makes them, and none that changes only types."""

from __future__ import annotations

import ast
import random
from pathlib import Path
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

LEFT_OUT = ("core/VariableInserter", "core/VariableReplacer")
"""Operators that write any number in place of a name: nobody makes such mistakes."""


class Mutant(NamedTuple):
    """A module's text with one bug in it."""

    module: str
    line: int
    operator: str
    before: str
    text: str


def sample(root: Path, module: str, count: int, seed: int) -> tuple[list[Mutant], int]:
    """Mutants of up to `count` places of a module, the same ones for a seed, and how many places it has in all.

    At each place one of the possible changes is made, by chance: `<` turned to `>=` shows as much as to `is`.
    Places where only annotations change are left out, and counted where they come after the sample.
    """
    text = (root / module).read_text(encoding="utf-8")
    chance = random.Random(f"{seed} {module}")  # noqa: S311 (nothing secret)
    places = [chance.choice(changes) for changes in _places(text).values()]
    chance.shuffle(places)
    whole = _without_types(text)
    mutants: list[Mutant] = []
    alike = 0
    for operator, occurrence, line in places:
        if len(mutants) == count:
            break
        mutated = mutate_code(text, get_operator(operator)(), occurrence)
        if mutated is None or _without_types(mutated) in {whole, None}:
            alike += 1
        else:
            mutants.append(Mutant(module, line, operator.removeprefix("core/"), text, mutated))
    return mutants, len(places) - alike


def _places(text: str) -> dict[tuple[tuple[int, int], str], list[tuple[str, int, int]]]:
    """Where and what kind of a change → (operator, occurrence, line) of those that can be made there."""
    nodes = list(ast_nodes(get_ast(text)))
    places: dict[tuple[tuple[int, int], str], list[tuple[str, int, int]]] = {}
    for name in operator_names():
        operator_class = get_operator(name)
        if name.startswith(LEFT_OUT) or operator_class.arguments():
            continue
        operator = operator_class()
        positions = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, start in enumerate(positions):
            places.setdefault((start, name.partition("_")[0]), []).append((name, occurrence, start[0]))
    return places


def _without_types(text: str) -> str | None:
    """What a program does: its syntax tree without what only type checkers heed. None: it is not a program.

    `frozen` and `slots` of dataclasses are among that: whoever sets an attribute of a frozen one is seen by mypy.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("t")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dataclass":
            node.keywords = []
    return ast.dump(tree)
