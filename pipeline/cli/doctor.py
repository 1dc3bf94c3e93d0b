"""`doctor`: findings as lines for people, or as one JSON document. What is checked is `diagnostics.doctor`'s."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pipeline.diagnostics.api_probe import probe as ask_api
from pipeline.diagnostics.doctor import examine, worst
from pipeline.edge.config import Config


def examine_as_asked(config: Config, *, probe: bool, say: Callable[[str], object] | None) -> dict[str, Any]:
    """Check everything, then ask the API what `--probe` asks; a document that `--json` prints as it is.

    Args:
        probe: asked only when all checks are fine: it creates test customers at the API.
        say: prints each finding as soon as it is known, since some take seconds; None prints nothing.

    Returns:
        `checks` (each with `check`, `exit_status`, `text`), `probe` (each with `question`, `answer`; may be empty)
        and the worst `exit_status` of the checks.
    """
    findings = []
    for finding in examine(config):
        findings.append(finding)
        if say is not None:
            say(finding.line())
    answered = ask_api(config) if probe and all(finding.ok for finding in findings) else []
    for each in answered:
        if say is not None:
            say(f"probe    {each.question}: {each.answer}")
    return {
        "exit_status": worst(findings),
        "checks": [asdict(finding) for finding in findings],
        "probe": [asdict(each) for each in answered],
    }
