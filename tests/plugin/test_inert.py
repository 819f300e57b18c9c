"""The plugin beside other people's tests: it is not there."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest


def test_nothing_is_registered_with_pytest() -> None:
    """The distribution brings no pytest entry point, so that installing it changes nobody's test run."""
    assert not [
        e
        for e in entry_points(group="pytest11")
        if (e.dist is not None and "conformance" in e.dist.name) or e.value.startswith("conformance")
    ]


def test_loaded_by_hand_it_is_inert(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even `-p conformance.pytest_plugin` collects, marks and reports nothing of its own."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent.parent))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        """
        import pytest

        def test_good(request):
            assert not [p for p in request.config.pluginmanager.get_plugins() if type(p).__name__ == "RunPlugin"]
            assert not [m for m in request.config.getini("markers") if m.startswith(("MUST", "SHOULD", "MAY"))]

        @pytest.mark.xfail(strict=True)
        def test_bad():
            assert False
        """
    )
    result = pytester.runpytest_subprocess("-p", "conformance.pytest_plugin", "-W", "error", "--strict-markers")
    result.assert_outcomes(passed=1, xfailed=1)
