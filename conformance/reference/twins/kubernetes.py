"""A Kubernetes API server for discovery, namespaces, config maps, secrets, deployments and jobs, with the controllers behind them.

Written from the API conventions and the pages on kubernetes.io. Nothing runs in the background: what a controller or a node would
have done by now is worked out when it is asked for.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile, Resource
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.message import Call, NotJson, Refused, moment, read_json, write_json
from conformance.reference.places import json_patch, merge_patch
from conformance.reference.sampling import chance
from conformance.reference.store import Instance, Parents
from conformance.reference.twins.kube_objects import KINDS, MEMBERS, defaulted, held, rolled_out, without_nulls, worked
from conformance.reference.twins.kube_patches import Owned, applied, strategic
from conformance.reference.twins.kube_selectors import selected
from conformance.wire import Headers, WireRequest, WireResponse

PROFILE = "kubernetes-core"
_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 406: "NotAcceptable",
    409: "Conflict", 410: "Expired", 415: "UnsupportedMediaType", 422: "Invalid",
}  # fmt: skip
_OWNED = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_BORN = 1_767_225_600.0
#: Seconds until a namespace is empty.
EMPTIED = 2.0


class KubernetesTwin(ResourceTwin):
    """A server; `controllers` and `nodes` may be missing, as in a control plane alone, and so may whole `groups`."""

    controllers = True
    nodes = True
    groups: tuple[str, ...] = ("apps", "batch")

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.test_data = {"image": "registry.invalid/shell:1"}
        self._now = _BORN
        self._warnings: list[str] = []
        for name in ("default", "kube-system"):
            self.put_away(self.bindings.resources["namespace"], (), {"metadata": {"name": name}}, _BORN).seeded = True

    # -- one request ---------------------------------------------------------------------------------------------
    def process(self, call: Call) -> WireResponse:
        """Answer a call; a dry run is done to a copy of everything."""
        self._now, self._warnings = call.now, []
        self.sweep(call.now)
        accept = call.header("accept") or "*/*"
        if not any(word in accept for word in ("*/*", "application/*", "application/json")):
            raise Refused(406, f"only JSON is served here, not {accept}")
        if call.path.split("/")[2:3] and call.path.startswith("/apis/") and call.path.split("/")[2] not in ("", *self.groups):
            raise Refused(404, "the server could not find the requested resource")
        if call.one("dryRun") != "All" or call.operation.safe:
            return super().process(call)
        kept = self.store
        self.store = kept.fork()
        try:
            return super().process(call)
        finally:
            self.store = kept

    def sweep(self, now: float) -> None:
        """Remove the namespaces that have been emptied by now, with what was in them."""
        spaces = self.store.shelf("namespace")
        for name in [n for n, i in spaces.items() if "deletionTimestamp" in i.body["metadata"]]:
            if self.controllers and now - spaces[name].changed >= EMPTIED:
                del spaces[name]
                for key in [k for k in self.store.shelves if k[1] == (name,)]:
                    del self.store.shelves[key]

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        """Return a Status."""
        reason = refused.kind if refused.kind[:1].isupper() else _REASONS.get(refused.status, "InternalError")
        return {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": refused.detail, "reason": reason,
            "code": refused.status,
        }  # fmt: skip

    def dressed(self, request: WireRequest, answer: WireResponse, operation: Operation | None) -> WireResponse:
        """Add the warnings that came up."""
        warned = tuple(("Warning", f'299 - "{w}"') for w in self._warnings) if answer.status < 400 else ()
        return WireResponse(status=answer.status, headers=(*answer.headers, *warned), body=answer.body, delay_s=answer.delay_s)

    # -- discovery -----------------------------------------------------------------------------------------------
    def op_getVersion(self, call: Call) -> WireResponse:
        said = {
            "major": "1", "minor": "36", "gitVersion": "v1.36.0-twin", "gitCommit": "0" * 40, "gitTreeState": "clean",
            "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.26", "compiler": "gc", "platform": "linux/amd64",
        }  # fmt: skip
        return self.answer(call.operation, 200, said)

    def op_getCoreVersions(self, call: Call) -> WireResponse:
        return self.answer(call.operation, 200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})

    def op_getApiGroups(self, call: Call) -> WireResponse:
        versions = {g: {"groupVersion": f"{g}/v1", "version": "v1"} for g in self.groups}
        groups = [{"name": g, "versions": [v], "preferredVersion": v} for g, v in versions.items()]
        return self.answer(call.operation, 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})

    def op_getCoreResources(self, call: Call) -> WireResponse:
        return self.described(call, "v1", ("namespace", "config-map", "secret"))

    def op_getAppsResources(self, call: Call) -> WireResponse:
        return self.described(call, "apps/v1", ("deployment",), {"deployments/scale": "Scale", "deployments/status": "Deployment"})

    def op_getBatchResources(self, call: Call) -> WireResponse:
        return self.described(call, "batch/v1", ("job",), {"jobs/status": "Job"})

    def described(self, call: Call, version: str, names: tuple[str, ...], parts: Mapping[str, str] | None = None) -> WireResponse:
        """Answer the resources of a group."""
        whole = {
            KINDS[n][2]: {"singularName": KINDS[n][1].lower(), "namespaced": n != "namespace", "kind": KINDS[n][1], "verbs": _VERBS}
            for n in names
        }
        rest = {
            n: {"singularName": "", "namespaced": True, "kind": k, "verbs": ["get", "patch", "update"]} for n, k in (parts or {}).items()
        }
        resources = [{"name": n, **said} for n, said in (whole | rest).items()]
        return self.answer(call.operation, 200, {"kind": "APIResourceList", "groupVersion": version, "resources": resources})

    # -- what is sent --------------------------------------------------------------------------------------------
    def tidied(self, call: Call, body: Any) -> Any:
        """Return an object without nulls and without members that nobody knows."""
        resource = self.bindings.resource_of(call.operation.id)
        if resource is None or not isinstance(body, Mapping) or resource.role(call.operation.id) not in ("create", "replace"):
            return body
        known = {"kind", "apiVersion", "metadata", "status", *MEMBERS[resource.name]}
        unknown = [name for name in body if name not in known]
        if unknown and call.one("fieldValidation") == "Strict":
            raise Refused(400, f"strict decoding error: unknown field {unknown[0]!r}")
        if call.one("fieldValidation") != "Ignore":
            self._warnings += [f"unknown field '{name}'" for name in unknown]
        return without_nulls({name: value for name, value in body.items() if name in known})

    def parents_of(self, call: Call, resource: Resource) -> Parents:
        """Return the namespace; it must be there, and stay, for what is made in it."""
        if resource.name == "namespace":
            return ()
        name = call.values["namespace"]
        space = self.store.shelf("namespace").get(name)
        if resource.role(call.operation.id) == "create":
            if space is None:
                raise Refused(404, f'namespaces "{name}" not found')
            if "deletionTimestamp" in space.body["metadata"]:
                raise Refused(403, f"namespace {name} is being terminated")
        return (name,)

    def unknown(self, resource: Resource, id: str) -> Refused:
        return Refused(404, f'{KINDS[resource.name][2]} "{id}" not found')

    # -- making --------------------------------------------------------------------------------------------------
    def do_create(self, call: Call, resource: Resource) -> WireResponse:
        """Make an object."""
        parents = self.parents_of(call, resource)
        body = self.accepted(call)
        if body["metadata"].get("namespace", *parents or ("",)) not in ("", *parents):
            raise Refused(400, "the namespace of the provided object does not match the namespace sent on the request")
        if body["metadata"].get("resourceVersion"):
            raise Refused(400, "resourceVersion should not be set on objects to be created")
        instance = self.put_away(resource, parents, body, call.now)
        return self.reply(call, resource, instance, self.options.statuses.get(call.operation.id, 201))

    def put_away(self, resource: Resource, parents: Parents, body: Mapping[str, Any], now: float) -> Instance:
        """Store a new object."""
        sent = body["metadata"]
        if not (sent.get("name") or sent.get("generateName")):
            raise Refused(422, "metadata.name: Required value: name or generateName is required")
        name = sent.get("name") or sent["generateName"] + "".join(chance(f"name{self.store.count('name')}").choices(_SUFFIX, k=5))
        if name in self.store.shelf(resource.name, parents):
            raise Refused(409, f'{KINDS[resource.name][2]} "{name}" already exists', kind="AlreadyExists")
        metadata = {k: copy.deepcopy(v) for k, v in sent.items() if k not in _OWNED}
        metadata |= {"name": name, "uid": self.store.fresh_uuid("uid"), "creationTimestamp": moment(now, digits=0)}
        metadata |= {"namespace": parents[0]} if parents else {}
        made = defaulted(resource.name, {**copy.deepcopy(dict(body)), "metadata": metadata})
        made.pop("status", None)
        held(resource.name, made, None)
        made["metadata"] |= {"resourceVersion": self.version()} | ({"generation": 1} if resource.name in ("deployment", "job") else {})
        instance = Instance(id=name, parents=parents, body=made, created=now, changed=now)
        self.store.shelf(resource.name, parents)[name] = instance
        return instance

    def version(self) -> str:
        """Return the next resource version; they say nothing but that something changed."""
        return str(1000 + self.store.count("version"))

    # -- changing ------------------------------------------------------------------------------------------------
    def do_replace(self, call: Call, resource: Resource) -> WireResponse:
        """Replace an object as a whole."""
        instance = self.found(call, resource)
        body = self.accepted(call)
        if body["metadata"].get("name") != instance.id:
            raise Refused(400, "the name of the object does not match the name on the URL")
        return self.renewed(call, resource, instance, body)

    def do_update(self, call: Call, resource: Resource) -> WireResponse:
        """Change an object in part, in one of the four forms."""
        patch, media = self.patch_of(call)
        if media == "application/apply-patch+yaml":
            return self.apply(call, resource, patch)
        instance = self.found(call, resource)
        return self.renewed(call, resource, instance, self.patched(instance.body, patch, media))

    def patch_of(self, call: Call) -> tuple[Any, str]:
        """Return the body of a patch and its media type."""
        media = (call.header("content-type") or "").split(";")[0].strip().lower()
        if media not in self.contract.document["components"]["requestBodies"]["Patch"]["content"]:
            raise Refused(415, f"the body of the request was in an unknown format - {media}")
        try:
            patch = read_json(call.request.body)
        except NotJson as error:
            raise Refused(400, f"error decoding patch: {error}") from None
        if isinstance(patch, list) != (media == "application/json-patch+json") or not isinstance(patch, list | dict):
            raise Refused(400, "the patch does not have the form of its media type")
        return patch, media

    def patched(self, body: Any, patch: Any, media: str) -> Any:
        """Return an object changed by a patch that is not applied."""
        if media == "application/json-patch+json":
            try:
                return json_patch(body, patch)
            except ValueError as error:
                raise Refused(422, f"the server rejected our request due to an error in our request: {error}") from None
        return strategic(body, patch) if media == "application/strategic-merge-patch+json" else merge_patch(body, patch)

    def renewed(self, call: Call, resource: Resource, instance: Instance, wanted: Any) -> WireResponse:
        """Store the new state of an object, if it is another one, and answer with it."""
        old, sent = instance.body, wanted.get("metadata") or {}
        for member in ("resourceVersion", "uid"):
            if sent.get(member, old["metadata"][member]) not in ("", old["metadata"][member]):
                raise Refused(409, "the object has been modified; please apply your changes to the latest version and try again")
        if sent.get("name") != instance.id or sent.get("namespace", *instance.parents or ("",)) not in ("", *instance.parents):
            raise Refused(422, "metadata.name: field is immutable")
        create = self.contract.operations[resource.create]
        wrong = next(self.contract.requests.violations(create.request_schema, wanted), None)
        if wrong:
            raise Refused(422, str(wrong))
        kept = {k: old["metadata"][k] for k in (*_OWNED, "namespace") if k in old["metadata"]}
        body = {**copy.deepcopy(wanted), "metadata": {**{k: v for k, v in sent.items() if k not in _OWNED}, **kept}}
        body.pop("status", None)
        body = defaulted(resource.name, body)
        held(resource.name, body, old)
        if body != old:
            body["metadata"]["resourceVersion"] = self.version()
            if "generation" in kept and body["spec"] != old["spec"]:
                body["metadata"]["generation"] += 1
                instance.changed = call.now
            instance.body = body
        if "deletionTimestamp" in kept and not body["metadata"].get("finalizers") and resource.name != "namespace":
            self.forget(resource, instance)
        return self.reply(call, resource, instance, 200)

    def apply(self, call: Call, resource: Resource, wanted: Any) -> WireResponse:
        """Merge what a manager wants of an object, which is made where it is not there."""
        manager = call.one("fieldManager")
        if not manager:
            raise Refused(400, "fieldManager is required for apply patch")
        version, kind, _ = KINDS[resource.name]
        id = call.values[resource.parameter]
        if (wanted.get("kind"), wanted.get("apiVersion")) != (kind, version) or (wanted.get("metadata") or {}).get("name", id) != id:
            raise Refused(400, "kind, apiVersion and name must be those of the object")
        parents = self.parents_of(call, resource)
        managers = self.store.notes.setdefault("managers", {}).setdefault((resource.name, parents, id), {})
        instance = self.store.shelf(resource.name, parents).get(id)
        try:
            start = instance.body if instance else {"metadata": {"name": id}}
            body = applied(start, wanted, manager, managers, force=call.one("force") not in (None, "false", "0"))
        except Owned as conflict:
            raise Refused(409, f"Apply failed with {conflict}") from None
        if instance is None:
            return self.reply(call, resource, self.put_away(resource, parents, body, call.now), 201)
        return self.renewed(call, resource, instance, body)

    # -- removing ------------------------------------------------------------------------------------------------
    def do_delete(self, call: Call, resource: Resource) -> WireResponse:
        """Remove an object, or mark it where something has to happen before."""
        instance = self.found(call, resource)
        asked = self.accepted(call) or {}
        metadata = instance.body["metadata"]
        for member, value in (asked.get("preconditions") or {}).items():
            if metadata.get(member) != value:
                raise Refused(409, f"the {member} in the precondition does not match")
        if resource.name == "namespace" and "deletionTimestamp" in metadata:
            raise Refused(409, "the system is ensuring all content is removed from this namespace")
        if resource.name != "namespace" and not metadata.get("finalizers"):
            self.forget(resource, instance)
            details = {"name": instance.id, "kind": KINDS[resource.name][2], "uid": metadata["uid"]}
            said = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
            return self.answer(call.operation, self.options.statuses.get(call.operation.id, 200), said)
        if "deletionTimestamp" not in metadata:
            metadata |= {"deletionTimestamp": moment(call.now, digits=0), "resourceVersion": self.version()}
            instance.changed = call.now
        return self.reply(call, resource, instance, self.options.statuses.get(call.operation.id, 200))

    def forget(self, resource: Resource, instance: Instance) -> None:
        """Take an object off its shelf."""
        self.store.shelf(resource.name, instance.parents).pop(instance.id, None)
        self.store.notes.get("managers", {}).pop((resource.name, instance.parents, instance.id), None)
        self.store.gone.add((resource.name, instance.parents, instance.id))

    # -- showing -------------------------------------------------------------------------------------------------
    def reply(
        self, call: Call, resource: Resource, instance: Instance, status: int, headers: Headers = (), *, created: bool = False
    ) -> WireResponse:
        """Return the answer that shows an object, all of it."""
        return self.answer(call.operation, status, self.shown(resource, instance), headers)

    def shown(self, resource: Resource, instance: Instance) -> Any:
        """Return an object with what controllers and nodes have made of it by now."""
        body = copy.deepcopy(instance.body)
        since = self._now - instance.changed
        if resource.name == "namespace":
            body["status"] = {"phase": "Terminating" if "deletionTimestamp" in body["metadata"] else "Active"}
        elif resource.name == "deployment":
            body["status"] = rolled_out(body, since, nodes=self.nodes) if self.controllers else {}
        elif resource.name == "job":
            body["status"] = worked(body["spec"], since, nodes=self.nodes) if self.controllers else {}
        return body

    def do_list(self, call: Call, resource: Resource) -> WireResponse:
        """List what the selectors ask for, by name, in chunks; or show it as events."""
        parents = self.parents_of(call, resource)
        bodies = [self.shown(resource, i) for _, i in sorted(self.store.shelf(resource.name, parents).items())]
        try:
            bodies = selected(bodies, call.one("labelSelector") or "", call.one("fieldSelector") or "")
        except ValueError as error:
            raise Refused(400, str(error)) from None
        if call.one("watch") not in (None, "false", "0", ""):
            events = b"".join(write_json({"type": "ADDED", "object": b}) + b"\n" for b in bodies)
            return WireResponse(status=200, headers=(("Content-Type", "application/json"),), body=events)
        version, kind, _ = KINDS[resource.name]
        items, metadata = self.chunk(call, bodies)
        return self.answer(call.operation, 200, {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items})

    def chunk(self, call: Call, bodies: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the next chunk of a list as it was when its first one was asked for."""
        chunks: dict[str, tuple[str, list[Any]]] = self.store.notes.setdefault("chunks", {})
        version, token = str(1000 + self.store.counters.get("version", 0)), call.one("continue")
        if token:
            if token not in chunks:
                raise Refused(410, "the provided continue parameter is not valid any more")
            version, bodies = chunks[token]
        limit = int(call.one("limit") or 0)
        if limit <= 0 or len(bodies) <= limit:
            return bodies, {"resourceVersion": version}
        following = base64.b64encode(f"{version}/{self.store.count('chunk')}".encode()).decode()
        chunks[following] = (version, bodies[limit:])
        return bodies[:limit], {"resourceVersion": version, "continue": following, "remainingItemCount": len(bodies) - limit}

    # -- parts of a deployment -----------------------------------------------------------------------------------
    def op_getDeploymentStatus(self, call: Call) -> WireResponse:
        return self.do_read(call, self.bindings.resources["deployment"])

    def op_getDeploymentScale(self, call: Call) -> WireResponse:
        deployment = self.bindings.resources["deployment"]
        return self.answer(call.operation, 200, self.scale_of(deployment, self.found(call, deployment)))

    def scale_of(self, resource: Resource, instance: Instance) -> dict[str, Any]:
        """Return the scale of a deployment."""
        body = self.shown(resource, instance)
        names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        return {
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {n: body["metadata"][n] for n in names},
            "spec": {"replicas": body["spec"]["replicas"]},
            "status": {
                "replicas": body["status"].get("replicas", 0),
                "selector": ",".join(f"{k}={v}" for k, v in body["spec"]["selector"].get("matchLabels", {}).items()),
            },
        }  # fmt: skip

    def op_replaceDeploymentScale(self, call: Call) -> WireResponse:
        instance = self.found(call, self.bindings.resources["deployment"])
        body = self.accepted(call)
        if body["metadata"].get("name") != instance.id:
            raise Refused(400, "the name of the object does not match the name on the URL")
        return self.scaled(call, instance, body)

    def op_patchDeploymentScale(self, call: Call) -> WireResponse:
        deployment = self.bindings.resources["deployment"]
        patch, media = self.patch_of(call)
        instance = self.found(call, deployment)
        form = "application/merge-patch+json" if media == "application/apply-patch+yaml" else media
        return self.scaled(call, instance, self.patched(self.scale_of(deployment, instance), patch, form))

    def scaled(self, call: Call, instance: Instance, scale: Mapping[str, Any]) -> WireResponse:
        """Give a deployment the replicas of its scale."""
        deployment = self.bindings.resources["deployment"]
        replicas = (scale.get("spec") or {}).get("replicas", 0)
        if isinstance(replicas, bool) or not isinstance(replicas, int):
            raise Refused(422, "spec.replicas: Invalid value")
        sent = {k: v for k, v in scale.get("metadata", {}).items() if k in ("resourceVersion", "uid")}
        wanted = {
            **instance.body,
            "metadata": {**instance.body["metadata"], **sent},
            "spec": {**instance.body["spec"], "replicas": replicas},
        }
        self.renewed(call, deployment, instance, wanted)
        return self.answer(call.operation, 200, self.scale_of(deployment, instance))


TWIN = KubernetesTwin
