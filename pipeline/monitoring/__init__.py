"""What happened and what should have: the state of files, the history of runs, feeds that are late, metrics.

`status` reads, `run_history` writes. No stage calls this room; `run` and the command line do.
"""
