"""No command, option, config key, rule code, error or exit status is missing from the documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from docs import generate
from docs.commands import all_commands
from docs.keys import attribute_docstrings
from pipeline import errors
from pipeline.core.api.responses import Expected, Failure, read
from pipeline.core.mapping.layout import CANONICAL, METADATA
from pipeline.core.outcomes import FileState, Outcome
from pipeline.core.rules.catalogue import RULES
from pipeline.core.rules.field_rules import FIELD_RULES
from pipeline.report.folders import REPORT_NAMES
from pipeline.report.results import RESULT_COLUMNS
from schemas.feed import Feed
from schemas.results import Summary
from schemas.settings import Settings
from tests.law import house
from tests.law.pages import anchors, broken_links, linked

ROOT = Path(__file__).resolve().parents[2]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def keys(shape: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Each key of a shape and those below it, with its docstring."""
    for name, field in shape.model_fields.items():
        yield prefix + name, attribute_docstrings(shape).get(name)
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not Feed:
                yield from keys(kind, f"{prefix}{name}.")


def test_the_generated_parts_are_what_the_code_says() -> None:
    assert [path.name for path in generate.stale()] == [], "run make docs"


def test_every_part_that_can_be_generated_stands_on_a_page() -> None:
    text = "".join(path.read_text() for path in generate.pages())
    assert set(re.findall(r"<!-- generated: ([a-z-]+) -->", text)) == generate.PARTS.keys()
    assert text.count("<!-- generated:") == text.count("<!-- end -->")


def test_every_command_and_option_is_documented() -> None:
    text = page("docs/commands.md")
    assert all_commands().keys() >= {"demo", "run", "load", "validate", "status", "init", "sandbox"}
    for name, command in all_commands().items():
        section = re.search(rf"^### billferry {name}$(.*?)(?=^### |\Z)", text, re.DOTALL | re.MULTILINE)
        assert section, name
        assert f"billferry {name.split()[0]}" in page("README.md"), name
        for parameter in command.params:
            words = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar]
            assert parameter.help, f"{name} {words} has no help"
            for word in words:
                assert word in section[1], f"{name} {word}"


@pytest.mark.parametrize("shape", [Settings, Feed])
def test_every_config_key_is_documented_with_its_meaning(shape: type[BaseModel]) -> None:
    text = page("docs/config.md")
    found = list(keys(shape))
    assert len(found) > 15
    for path, meaning in found:
        assert meaning, f"{path} has no docstring"
        assert f"| `{path}` |" in text or path.startswith("columns."), path


def test_every_config_key_of_the_shipped_config_exists_and_the_sections_are_all_shown() -> None:
    text = page("config.yaml")
    for section in ("api", "sftp", "drop", "limits", "feeds"):
        assert f"\n{section}:" in text


def test_every_rule_code_is_documented() -> None:
    text = page("docs/rule-codes.md")
    for code, rule in RULES.items():
        assert f"| `{code}` |" in text
        assert rule.remedy.replace("|", "\\|") in text


DECLARING = ("catalogue.py", "field_rules.py", "metadata_rules.py", "file_rules.py", "correction_rules.py")
"""Modules that say what codes there are."""


def codes_given() -> dict[str, str]:
    """Texts in the code that look like rule codes → the file they stand in."""
    families = {code.partition(".")[0] for code in RULES}
    looks = re.compile(rf"(?:{'|'.join(families)})\.[a-z_]+", re.ASCII)
    found = {}
    for path in house.sources(ROOT, "pipeline"):
        if path.name in {*DECLARING, "examples.py", "errors.py"} or {"sandbox", "config"} & {
            *path.relative_to(ROOT).parts
        }:
            continue  # config keys, metadata and codes of errors look like rule codes
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and looks.fullmatch(node.value):
                found[node.value] = path.name
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[-1], ast.Constant):
                end = str(node.values[-1].value)  # f"{key}.contradiction"
                found |= {code: path.name for code in RULES if "." in end and code.endswith(end)}
    return found


def test_every_code_that_is_given_is_in_the_catalogue() -> None:
    given = codes_given()
    assert len(given) > 20
    assert {code: name for code, name in given.items() if code not in RULES} == {}
    assert {read(failure, Expected({})).code for failure in Failure} <= RULES.keys()


def test_every_code_of_the_catalogue_is_given_somewhere() -> None:
    applied = {rule.code for rule in FIELD_RULES} | {read(failure, Expected({})).code for failure in Failure}
    assert set(RULES) - codes_given().keys() - applied == set(), "words without a rule"


def test_every_exit_status_is_documented_worst_first_in_readme_and_docs() -> None:
    statuses = {value for name, value in vars(errors).items() if name.startswith("EX_")}
    statuses |= {kind.exit_status for kind in generate.error_tree(errors.BillferryError)}
    order = ["70", "2", "5", "128 + n", "3", "4", "1", "0"]
    assert statuses - {128} <= {int(text) for text in order if text.isdigit()}
    for name in ("README.md", "docs/exit-statuses.md"):
        assert re.findall(r"^\| \*\*(.+?)\*\* \|", page(name), re.MULTILINE) == order, name
    ranks = [errors.severity(143 if text == "128 + n" else int(text)) for text in order]
    assert ranks == sorted(ranks, reverse=True)


