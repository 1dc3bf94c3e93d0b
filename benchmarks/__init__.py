"""Side by side with what people would use instead, on the same machine in the same minutes.

One module per comparison: `measure()` returns what its section of RESULTS.md says.
"""
