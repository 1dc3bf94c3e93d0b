"""Mutation testing: plants small bugs, one at a time, and sees whether the tests notice.

`make mutate` runs it, and docs/reliability.md has what it found; `suites` says which tests look at which module.
Tests may import `suites` alone: the tool behind the rest is only installed for `make mutate`.
"""
