"""Profiles are read once for all runs of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from conformance.driving import session
from conformance.loading.profiles import load_profile


@pytest.fixture(scope="session", autouse=True)
def _profiles_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "load_profile", cache(load_profile))
        yield
