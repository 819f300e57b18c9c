"""The energy footprint twin: its own rules, its profile over it, what it sends to a sink, and its faults turned red."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.claim import Claim, Support
from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, run_in_process, target_of_twin
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import load_profile
from conformance.reference.faults import planted
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.reference.twins.camara_energy import CALCULATION, INSTANCES, INTENSITY, PROFILE, EnergyFootprintTwin
from conformance.reference.variants import variants_for
from conformance.run import Run
from conformance.scoring import score
from conformance.verdict import Verdict
from conformance.wire import Twin, WireRequest, WireResponse

LOADED = load_profile(PROFILE)
BASE = "/energy-footprint-notification/v0.1"
ENERGY, CARBON = f"{BASE}/calculate-energy-consumption", f"{BASE}/calculate-carbon-footprint"
NOW = 1_790_000_000.0
ONE, OTHER = INSTANCES
DAY = {"startDate": "2026-09-20T00:00:00Z", "endDate": "2026-09-20T10:00:00Z"}
CREDENTIAL = {"credentialType": "ACCESSTOKEN", "accessToken": "t0ken", "accessTokenType": "bearer"}


@pytest.fixture
def twin() -> EnergyFootprintTwin:
    """A fresh twin."""
    made = twin_for(LOADED)
    assert isinstance(made, EnergyFootprintTwin)
    return made


def report(subscription: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """Return a request that is taken; None leaves a member out."""
    type = "org.camaraproject.energy-footprint-notification.v1.energy"
    told = {"protocol": "HTTP", "sink": "https://sink.example/a", "types": [type], "config": {"subscriptionDetail": {}}}
    told |= {"sinkCredential": CREDENTIAL, **(subscription or {})}
    body = {"service": [ONE], "timePeriod": DAY, "subscriptionRequest": told, **members}
    return {k: v for k, v in body.items() if v is not None}


def ask(twin: EnergyFootprintTwin, target: str, body: Any, at: float = 0.0, **headers: str) -> WireResponse:
    """Send a request *at* seconds after now."""
    named = {
        "authorization": "Bearer twin-token",
        "content-type": "application/json",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return twin.handle(WireRequest(method="POST", target=target, headers=tuple(named.items()), body=json.dumps(body).encode()), NOW + at)


def told(twin: EnergyFootprintTwin, at: float) -> list[dict[str, Any]]:
    """Return the events that were sent until then."""
    return [json.loads(one.request.body) for one in twin.due(NOW + at)]


def test_a_request_is_shown_and_its_result_sent_once(twin: EnergyFootprintTwin) -> None:
    """The answer names the request, the event names it too and carries the token of the subscription."""
    answer = ask(twin, ENERGY, report())
    shown = json.loads(answer.body)
    assert (answer.status, shown["service"], shown["timePeriod"]) == (201, [ONE], DAY)
    assert "sinkCredential" not in shown["subscriptionRequest"]
    assert told(twin, 0) == []
    [sent] = twin.due(NOW + 1)
    event = json.loads(sent.request.body)
    assert (sent.url, sent.at) == ("https://sink.example/a", NOW + CALCULATION)
    assert ("authorization", "Bearer t0ken") in sent.request.headers
    assert event["type"].endswith(".v1.energy")
    assert event["data"]["requestId"] == shown["requestId"]
    assert told(twin, 100) == []


def test_what_is_calculated_follows_from_instances_and_period(twin: EnergyFootprintTwin) -> None:
    """Power times hours, for all instances; the footprint is proportional to it."""
    for body in (report(), report(service=[ONE, OTHER]), report(timePeriod={**DAY, "endDate": DAY["startDate"]}), report(timePeriod=None)):
        ask(twin, ENERGY, body)
    ask(twin, CARBON, report())
    energy, both, none, ever, carbon = (e["data"] for e in told(twin, 1))
    age = INSTANCES[ONE]
    assert energy["energyConsumption"] == pytest.approx(age[0] * 10)
    assert both["energyConsumption"] > energy["energyConsumption"] > none["energyConsumption"] == 0
    assert ever["energyConsumption"] == pytest.approx(age[0] * age[1])
    assert carbon["carbonFootprint"] == pytest.approx(age[0] * 10 * INTENSITY, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (report(service=["6f1c2a54-9a0e-4b3d-8d5c-0a1b2c3d4eff"]), (404, "UNKNOWN_APPLICATION_IDENTIFIER")),
        (report(service=["not a uuid"]), (400, "INVALID_ARGUMENT")),
        (report(timePeriod={"startDate": DAY["endDate"], "endDate": DAY["startDate"]}), (400, "OUT_OF_RANGE")),
        (report(timePeriod={"endDate": DAY["endDate"]}), (400, "INVALID_ARGUMENT")),
        (report(timePeriod={"startDate": "2026-09-20T00:00:00"}), (400, "INVALID_ARGUMENT")),
        (report(timePeriod="yesterday"), (400, "INVALID_ARGUMENT")),
        (report({"sink": "http://sink.example"}), (400, "INVALID_ARGUMENT")),
        (report({"protocol": "MQTT5"}), (400, "INVALID_ARGUMENT")),
        (report({"types": []}), (400, "INVALID_ARGUMENT")),
        (report({"sinkCredential": {"credentialType": "PLAIN", "identifier": "a", "secret": "b"}}), (400, "INVALID_ARGUMENT")),
        (report({"sinkCredential": {"credentialType": "ACCESSTOKEN"}}), (400, "INVALID_ARGUMENT")),
        (report({"config": {"subscriptionDetail": {}, "subscriptionMaxEvents": 0}}), (400, "INVALID_ARGUMENT")),
        ({}, (400, "INVALID_ARGUMENT")),
    ],
)
def test_a_request_is_refused_for_its_reason(twin: EnergyFootprintTwin, body: Any, refusal: tuple[int, str]) -> None:
    """Each reason has its status and code, and nothing is sent."""
    answer = ask(twin, ENERGY, body)
    assert (answer.status, json.loads(answer.body)["code"]) == refusal
    assert told(twin, 5) == []


def test_who_asks_and_how_it_is_followed(twin: EnergyFootprintTwin) -> None:
    """Credentials are needed; a correlator comes back, a malformed one is refused."""
    assert ask(twin, ENERGY, report(), authorization="Bearer nobody").status == 401
    assert ("x-correlator", "a-1") in ask(twin, CARBON, report(), x_correlator="a-1").headers
    assert ask(twin, CARBON, report(), x_correlator="no correlator!").status == 400


def _verdicts(run: Run) -> dict[str, Verdict]:
    return {r.requirement: r.verdict for r in score(run).results}


WHOLE = {r.id: Verdict.PASS for r in LOADED.requirements} | {r.id: Verdict.NOT_TESTED for r in LOADED.not_tested}


def test_its_profile_passes_in_process(twin: EnergyFootprintTwin, tmp_path: Path) -> None:
    """On a virtual clock, with every delivery; nothing is left behind."""
    run = run_in_process(LOADED, twin, tmp_path)
    assert _verdicts(run) == WHOLE
    assert not run.leftovers
    assert score(run).exit_code == 0


@pytest.mark.slow
def test_its_profile_passes_over_http(twin: EnergyFootprintTwin, tmp_path: Path) -> None:
    """Deliveries go over TLS to the run's own sink, whose authority the twin trusts: the verdicts are those of the process."""
    with serve(twin, sink_ca=tmp_path / "sink-ca.pem") as url:
        target = replace(target_of_twin(LOADED, twin, url, tmp_path), url=url)
        claim = Claim(profile=PROFILE, edition=LOADED.edition, features={"event-limit": Support.YES})
        run = execute(Session(PROFILE, target, claim, tmp_path, Options(), EPOCH))
    assert _verdicts(run) == WHOLE


