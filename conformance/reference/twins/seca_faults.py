"""Faults that only a SECA provider can have."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, with_header
from conformance.reference.faults.where import at, ids
from conformance.reference.message import NotJson, read_json, write_json
from conformance.reference.twins.seca import SecaTwin
from conformance.wire import WireResponse

_P = "seca"


def _of_its_own(name: str) -> Callable[[Profile, str], frozenset[str]]:
    """Requirements called *name* of the resource whose put the fault is planted at."""

    def rule(profile: Profile, place: str) -> frozenset[str]:
        resource = profile.bindings.resource_of(place)
        return ids(f"{resource.name}.{name}")(profile, place) if resource else frozenset()

    return rule


def _refused(answer: WireResponse, status: int) -> bool:
    return answer.status == status and b"secapi.cloud/errors" in answer.body


@fault(
    profile=_P, group="concurrency and validators", sentence="The version in If-Unmodified-Since is not looked at.",
    applies=at("putWorkspace", "putInstance", "putRole", "putSecurityGroup"), expected=_of_its_own("version"),
)  # fmt: skip
def version_not_looked_at(seen: Seen) -> WireResponse:
    headers = tuple(h for h in seen.request.headers if h[0].lower() != "if-unmodified-since")
    return seen.forward(replace(seen.request, headers=headers))


@fault(
    profile=_P, group="concurrency and validators", sentence="A change leaves the version as it is.",
    applies=at("getWorkspace"), expected=ids("workspace.version-grows"),
)  # fmt: skip
def version_stands_still(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "metadata": {**body["metadata"], "resourceVersion": 1}})


@fault(
    profile=_P, group="state", sentence="A workspace that is being made shows that it is being removed.",
    applies=at("getWorkspace"), expected=ids("workspace.begins"),
)  # fmt: skip
def deleting_from_the_start(seen: Seen) -> WireResponse:
    def change(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "status": {**body["status"], "state": "deleting"}} if body["status"]["state"] != "active" else body

    return seen.edited(change)


@fault(
    profile=_P, group="state", sentence="What could be made ends in the state error.",
    applies=at("getWorkspace"), expected=ids("workspace.becomes-active"),
)  # fmt: skip
def ends_in_error(seen: Seen) -> WireResponse:
    def change(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "status": {**body["status"], "state": "error"}} if body["status"]["state"] == "active" else body

    return seen.edited(change)


@fault(
    profile=_P, group="state", sentence="A workspace has no conditions.",
    applies=at("getWorkspace"), expected=ids("workspace.conditions"),
)  # fmt: skip
def no_conditions(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "status": {**body["status"], "conditions": []}})


@fault(
    profile=_P, group="state", sentence="What is in a workspace outlives it.",
    applies=at("getBlockStorage"), expected=ids("workspace.delete-cascades"),
)  # fmt: skip
def contents_outlive_a_workspace(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status == 200:
        seen.memory[seen.request.target] = answer
    elif answer.status == 404 and b"no workspace" in answer.body and seen.request.target in seen.memory:
        kept: WireResponse = seen.memory[seen.request.target]
        return kept
    return answer


@fault(
    profile=_P, group="state", sentence="The zone of an instance can be changed.",
    applies=at("putInstance"), expected=ids("instance.zone-immutable"),
)  # fmt: skip
def zone_can_be_changed(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if not _refused(answer, 422) or b"/spec/zone cannot" not in answer.body or not isinstance(seen.twin, SecaTwin):
        return answer
    instance = _instance(seen)
    if instance is None:
        return answer
    zone = json.loads(seen.request.body)["spec"]["zone"]
    before, instance.body = instance.body, {**instance.body, "spec": {**instance.body["spec"], "zone": zone}}
    changed = seen.forward()
    instance.body = instance.body if changed.status == 200 else before
    return changed


@fault(
    profile=_P, group="state", sentence="A block storage can be made smaller.",
    applies=at("putBlockStorage"), expected=ids("block-storage.size-kept"),
)  # fmt: skip
def volume_shrinks(seen: Seen) -> WireResponse:
    answer, instance = seen.forward(), _instance(seen)
    if not _refused(answer, 422) or b"smaller" not in answer.body or instance is None:
        return answer
    instance.body = {**instance.body, "spec": {**instance.body["spec"], "sizeGB": 50}}
    return seen.forward()


def _instance(seen: Seen) -> Any:
    """Return what the path of a request names in the twin, or None."""
    route = seen.twin.route(seen.request.target.partition("?")[0])
    if route is None or seen.resource is None:
        return None
    values = tuple(route.values.values())
    return seen.twin.store.shelf(seen.resource.name, values[:-1]).get(values[-1])


@fault(
    profile=_P, group="value fidelity", sentence="The name in the metadata of a put is taken for the name.",
    applies=at("putWorkspace", "putRole"), expected=_of_its_own("metadata-ignored"),
)  # fmt: skip
def metadata_taken(seen: Seen) -> WireResponse:
    try:
        sent = read_json(seen.request.body)
    except NotJson:
        return seen.forward()
    answer, instance = seen.forward(), _instance(seen)
    name = (sent.get("metadata") or {}).get("name") if isinstance(sent, dict) else None
    if name and answer.status in (200, 201) and instance is not None:
        instance.id = name
    return answer


@fault(
    profile=_P, group="query semantics", sentence="A list shows what is not deleted to those who ask for the deleted alone.",
    applies=at("listWorkspaces"), expected=ids("workspace.deleted-only"),
)  # fmt: skip
def deleted_only_not_looked_at(seen: Seen) -> WireResponse:
    headers = tuple((k, v.partition(";")[0] if k.lower() == "accept" else v) for k, v in seen.request.headers)
    return seen.forward(replace(seen.request, headers=headers))


@fault(
    profile=_P, group="query semantics", sentence="A label that must not be there is not looked at.",
    applies=at("listWorkspaces"), expected=ids("workspace.labels"),
)  # fmt: skip
def unequal_not_looked_at(seen: Seen) -> WireResponse:
    return seen.asking(lambda query: [(k, v) for k, v in query if k != "labels" or "!=" not in v])


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="A restart is refused.",
    applies=at("restartInstance"), expected=ids("instance.restart"),
)  # fmt: skip
def restart_refused(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    return seen.forward(replace(seen.request, target=seen.request.target.replace("/restart", "/start"))) if answer.status == 202 else answer


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="A second stop breaks the provider.",
    applies=at("stopInstance"), expected=ids("instance.stop-again"),
)  # fmt: skip
def second_stop_breaks(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status == 202:
        seen.memory[seen.request.target] = True
    return WireResponse(status=500) if answer.status == 409 and seen.request.target in seen.memory else answer


@fault(
    profile=_P, group="error body", sentence="The type of an error is not on the list.",
    applies=at("getWorkspace"), expected=ids("errors.type"),
)  # fmt: skip
def error_type_of_its_own(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body.replace(b"http://secapi.cloud/errors/resource-not-found", b"https://httpstatuses.io/404"))


@fault(
    profile=_P, group="error body", sentence="The type of a refusal is not on the list.",
    applies=at("listRegions", "putWorkspace"),
    expected=lambda profile, place: ids(
        *(("errors.type-unauthorized",) if place == "listRegions" else ("errors.type-malformed", "errors.type-precondition"))
    )(profile, place),
)  # fmt: skip
def refusal_type_of_its_own(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body.replace(b"http://secapi.cloud/errors/", b"https://httpstatuses.io/"))


@fault(
    profile=_P, group="error body", sentence="What does not exist is refused in plain text.",
    applies=at("getRole", "getInstance", "getBlockStorage", "getNetwork"), expected=_of_its_own("error-format"),
)  # fmt: skip
def not_found_in_words(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _in_words(answer) if answer.status == 404 else answer


@fault(
    profile=_P, group="error body", sentence="A body that is no JSON is refused in plain text.",
    applies=at("putWorkspace", "putRole"), expected=_of_its_own("error-format"),
)  # fmt: skip
def malformed_in_words(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _in_words(answer) if answer.status == 400 and seen.sent is None else answer


@fault(
    profile=_P, group="error body", sentence="A request without credentials is refused in plain text.",
    applies=at("listRegions"), expected=ids("errors.unauthorized"),
)  # fmt: skip
def unauthorized_in_words(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _in_words(answer) if answer.status == 401 else answer


@fault(
    profile=_P, group="error body", sentence="An outdated version is refused without a word on what is wrong.",
    applies=at("putWorkspace"), expected=ids("errors.precondition"),
)  # fmt: skip
def precondition_without_detail(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status != 412:
        return answer
    return replace(answer, body=write_json({k: v for k, v in read_json(answer.body).items() if k != "detail"}))


@fault(
    profile=_P, group="idempotency", sentence="A delete of what is gone is refused in plain text.",
    applies=at("deleteRole", "deleteWorkspace", "deleteBlockStorage", "deleteInstance"), expected=_of_its_own("second-delete"),
)  # fmt: skip
def second_delete_in_words(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _in_words(answer) if answer.status == 404 else answer


def _told_as(seen: Seen, status: int, other: int) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=other) if answer.status == status else answer


def _in_words(answer: WireResponse) -> WireResponse:
    return replace(with_header(answer, "Content-Type", "text/plain"), body=b"no")


@fault(
    profile=_P, group="status", sentence="A put that makes something is answered as a change.",
    applies=at("putRole", "putWorkspace", "putBlockStorage", "putInstance", "putNetwork"), expected=_of_its_own("created"),
)  # fmt: skip
def create_told_as_change(seen: Seen) -> WireResponse:
    return _told_as(seen, 201, 200)


@fault(
    profile=_P, group="status", sentence="A put that changes something is answered as if it had made it.",
    applies=at("putRole", "putWorkspace", "putBlockStorage", "putInstance", "putNetwork"), expected=_of_its_own("changed"),
)  # fmt: skip
def change_told_as_create(seen: Seen) -> WireResponse:
    return _told_as(seen, 200, 201)


@fault(
    profile=_P, group="concurrency and validators", sentence="The version in If-Unmodified-Since is not looked at in a delete.",
    applies=at("deleteRole", "deleteWorkspace", "deleteBlockStorage", "deleteInstance", "deleteNetwork"),
    expected=_of_its_own("delete-if-unchanged"),
)  # fmt: skip
def version_not_looked_at_in_a_delete(seen: Seen) -> WireResponse:
    return version_not_looked_at(seen)


@fault(
    profile=_P, group="paging", sentence="Every page names a next one, and those behind the last show nothing.",
    applies=at("listRegions", "listWorkspaces", "listRoles", "listComputeSkus", "listStorageSkus", "listNetworkSkus"),
    expected=_of_its_own("last-page"),
)  # fmt: skip
def pages_never_end(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "metadata": {"skipToken": "OTk5OTk", **body["metadata"]}})
