"""The door to the Billing API: one request in, one answer or failure out. What an answer means is decided in core.

From outside only `BillingApi` is used, inside an event loop. Nothing here retries, follows redirects or raises for what
networks do; and no other room may make a connection to the API.
"""

from pipeline.edge.billing.api import BillingApi
from pipeline.edge.billing.connection import MAX_ANSWER_BYTES

__all__ = ["MAX_ANSWER_BYTES", "BillingApi"]
