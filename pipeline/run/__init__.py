"""One run: the only room that knows every stage, opened by `opening`, told in order by `run_pass`.

Called by the command line, and as a library through `library`. What a dry run leaves out is decided in `opening` alone.
Stages never import this room, and nothing here talks to SFTP, HTTP or SQL: that is `edge`'s.
"""

from pipeline.run.release_or_refuse import Release, refuse_file, release_file
from pipeline.run.run_pass import (
    Passed,
    load_named_files,
    pass_over,
    retry_files,
    rewrite_reports,
    run_everything,
)
from pipeline.run.write_off import WriteOffOrder, write_records_off

__all__ = [
    "Passed",
    "Release",
    "WriteOffOrder",
    "load_named_files",
    "pass_over",
    "refuse_file",
    "release_file",
    "retry_files",
    "rewrite_reports",
    "run_everything",
    "write_records_off",
]
