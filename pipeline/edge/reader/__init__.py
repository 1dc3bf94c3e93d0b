"""Bill files as records: what a file is by its content, unpacked, decoded and split, always within the limits.

`open_records.open_records` is the way in; `checked_parts` keeps what the check made of the records, `sample` and
`corrected_rejects` serve files that are not known yet. Nothing here judges a value, and no file is trusted to say how
large it is.
"""
