"""The door to the Billing API: one request in, one answer or failure out. What an answer means is decided in core.

From outside only `api.BillingApi` is used, inside an event loop. Nothing here retries, follows redirects or raises for
what networks do; and no other room may make a connection to the API.
"""
