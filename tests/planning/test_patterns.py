"""The table pattern × profile is whole, its reasons hold, and the page shows it as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.checks.registry import known_checks
from conformance.cli.main import main
from conformance.loading.profiles import Shelf, load_profile
from conformance.planning.patterns import NOT_YET, page, pattern_table, stale

ROOT = Path(__file__).parents[2]
SHELF = Shelf.standard()
EDITIONS = [f"{name}@{edition}" for name, editions in SHELF.profiles.items() for edition in editions]


@pytest.mark.parametrize("edition", EDITIONS)
def test_reasons_are_about_patterns_that_are_not_asked_for(edition: str) -> None:
    assert stale(load_profile(edition), known_checks()) == []


def test_every_pattern_and_every_profile_has_a_cell() -> None:
    profiles = {f"{p.name}@{p.edition}": p for p in (load_profile(name) for name in sorted(SHELF.profiles))}
    rows = pattern_table(profiles.values(), known_checks())
    assert {r.check for r in rows} == {c.name for c in known_checks().values() if ".patterns." in c.run.__module__}
    for row in rows:
        assert len(row.cells) == len(profiles)
        for name, cell in row.cells.items():
            asked = [r.id for r in profiles[name].requirements if r.check == row.check]
            assert list(cell.requirements) == asked
            assert bool(cell.requirements) != bool(cell.reason)
            assert cell.possible or cell.reason != NOT_YET


def test_the_page_is_current() -> None:
    """docs/patterns.md is generated, not typed: conformance coverage --patterns --format markdown > docs/patterns.md."""
    made = page(pattern_table([load_profile(name) for name in sorted(SHELF.profiles)], known_checks()))
    assert (ROOT / "docs" / "patterns.md").read_text("utf-8") == made


def test_the_command_tells_where_a_pattern_applies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "scim2", "--patterns"]) == 0
    told = capsys.readouterr().out
    assert "values-round-trip\n  scim2@2.0" in told
    assert "lets a provider alter" in told
    assert main(["coverage", "--patterns", "--format", "json"]) == 0
    rows = {row["check"]: row["cells"] for row in json.loads(capsys.readouterr().out)}
    assert rows["values-round-trip"]["seca@v1"]["requirements"] == ["seca/role.annotations"]
    assert rows["patch-applies"]["alertmanager-v2@0.34"]["possible"] is False
    assert main(["coverage"]) == 2
    assert main(["coverage", "scim2", "--format", "markdown"]) == 2
