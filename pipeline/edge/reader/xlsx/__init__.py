"""Workbooks → CSV, read as a stream within fixed bounds. Only `edge/reader` calls it."""
