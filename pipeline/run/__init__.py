"""One run: the only room that knows every stage.

- `order` tells it in order: unfinished files, sources, hand-over, retention
- `gate` holds files that nobody has looked at yet; `decide` is what people say of them
- `file_by_file` checks, loads and reports one landed file after another
"""

from pipeline.run.decide import Release, refuse_file, release_file
from pipeline.run.order import Passed, load_named_files, pass_over, retry_files, rewrite_reports, run_pass

__all__ = [
    "Passed",
    "Release",
    "load_named_files",
    "pass_over",
    "refuse_file",
    "release_file",
    "retry_files",
    "rewrite_reports",
    "run_pass",
]
