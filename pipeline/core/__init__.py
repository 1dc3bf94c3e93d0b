"""Pure: no clock, disk, network, randomness or logging. Imports only `schemas`, `polars` and data packages."""
