"""What the Billing API takes at most, and at least. Source: the field rules of its reference, `docs/rule-codes.md`."""

from __future__ import annotations

MAX_REFERENCE_CHARACTERS = 255
MAX_NAME_CHARACTERS = 255
MAX_EMAIL_CHARACTERS = 255
MAX_METADATA_KEYS = 10
MAX_METADATA_KEY_CHARACTERS = 40
MAX_METADATA_VALUE_CHARACTERS = 500
MIN_AMOUNT_DUE_MINOR = 1
MAX_AMOUNT_DUE_MINOR = 99_999_999
"""Of one bill: an eight-digit number of minor units, whatever the currency's exponent."""
MAX_BALANCE_MINOR = 10**18 - 1
"""Of a balance, and of its negative. It fits Int64; sums of such balances do not, so they are counted in Int128."""