def test_every_error_is_documented_with_its_message() -> None:
    text = page("docs/exit-statuses.md")
    kinds = list(generate.error_tree(errors.BillferryError))
    assert len(kinds) > 15
    assert len({kind.code for kind in kinds}) == len(kinds), "two errors with one code"
    for kind in kinds:
        assert f"| `{kind.code}` | " in text
        assert generate.template(kind) in text


def test_every_outcome_state_model_and_column_is_documented() -> None:
    assert all(f"| `{outcome}` |" in page("README.md") for outcome in Outcome)
    files = page("docs/files.md")
    assert all(f"`{state}`" in files for state in FileState)
    for model, columns in CANONICAL.items():
        row = next(line for line in files.splitlines() if line.startswith(f"| `{model}` | `customer_ref"))
        for column in [*columns, *(f"{family}.<key>" for family in METADATA[model])]:
            assert f"`{column}`" in row


def test_every_column_and_key_of_a_report_is_documented() -> None:
    text = page("docs/files.md")
    results = re.search(r"^### results.csv$(.*?)(?=^###)", text, re.DOTALL | re.MULTILINE)
    summary = re.search(r"^### summary.json$(.*?)(?=^###)", text, re.DOTALL | re.MULTILINE)
    assert results
    assert summary
    assert re.findall(r"`(\w+)`", results[1].partition("\n`line` is")[0]) == list(RESULT_COLUMNS)
    assert {key for key in Summary.model_fields if f"`{key}`" not in summary[1]} == set()
    assert all(f"### {names[0]}" in text for names in REPORT_NAMES.values())


def test_every_link_between_pages_leads_somewhere() -> None:
    assert len(generate.pages()) >= 20
    assert broken_links(generate.pages()) == []


def definitions(path: Path) -> set[str]:
    """Names that a module defines: constants, types, functions, and `Class.member`."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            members = node.body if isinstance(node, ast.ClassDef) else []
            functions = (each for each in members if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{each.name}" for each in functions}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def names_not_defined(path: Path) -> list[str]:
    """Names that a page links to a module which does not define them."""
    links = re.findall(r"\[`([\w.]+)`\]\(([^)#]+\.py)\)", path.read_text(encoding="utf-8"))
    return [
        f"{path.name}: {name} is not in {module}"
        for name, module in links
        if name not in definitions(path.parent / module)
    ]


def test_every_name_that_a_page_links_to_a_module_is_defined_there() -> None:
    assert len(re.findall(r"\]\(\.\./pipeline/[^)]+\.py\)", page("docs/how-a-row-travels.md"))) > 50
    assert [problem for path in generate.pages() for problem in names_not_defined(path)] == []


def test_a_name_that_its_module_does_not_define_is_seen(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("A = 1\n\n\nclass B:\n    def c(self) -> None: ...\n")
    here = tmp_path / "here.md"
    here.write_text(
        "[`A`](module.py) [`B.c`](module.py) [`B`](module.py) [`c`](module.py) [module](module.py)\n"
    )
    assert names_not_defined(here) == ["here.md: c is not in module.py"]


def folders_not_in(table: str) -> list[str]:
    """Folders of the program that a table of folders leaves out; it names them whole or by their last part."""
    folders = {path.parent.relative_to(ROOT) for path in house.sources(ROOT, "pipeline")} - {Path("pipeline")}
    return sorted(
        str(each)
        for each in folders
        if not {f"`{each}/`", f"`{each.name}/`"} & set(re.findall("`[^`]+`", table))
    )


def test_the_map_names_every_folder_of_the_program() -> None:
    table = page("CONTRIBUTING.md").partition("## Map")[2].partition("\n## ")[0]
    assert folders_not_in(table) == []
    assert folders_not_in(table.replace("`pipeline/core/rules/`", "")) == ["pipeline/core/rules"]


def test_the_index_names_every_page_and_the_readme_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    assert set((ROOT / "docs").rglob("*.md")) - linked(index) == {index}
    assert index in linked(ROOT / "README.md")


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    there = tmp_path / "there.md"
    there.write_text("# One `two`, three\n\n```sh\n# no heading\n```\n")
    here = tmp_path / "here.md"
    here.write_text(
        "[a](there.md#one-two-three) [b](#nowhere) [c](gone.md) [d](https://host/x) `[e](gone.md)`\n"
    )
    assert broken_links([here]) == ["here.md: #nowhere: no such heading", "here.md: gone.md: no such file"]
    assert anchors(there) == {"one-two-three"}


def test_a_stale_part_is_seen_and_written_again() -> None:
    stale = "before\n<!-- generated: exit-statuses -->\nold\n<!-- end -->\nafter\n"
    fresh = generate.current(stale)
    assert "old" not in fresh
    assert "**70**" in fresh
    assert fresh.startswith("before\n")
    assert fresh.endswith("\nafter\n")
    assert generate.current(fresh) == fresh
