"""Judging a recorded run again: equal to live, and what a changed profile flips."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.checks.registry import known_checks
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.loading.targets import claim_of
from conformance.planning.rejudge import flips, gap_between, rejudge
from conformance.run import Difference, Gap, Header, Result, Run
from conformance.scoring import score
from conformance.verdict import Level, Verdict
from tests.conftest import Command
from tests.notes import PROFILES, SPECS, Notes, shelf

FAULTS = [(), ("about-is-wrong",), ("list-breaks",), ("bare-errors",), ("archive",)]


def again(folder: Path, profiles: Shelf) -> tuple[Run, Run]:
    before = read_run(folder)
    return before, rejudge(before, read_exchanges(folder), load_profile("notes", profiles), claim_of(before.header.claim), known_checks())


@pytest.mark.parametrize("faults", FAULTS, ids=lambda f: "+".join(f) or "none")
def test_offline_equals_live(conformance: Command, notes: Notes, url: str, tmp_path: Path, faults: tuple[str, ...]) -> None:
    """Every result is the same: verdict, reason, findings and evidence, and with them the score."""
    notes.faults |= set(faults)
    conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(tmp_path), "-q")
    before, after = again(tmp_path, shelf())
    assert flips(before, after) == []
    live = {r.requirement: r for r in before.results}
    for result in after.results:
        assert result == live[result.requirement]
    assert score(after).exit_code == score(before).exit_code
    assert score(after).conclusion == score(before).conclusion


@pytest.fixture
def copy(tmp_path: Path) -> Shelf:
    shutil.copytree(PROFILES, tmp_path / "profiles")
    shutil.copytree(SPECS, tmp_path / "specs")
    return Shelf((tmp_path / "profiles",), (tmp_path / "specs",))


def test_a_stricter_schema_flips_what_it_must(ran: Path, copy: Shelf) -> None:
    """A member that is required now fails exactly the answers that lack it."""
    file = copy.spec_dirs[0] / "notes/1.0/openapi.yaml"
    file.write_text(file.read_text().replace("required: [version]", "required: [version, owner]"))
    before, after = again(ran, copy)
    assert [(f.requirement, f.before, f.after) for f in flips(before, after)] == [("notes/get-about.answer", Verdict.PASS, Verdict.FAIL)]


def test_a_changed_level_changes_the_score_alone(conformance: Command, notes: Notes, url: str, tmp_path: Path, copy: Shelf) -> None:
    """The verdict stays; what it is worth does not."""
    notes.faults.add("about-is-wrong")
    folder = tmp_path / "run"
    conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(folder), "-q")
    file = copy.profile_dirs[0] / "notes/1.0.yaml"
    file.write_text(file.read_text().replace("getAbout: {level: MUST", "getAbout: {level: SHOULD"))
    before, after = again(folder, copy)
    assert flips(before, after) == []
    assert (score(before).exit_code, score(after).exit_code) == (1, 0)


def test_a_request_that_was_never_sent_is_not_tested(ran: Path, copy: Shelf) -> None:
    """A new requirement, or another request, cannot be judged from what was seen."""
    file = copy.profile_dirs[0] / "notes/bindings.yaml"
    file.write_text(
        file.read_text().replace("  createNote: {effect: own}", "  createNote: {effect: own}\n  listNotes: {query: {limit: 5}}")
    )
    before, after = again(ran, copy)
    changed = {f.requirement: f for f in flips(before, after)}
    assert set(changed) == {"notes/list-notes.answers", "notes/list-notes.answer"}
    assert all(f.after is Verdict.NOT_TESTED and "recording does not cover it" in f.reason for f in changed.values())


def test_a_claim_decides_again(ran: Path) -> None:
    """With another claim the scope is another one."""
    before = read_run(ran)
    said = claim_of({"profile": "notes", "features": {"archive": "planned"}})
    after = rejudge(before, read_exchanges(ran), load_profile("notes", shelf()), said, known_checks())
    assert [(f.requirement, f.after) for f in flips(before, after)] == [("notes/archive.answers", Verdict.NOT_TESTED)]


def test_flips_name_what_is_only_on_one_side(ran: Path) -> None:
    """A requirement that one run does not have is a flip from or to nothing."""
    run = read_run(ran)
    short = replace(run, results=run.results[1:])
    assert [(f.before, f.after) for f in flips(run, short)] == [(Verdict.PASS, None)]
    assert [(f.before, f.after) for f in flips(short, run)] == [(None, Verdict.PASS)]


def test_the_gap_is_what_the_newest_edition_finds_wanting() -> None:
    """What fails there and not here, and what only it asks; what it could not look at is counted alone, what passes there is no gap."""

    def run(edition: str, **verdicts: str) -> Run:
        header = Header(suite="0", run_id="r", started=0.0, seed=1, profile="p", edition=edition)
        results = [Result(requirement=i, level=Level.SHOULD, verdict=Verdict(v), reason=f"why {i}") for i, v in verdicts.items()]
        return Run(header=header, results=tuple(results))

    before = run("1", same="fail", worse="pass", mended="fail", unseen="pass", gone="pass", off="pass")
    newest = run("2", same="fail", worse="fail", mended="pass", unseen="not-tested", new="not-tested", fine="pass", off="not-applicable")
    differences = tuple(
        Difference(requirement=i, level=Level.SHOULD, verdict=Verdict(v), reason=f"why {i}")
        for i, v in (("worse", "fail"), ("new", "not-tested"))
    )
    assert gap_between(before, newest, ["told"]) == Gap(edition="2", changes=("told",), unseen=1, differences=differences)
    assert gap_between(before, before) == Gap(edition="1", changes=(), unseen=0, differences=())
