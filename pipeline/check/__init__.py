"""A landed file becomes a checked file: every record accepted, rejected or duplicate, in Parquet parts beside it.

`check.check` is the only way in; it is called by `run` for files to be loaded and by `run.validate` for files that
are only looked at. Nothing here sends, moves or remembers anything, and no ledger is read: what is known of an
original is handed in (`core.rules.corrections.Originals`).
"""
