"""One run: the only room that knows every stage.

- `order` tells it in order: unfinished files, sources, hand-over, retention
- `file_by_file` checks, loads and reports one landed file after another
"""

from pipeline.run.order import Passed, load_named_files, pass_over, retry_files, rewrite_reports, run_pass

__all__ = ["Passed", "load_named_files", "pass_over", "retry_files", "rewrite_reports", "run_pass"]
