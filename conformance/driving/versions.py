"""What the record says of the programs that made it."""

from __future__ import annotations

import functools
import platform
from importlib.metadata import PackageNotFoundError, version


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions that a repeat needs."""
    found = {"python": platform.python_version()}
    for name in ("schemathesis", "hypothesis", "jsonschema-rs", "httpx", "pytest"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
