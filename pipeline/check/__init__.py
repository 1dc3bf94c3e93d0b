"""A landed file becomes a checked file: every record accepted, rejected or duplicate, in Parquet parts beside it.

`check.check` is the way in. Nothing here sends, moves or remembers anything; what was rejected before is handed in.
"""
