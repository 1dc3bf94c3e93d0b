"""Shapes only: strict, frozen, unknown keys refused. Nothing here reads a file, a clock or a network."""
