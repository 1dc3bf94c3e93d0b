"""Report: outcomes → results.csv, rejects.csv and summary.json, per bill file; and the same in words."""

from pipeline.report.folders import (
    DRY_RUNS,
    OVERVIEW,
    folder_name,
    half_written,
    is_anothers,
    report_folder,
    report_folders,
)
from pipeline.report.results import OUTCOME_SCHEMA, Outcomes, RejectedRow, nothing_sent, write_results
from pipeline.report.summary import (
    FileReport,
    exit_status,
    file_facts,
    refused_unread,
    run_result,
    without_report,
)
from pipeline.report.summary_text import SHOWN_REJECTS, describe, outcome_table, to_send
from pipeline.report.write import REPORT_NAMES, report_of_check, write_report

__all__ = [
    "DRY_RUNS",
    "OUTCOME_SCHEMA",
    "OVERVIEW",
    "REPORT_NAMES",
    "SHOWN_REJECTS",
    "FileReport",
    "Outcomes",
    "RejectedRow",
    "describe",
    "exit_status",
    "file_facts",
    "folder_name",
    "half_written",
    "is_anothers",
    "nothing_sent",
    "outcome_table",
    "refused_unread",
    "report_folder",
    "report_folders",
    "report_of_check",
    "run_result",
    "to_send",
    "without_report",
    "write_report",
    "write_results",
]
