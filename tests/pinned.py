"""The pinned upstream documents, where there are any."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest


@pytest.fixture
def upstream() -> Path:
    """The folder of pinned documents; without it the test is skipped."""
    named = os.environ.get("CONFORMANCE_UPSTREAM")
    if not named or not Path(named).is_dir():
        pytest.skip("CONFORMANCE_UPSTREAM names no folder of pinned documents")
    return Path(named)


def descriptions(folder: Path) -> list[Path]:
    """Return the OpenAPI documents among the pinned files."""
    files = [f for f in sorted(folder.rglob("*")) if f.suffix in (".yaml", ".json") and f.name != "source.json"]
    return [f for f in files if re.search(r'(?m)^\s*"?(openapi|swagger)"?:\s*["\']?[23]', f.read_text("utf-8", errors="replace"))]
