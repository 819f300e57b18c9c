"""Faults that only a Kubernetes API server can have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from conformance.reference.faults.planting import Rule, Seen, fault, json_of, success, with_request_header
from conformance.reference.faults.where import at, ids, service
from conformance.reference.message import write_json
from conformance.wire import WireResponse, header

KUBERNETES = "kubernetes-core"
_JSON_PATCH, _STRATEGIC = "application/json-patch+json", "application/strategic-merge-patch+json"


def _by_place(slugs: Mapping[str, str]) -> Rule:
    return lambda profile, place: frozenset({f"{profile.name}/{slugs[place]}"}) if place in slugs else frozenset()


def _media(seen: Seen) -> str:
    return header(seen.request.headers, "content-type") or ""


def _metadata(seen: Seen, change: Callable[[dict[str, Any]], dict[str, Any]]) -> WireResponse:
    """Return the answer to the request with other metadata in its body."""

    def changed(body: Any) -> Any:
        metadata = body.get("metadata") if isinstance(body, dict) else None
        return {**body, "metadata": change(metadata)} if isinstance(metadata, dict) else body

    return seen.sending(changed)


# -- concurrency -----------------------------------------------------------------------------------------------------
@fault(
    profile=KUBERNETES, group="concurrency and validators", sentence="A replacement with an outdated resourceVersion is done.",
    applies=at("replaceConfigMap"), expected=ids("config-map.stale-version", "error.reasons"),
)  # fmt: skip
def resource_version_ignored(seen: Seen) -> WireResponse:
    return _metadata(seen, lambda metadata: {k: v for k, v in metadata.items() if k != "resourceVersion"})


@fault(
    profile=KUBERNETES, group="concurrency and validators", sentence="A resourceVersion never changes.",
    applies=service, expected=ids("config-map.version-changes"),
)  # fmt: skip
def resource_version_stays(seen: Seen) -> WireResponse:
    def stay(body: Any) -> Any:
        metadata = body.get("metadata", {}) if isinstance(body, dict) else {}
        if "uid" not in metadata or "resourceVersion" not in metadata:
            return body
        return {**body, "metadata": {**metadata, "resourceVersion": seen.memory.setdefault(metadata["uid"], metadata["resourceVersion"])}}

    return seen.edited(stay)


@fault(
    profile=KUBERNETES, group="concurrency and validators", sentence="Preconditions of a deletion are not looked at.",
    applies=at("deleteConfigMap"), expected=ids("config-map.delete-precondition"),
)  # fmt: skip
def preconditions_ignored(seen: Seen) -> WireResponse:
    return seen.forward(replace(seen.request, body=b""))


@fault(
    profile=KUBERNETES, group="state", sentence="A deletion does not wait for finalizers.",
    applies=at("createConfigMap"), expected=ids("config-map.finalizers"),
)  # fmt: skip
def finalizers_ignored(seen: Seen) -> WireResponse:
    return _metadata(seen, lambda metadata: {k: v for k, v in metadata.items() if k != "finalizers"})


@fault(
    profile=KUBERNETES, group="state", sentence="A dry run is done.", applies=at("createConfigMap", "patchConfigMap", "deleteConfigMap"),
    expected=_by_place({"createConfigMap": "dry-run.create", "patchConfigMap": "dry-run.patch", "deleteConfigMap": "dry-run.delete"}),
)  # fmt: skip
def dry_run_done(seen: Seen) -> WireResponse:
    return seen.asking(lambda query: [(k, v) for k, v in query if (k, v) != ("dryRun", "All")])


@fault(
    profile=KUBERNETES, group="state", sentence="The data of an immutable config map can be changed.",
    applies=at("createConfigMap"), expected=ids("config-map.immutable"),
)  # fmt: skip
def immutable_ignored(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {k: v for k, v in body.items() if k != "immutable"} if isinstance(body, dict) else body)


@fault(
    profile=KUBERNETES, group="state", sentence="A scale is taken and changes nothing.",
    applies=at("replaceDeploymentScale", "patchDeploymentScale"),
    expected=_by_place({"replaceDeploymentScale": "deployment.scale-replace", "patchDeploymentScale": "deployment.scale-patch"}),
)  # fmt: skip
def scale_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=KUBERNETES, group="state", sentence="The namespace of a new object stays when it is deleted.",
    applies=at("deleteNamespace"), expected=ids("namespace.delete-is-effective"),
)  # fmt: skip
def namespace_stays(seen: Seen) -> WireResponse:
    return seen.pretend()


# -- writes ----------------------------------------------------------------------------------------------------------
@fault(
    profile=KUBERNETES, group="input validation", sentence="Members that nobody knows are taken in silence, however strictly it is asked.",
    applies=at("createConfigMap"), expected=ids("validation.strict", "validation.warn"),
)  # fmt: skip
def field_validation_ignored(seen: Seen) -> WireResponse:
    asked = [("fieldValidation", "Strict"), ("fieldValidation", "Warn")]
    return seen.asking(lambda query: [(k, "Ignore" if (k, v) in asked else v) for k, v in query])


@fault(
    profile=KUBERNETES, group="value fidelity", sentence="A strategic merge patch replaces lists.",
    applies=at("patchDeployment"), expected=ids("deployment.strategic-merge-lists"),
)  # fmt: skip
def strategic_patch_replaces_lists(seen: Seen) -> WireResponse:
    plain = with_request_header(seen.request, "content-type", "application/merge-patch+json")
    return seen.forward(plain if _media(seen) == _STRATEGIC else None)


@fault(
    profile=KUBERNETES, group="media type", sentence="A JSON Patch is not known.",
    applies=at("patchConfigMap"), expected=ids("config-map.json-patch"),
)  # fmt: skip
def json_patch_unknown(seen: Seen) -> WireResponse:
    return seen.forward(with_request_header(seen.request, "content-type", "text/plain") if _media(seen) == _JSON_PATCH else None)


@fault(
    profile=KUBERNETES, group="value fidelity", sentence="A generated name is the prefix alone.",
    applies=at("createConfigMap"), expected=ids("config-map.generated-name"),
)  # fmt: skip
def generated_name_is_the_prefix(seen: Seen) -> WireResponse:
    return _metadata(seen, lambda sent: {**sent, "name": str(sent["generateName"]).rstrip("-")} if "generateName" in sent else sent)


@fault(
    profile=KUBERNETES, group="value fidelity", sentence="stringData is shown.",
    applies=at("getSecret"), expected=ids("secret.string-data-hidden"),
)  # fmt: skip
def string_data_shown(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "stringData": body["data"]})


@fault(
    profile=KUBERNETES, group="concurrency and validators", sentence="Whoever applies last has the field.",
    applies=at("patchConfigMap"), expected=ids("apply.conflict"),
)  # fmt: skip
def apply_always_forces(seen: Seen) -> WireResponse:
    return seen.asking(lambda query: [*query, ("force", "true")] if any(k == "fieldManager" for k, _ in query) else query)


# -- lists and errors ------------------------------------------------------------------------------------------------
@fault(
    profile=KUBERNETES, group="query semantics", sentence="Only = is read in a labelSelector.",
    applies=at("listConfigMaps"), expected=ids("filter.label-operators", "filter.label-syntax"),
)  # fmt: skip
def set_based_selectors_ignored(seen: Seen) -> WireResponse:
    plain = all("=" in v and "!" not in v for k, v in seen.query if k == "labelSelector")
    return seen.forward() if plain else seen.leaving_out("labelSelector")


@fault(
    profile=KUBERNETES, group="asynchrony and callbacks", sentence="A watch is answered like a list.",
    applies=at("listConfigMaps"), expected=ids("watch.added"),
)  # fmt: skip
def watch_is_a_list(seen: Seen) -> WireResponse:
    return seen.leaving_out("watch")


@fault(
    profile=KUBERNETES, group="error body", sentence="A Status gives no reason.",
    applies=service, expected=ids("error.reasons"),
)  # fmt: skip
def reason_missing(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = None if success(answer) else json_of(answer)
    return answer if body is None else replace(answer, body=write_json({k: v for k, v in body.items() if k != "reason"}))
