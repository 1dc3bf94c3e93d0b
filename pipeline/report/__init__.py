"""The report of one bill file: what became of every record, as results.csv, rejects, summary.json and report.html.

Call `write_report` (`report_of_check` where nothing is sent) and the other names of `__all__`; pages are `html`'s.
Nothing here sends, moves a bill file or reads the ledger: outcomes are handed in.
"""

from pipeline.report.exit_status import exit_status, run_result
from pipeline.report.folders import (
    DRY_RUNS,
    OVERVIEW,
    REPORT_NAMES,
    belongs_to_another_file,
    folder_name,
    half_written,
    month_page_name,
    report_folder,
    report_folders,
)
from pipeline.report.redaction import redact_report, report_names_customer
from pipeline.report.renew import renew_report
from pipeline.report.results import OUTCOME_SCHEMA, Outcomes, RejectedRow, nothing_sent, write_results
from pipeline.report.run_lines import first_line, last_line
from pipeline.report.summary import (
    FileReport,
    file_facts,
    no_chain,
    refused_unread,
    without_report,
)
from pipeline.report.summary_text import SHOWN_REJECTS, describe, money_of, outcome_table, to_send
from pipeline.report.write import report_of_check, write_report

__all__ = [
    "DRY_RUNS",
    "OUTCOME_SCHEMA",
    "OVERVIEW",
    "REPORT_NAMES",
    "SHOWN_REJECTS",
    "FileReport",
    "Outcomes",
    "RejectedRow",
    "belongs_to_another_file",
    "describe",
    "exit_status",
    "file_facts",
    "first_line",
    "folder_name",
    "half_written",
    "last_line",
    "money_of",
    "month_page_name",
    "no_chain",
    "nothing_sent",
    "outcome_table",
    "redact_report",
    "refused_unread",
    "renew_report",
    "report_folder",
    "report_folders",
    "report_names_customer",
    "report_of_check",
    "run_result",
    "to_send",
    "without_report",
    "write_report",
    "write_results",
]
