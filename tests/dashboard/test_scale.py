"""How the dashboard grows; the whole initiative (120 partners, 9 interfaces, 50 runs) is measured by `python -m tests.dashboard.scale 120 9 50`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboard.scale import measure


@pytest.mark.slow
def test_older_runs_are_lines_and_one_more_run_is_little_work(tmp_path: Path) -> None:
    """Four times the runs are hardly a larger site; one more run writes the pages of its own profile only. How long it takes: `make bench`."""
    small, large = measure(tmp_path / "a", 6, 9, 5), measure(tmp_path / "b", 6, 9, 20)
    assert large.written_again < 0.25 * large.pages
    assert large.site_mb < 2 * small.site_mb, "older runs are lines, not pages"
    assert large.overview_kb < 500 * 6 / 120 + 20
