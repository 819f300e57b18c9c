"""Conformance and interoperability tests for the functional interfaces of the IPCEI-CIS Reference Architecture."""

__version__ = "0.1.0"
