"""Simple Edge Discovery: the two kinds of tokens, both ways to write the answer, and each own fault turns what it must red."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.cli.twins import run_in_process
from conformance.loading.profiles import load_profile
from conformance.reference.engine import Options
from conformance.reference.faults import planted
from conformance.reference.faults.planting import Planted
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse

PROFILE = "camara-simple-edge-discovery"
THREE_LEGGED = Options(tokens={"twin-token": "+4915550001"})
UNNEEDED = {"unneeded_device": {"phoneNumber": "+4915550001"}}
OWN = [p for p in planted(load_profile(PROFILE)) if p.fault.profile == PROFILE and p.expected]


def failed(run: Run) -> set[str]:
    """Return the slugs of what failed."""
    return {r.requirement.partition("/")[2] for r in run.results if r.verdict is Verdict.FAIL}


def of_feature(feature: str) -> tuple[str, ...]:
    return tuple(r.id for r in load_profile(PROFILE).requirements if r.feature in ("core", feature))


def test_the_token_names_the_device(tmp_path: Path) -> None:
    profile = load_profile(PROFILE)
    twin = twin_for(profile, THREE_LEGGED)
    twin.test_data = UNNEEDED
    run = run_in_process(profile, twin, tmp_path, only=of_feature("three-legged"))
    assert {r.verdict for r in run.results if r.requirement in of_feature("three-legged")} == {Verdict.PASS}


class Careless:
    """A twin that looks neither at what the token says nor at what nobody asked for."""

    def __init__(self) -> None:
        self.inner = twin_for(load_profile(PROFILE), THREE_LEGGED)
        self.test_data = UNNEEDED

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        answer = self.inner.handle(request, now)
        if answer.status == 422:
            answer = self.inner.handle(WireRequest(method="POST", target=request.target, headers=request.headers, body=b"{}"), now)
        if answer.status != 200:
            return answer
        body = json.dumps({**json.loads(answer.body), "device": {"phoneNumber": "+4915550001"}}).encode()
        return WireResponse(status=200, headers=answer.headers, body=body)


def test_a_device_that_the_token_names_already_is_neither_taken_nor_shown(tmp_path: Path) -> None:
    run = run_in_process(load_profile(PROFILE), Careless(), tmp_path, only=of_feature("three-legged"))
    assert failed(run) == {"device.unnecessary", "device.not-shown"}


class InAnArray(Careless):
    """A twin that answers with an array of one zone, or of two."""

    def __init__(self, zones: int) -> None:
        self.inner, self.zones = twin_for(load_profile(PROFILE)), zones
        self.test_data = dict(self.inner.test_data)

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        answer = self.inner.handle(request, now)
        if answer.status != 200:
            return answer
        return WireResponse(status=200, headers=answer.headers, body=json.dumps([json.loads(answer.body)] * self.zones).encode())


@pytest.mark.parametrize(("zones", "red"), [(1, set()), (2, {"read-closest-edge-cloud-zone.answer"})])
def test_the_zone_may_stand_in_an_array_of_its_own(zones: int, red: set[str], tmp_path: Path) -> None:
    assert failed(run_in_process(load_profile(PROFILE), InAnArray(zones), tmp_path, only=of_feature("two-legged"))) == red


@pytest.mark.parametrize("fault", OWN, ids=[p.name for p in OWN])
def test_each_own_fault_turns_what_it_must_red(fault: Planted, tmp_path: Path) -> None:
    profile = load_profile(PROFILE)
    run = run_in_process(profile, fault.twin(twin_for(profile)), tmp_path, only=tuple(sorted(fault.expected)))
    assert {r.requirement: r.verdict for r in run.results if r.requirement in fault.expected} == dict.fromkeys(fault.expected, Verdict.FAIL)
