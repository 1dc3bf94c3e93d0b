"""Texts of bill files → exact values: amounts in minor units, dates, phone numbers, spreadsheet cells.

`money`, `dates` and `phones` read whole columns, as polars expressions; single values have plain Python beside them,
and tests compare the two. Everything above may call them. What a value must be is not decided here (`core/rules`): a
text that cannot be read exactly is null, with what is wrong beside it; nothing is rounded, and nothing is a float.
"""
