"""Each basic profile is green on its twin, in process and over HTTP, and faults that any service can have turn it red."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.claim import Claim, Support
from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, run_in_process, target_of_twin
from conformance.driving.session import Options, Session
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.reference.faults import planted
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.verdict import Verdict

SHELF = Shelf.standard()
#: Not the security baseline, which looks at what other standards have: tests/baseline.
BASIC = tuple(sorted(n for n in SHELF.profiles if (p := load_profile(n, SHELF)).tier == "basic" and not p.bindings.beside))
#: A feature that needs other credentials than those of the run.
ELSEWHERE = {"camara-simple-edge-discovery": "three-legged"}
FAULTS = ("member-missing", "text-as-number", "body-empty", "server-error", "operation-absent", "no-media-type", "anything-accepted")
"""Faults that any service can have; where a profile has no place for one, another stands for it."""


def verdicts(run: Run) -> dict[str, Verdict]:
    return {r.requirement: r.verdict for r in run.results}


def elsewhere(profile: Profile) -> set[str]:
    """Return the requirements that the credentials of the run cannot reach."""
    return {r.id for r in profile.requirements if r.feature == ELSEWHERE.get(profile.name)}


def judged(profile: Profile, run: Run) -> set[Verdict]:
    """Return the verdicts of what can be tested."""
    beyond = {r.id for r in profile.not_tested} | elsewhere(profile)
    return {v for i, v in verdicts(run).items() if i not in beyond}


@pytest.mark.parametrize("name", BASIC)
def test_a_basic_profile_says_so(name: str) -> None:
    assert load_profile(name).tier == "basic"


@pytest.mark.parametrize("name", BASIC)
def test_the_profile_is_green_on_its_twin(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    assert judged(profile, run_in_process(profile, twin_for(profile), tmp_path)) == {Verdict.PASS}


@pytest.mark.slow
@pytest.mark.parametrize("name", BASIC)
def test_over_http_the_verdicts_are_the_same(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    claim = Claim(profile=profile.name, edition=profile.edition, features=dict.fromkeys(profile.features, Support.YES))
    with serve(twin_for(profile), sink_ca=tmp_path / "sink-ca.pem") as url:
        target = target_of_twin(profile, twin_for(profile), url, tmp_path)
        run = execute(Session(f"{profile.name}@{profile.edition}", target, claim, tmp_path, Options(seed=1), EPOCH, None, None))
    assert judged(profile, run) == {Verdict.PASS}


@pytest.mark.parametrize("name", BASIC)
def test_faults_that_any_service_can_have_turn_it_red(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    places = {p.fault.name: p for p in reversed(planted(profile)) if p.fault.name in FAULTS and p.expected}
    assert len(places) > 3
    for fault in places.values():
        folder, only = tmp_path / fault.fault.name, tuple(sorted(fault.expected))  # claimed: a fault must not hide its own feature
        seen = verdicts(run_in_process(profile, fault.twin(twin_for(profile)), folder, claimed=profile.features, only=only))
        assert {seen[i] for i in fault.expected - elsewhere(profile)} == {Verdict.FAIL}, fault.name


@pytest.mark.parametrize(("name", "header"), [("openstack-placement", "X-Auth-Token"), ("dmtf-redfish", ""), ("prometheus-http", "")])
def test_a_token_goes_into_a_header_where_the_contract_knows_no_other_way(name: str, header: str) -> None:
    assert load_profile(name).contract.token_header == header
