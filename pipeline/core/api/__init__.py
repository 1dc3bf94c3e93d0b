"""What the billing API is asked and what its responses mean: requests, keys, intents, order and pace.

No request is sent here: `edge/billing` sends, and `load` decides when.
"""
