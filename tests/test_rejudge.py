"""Judging a recorded run again: equal to live, and what a changed profile flips."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.api import Api
from conformance.checks.discovery import DISCOVERY
from conformance.checks.registry import known_checks
from conformance.exchange import Trouble
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.loading.targets import claim_of
from conformance.planning.rejudge import flips, gap_between, rejudge
from conformance.profile import Profile
from conformance.run import Difference, Exchanges, Gap, Header, Result, Run
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
    assert after.look == before.look
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


def test_a_look_offline_has_the_tools_of_the_live_one(ran: Path) -> None:
    """Everything a check may ask for comes from the header; what the new header says of the profile is that profile's."""
    run = read_run(ran)
    target = {"url": "https://target.example/x", "test_data": {"id": "7"}}
    header = replace(run.header, target=target, sink_url="https://sink.example", nonce="n", allowed=("write", "disruptive"))
    profile = replace(
        load_profile("notes", shelf()), name="other", edition="9", title="T", tier="strong", state="draft", digests={"a": "b"}
    )
    tools: list[Api] = []

    async def spy(api: Api, *rest: object, **more: object) -> None:
        tools.append(api)

    checks = {name: replace(one, run=spy, ready=None) for name, one in known_checks().items()}
    after = rejudge(replace(run, header=header), read_exchanges(ran), profile, claim_of(header.claim), checks)
    assert {(a.run_id, a.started, a.sink_url, a.nonce, a.url) for a in tools} == {
        (header.run_id, header.started, "https://sink.example", "n", "https://target.example/x")
    }
    assert all((a.test_data, a.allowed, a.profile) == ({"id": "7"}, {"write", "disruptive"}, profile) for a in tools)
    assert all(a.place.startswith("notes/") for a in tools)
    now = after.header
    assert (now.profile, now.edition, now.title, now.tier, now.state, now.digests) == ("other", "9", "T", "strong", "draft", {"a": "b"})
    assert replace(now, profile="", edition="", title="", tier="", state="", digests={}) == replace(
        header, profile="", edition="", title="", tier="", state="", digests={}
    )
    bare = rejudge(replace(run, header=replace(header, target={})), read_exchanges(ran), profile, claim_of(header.claim), checks)
    assert (tools[-1].url, tools[-1].test_data, len(bare.results)) == ("", {}, len(after.results))


def test_what_the_record_does_not_hold(ran: Path) -> None:
    """What was chosen, or left out by the same profile, is not invented; a first look that failed, or a need that did, leaves nothing to judge."""
    run, seen, profile = read_run(ran), read_exchanges(ran), load_profile("notes", shelf())
    claim, name = claim_of(run.header.claim), "notes/get-about.answer"

    def told(run: Run, exchanges: Exchanges, profile: Profile = profile) -> dict[str, Result]:
        return {r.requirement: r for r in rejudge(run, exchanges, profile, claim, known_checks()).results}

    short = replace(run, results=tuple(r for r in run.results if r.requirement != name))
    assert name not in told(short, seen)
    other = replace(profile, digests={"a": "b"})
    assert told(short, seen, other)[name].verdict is Verdict.PASS
    assert name not in told(replace(short, header=replace(run.header, selected="-k x")), seen, other)
    gone = {n: x for n, x in seen.items() if n != name}
    assert told(run, gone)[name].reason == "recording does not cover it"
    waiting = replace(
        run, results=tuple(replace(r, verdict=Verdict.NOT_TESTED, reason="later") if r.requirement == name else r for r in run.results)
    )
    assert told(waiting, gone)[name].reason == "later"
    answers = {at: replace(x, status=500, body=b"") for at, x in seen["notes/get-about.answers"].items()}
    broken = told(run, {**seen, "notes/get-about.answers": answers})
    assert broken["notes/get-about.answers"].verdict is Verdict.FAIL
    assert (broken[name].verdict, broken[name].reason) == (Verdict.NOT_TESTED, "needs notes/get-about.answers")
    dead = {at: replace(x, status=0, trouble=Trouble.REFUSED, body=b"") for at, x in seen[DISCOVERY].items()}
    away = rejudge(run, {**seen, DISCOVERY: dead}, profile, claim, known_checks())
    assert away.look is not None
    assert away.look.trouble
    assert {r.reason for r in away.results if r.requirement == name} == {away.look.trouble}
