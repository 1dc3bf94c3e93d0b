"""One run: the only room that knows every stage.

- `run_pass` is the order of a run: unfinished files, sources, hand-over, retention
- `process_file` checks, loads and reports one landed file after another
- `release_gate` holds files that nobody has looked at yet; `decisions` lets people release or refuse them
- `watch` runs again and again
"""

from pipeline.run.decisions import Release, refuse_file, release_file
from pipeline.run.run_pass import (
    Passed,
    load_named_files,
    pass_over,
    retry_files,
    rewrite_reports,
    run_everything,
)

__all__ = [
    "Passed",
    "Release",
    "load_named_files",
    "pass_over",
    "refuse_file",
    "release_file",
    "retry_files",
    "rewrite_reports",
    "run_everything",
]
