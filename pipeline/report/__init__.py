"""The report of one bill file: what became of every record, as results.csv, rejects, summary.json and report.html.

Call `write.write_report` (`write.report_of_check` where nothing is sent); pages are `html`'s. `folders` says where all
of it lies, `summary` and `summary_text` what became of a file, `renew` and `redaction` change a report that is there.
Nothing here sends, moves a bill file or reads the ledger: outcomes are handed in.
"""
