"""The inbox: the durable list of deliveries as they were received, and what became of each. A database of its own.

Beside the ledger and not in it, so that receiving never waits for a load, and a load never for a storm of deliveries.

- `schema` its tables, and opening it
- `deliveries` keeps what the receiver accepted, many at once
"""
