"""The SECA twin follows the life cycle of its standard, and its profile is green on it and red on its own faults."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.claim import Claim
from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, run_in_process, target_of_twin
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import load_profile
from conformance.profile import Resource
from conformance.reference.faults import planted
from conformance.reference.message import Call
from conformance.reference.twins import twin_for
from conformance.reference.twins.seca import STEP, TENANT, SecaTwin, labelled
from conformance.verdict import Verdict
from conformance.wire import Twin, WireRequest, WireResponse

NOW = 1_800_000_000.0
PROFILE = load_profile("seca@v1")
WORKSPACES = f"/providers/seca.workspace/v1/tenants/{TENANT}/workspaces"
COMPUTE = f"/providers/seca.compute/v1/tenants/{TENANT}/workspaces/ws/instances"
STORAGE = f"/providers/seca.storage/v1/tenants/{TENANT}/workspaces/ws/block-storages"
VOLUME = {"spec": {"skuRef": {"resource": "skus/twin.rd100"}, "sizeGB": 50}}
INSTANCE = {"spec": {"skuRef": {"resource": "skus/twin.s"}, "zone": "a", "bootVolume": {"deviceRef": {"resource": "block-storages/vol"}}}}


class Client:
    """Speaks to a fresh twin; time moves only when told."""

    def __init__(self) -> None:
        self.twin, self.now = twin_for(PROFILE), NOW

    def ask(self, method: str, target: str, body: Any = None, **headers: str) -> WireResponse:
        named = (("authorization", "Bearer twin-token"), *((k.replace("_", "-"), v) for k, v in headers.items()))
        sent = b"" if body is None else json.dumps(body).encode()
        return self.twin.handle(WireRequest(method=method, target=target, headers=named, body=sent), self.now)

    def read(self, target: str) -> Any:
        return json.loads(self.ask("GET", target).body)

    def put(self, target: str, body: Any) -> None:
        assert self.ask("PUT", target, body).status == 201
        self.now += 3 * STEP


def test_a_put_creates_once_and_replaces_then() -> None:
    client = Client()
    made = client.ask("PUT", f"{WORKSPACES}/ws", {"spec": {}})
    assert made.status == 201
    assert json.loads(made.body)["status"]["state"] == "pending"
    assert client.ask("PUT", f"{WORKSPACES}/ws", {"spec": {}}).status == 409, "it is not active yet"
    client.now += 3 * STEP
    assert [c["state"] for c in client.read(f"{WORKSPACES}/ws")["status"]["conditions"]] == ["pending", "creating", "active"]
    assert client.ask("PUT", f"{WORKSPACES}/ws", {"labels": {"a": "b"}, "spec": {}}).status == 200
    after = client.read(f"{WORKSPACES}/ws")
    assert (after["status"]["state"], after["metadata"]["resourceVersion"], after["labels"]) == ("updating", 2, {"a": "b"})


def test_a_list_in_what_is_not_there_is_refused_as_its_document_says() -> None:
    client = Client()
    for place in (f"{TENANT}/workspaces/nowhere", "nobody/workspaces/nowhere"):
        assert client.ask("GET", f"/providers/seca.compute/v1/tenants/{place}/instances").status == 403
        assert client.ask("GET", f"/providers/seca.compute/v1/tenants/{place}/instances/one").status == 404


def test_an_outdated_version_is_refused() -> None:
    client = Client()
    client.put(f"{WORKSPACES}/ws", {"spec": {}})
    assert client.ask("PUT", f"{WORKSPACES}/ws", {"spec": {}}, if_unmodified_since="7").status == 412
    assert client.ask("PUT", f"{WORKSPACES}/ws", {"spec": {}}, if_unmodified_since="1").status == 200


def test_a_delete_can_be_repeated_and_takes_everything_inside_with_it() -> None:
    client = Client()
    client.put(f"{WORKSPACES}/ws", {"spec": {}})
    client.put(f"{STORAGE}/vol", VOLUME)
    assert [client.ask("DELETE", f"{WORKSPACES}/ws").status for _ in range(2)] == [202, 202]
    assert client.read(f"{STORAGE}/vol")["status"]["state"] == "deleting"
    client.now += 2 * STEP
    assert [client.ask("GET", target).status for target in (f"{WORKSPACES}/ws", f"{STORAGE}/vol")] == [404, 404]


def test_an_instance_is_switched_as_its_state_allows() -> None:
    client = Client()
    client.put(f"{WORKSPACES}/ws", {"spec": {}})
    client.put(f"{STORAGE}/vol", VOLUME)
    client.put(f"{COMPUTE}/vm", INSTANCE)
    seen = []
    for action in ("stop", "restart", "start", "start", "restart", "stop"):
        seen.append(client.ask("POST", f"{COMPUTE}/vm/{action}").status)
        client.now += 2 * STEP
        seen.append(client.read(f"{COMPUTE}/vm")["status"]["powerState"])
    assert seen == [409, "off", 409, "off", 202, "on", 409, "on", 202, "on", 202, "off"]


@pytest.mark.parametrize("member", [{"zone": "b"}, {"skuRef": {"resource": "skus/twin.m"}}])
def test_sku_and_zone_cannot_be_changed(member: dict[str, Any]) -> None:
    client = Client()
    client.put(f"{WORKSPACES}/ws", {"spec": {}})
    client.put(f"{STORAGE}/vol", VOLUME)
    client.put(f"{COMPUTE}/vm", INSTANCE)
    assert client.ask("PUT", f"{COMPUTE}/vm", {"spec": {**INSTANCE["spec"], **member}}).status == 422


@pytest.mark.parametrize(
    ("selector", "holds"),
    [("a=1", True), ("a=1,b=2", True), ("a!=1", False), ("c!=1", True), ("a>0,b<3", True), ("*=2", True), ("a=2", False), ("", True)],
)
def test_labels_are_compared_as_the_selector_says(selector: str, holds: bool) -> None:
    assert labelled({"a": "1", "b": "2"}, selector) is holds


def run(twin: Twin, folder: Path, expression: str) -> dict[str, Verdict]:
    target = target_of_twin(PROFILE, twin, "http://twin.invalid", folder)
    claim = Claim(profile="seca", edition="v1", features={})
    session = Session("seca@v1", target, claim, folder, Options(seed=1), EPOCH, None, TwinWire(twin, EPOCH))
    return {r.requirement: r.verdict for r in execute(session, expression=expression, new_loop=VirtualLoop).results}


def test_the_profile_is_green_on_the_twin(tmp_path: Path) -> None:
    seen = {r.requirement: r.verdict for r in run_in_process(PROFILE, twin_for(PROFILE), tmp_path).results}
    assert set(seen.values()) == {Verdict.PASS, Verdict.NOT_TESTED}
    assert {i for i, v in seen.items() if v is Verdict.NOT_TESTED} == {r.id for r in PROFILE.not_tested}


class Roomy(SecaTwin):
    """Names one more page after a full one, which then shows nothing, and accepts puts for later."""

    def do_list(self, call: Call, resource: Resource) -> WireResponse:
        answer = super().do_list(call, resource)
        body, size = json.loads(answer.body), int(call.one("limit") or 1000)
        if len(body["items"]) == size and "skipToken" not in body["metadata"]:
            body["metadata"]["skipToken"] = "OTk5OTk"
        return replace(answer, body=json.dumps(body).encode())

    def do_create(self, call: Call, resource: Resource) -> WireResponse:
        return replace(super().do_create(call, resource), status=202)


def test_what_is_left_open_is_no_finding(tmp_path: Path) -> None:
    words = ("last and page", "created", "changed", "delete and if and unchanged", "second and delete", "error and format")
    seen = run(Roomy(PROFILE), tmp_path, " or ".join(f"({w})" for w in words))
    assert len(seen) > 30
    assert set(seen.values()) == {Verdict.PASS}


def test_who_looks_at_no_version_is_found_once(tmp_path: Path) -> None:
    """How an outdated version is refused cannot be seen where it is not: that is no second finding."""
    ignoring = next(p for p in planted(PROFILE) if p.name == "version-not-looked-at@putWorkspace")
    seen = run(ignoring.twin(twin_for(PROFILE)), tmp_path, "errors or (workspace and version)")
    assert {i for i, v in seen.items() if v is Verdict.FAIL} == {"seca/workspace.version"}
    assert {i for i, v in seen.items() if v is Verdict.INCONCLUSIVE} == {"seca/errors.precondition", "seca/errors.type-precondition"}


@pytest.mark.parametrize("planted", [p for p in planted(PROFILE) if p.fault.profile == "seca" and p.representative], ids=lambda p: p.name)
def test_a_fault_of_its_own_turns_its_requirement_red(planted: Any, tmp_path: Path) -> None:
    words = [i.partition("/")[2].split(".") for i in planted.expected]
    seen = run(planted.twin(twin_for(PROFILE)), tmp_path, " or ".join(f"({' and '.join(w)})" for w in words))
    assert {i: seen[i] for i in planted.expected} == dict.fromkeys(planted.expected, Verdict.FAIL)
