"""The E/WBI twin follows the rules of a partner operator in either dialect; its profile is green on it and red on its own faults."""

from __future__ import annotations

import json
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
from conformance.multipart import BOUNDARY, write_parts
from conformance.profile import Profile
from conformance.reference.faults import planted
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.reference.twins.ewbi import ENDING, PROFILE, STARTING, FederationTwin
from conformance.run import Run
from conformance.verdict import Verdict
from conformance.wire import Twin, WireRequest, WireResponse

NOW = 1_800_000_000.0
EDITIONS = ("1.3", "1.3-openop")
PROFILES = {edition: load_profile(f"{PROFILE}@{edition}") for edition in EDITIONS}
COMPUTE = {"cpuArchType": "ISA_X86_64", "numCPU": "1", "memory": 128}
PART = {
    "componentName": "web", "images": ["image-1"], "numOfInstances": 1, "restartPolicy": "RESTART_POLICY_NEVER", "computeResourceProfile": COMPUTE,
}  # fmt: skip
FILE = {
    "fileId": "image-1", "appProviderId": "provider", "fileName": "image", "fileVersionInfo": "1", "fileType": "QCOW2", "imgInsSetArch": "ISA_X86_64",
    "imgOSType": {"architecture": "x86_64", "distribution": "OTHER", "version": "OTHER", "license": "NOT_SPECIFIED"}, "file": "bytes",
}  # fmt: skip
ARTEFACT = {
    "artefactId": "artefact-1", "appProviderId": "provider", "artefactName": "artefact", "artefactVersionInfo": "1",
    "artefactVirtType": "CONTAINER_TYPE", "artefactDescriptorType": "COMPONENTSPEC", "componentSpec": [PART],
}  # fmt: skip
APP = {
    "appId": "application1", "appProviderId": "provider", "appMetaData": {"appName": "app", "version": "1", "accessToken": "12345678"},
    "appQoSProfile": {"latencyConstraints": "NONE"}, "appComponentSpecs": [{"artefactId": "artefact-1"}],
    "appStatusCallbackLink": "https://originating.example/apps",
}  # fmt: skip
INSTANCE = {
    "appId": "application1", "appProviderId": "provider", "appVersion": "1", "zoneInfo": {"zoneId": "edge-north", "flavourId": "small"},
    "appInstCallbackLink": "https://originating.example/instances",
}  # fmt: skip


class Client:
    """Speaks to a fresh twin in a federation of its own; time moves only when told."""

    def __init__(self, edition: str = "1.3") -> None:
        twin = twin_for(PROFILES[edition])
        assert isinstance(twin, FederationTwin)
        self.edition, self.twin, self.now = edition, twin, NOW
        body = {"origOPFederationId": "origin", "initialDate": "2026-01-01T00:00:00Z", "partnerStatusLink": "https://originating.example/s"}
        made = self.raw("POST", "/partner", body)
        self.made, self.id = made, json.loads(made.body)["federationContextId"]

    def raw(self, method: str, target: str, body: Any = None, parts: bool = False, token: str = "twin-token") -> WireResponse:
        kind = f"multipart/form-data; boundary={BOUNDARY}" if parts else "application/json"
        sent = b"" if body is None else write_parts(body, ["file"]) if parts else json.dumps(body).encode()
        named = (("authorization", f"Bearer {token}"), ("content-type", kind))
        return self.twin.handle(WireRequest(method=method, target=target, headers=named, body=sent), self.now)

    def ask(self, method: str, path: str, body: Any = None, *, parts: bool = False) -> WireResponse:
        return self.raw(method, f"/{self.id}{path}", body, parts)

    def ready(self) -> None:
        """Subscribe to a zone and onboard an application."""
        links = {"availZoneNotifLink": "https://originating.example/z"}
        assert self.ask("POST", "/zones", {"acceptedAvailabilityZones": ["edge-north"], **links}).status == 200
        if self.edition == "1.3":
            assert self.ask("POST", "/files", FILE, parts=True).status == 200
        assert self.ask("POST", "/artefact", ARTEFACT, parts=self.edition == "1.3").status == 200
        assert self.ask("POST", "/application/onboarding", APP).status == 202

    def told(self) -> list[dict[str, Any]]:
        """Return what was sent until now."""
        return [json.loads(one.request.body) for one in self.twin.due(self.now)]


