"""Deliveries of the inbox → payments that are matched, handed to the merchant, and compared with the API.

- `match_events` settles deliveries: which bill, account or customer each pays
- `export` writes payments files, each payment in exactly one
"""
