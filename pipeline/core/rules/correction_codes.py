"""Rules of corrected rejects files, of their records and as a whole (law 11: a correction stands for its original).

Those over the values of one row (`record.reject_source`, `record.reject_record`) are in `field_rules`; the comparison
with the original is in `corrections`.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.rules.rule import Rule


def correction_rules() -> Iterator[Rule]:
    """In the order of the documentation."""
    yield from _of_files()
    yield from _of_records()


def _of_files() -> Iterator[Rule]:
    yield Rule("file.more_than_rejected", "more records than were rejected", "keep one row each")
    yield Rule(
        "correction.changed",
        "a corrected rejects file changes references, currency, amount or dates that were valid in the original",
        "put them back, or, if the original was wrong, release the file with its changes"
        " (billferry release FILE --accept-changes)",
    )
    yield Rule(
        "correction.perhaps_made",
        "records whose reference was wrong when they were rejected come again, and a ledger that was restored or lost"
        " may not know that they were corrected before, under another reference",
        "look for them at the API and in the reports of earlier corrections: refuse the file if they are there, else"
        " release it with its changes (billferry release FILE --accept-changes)",
    )
    yield Rule(
        "correction.written_off",
        "a corrected rejects file corrects records that were written off",
        "release it to load them after all (billferry release FILE), else refuse it",
    )
    yield Rule(
        "correction.out_of_proportion",
        "amounts that could not be read before are more than 20 times, or less than a twentieth of, what is usual",
        "look at them, and release the file if they are right (billferry release FILE)",
    )
    yield Rule(
        "file.original_not_loaded",
        "a corrected rejects file of an original that was refused, or that is held",
        "correct the original and send it again, or release it first",
    )
    yield Rule(
        "file.original_forgotten",
        "the original was loaded by an earlier version, and what it rejected is no longer known",
        "send the corrected records in a bill file of their own, once",
    )
    yield Rule(
        "file.rejects_unnumbered",
        "rejects of an earlier version, without reject_record, whose records cannot be identified by their reference",
        "have the rejects written again (billferry report), and correct those",
    )
    yield Rule(
        "file.rejects_unknown",
        "a corrected rejects file of a file that is not known here",
        "drop it back where the original was loaded",
    )


def _of_records() -> Iterator[Rule]:
    yield Rule(
        "record.not_rejected_there",
        "in a corrected rejects file, but the original did not reject that record, or this reference is loaded for"
        " another one",
        "keep only records that were rejected, each with its own reject_record",
    )
    yield Rule(
        "correction.spreadsheet",
        "a spreadsheet has changed a reference on the way: leading zeros are lost, or digits",
        "put the reference back as results.csv shows it, and import rejects.csv with its reference columns as text",
    )
    yield Rule(
        "correction.repeated",
        "the record of the original was corrected before, with other content, or another file corrects it",
        "nothing, if the first correction is right; else void that bill at the API and send it in a file of its own",
    )
