"""What the API reports of payments, and what follows from it: signatures, events, the status of bills, payments files.

Pure: deliveries, times and what is known of bills are handed in. `edge/ledger/inbox` keeps events, `payments` decides
when they are matched and handed over. Billferry never marks a bill as paid: the API does that by itself.
"""
