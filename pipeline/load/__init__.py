"""From a checked file to requests that are sent, each remembered in the ledger; owns the event loop.

Call `loader.load_file(job.LoadJob)`, which gives a `LoadResult`; `planner.count_to_send` and `not_sent` say what is
left of a file. Nothing else may be called from outside: sending, settling and the ledger's changes belong together in
here.
"""
