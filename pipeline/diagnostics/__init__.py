"""Is this machine set up, and does the API behave as the contract says? `doctor` and `api_probe`.

Called by the command line only. Reads everything and changes nothing, but for what `--probe` creates at the API.
"""
