"""The kinds of a Kubernetes API server: their defaults, their rules, and what controllers and nodes make of them in time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from conformance.reference.message import Refused

#: Resource of the bindings -> group and version, kind, name in paths.
KINDS = {
    "namespace": ("v1", "Namespace", "namespaces"), "config-map": ("v1", "ConfigMap", "configmaps"), "secret": ("v1", "Secret", "secrets"),
    "deployment": ("apps/v1", "Deployment", "deployments"), "job": ("batch/v1", "Job", "jobs"),
}  # fmt: skip
#: What clients may send beside kind, apiVersion, metadata and status.
MEMBERS = {
    "namespace": {"spec"}, "config-map": {"data", "binaryData", "immutable"}, "secret": {"type", "data", "stringData", "immutable"},
    "deployment": {"spec"}, "job": {"spec"},
}  # fmt: skip
#: Seconds until a controller has seen a change, and until pods run.
SEEN, RUNNING = 0.5, 1.5


def without_nulls(value: Any) -> Any:
    """Return a value without members that are null, which is the same as absent."""
    if isinstance(value, Mapping):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def defaulted(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return an object of the resource *name* with kind, version and the defaults of its kind."""
    version, kind, _ = KINDS[name]
    body = {"kind": kind, "apiVersion": version, **body}
    if name == "namespace":
        body["spec"] = {"finalizers": ["kubernetes"]}
        body["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = body["metadata"]["name"]
    elif name == "secret":
        text = {k: base64.b64encode(v.encode()).decode() for k, v in body.pop("stringData", {}).items()}
        body["data"] = {**body.get("data", {}), **text}
        body.setdefault("type", "Opaque")
    elif name == "deployment":
        body["spec"] = {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, **body["spec"]}
    elif name == "job":
        body["spec"] = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "suspend": False, **body["spec"]}
        _select_own_pods(body)
    return body


def _select_own_pods(job: dict[str, Any]) -> None:
    """Give a job a selector that no other has, unless the client brings its own."""
    spec = job["spec"]
    if spec.get("manualSelector") or "selector" in spec:
        return
    mine = {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}
    spec["selector"] = {"matchLabels": mine}
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels |= mine


def held(name: str, body: Mapping[str, Any], old: Mapping[str, Any] | None) -> None:
    """Hold an object against the rules of its kind; *old* is what it replaces.

    Raises:
        Refused: a rule is broken.
    """
    if name in ("config-map", "secret"):
        _held_data(name, body, old)
    if name in ("deployment", "job"):
        _held_workload(name, body["spec"], old["spec"] if old else None)


def _held_data(name: str, body: Mapping[str, Any], old: Mapping[str, Any] | None) -> None:
    for key, value in body.get("data" if name == "secret" else "binaryData", {}).items():
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise Refused(400, f"illegal base64 data at {key}") from None
    if set(body.get("data", {})) & set(body.get("binaryData", {})):
        raise Refused(422, "data and binaryData have a key in common")
    if old and old.get("immutable") and any(body.get(m) != old.get(m) for m in ("data", "binaryData", "immutable")):
        raise Refused(422, "data: Forbidden: field is immutable when `immutable` is set")


def _held_workload(name: str, spec: Mapping[str, Any], old: Mapping[str, Any] | None) -> None:
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    if any(labels.get(k) != v for k, v in wanted.items()) or (name == "deployment" and not wanted):
        raise Refused(422, "spec.template.metadata.labels: `selector` does not match template `labels`")
    if spec.get("replicas", 0) < 0 or spec.get("parallelism", 0) < 0:
        raise Refused(422, "must be greater than or equal to 0")
    if not (spec["template"].get("spec") or {}).get("containers"):
        raise Refused(422, "spec.template.spec.containers: Required value")
    for member in ("selector",) if name == "deployment" else ("selector", "template", "completions"):
        if old is not None and spec.get(member) != old.get(member):
            raise Refused(422, f"spec.{member}: field is immutable")


def rolled_out(body: Mapping[str, Any], since: float, *, nodes: bool) -> dict[str, Any]:
    """Return the status of a deployment whose last change was *since* seconds ago."""
    generation, spec = body["metadata"]["generation"], body["spec"]
    if since < SEEN:
        return {"observedGeneration": generation - 1} if generation > 1 else {}
    runs = since >= RUNNING and nodes and "nodeSelector" not in spec["template"]["spec"]
    counts = {"replicas": spec["replicas"], "updatedReplicas": spec["replicas"]}
    counts |= dict.fromkeys(("readyReplicas", "availableReplicas") if runs else ("unavailableReplicas",), spec["replicas"])
    return {"observedGeneration": generation, **{k: v for k, v in counts.items() if v}}


def worked(spec: Mapping[str, Any], since: float, *, nodes: bool) -> dict[str, Any]:
    """Return the status of a job whose last change was *since* seconds ago."""
    if since < SEEN:
        return {}
    if spec["suspend"]:
        return {"conditions": [{"type": "Suspended", "status": "True"}]}
    if since < RUNNING or not nodes or "nodeSelector" in spec["template"]["spec"]:
        return {"active": spec["parallelism"]}
    return {"succeeded": spec["completions"], "conditions": [{"type": "Complete", "status": "True"}]}
