"""What a page says in sentences: the verdict, what to do next, and names for outcomes and states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.core.outcomes import OPEN, REJECTS, FileState, Outcome, still_open
from pipeline.core.plain_text import command_in, without_commands
from pipeline.core.redact import redact
from pipeline.core.values.amount_text import grouped
from pipeline.report.summary_text import RELEASE_FIRST, SHOWN_CHANGES, to_send
from schemas.results import Breakdown, Summary

Tone = Literal["good", "attention", "stop"]

LOADED = (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED)
MEANINGS: dict[Outcome, str] = {
    Outcome.CREATED: "new at the API, by this file",
    Outcome.UPDATED: "existed, and was changed by this file",
    Outcome.UNCHANGED: "existed with the same content",
    Outcome.DUPLICATE: "the same record again in this file; sent once",
    Outcome.SKIPPED: "left out because the feed says so; never sent",
    Outcome.REJECTED: "broke a rule and was never sent",
    Outcome.CONFLICT: "the API holds it with other content",
    Outcome.REFUSED: "the API refused it for good",
    Outcome.IN_DOUBT: "sent, but no answer said whether it arrived",
    Outcome.NOT_ATTEMPTED: "not sent yet",
}
CHECKED_ONLY = (FileState.VALIDATED, FileState.VALIDATED_WITH_REJECTS)
"""States of files of which nothing was to be sent."""
ENDED = (FileState.LOADED_WITH_REJECTS, FileState.REFUSED)
"""States of files of which something may be left to correct."""
NEVER_SENT = (Outcome.REJECTED, Outcome.DUPLICATE, Outcome.SKIPPED, Outcome.NOT_ATTEMPTED)
REFUSED_WITH_FILE = "Refused with the file"
"""What records of a refused file are called that were not sent."""
NOT_SENT_WITH_FILE = "not sent: the file was refused"
_TONES: dict[str, Tone] = {
    FileState.LOADED: "good",
    FileState.ALREADY_LOADED: "good",
    FileState.VALIDATED: "good",
    FileState.COMPARED: "good",
    FileState.REFUSED: "stop",
}


@dataclass(frozen=True, slots=True)
class _Advice:
    """What a reader is told to do."""

    decide: tuple[str, ...]
    """About a held file."""
    release_first: str
    """About the rejects of a held file."""
    resume: str
    retry: str
    checked: tuple[str, ...]
    checked_with_rejects: tuple[str, ...]


_AT_A_SHELL = _Advice(
    decide=(
        "Compare the number, the sum and the amounts with the merchant's figures. Then run billferry release to send"
        " the file, or billferry refuse to end it.",
    ),
    release_first=f"{RELEASE_FIRST.capitalize()}.",
    resume="Run billferry again: it resumes where this run stopped, and nothing is created twice. Until then, do not"
    " send these records any other way.",
    retry="Once the cause of a refusal is fixed, billferry retry sends the refused records again.",
    checked=("This was a dry run: nothing was sent. Load the file now.",),
    checked_with_rejects=(
        "This was a dry run: nothing was sent. Correct the records listed below, then load the file.",
    ),
)
_ON_PAGE = _Advice(
    decide=(),  # beside the buttons
    release_first="Its rejected records can be corrected here once the file is released and loaded.",
    resume="The next run resumes where this one stopped, and nothing is created twice. Until then, do not send these"
    " records any other way. If the file stays unfinished, ask the people who run Billferry.",
    retry="Once the cause of a refusal is fixed, ask the people who run Billferry to send the refused records again.",
    checked=(),  # above the preview
    checked_with_rejects=(),
)
_CORRECT_ON_PAGE = "What to correct is listed below."


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence on a file, and what to do next, in the order to do it. `tone` chooses the colour."""

    tone: Tone
    sentence: str
    steps: tuple[str, ...]


def named(outcome_or_state: str, state: str = "") -> str:
    """`in_doubt` → `In doubt`. `state`: of the file that the outcome is in; of one that was only checked, records that
    were not attempted are ready to load.
    """
    if outcome_or_state == Outcome.NOT_ATTEMPTED:
        return "Ready to load" if state in CHECKED_ONLY else "Not sent"
    return outcome_or_state.replace("_", " ").capitalize()


