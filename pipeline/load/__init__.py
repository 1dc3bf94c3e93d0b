"""From a checked file to requests that are sent, each remembered in the ledger; owns the event loop.

Call `load_file(LoadJob)`, which gives a `LoadResult`; `count_to_send` and `not_sent` say what is left of a file.
Nothing else may be called from outside: sending, settling and the ledger's changes belong together in here.
"""

from pipeline.load.job import LoadJob, LoadResult
from pipeline.load.loader import load_file
from pipeline.load.planner import count_to_send, not_sent

__all__ = ["LoadJob", "LoadResult", "count_to_send", "load_file", "not_sent"]
