"""Which tests look at a module's mutants: those that are quick and about it, the quickest first."""

from __future__ import annotations

API, LOAD, LEDGER, STORIES = "tests/core/api", "tests/load", "tests/edge/ledger", "tests/stories"
UNCERTAINTY = (f"{LOAD}/test_uncertainty.py", "-k", "not uncertainty or (not B0 and not B11 and not 422)")
BILLS = (f"{LOAD}/test_bills.py", f"{LOAD}/test_parents_of_a_lost_ledger.py", *UNCERTAINTY)
BALANCES = (
    f"{LOAD}/test_balances.py",
    f"{STORIES}/test_current_balances.py",
    f"{STORIES}/test_dates_of_balances.py",
)
OF_LEDGER = (
    f"{LEDGER}/test_writes.py",
    f"{LEDGER}/test_sends.py",
    f"{LEDGER}/test_files.py",
    f"{LEDGER}/test_rejected_records.py",
)

SUITES: dict[str, tuple[str, ...]] = {
    "pipeline/core/values/money.py": ("tests/core/values/test_money.py",),
    "pipeline/core/values/amount_text.py": ("tests/report/test_summary_text.py",),
    "pipeline/core/api/compare.py": (f"{API}/test_compare.py",),
    "pipeline/core/api/idempotency.py": (f"{API}/test_idempotency.py",),
    "pipeline/core/api/intents.py": (f"{LEDGER}/test_sends.py", f"{LOAD}/test_balances.py"),
    "pipeline/core/api/requests.py": (f"{API}/test_requests.py",),
    "pipeline/core/api/responses.py": (f"{API}/test_responses.py", f"{API}/test_whose_answer.py"),
    "pipeline/core/api/send_order.py": (f"{API}/test_send_order.py",),
    "pipeline/core/api/rate_limiter.py": (f"{API}/test_rate_limiter.py",),
    "pipeline/core/api/watermarks.py": (
        f"{STORIES}/test_current_balances.py",
        f"{STORIES}/test_dates_of_balances.py",
    ),
    "pipeline/edge/ledger/group.py": (f"{LEDGER}/test_group.py",),
    "pipeline/edge/ledger/group_writer.py": (f"{LEDGER}/test_group.py",),
    "pipeline/edge/ledger/at_once.py": OF_LEDGER,
    "pipeline/edge/ledger/writes.py": OF_LEDGER,
    "pipeline/edge/ledger/sends.py": OF_LEDGER,
    "pipeline/edge/ledger/files.py": OF_LEDGER,
    "pipeline/edge/ledger/file_rows.py": OF_LEDGER,
    "pipeline/edge/ledger/watermarks.py": (f"{STORIES}/test_balances_over_days.py",),
    "pipeline/load/paid_since.py": ("tests/payments/test_balances.py",),
    "pipeline/edge/ledger/loaded_bills.py": ("tests/payments/test_matching.py",),
    "pipeline/edge/ledger/accepted.py": (f"{STORIES}/test_month.py", f"{STORIES}/test_export.py"),
    "pipeline/edge/ledger/chains.py": (f"{STORIES}/test_chains.py",),
    "pipeline/edge/ledger/chain_sums.py": (f"{STORIES}/test_chains.py",),
    "pipeline/edge/ledger/counted.py": (f"{STORIES}/test_chains.py",),
    "pipeline/edge/ledger/write_offs.py": (f"{STORIES}/test_write_offs.py",),
    "pipeline/edge/ledger/renewals.py": (f"{STORIES}/test_chains.py",),
    "pipeline/edge/ledger/rejected_records.py": (f"{STORIES}/test_corrections_stand_for_originals.py",),
    "pipeline/edge/ledger/originals.py": (f"{STORIES}/test_corrections_stand_for_originals.py",),
    "pipeline/edge/ledger/kept_references.py": (f"{STORIES}/test_reload_under_another_feed.py",),
    "pipeline/edge/ledger/file_list.py": ("tests/serve/page/test_files.py",),
    "pipeline/edge/ledger/loads_under_way.py": ("tests/serve/page/test_progress.py",),
    "pipeline/edge/ledger/earlier_loads.py": (f"{STORIES}/test_reload_under_another_feed.py",),
    "pipeline/edge/ledger/uploads.py": (f"{STORIES}/test_uploads.py",),
    "pipeline/edge/ledger/decisions.py": (f"{STORIES}/test_held_files.py",),
    "pipeline/edge/ledger/lineage.py": (
        f"{STORIES}/test_after_an_update.py",
        f"{STORIES}/test_current_balances.py",
        f"{STORIES}/test_restored_ledger.py",
    ),
    "pipeline/edge/ledger/lookup_by_name.py": (f"{STORIES}/test_held_files.py", f"{LOAD}/test_retry.py"),
    "pipeline/edge/ledger/runs.py": (
        f"{LEDGER}/test_runs.py",
        "tests/monitoring/test_late_feeds.py",
        f"{STORIES}/test_retention.py",
        "tests/cli/test_commands.py",
    ),
    "pipeline/edge/ledger/audit.py": (
        "tests/diagnostics/test_audit_check.py",
        f"{STORIES}/test_audit_trail.py",
    ),
    "pipeline/edge/ledger/personal_data.py": (
        f"{STORIES}/test_forgetting.py",
        f"{STORIES}/test_after_forgetting.py",
    ),
    "pipeline/edge/ledger/times.py": (f"{STORIES}/test_clocks.py",),
    "pipeline/edge/ledger/database.py": (f"{LEDGER}/test_database.py", f"{LEDGER}/test_migrations.py"),
    "pipeline/load/look_up.py": ("tests/payments/test_asking.py",),
    "pipeline/load/retrying_client.py": (f"{LOAD}/test_retrying_client.py",),
    "pipeline/load/entity_cache.py": (
        f"{LOAD}/test_entity_cache.py",
        f"{STORIES}/test_mixed_up_ids.py",
        *BILLS,
    ),
    "pipeline/load/context.py": (f"{LOAD}/test_context.py",),
    "pipeline/load/planner.py": (f"{LOAD}/test_planner.py", f"{STORIES}/test_line_items.py"),
    "pipeline/load/parents.py": BILLS,
    "pipeline/load/repeated_refusals.py": (f"{STORIES}/test_trouble_with_the_api.py",),
    "pipeline/load/records.py": (f"{LOAD}/test_balances.py", *BILLS),
    "pipeline/load/known_ids.py": (f"{LOAD}/test_known_ids.py", f"{LOAD}/test_entity_cache.py"),
    "pipeline/load/loader.py": (f"{LOAD}/test_loader.py", f"{LOAD}/test_balances.py", *BILLS),
    "pipeline/load/settler.py": BILLS,
    "pipeline/load/create.py": (*BILLS, f"{LOAD}/test_balances.py"),
    "pipeline/load/balance.py": BALANCES,
    "pipeline/load/id_checks.py": (f"{STORIES}/test_mixed_up_ids.py",),
    "pipeline/load/update_details.py": (f"{STORIES}/test_details.py",),
}
"""Module → what pytest is given: test files, run in this order until one fails, and which of their tests."""