def meanings(state: str) -> dict[Outcome, str]:
    """What each outcome means in a file of that state."""
    return MEANINGS | dict.fromkeys(OPEN - still_open(state), NOT_SENT_WITH_FILE)


def tone(state: str, *, is_closed: bool = False) -> Tone:
    """How a state is to be taken; `attention` for a state that this version does not know. `is_closed`: of what the
    file did not load, nothing is left to do.
    """
    if is_closed and state in ENDED:
        return "good"
    return _TONES.get(state, "attention")


def records(number: int) -> str:
    """`1 record`, `2 000 records`."""
    return f"{grouped(number)} record{'' if number == 1 else 's'}"


def count(breakdown: Breakdown, *outcomes: Outcome) -> int:
    """The sum of some outcomes, in what the breakdown counts: records, or minor units of one currency."""
    parts = breakdown.parts()
    return sum(parts[outcome] for outcome in outcomes)


def verdict(summary: Summary, *, is_on_page: bool = False) -> Verdict:
    """What a person needs to know first: the state in one sentence, then the steps that it asks for.

    `is_on_page`: it is shown on the page in the browser, to people without a shell.
    """
    sentence, *steps = _sentences(summary, is_on_page=is_on_page)
    return Verdict(tone(summary.state, is_closed=is_settled(summary)), sentence, tuple(steps))


def is_settled(summary: Summary) -> bool:
    """Whether all that the file did not load is closed: by corrections, write-offs, or, where it was refused, by a
    person or a later file of the same name.
    """
    chain = summary.chain
    return summary.state in ENDED and chain is not None and chain.original is None and not chain.open.records


def on_page(text: str, code: str | None = None) -> str:
    """What is said of a code, for somebody who has the page in the browser alone. Where it names a command, an option
    or a key of the config, the catalogue's remedy for everybody takes the place of what is to be done.
    """
    from pipeline.core.rules.catalogue import RULES  # noqa: PLC0415 (rules load polars, which totals do without)

    plain = without_commands(text)
    if command_in(plain) is None or code not in RULES:
        return plain
    problem, rule = plain.partition("; ")[0], RULES[code]
    happened = problem if command_in(problem) is None else without_commands(rule.meaning)
    return f"{happened}; {without_commands(rule.remedy)}"


def _sentences(summary: Summary, *, is_on_page: bool) -> list[str]:
    if is_settled(summary):
        return _settled(summary, _why_refused(summary, is_on_page=is_on_page))
    found, advice = summary.records, _ON_PAGE if is_on_page else _AT_A_SHELL
    rejects = count(found, *REJECTS)
    correct = [_CORRECT_ON_PAGE if is_on_page else _correct(summary)] if rejects else []
    match FileState(summary.state):
        case FileState.REFUSED:
            return [_refused(found), *_why_refused(summary, is_on_page=is_on_page)]
        case FileState.HELD:
            held = [_held_sentence(found), *_reasons(summary, is_on_page=is_on_page), *advice.decide]
            return [*held, *([advice.release_first] if rejects else []), *correct]
        case FileState.UNFINISHED:
            return [_open(found), advice.resume, *correct]
        case FileState.VALIDATED:
            return [_all(found, "ready to load"), *advice.checked]
        case FileState.VALIDATED_WITH_REJECTS:
            return [
                _some(found, (Outcome.NOT_ATTEMPTED,), "ready to load"),
                *advice.checked_with_rejects,
            ]
        case FileState.LOADED_WITH_REJECTS:
            retry = [advice.retry] if found.refused else []
            return [_some(found, LOADED, "loaded"), *correct, *retry]
        case _:
            return [_all(found, "loaded"), "There is nothing to do."]


def _why_refused(summary: Summary, *, is_on_page: bool) -> list[str]:
    """Why a file was refused, if it was."""
    if summary.refusal is None:
        return []
    told = summary.refusal.message
    return [redact(on_page(told, summary.refusal.code) if is_on_page else told, names_in(summary))]


def names_in(summary: Summary) -> list[str]:
    """Names of files that the sentences of a report may name: its own, and that of the file it corrects."""
    original = summary.chain.original if summary.chain is not None else None
    return [summary.file.name, *([original.rpartition(".")[0]] if original else [])]


