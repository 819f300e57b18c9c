"""Requirement ids survive: the register is append-only and agrees with the profiles."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conformance.loading.lock import LOCK_FILE, Line, lock_problems, new_lines, read_lock
from conformance.loading.profiles import Shelf
from tests.notes import PROFILES, SPECS

ROOT = Path(__file__).parent.parent


def test_the_register_agrees_with_the_profiles() -> None:
    """No id is gone, none is missing, no level changed in silence. New ids: python -m conformance.loading.lock."""
    problems = lock_problems(Shelf.standard(), read_lock(ROOT / "profiles" / LOCK_FILE), ROOT / "changelog.d")
    assert not problems, "\n".join(str(p) for p in problems[:20]) + f"\n({len(problems)} problems)"


def test_the_register_is_append_only() -> None:
    """What was committed stands first, unchanged."""
    try:
        before = subprocess.run(["git", "show", f"HEAD:profiles/{LOCK_FILE}"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no committed register to compare with")
    assert (ROOT / "profiles" / LOCK_FILE).read_bytes().startswith(before)


NOTES = Shelf((PROFILES,), (SPECS,))


def entered(*without: str, **levels: str) -> list[Line]:
    fresh, _ = new_lines([], [line for line in _present() if line.id.partition("/")[2] not in without])
    return [Line(line.id, levels.get(line.id.partition("/")[2], line.level), line.edition) for line in fresh]


def _present() -> list[Line]:
    from conformance.loading.lock import present

    return present(NOTES)


def told(lines: list[Line], changelog: Path) -> list[str]:
    return [str(p) for p in lock_problems(NOTES, lines, changelog)]


def test_a_good_register_has_no_problem(tmp_path: Path) -> None:
    """Everything entered as it is."""
    assert told(entered(), tmp_path) == []


def test_a_missing_id_says_how_to_enter_it(tmp_path: Path) -> None:
    """A new requirement is entered with one command."""
    [problem] = told(entered("get-note.answers"), tmp_path)
    assert "python -m conformance.loading.lock" in problem


def test_a_removed_id_is_told(tmp_path: Path) -> None:
    """An id that was entered once stays."""
    [problem] = told([*entered(), Line("notes/was.here", "MUST", "1.0")], tmp_path)
    assert "notes/was.here: this id is gone" in problem


def test_an_id_is_entered_once(tmp_path: Path) -> None:
    """The same line twice is a merge gone wrong."""
    assert len(told([*entered(), entered()[0]], tmp_path)) == 1


def test_a_changed_level_needs_a_verdict_fragment(tmp_path: Path) -> None:
    """A level that changed is announced to whoever runs the suite; afterwards the new line stands in the register."""
    before = entered(**{"get-note.answers": "MAY"})
    [problem] = told(before, tmp_path)
    assert "no verdict fragment names it" in problem
    (tmp_path / "7.feature.md").write_text("notes/get-note.answers")
    assert len(told(before, tmp_path)) == 1, "only a verdict fragment counts"
    (tmp_path / "7.verdict.md").write_text("`notes/get-note.answers` is a MUST now.")
    assert told(before, tmp_path) == []
    assert told([*before, Line("notes/get-note.answers", "MUST", "1.0")], tmp_path / "nothing") == []


def test_a_level_may_differ_between_editions() -> None:
    """Each edition is held against the last line up to it."""
    lines = [Line("p/a", "MUST", "1"), Line("p/a", "MAY", "2")]
    assert new_lines(lines, [Line("p/a", "MUST", "1"), Line("p/a", "MAY", "2"), Line("p/a", "MAY", "3")], ["1", "2", "3"]) == ([], [])
    assert new_lines(lines, [Line("p/a", "MAY", "1")], ["1", "2", "3"])[1] == [Line("p/a", "MAY", "1")]
