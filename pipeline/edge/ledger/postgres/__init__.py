"""The ledger in PostgreSQL: the same tables and statements as in SQLite, over a connection to a server.

`connection` opens it, `dialect` spells statements as PostgreSQL takes them, `tables` are its tables and what SQLite has
built in, `address` is where it is.
"""