def test_a_federation_is_its_clients_own_and_takes_everything_with_it() -> None:
    client = Client()
    assert dict(client.made.headers)["Location"].endswith(f"/{client.id}/partner")
    client.ready()
    assert client.raw("GET", f"/{client.id}/partner", token="other-token").status == 404
    assert client.ask("DELETE", "/partner").status == 200
    assert [client.ask("GET", path).status for path in ("/partner", "/zones/edge-north", "/application/onboarding/app/application1")] == [
        404
    ] * 3


def test_network_codes_are_added_and_taken_away() -> None:
    client = Client()
    change = {"objectType": "FIXED_NETWORK_CODES", "operationType": "ADD_CODES", "modificationDate": "2026-01-01T00:00:00Z"}
    added = client.ask("PATCH", "/partner", {**change, "addFixedNetworkIds": ["a", "b"]})
    assert json.loads(added.body)["allowedFixedNetworkIds"] == ["a", "b"]
    assert "allowedFixedNetworkIds" not in json.loads(client.ask("PATCH", "/partner", {**change, "removeFixedNetworkIds": ["a", "b"]}).body)


def test_what_something_else_rests_on_cannot_be_removed() -> None:
    client = Client()
    client.ready()
    assert client.ask("POST", "/application/lcm", {**INSTANCE, "appInstanceId": "one"}).status == 202
    held = ("/files/image-1", "/artefact/artefact-1", "/application/onboarding/app/application1", "/zones/edge-north")
    assert [client.ask("DELETE", path).status for path in held] == [409] * 4


@pytest.mark.parametrize("edition", EDITIONS)
def test_an_instance_goes_through_its_states_and_its_link_is_told(edition: str) -> None:
    client = Client(edition)
    client.ready()
    body = INSTANCE | ({"appInstanceId": "one"} if edition == "1.3" else {})
    made = client.ask("POST", "/application/lcm", body)
    name = "one" if edition == "1.3" else json.loads(made.body)["appInstIdentifier"]
    assert (made.status, bool(made.body)) == (202, edition != "1.3")
    place, seen = f"/application/lcm/app/application1/instance/{name}/zone/edge-north", []
    for method, later in (("GET", 0.0), ("GET", STARTING), ("DELETE", 0.0), ("GET", 0.0), ("GET", ENDING)):
        client.now += later
        answer = client.ask(method, place)
        seen.append(json.loads(answer.body)["appInstanceState"] if method == "GET" and answer.status == 200 else answer.status)
    assert seen == ["PENDING", "READY", 200, "TERMINATING", 404]
    told = client.told()
    assert [t["statusInfo"][0]["onboardStatusInfo"] for t in told if "statusInfo" in t] == ["PENDING", "ONBOARDED"]
    assert [t["appInstanceInfo"]["appInstanceState"] for t in told if "appInstanceInfo" in t] == ["PENDING", "READY", "TERMINATING"]


def test_a_locked_zone_takes_no_instance() -> None:
    client = Client()
    client.ready()
    lock, statuses = "/application/onboarding/app/application1/zoneForbid", []
    for forbid in (True, False):
        statuses.append(client.ask("POST", lock, [{"zoneId": "edge-north", "forbid": forbid}]).status)
        statuses.append(client.ask("POST", "/application/lcm", {**INSTANCE, "appInstanceId": "one"}).status)
    assert statuses == [200, 409, 200, 202]


def test_the_dialects_disagree_about_identifiers_and_uploads() -> None:
    katalis, openop = Client(), Client("1.3-openop")
    assert katalis.ask("POST", "/artefact", ARTEFACT).status == 400
    assert openop.ask("POST", "/artefact", ARTEFACT).status == 200
    katalis.ready()
    assert katalis.ask("POST", "/application/onboarding", {**APP, "appId": "Application_1"}).status == 400
    assert openop.ask("POST", "/application/onboarding", {**APP, "appId": "app-1"}).status == 400
    assert katalis.ask("POST", "/application/lcm", INSTANCE).status == 400, "the caller has to name the instance"
    assert [c.raw("GET", "/fed-context-id").status for c in (katalis, openop)] == [404, 200]