def _settled(summary: Summary, why: list[str]) -> list[str]:
    """The parts add up to the whole here, too. `why` it was refused."""
    found, chain = summary.records, summary.chain
    if chain is not None and chain.superseded_by is not None:
        return [_refused(found), *why, "A later file of the same name was loaded. There is nothing to do."]
    if FileState(summary.state) is FileState.REFUSED and not (chain and chain.written_off.records):
        return [_refused(found), *why, "There is nothing to do."]
    closed = [
        (count(found, *LOADED), "loaded"),
        (chain.corrected.records if chain else 0, "corrected since"),
        (chain.written_off.records if chain else 0, "written off"),
        (found.duplicate, "duplicate"),
        (found.skipped, "left out"),
    ]
    told = ", ".join(f"{grouped(number)} {what}" for number, what in closed if number)
    return [f"All {records(found.total)} are settled: {told}.", "There is nothing to do."]


def _correct(summary: Summary) -> str:
    """The way out for rejects, by the name that their file has: it is written in the bill file's own format."""
    name = next((name for name in summary.reports if name.startswith("rejects.")), "the rejects file")
    return (
        f"Correct the records in {name} and put it into the incoming or drop folder, with its reject_… columns"
        " unchanged. See below for what to correct."
    )


def _refused(found: Breakdown) -> str:
    """Whether anything had been sent is what matters now: a file can be refused after some of it was loaded."""
    sent = found.total - count(found, *NEVER_SENT)
    if not sent:
        return "The file was refused. Nothing of it was sent."
    return f"The file was refused. {records(sent).capitalize()} {_is(sent)} sent; nothing more of it will be."


def _held_sentence(found: Breakdown) -> str:
    left = found.not_attempted
    return f"The file is held: {grouped(left)} of {records(found.total)} {_is(left)} not sent until a person decides."


def _reasons(summary: Summary, *, is_on_page: bool) -> list[str]:
    """Each reason with what it changes, and the figures to judge it by.

    Amounts and dates are shown whole, for they are what a person must compare; references are masked as elsewhere.
    """
    sentences = []
    for hold in summary.holds:
        changes = [redact(each) if "_reference" in each else each for each in hold.changes[:SHOWN_CHANGES]]
        if (more := len(hold.changes) - SHOWN_CHANGES) > 0:
            changes.append(f"and {grouped(more)} more")
        message = on_page(hold.message, hold.code) if is_on_page else hold.message
        sentences.append(": ".join([message, *(["; ".join(changes)] if changes else [])]))
    return [*sentences, *(f"To send: {to_send(*each)}." for each in summary.held_amounts.items())]


def _all(found: Breakdown, what: str) -> str:
    """The sentence for a file without rejects; duplicates are named, or somebody would miss them at the API."""
    if not found.total:
        return "The file contains no records."
    if found.skipped == found.total:
        everything = "the one record" if found.total == 1 else f"all {records(found.total)}"
        return f"Nothing is {what}: the feed leaves out {everything} of the file."
    if found.total == 1:
        return f"The one record is {what}."
    again = f"; {_duplicates(found)}, sent once" if found.duplicate else ""
    left_out = f"; the feed leaves out {grouped(found.skipped)}" if found.skipped else ""
    considered = found.total - found.skipped
    if left_out:
        return f"{grouped(considered)} of {records(found.total)} {_is(considered)} {what}{again}{left_out}."
    return f"All {records(found.total)} are {what}{again}."


def _some(found: Breakdown, good: tuple[Outcome, ...], what: str) -> str:
    """The parts are named one by one, so that they add up to the whole."""
    fine, bad = count(found, *good), count(found, *REJECTS)
    twice = f"{_duplicates(found)}, " if found.duplicate else ""
    left_out = f"{grouped(found.skipped)} {_is(found.skipped)} left out, " if found.skipped else ""
    return (
        f"{grouped(fine)} of {records(found.total)} {_is(fine)} {what}, {twice}{left_out}"
        f"{grouped(bad)} {_is(bad)} not {what}."
    )


def _duplicates(found: Breakdown) -> str:
    number = found.duplicate
    return "1 is a duplicate" if number == 1 else f"{grouped(number)} are duplicates"


def _open(found: Breakdown) -> str:
    left, rejects = count(found, *OPEN), count(found, *REJECTS)
    also = f", and {grouped(rejects)} {_is(rejects)} not loaded" if rejects else ""
    return f"The file is unfinished: {grouped(left)} of {records(found.total)} {_is(left)} open{also}."


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
