"""What the Billing API is asked and what its answers mean: requests, keys, intents, the order and rate of sending.

Every module may be imported by the stages and by `edge`; all of it is pure.
Nothing in here may send, wait or look at a clock: `edge/billing` sends, `load` decides when, and times are handed in.
"""
