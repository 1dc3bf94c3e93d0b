"""Parts of a file, worked on by any host: `spread.SpreadLoad` leads a load, `worker.Worker` helps with it.

What a part's load may do is bound to its lease (`edge.ledger.postgres.parts`). That a bill is made once does not hang
on it, but on idempotency keys and look-ups; a lease keeps two hosts from doing the same work, and a host that was
asleep from replacing a newer balance.
"""
