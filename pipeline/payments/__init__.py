"""Deliveries of the inbox → payments that are matched, handed to the merchant, and compared with the API.

- `match_events` settles deliveries: which bill, account or customer each pays
- `known_payments` what is known of an account's or customer's payments now, for loads of balances
- `export` writes payments files, each payment in exactly one
"""
