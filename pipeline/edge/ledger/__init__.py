"""The ledger: the durable record of files, intents, outcomes and ids, in SQLite. SQL is written only in this folder.

From outside only the modules below are used, over a connection of `database.open_ledger`; times and ids are given by
the caller. Each name is imported from its module, so that a command loads no more than it uses.
Nothing here decides what an outcome means, and nothing outside may see a table or begin a transaction by itself.

- `database` opens, binds to merchant and environment, migrates behind a backup (`migrations`, `later_migrations`)
- `chains` originals with their corrections: what became of each record; `chain_sums` what that is read from;
  `counted` records and their money; `chain_roots` which original a correction leads to
- `known_chains` the chains for somebody who looks again and again, by `file_changes`: which files have changed since
- `write_offs` what people closed
- `accepted` loaded records, for `export`
- `renewals` originals whose report is owed
- `rejected_records` rejected records, and the corrections that stand for them
- `files` files, sightings and hand-overs; `file_rows` what is known of each
- `earlier_loads` references that records had under an earlier feed
- `uploads` files that came by the page, and who dropped them
- `decisions` what people decided about held files, and how far files may go
- `watermarks` in what order balances were set
- `sends` intents, ids and outcomes; `writes` their changes as few statements
- `runs` runs as such, and when each feed last got a file
- `personal_data` what is known of one customer, and how it is removed
- `audit` who did what, chained; never changed
- `lookup_by_name` how users name files
- `times` the last confirmed time
- `lineage` whether the ledger is the one that worked here last, or a copy
- `group` commits many small changes as one, by a thread of `group_writer`
"""
