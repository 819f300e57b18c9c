"""The edge cloud twin: its life cycles, its refusals, its events; its own profile finds nothing wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.twins import run_in_process
from conformance.contract import Operation
from conformance.loading.profiles import load_profile
from conformance.profile import Profile
from conformance.reference.message import Refused
from conformance.reference.twins import twin_for
from conformance.reference.twins.edge_apps import ENDING, STARTING, ZONES, EdgeTwin, uuid_of
from conformance.verdict import Verdict
from conformance.wire import WireRequest, header

AT = 1_780_000_000.0
APP = {
    "name": "shop", "version": "1", "appProvider": "some_provider", "packageType": "CONTAINER",
    "appRepo": {"type": "PUBLICREPO", "imagePath": "https://images.example.org/shop:1"},
    "requiredResources": {"infraKind": "container", "numCPU": "1", "memory": 512},
    "componentSpec": [
        {"componentName": "web", "networkInterfaces": [
            {"interfaceId": "web_port", "protocol": "TCP", "port": 80, "visibilityType": "VISIBILITY_EXTERNAL"}]},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile("camara-edge-application-management")


class Client:
    def __init__(self, profile: Profile) -> None:
        twin = twin_for(profile)
        assert isinstance(twin, EdgeTwin)
        self.twin, self.now = twin, AT

    def __call__(self, method: str, target: str, body: Any = None, token: str = "twin-token") -> tuple[int, Any]:
        media = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = (("authorization", f"Bearer {token}"), ("content-type", media), ("x-correlator", "c-1"))
        content = b"" if body is None else json.dumps(body).encode()
        seen = self.twin.handle(WireRequest(method=method, target=target, headers=headers, body=content), self.now)
        assert header(seen.headers, "x-correlator") == "c-1"
        return seen.status, json.loads(seen.body) if seen.body else None

    def app(self, **changes: Any) -> str:
        status, body = self("POST", "/apps", {**APP, **changes})
        assert status == 201
        return str(body["appId"])

    def instance(self, app: str, zone: int = 0, **more: Any) -> str:
        status, body = self("POST", "/appinstances", {"name": "one", "appId": app, "edgeCloudZoneId": uuid_of(ZONES[zone][0]), **more})
        assert status == 202, body
        return str(body["appInstanceId"])

    def status(self, instance: str) -> str:
        _, [found] = self("GET", f"/appinstances?appInstanceId={instance}")
        return str(found["status"])


@pytest.fixture
def client(profile: Profile) -> Client:
    return Client(profile)


def test_an_instance_starts_ends_and_holds_its_application(client: Client) -> None:
    app = client.app()
    instance = client.instance(app)
    assert client.status(instance) == "instantiating"
    client.now += STARTING
    assert client.status(instance) == "ready"
    status, body = client("DELETE", f"/apps/{app}")
    assert (status, body["code"]) == (409, "ABORTED")
    assert client("DELETE", f"/appinstances/{instance}")[0] == 202
    assert client.status(instance) == "terminating"
    client.now += ENDING
    assert client("GET", f"/appinstances?appId={app}") == (200, [])
    assert client("DELETE", f"/apps/{app}")[0] == 202
    assert client("GET", f"/apps/{app}")[0] == 404


def test_an_instance_in_an_inactive_zone_fails(client: Client) -> None:
    instance = client.instance(client.app(), zone=2)
    client.now += STARTING
    assert client.status(instance) == "failed"


def test_what_is_there_already_is_refused(client: Client) -> None:
    app = client.app()
    assert client("POST", "/apps", APP)[1]["code"] == "ALREADY_EXISTS"
    client.instance(app)
    again = {"name": "one", "appId": app, "edgeCloudZoneId": uuid_of(ZONES[0][0])}
    assert client("POST", "/appinstances", again)[0] == 409
    assert client.instance(app, zone=1)


def test_an_instance_of_nothing_or_nowhere_is_refused(client: Client) -> None:
    app = client.app()
    for wrong in ({"appId": uuid_of("99999999")}, {"edgeCloudZoneId": uuid_of("99999999")}, {"kubernetesClusterRef": uuid_of("99999999")}):
        assert client("POST", "/appinstances", {"name": "one", "appId": app, "edgeCloudZoneId": uuid_of(ZONES[0][0]), **wrong})[0] == 400


def test_another_client_sees_nothing_of_ours(client: Client) -> None:
    app = client.app()
    assert client("GET", "/apps", token="other-token") == (200, [])
    assert client("GET", f"/apps/{app}", token="other-token")[0] == 404
    assert client("GET", "/apps", token="nobody")[0] == 401


def test_a_deployment_is_patched_as_a_whole_and_takes_its_instances_with_it(client: Client) -> None:
    first, second = uuid_of(ZONES[0][0]), uuid_of(ZONES[1][0])
    app = client.app()
    made = client("POST", "/deployments", {"appDeploymentName": "dep", "appId": app, "edgeCloudZones": [first]})
    assert made[0] == 202
    id = made[1]["appDeploymentId"]
    status, shown = client("PATCH", f"/deployments/{id}", {"edgeCloudZones": [second], "kubernetesClusterRefs": []})
    assert (status, shown["edgeCloudZones"], shown["appDeploymentName"]) == (200, [second], "dep")
    client.now += ENDING
    _, running = client("GET", f"/appinstances?appId={app}")
    assert [i["edgeCloudZoneId"] for i in running] == [second]
    assert client("DELETE", f"/deployments/{id}")[0] == 202
    assert client("DELETE", f"/deployments/{id}")[0] == 410
    client.now += ENDING
    assert client("DELETE", f"/apps/{app}")[0] == 202


def test_a_change_of_status_is_delivered_with_the_credential(client: Client) -> None:
    subscription = {
        "sink": "https://sink.example/1", "types": ["org.camaraproject.edge-application-management.v0.app-instance-status-change"],
        "sinkCredential": {"credentialType": "ACCESSTOKEN", "accessToken": "t", "accessTokenExpiresUtc": "2099-01-01T00:00:00Z",
                           "accessTokenType": "bearer"},
    }  # fmt: skip
    instance = client.instance(client.app(), subscriptionRequest=subscription)
    assert client.twin.due(client.now) == []
    [sent] = client.twin.due(client.now + STARTING)
    assert (sent.url, header(sent.request.headers, "authorization")) == ("https://sink.example/1", "Bearer t")
    assert json.loads(sent.request.body)["data"] == {"appInstanceId": instance, "status": "ready"}
    assert client.twin.due(client.now + STARTING) == []


def test_an_instance_that_ends_before_it_is_ready_never_tells_that_it_is(client: Client) -> None:
    instance = client.instance(client.app(), subscriptionRequest={"sink": "https://sink.example/1"})
    client("DELETE", f"/appinstances/{instance}")
    assert [json.loads(o.request.body)["data"]["status"] for o in client.twin.due(client.now + 60)] == ["terminating"]


def test_a_token_of_another_type_is_refused(client: Client) -> None:
    credential = {
        "credentialType": "ACCESSTOKEN",
        "accessToken": "t",
        "accessTokenExpiresUtc": "2027-01-01T00:00:00Z",
        "accessTokenType": "mac",
    }
    asked = {"name": "one", "appId": client.app(), "edgeCloudZoneId": uuid_of(ZONES[0][0])}
    refused = {**asked, "subscriptionRequest": {"sink": "https://sink.example/1", "sinkCredential": credential}}
    assert client("POST", "/appinstances", refused)[0] == 400


@pytest.mark.parametrize("edition", ["0.1.0-alpha.1", "wip"])
def test_its_own_profile_finds_nothing_wrong(edition: str, tmp_path: Path) -> None:
    """In each edition, with the twin of that edition."""
    profile = load_profile(f"camara-edge-application-management@{edition}")
    run = run_in_process(profile, twin_for(profile), tmp_path)
    assert {r.requirement: r.reason for r in run.results if r.verdict not in (Verdict.PASS, Verdict.NOT_TESTED)} == {}
    reasons = {r.reason for r in run.results if r.verdict is Verdict.NOT_TESTED}
    assert reasons <= {"needs an operator", "needs a second party", "unobservable"}
    assert run.leftovers == ()


class Otherwise(EdgeTwin):
    """What is permitted, chosen differently: the other code of each pair, 404 for what ended, and one event at a time."""

    ended_status = 404
    batches = False

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        body = super().error_body(refused, operation)
        others = {"ALREADY_EXISTS": "CONFLICT", "NOT_FOUND": "IDENTIFIER_NOT_FOUND", "INVALID_ARGUMENT": "OUT_OF_RANGE"}
        return {**body, "code": others.get(body["code"], body["code"])}


def test_another_permitted_code_or_form_of_events_is_no_finding(profile: Profile, tmp_path: Path) -> None:
    looked = tuple(id for id in profile.by_id if "code" in id or "event" in id or "error" in id)
    run = run_in_process(profile, Otherwise(profile), tmp_path, only=looked)
    assert {r.requirement: r.reason for r in run.results if r.verdict not in (Verdict.PASS, Verdict.NOT_TESTED)} == {}
