"""`python -m pipeline` is `billferry`."""

from pipeline.cli import main

main()
