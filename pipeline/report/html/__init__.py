"""report.html and index.html for people: Jinja templates, and what they need to be filled in.

`report_page.write_page` is called by `report`, `index_page.write_overview` by `run.work_dir`; nothing else from
outside. Values of records reach a page only through the templates, which escape them, and no page may fetch or run
anything.
"""
