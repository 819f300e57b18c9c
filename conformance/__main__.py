"""`python -m conformance`."""

from conformance.cli.main import entry

entry()
