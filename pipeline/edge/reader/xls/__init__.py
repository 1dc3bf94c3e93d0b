"""Old Excel workbooks (XLS) → CSV, through python-calamine in a process of its own with limits.

`sheet.copy_old_workbook` is what `edge/reader` calls; nothing outside that room may import from here. Why a library
here, and why never in our own process: see docs/decisions/xls-reader.md.
"""
