"""Texts of bill files → exact values: amounts in minor units, dates, phone numbers, spreadsheet cells.

Each module has a polars expression for whole columns and, where the two could differ, the plain Python beside it.
"""
