"""What a command loads before it begins: nothing that it does not use."""

from __future__ import annotations

import subprocess
import sys


def test_what_draws_and_fills_in_is_not_loaded_before_there_is_a_report() -> None:
    idle = "import sys, pipeline.run.run_pass"
    heavy = "assert not {'jinja2', 'markupsafe'} & set(sys.modules), 'too early'"
    drawn = "import pipeline.report.html.report_page; assert 'jinja2' in sys.modules"
    for script in (f"{idle}; {heavy}", f"{idle}; {drawn}"):
        subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)
