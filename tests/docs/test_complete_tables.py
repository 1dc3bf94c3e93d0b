"""Tables of the documentation that somebody relies on have all there is: what is noted, and why a file is held."""

from __future__ import annotations

import re

from tests.docs.conftest import ROOT

_COMMAND = re.compile(
    r"(?:AuditLog\(\s*\S+,\s*\S+,\s*\S+,|open_run\(config, ui, options,|audited_command\(settings,)\s*\"([a-z -]+)\""
)


def test_every_command_that_the_audit_trail_notes_is_in_its_table() -> None:
    source = "\n".join(path.read_text() for path in sorted((ROOT / "pipeline").rglob("*.py")))
    noted = set(_COMMAND.findall(source)) - {"report"}  # which writes again what is there
    assert {"upload", "stop", "load", "forget", "backup"} <= noted
    table = (ROOT / "docs/audit-trail.md").read_text().partition("## How entries are chained")[0]
    assert {command for command in noted if f"`{command}`" not in table} == set()


def test_every_reason_for_which_a_file_is_held_is_in_its_table() -> None:
    codes = (ROOT / "docs/rule-codes.md").read_text()
    held = set(re.findall(r"^\| `(file\.[a-z_]+)` \| held: ", codes, re.MULTILINE))
    assert {"file.uploaded", "file.stopped"} <= held
    held |= {
        "correction.changed",
        "correction.perhaps_made",
        "correction.written_off",
        "correction.out_of_proportion",
    }
    _, _, table = (ROOT / "docs/how-to/go-live.md").read_text().partition("| held because | until |")
    assert {code for code in held if f"`{code}`" not in table.partition("\n\n")[0]} == set()
