"""Spreadsheets of OpenDocument (ODS) → CSV, read as a stream within the same bounds as XLSX.

`sheet.copy_opendocument` and `package.is_spreadsheet` are what `edge/reader` calls; nothing outside that room may
import from here. Why no library: see docs/decisions/xlsx-reader.md.
"""
