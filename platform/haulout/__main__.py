"""Lets `python -m haulout` be the command line, as the supervisor calls it."""

from haulout.cli import main

main()
