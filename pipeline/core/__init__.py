"""The rules of the trade, pure: no clock, disk, network, randomness or logging.

Imports only `schemas`, `errors`, polars and data packages; everything above may import it.
"""
