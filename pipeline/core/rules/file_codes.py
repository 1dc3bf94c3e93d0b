"""The part of the catalogue that is about whole files: why one is refused, or held.

These are the words alone. A file is refused by raising `FileRefused` with the code, in `collect`, `check` or
`edge/reader`; it is held by a `Hold` with the code, in `run/release_gate` or `check/corrections`.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.rules.rule import Rule

_SPLIT = "split it, or ask whoever maintains the config to raise the limit"


def file_rules() -> Iterator[Rule]:
    """In the order of the documentation."""
    yield from _unreadable_file_rules()
    yield from _unfit_file_rules()
    yield from _held_file_rules()


def _content_rules() -> Iterator[Rule]:
    """Packed files and workbooks (`edge/reader`)."""
    yield Rule(
        "file.format",
        "the content is in another format than the feed says (feed.format), or in one that Billferry cannot read",
        "export it as CSV, XLSX or NDJSON, or ask whoever maintains the config to correct the format (feed.format)",
    )
    yield Rule(
        "file.archive_damaged",
        "compressed content that is cut off, altered, or followed by other bytes",
        "send it again",
    )
    yield Rule(
        "file.archive_members",
        "an archive without a bill file, with too many, or with names that lead out of its folder",
        "pack bill files by their plain names, or each by itself",
    )
    yield Rule("file.archive_nested", "an archive inside an archive", "pack it once, or not at all")
    yield Rule("file.archive_encrypted", "an archive with a password", "send it without")
    yield Rule(
        "file.archive_too_large",
        "unpacks to more than is allowed (limits.max_decompressed_bytes, limits.max_decompression_ratio), or takes too"
        " much memory",
        "send it unpacked, or ask whoever maintains the config to raise the limit",
    )
    yield Rule("file.workbook", "a workbook that cannot be read for certain", "save it again")
    yield Rule(
        "file.workbook_active",
        "a workbook with macros, or with links to other workbooks",
        "save it as a plain workbook of values",
    )
    yield Rule(
        "file.json_array",
        "a JSON array that is never closed, or is followed by other text",
        "export or fetch it again whole, as one array",
    )
    yield Rule(
        "file.items_too_large",
        "objects whose fields, repeated beside each of their items, make more than is allowed"
        " (limits.max_decompressed_bytes, limits.max_decompression_ratio)",
        "export one record for each item, or ask whoever maintains the config to raise the limit",
    )
    yield Rule(
        "file.sheet",
        "no such sheet in the workbook",
        "add it, or ask whoever maintains the config to correct its name (feed.sheet)",
    )
    yield Rule(
        "file.merged_cells",
        "merged cells in the header or among the records",
        "unmerge them and fill in every row",
    )


def _encryption_rules() -> Iterator[Rule]:
    """Feeds with `pgp` (`core/openpgp`, `edge/pgp`)."""
    encrypted = "have it encrypted to your public key and sent again"
    yield Rule("file.not_encrypted", "not encrypted, in a feed whose files are", encrypted)
    yield Rule("file.pgp_other_key", "encrypted to other keys than yours (pgp.key_file)", encrypted)
    yield Rule("file.pgp_password", "encrypted with a password, not to a key", encrypted)
    yield Rule("file.pgp_cut_off", "an encrypted file that does not reach to its end", "send it again")
    yield Rule(
        "file.pgp_modified",
        "an encrypted file that is damaged, was changed on its way, or has no protection against that",
        "have it encrypted by a current program and sent again",
    )
    yield Rule(
        "file.pgp_unreadable",
        "not a valid OpenPGP message of one file, or one that takes gpg too long",
        "have it encrypted and sent again",
    )
    yield Rule(
        "file.pgp_unsigned",
        "not signed, in a feed that requires it",
        "have it signed, encrypted and sent again",
    )
    yield Rule(
        "file.pgp_signer",
        "signed by a key that is not known here (pgp.signers_file)",
        "confirm the key's fingerprint with the sender another way, then have it added (pgp.signers_file)",
    )
    yield Rule(
        "file.pgp_expired",
        "the signature, or the key that signed, has expired or was revoked",
        "have it signed by a valid key, and that key added if it is new (pgp.signers_file)",
    )


def _unreadable_file_rules() -> Iterator[Rule]:
    """No records can be read for certain."""
    yield Rule("file.empty", "the file is empty: it does not even have a header", "export again")
    yield Rule("file.too_large", "larger than is allowed (limits.max_file_bytes)", _SPLIT)
    yield Rule("file.too_many_records", "more records than are allowed (limits.max_records)", _SPLIT)
    yield Rule(
        "file.record_too_long",
        "a line longer than is allowed (limits.max_record_bytes)",
        "export again, or ask whoever maintains the config to raise the limit",
    )
    yield Rule(
        "file.too_many_columns",
        "more columns than are allowed (limits.max_columns)",
        "check what parts its columns, and ask whoever maintains the config (feed.delimiter)",
    )
    yield from _content_rules()
    yield from _encryption_rules()
    yield Rule(
        "file.not_a_report",
        "not a report of payments, in a feed of such reports (feed.kind: reconciliation)",
        "use the file as the vendor wrote it, or ask whoever maintains the config to correct the feed (feed.match)",
    )
    yield Rule(
        "file.encoding",
        "not in the feed's encoding (feed.encoding)",
        "export it again, or ask whoever maintains the config to correct the encoding (feed.encoding)",
    )
    yield Rule(
        "file.header",
        "a header that cannot be read, or is not where the feed says (feed.header)",
        "export again, or ask whoever maintains the config to correct that (feed.header)",
    )
    yield Rule(
        "file.duplicate_column",
        "a column name that the feed uses appears twice in the header",
        "give each column a name of its own",
    )
    yield Rule(
        "file.missing_column",
        "a required column is not in the header",
        "add it, or ask whoever maintains the config to map it",
    )
    yield Rule(
        "file.unmatched",
        "the file name matches no feed and no ignore pattern",
        "rename it, choose its feed (--feed NAME), or have a feed added for such files",
    )
    yield Rule(
        "file.two_feeds",
        "the file name matches two feeds",
        "choose its feed (--feed NAME), or ask whoever maintains the config to make the patterns of these feeds differ",
    )


def _unfit_file_rules() -> Iterator[Rule]:
    """Records can be read, and the file as a whole is not to be sent (`check`)."""
    yield Rule(
        "file.no_records",
        "the file has a header but no records",
        "export it again, or ask whoever maintains the config to accept empty files (feed.may_be_empty)",
    )
    yield Rule(
        "file.all_skipped",
        "the feed leaves out every record of the file",
        "ask whoever maintains the config to correct what is left out (feed.where), or to accept such files"
        " (feed.may_be_empty)",
    )
    yield Rule(
        "file.too_many_rejects",
        "more rejected records than limits allow",
        "correct the feed or the file; nothing was sent",
    )
    yield Rule(
        "file.rejects_not_allowed",
        "rejected records in a feed that takes none (limits.on_reject: refuse_file)",
        "correct them",
    )
    yield Rule(
        "file.dated_ahead",
        "balances dated later than tomorrow",
        "correct the date in its name, or have it loaded all the same if they are those of today (billferry"
        " load --force)",
    )
    yield Rule(
        "file.control_missing",
        "no control totals, and the feed requires them (feed.control.required)",
        "export it again whole, with its trailer or control file",
    )
    yield Rule(
        "file.control_unreadable",
        "control totals are not in the form that the feed declares (feed.control)",
        "correct the export, or ask whoever maintains the config to correct that form (feed.control)",
    )
    yield Rule(
        "file.control_mismatch",
        "the declared totals differ from the contents of the file",
        "fetch the file again, or have it exported again: it is cut, doubled or changed",
    )
    yield Rule(
        "file.control_unconfirmed",
        "amounts that cannot be read, so that the declared totals cannot be confirmed",
        "correct those records and the export; nothing was sent",
    )
    yield Rule(
        "file.unexpected_records",
        "fewer or more records than the feed expects (feed.expect.records)",
        "look at the export; if the file is right, ask whoever maintains the config to correct what is expected"
        " (feed.expect)",
    )
    yield Rule(
        "file.unexpected_amounts",
        "amounts whose median is not within what the feed expects (feed.expect.amount_median)",
        "compare the unit of the amounts in the file, such as cents, with the feed's (feed.amount.unit)",
    )


def _held_file_rules() -> Iterator[Rule]:
    """Nothing is wrong for certain: a person decides."""
    decide = "release or refuse it (billferry release, billferry refuse)"
    look = f"compare its records and sums with the merchant's figures, then {decide}"
    check = f"check the export and the unit of its amounts (feed.amount.unit), then {decide}"
    rest = "check what was sent, then release or refuse the rest (billferry release, billferry refuse)"
    yield Rule("file.first_of_feed", "held: the first file of a feed (feed.release: first)", look)
    yield Rule("file.uploaded", "held: dropped on the page in the browser", look)
    yield Rule(
        "file.release_always", "held: each file of this feed waits for a person (feed.release: always)", look
    )
    yield Rule(
        "file.out_of_proportion",
        "held: the median amount is more than 20 times that of the feed's last ten loaded files, or less than 1/20",
        check,
    )
    yield Rule(
        "file.unit_suspicious",
        "held: 20 or more amounts of a currency, all of them whole; amounts that the feed loaded before had decimals",
        check,
    )
    yield Rule(
        "file.limited",
        "held: only so many records of it were to be sent (--limit), and these are left",
        rest,
    )
    yield Rule(
        "file.stopped",
        "held: a person stopped its load on the page",
        rest,
    )
    yield Rule(
        "file.restored",
        "held: it was already held in the copy of the ledger that was restored, and may have been refused since",
        f"ask who decides, then {decide}",
    )
    yield Rule(
        "file.references_changed",
        "held: the feed has changed since records of this file were loaded, and under their new references they would"
        " be billed again",
        "have the feed put back; release the file with its changes only if none of those bills is at the API"
        " (billferry release FILE --accept-changes)",
    )
    yield Rule(
        "file.refused_by_person", "refused by a person (billferry refuse)", "see the reason that was given"
    )