def red_or_green(run: Run) -> dict[str, Verdict]:
    return {r.requirement: r.verdict for r in run.results}


#: What is looked at over HTTP: all of one dialect, and of the other what only it has.
OVER_HTTP = {"1.3": "file or artefact or pool or edge or device", "1.3-openop": ""}


@pytest.mark.parametrize("edition", ["1.3", pytest.param("1.3-openop", marks=pytest.mark.slow)])
def test_the_profile_is_green_on_the_twin_over_http_as_in_process(edition: str, tmp_path: Path) -> None:
    profile = PROFILES[edition]
    inside = red_or_green(run_in_process(profile, twin_for(profile), tmp_path / "inside"))
    assert {i for i, v in inside.items() if v is not Verdict.PASS} == {r.id for r in profile.not_tested}
    folder, twin = tmp_path / "http", twin_for(profile)
    with serve(twin, sink_ca=folder / "sink-ca.pem") as url:
        target = target_of_twin(profile, twin, url, folder)
        features = {f.name: Support.YES for f in profile.features.values() if f.name != "core"}
        claim = Claim(profile=PROFILE, dialect=profile.dialect, features=features)
        run = execute(Session(PROFILE, target, claim, folder, Options(seed=1), EPOCH), expression=OVER_HTTP[edition])
    seen = red_or_green(run)
    assert len(seen) > 20
    assert seen == {i: inside[i] for i in seen}
    assert OVER_HTTP[edition] or len(seen) == len(inside)
    assert (run.header.edition, run.header.dialect, run.header.claim["dialect"]) == (edition, profile.dialect, profile.dialect)


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_twin_of_the_other_dialect_is_not_green(edition: str, tmp_path: Path) -> None:
    profile, other = PROFILES[edition], PROFILES[next(e for e in EDITIONS if e != edition)]
    seen = verdicts(profile, twin_for(other), tmp_path, "installed or install-app or upload-artefact")
    assert seen[f"{PROFILE}/install-app.answer"] is not Verdict.PASS


def verdicts(profile: Profile, twin: Twin, folder: Path, expression: str) -> dict[str, Verdict]:
    target = target_of_twin(profile, twin, "http://twin.invalid", folder)
    features = {f.name: Support.YES for f in profile.features.values() if f.name != "core"}
    claim = Claim(profile=PROFILE, edition=profile.edition, features=features)
    session = Session(f"{PROFILE}@{profile.edition}", target, claim, folder, Options(seed=1), EPOCH, None, TwinWire(twin, EPOCH))
    return red_or_green(execute(session, expression=expression, new_loop=VirtualLoop))


OWN = [(e, p) for e in EDITIONS for p in planted(PROFILES[e]) if p.fault.profile == PROFILE and p.expected]


@pytest.mark.slow  # the sample of test_matrices.py stands for them in `make test`
@pytest.mark.parametrize(("edition", "planted"), OWN, ids=[f"{e}-{p.name}" for e, p in OWN])
def test_a_fault_of_its_own_turns_its_requirement_red(edition: str, planted: Any, tmp_path: Path) -> None:
    words = [i.partition("/")[2].split(".") for i in planted.expected]
    profile = PROFILES[edition]
    seen = verdicts(profile, planted.twin(twin_for(profile)), tmp_path, " or ".join(f"({' and '.join(w)})" for w in words))
    assert {i: seen[i] for i in planted.expected} == dict.fromkeys(planted.expected, Verdict.FAIL)


@pytest.mark.parametrize(
    ("fault", "slug"),
    [
        ("connection-closed@createFederation", "create-federation.answers"),  # the known-good read is of a federation
        ("one-end-for-all@deleteFederationDetails", "federation.kept-apart"),
    ],
)
def test_a_fault_of_federations_is_found_beside_what_else_makes_and_ends_them(fault: str, slug: str, tmp_path: Path) -> None:
    profile = PROFILES["1.3"]
    faulty = next(p for p in planted(profile) if p.name == fault).twin(twin_for(profile))
    seen = verdicts(profile, faulty, tmp_path, "federation")
    assert seen[f"{PROFILE}/{slug}"] is Verdict.FAIL
