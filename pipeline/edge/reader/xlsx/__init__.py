"""Workbooks → CSV, read as a stream within fixed bounds.

`sheet.copy_sheet` and `workbook.workbook_part` are what `edge/reader` calls; nothing outside that room may import from
here. The bounds must not be left to a library: see docs/decisions/xlsx-reader.md.
"""
