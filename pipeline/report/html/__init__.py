"""report.html and index.html: Jinja templates, and what they need to be filled in.

`report_page.write_page` and `index_page.write_overview` are called by `report` and `run.work_dir`. Values of records
reach a page only through the templates, which escape them.
"""
