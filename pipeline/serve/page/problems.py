"""What went wrong, in words for somebody who has the page alone: what they can do here, or whom to ask."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.plain_text import command_in, without_commands
from pipeline.errors import BillferryError, FileRefused, FileTooLarge, UsageError
from pipeline.report.html.wording import on_page

ASK = "ask the people who run Billferry"
_DECIDING: Mapping[str, str] = {
    "not_held": "open its page again to see what became of it",
    "changed": "open its page again, look at it once more, then decide",
    "decided": "the next run acts on that",
    "second_person": "another person has to release it",
    "changes_values": "compare each change, tick that you have, then release it",
}
"""`decide.WhyNot` → what the person can do on the page."""
_FOR_OPERATORS = f"nothing was done; try it once more in a moment, and {ASK} if that does not help"


def told_on_page(error: BillferryError) -> str:
    """One sentence without a full stop: what happened, then what this person can do."""
    if isinstance(error, FileRefused):
        return on_page(error.reason, error.rule)
    if isinstance(error, FileTooLarge):
        return on_page(error.message, error.rule)
    happened = without_commands(error.message)
    if not isinstance(error, UsageError):
        return f"{happened}; {_FOR_OPERATORS}"
    remedy = _DECIDING.get(str(error.facts.get("why_not")), without_commands(error.remedy))
    return f"{happened}; {ASK if command_in(remedy) else remedy}"