def run(twin: Twin, folder: Path, expression: str, allow: tuple[str, ...] = ("write",)) -> dict[str, Verdict]:
    """Run a part of the profile."""
    target = replace(target_of_twin(LOADED, twin, "http://twin.invalid", folder), allow=allow)
    claim = Claim(profile=PROFILE, edition=LOADED.edition, features={"event-limit": Support.YES})
    session = Session(PROFILE, target, claim, folder, Options(seed=1), EPOCH, None, TwinWire(twin, EPOCH))
    return {r.requirement: r.verdict for r in execute(session, expression=expression, new_loop=VirtualLoop).results}


OWN = [p for p in planted(LOADED) if p.fault.profile == PROFILE and p.representative]


@pytest.mark.parametrize("planted", OWN, ids=lambda p: p.name)
def test_a_fault_of_its_own_turns_its_requirements_red(planted: Any, tmp_path: Path) -> None:
    words = [i.partition("/")[2].split(".") for i in planted.expected]
    seen = run(planted.twin(twin_for(LOADED)), tmp_path, " or ".join(f"({' and '.join(w)})" for w in words))
    assert {i: seen[i] for i in planted.expected} == dict.fromkeys(planted.expected, Verdict.FAIL)


@pytest.mark.parametrize(
    "variant", [v for v in variants_for(LOADED) if v.name.startswith(("callback", "event", "unhurried", "slow"))], ids=lambda v: v.name
)
def test_another_way_to_call_back_is_as_good(variant: Any, tmp_path: Path) -> None:
    """Nothing but passes."""
    seen = run(variant.twin(twin_for(LOADED)), tmp_path, "event or delivered")
    assert {i for i, v in seen.items() if v is not Verdict.PASS} == set()


def test_without_a_delivery_the_profile_is_not_conformed_to(tmp_path: Path) -> None:
    """Whatever the answers are: the result is what the interface is for."""
    silent = next(p for p in planted(LOADED) if p.fault.name == "callbacks-lost")
    run = run_in_process(LOADED, silent.twin(twin_for(LOADED)), tmp_path)
    fails = {i for i, v in _verdicts(run).items() if v is Verdict.FAIL}
    assert fails == {f"{PROFILE}/{s}.{r}" for s in ("energy", "carbon") for r in ("delivered", "delivered-without-period")}
    assert score(run).exit_code == 1


def test_without_consent_nothing_is_asked_for(twin: EnergyFootprintTwin, tmp_path: Path) -> None:
    """A calculation makes the target call somebody, so the reader of a run must have agreed."""
    seen = run(twin, tmp_path, "", allow=())
    assert set(seen.values()) == {Verdict.NOT_TESTED, Verdict.NOT_APPLICABLE}
    assert told(twin, 1e9) == []
