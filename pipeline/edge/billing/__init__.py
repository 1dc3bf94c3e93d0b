"""The door to the Billing API: one request in, one answer or failure out. What an answer means is decided in core.

Nothing here retries, follows redirects or raises for what networks do.
"""

from pipeline.edge.billing.api import BillingApi
from pipeline.edge.billing.connection import MAX_ANSWER_BYTES

__all__ = ["MAX_ANSWER_BYTES", "BillingApi"]
