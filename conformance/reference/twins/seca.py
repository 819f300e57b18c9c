"""A SECA provider: resources are put under names of the client's, are ready a moment later, and leave a moment after their delete."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from conformance.profile import Profile, Resource
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.listing import Page
from conformance.reference.message import Call, Refused, moment
from conformance.reference.places import first
from conformance.reference.store import Instance, Parents
from conformance.wire import WireRequest, WireResponse

PROFILE = "seca"
TENANT, WORKSPACE, REGION, ZONES = "twin", "twin-workspace", "eu-twin-1", ("a", "b")
#: Seconds until a step of the life cycle is over.
STEP = 0.1
PROVIDERS = ("seca.region", "seca.authorization", "seca.workspace", "seca.compute", "seca.storage", "seca.network")
_GLOBAL = ("region", "role", "role-assignment")
_KINDS = {"compute-sku": "instance-sku", "route-table": "routing-table"}
_TYPES = {
    400: "invalid-request", 401: "unauthorized", 403: "forbidden", 404: "resource-not-found", 409: "resource-conflict",
    412: "precondition-failed", 422: "validation-error",
}  # fmt: skip
_SPECS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "region": {REGION: {"availableZones": list(ZONES)}, "eu-twin-2": {"availableZones": list(ZONES)}},
    "compute-sku": {"twin.s": {"vCPU": 1, "ram": 2}, "twin.m": {"vCPU": 2, "ram": 4}, "twin.l": {"vCPU": 4, "ram": 8}},
    "storage-sku": {
        "twin.rd100": {"iops": 100, "type": "remote-durable", "minVolumeSize": 50},
        "twin.ld500": {"iops": 500, "type": "local-durable", "minVolumeSize": 50},
    },
    "network-sku": {"twin.n1k": {"bandwidth": 1000, "packets": 100000}, "twin.n10k": {"bandwidth": 10000, "packets": 1000000}},
}
#: What cannot be changed once it is made.
_FIXED = {
    "instance": ("/spec/skuRef", "/spec/zone"),
    "block-storage": ("/spec/skuRef",),
    "network": ("/spec/skuRef",),
    "nic": ("/spec/skuRef",),
}


class SecaTwin(ResourceTwin):
    """One provider with one tenant, and two regions, of which this is the first."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.now = 0.0
        self.test_data = {"tenant": TENANT, "workspace": WORKSPACE}
        self.store.shelf("workspace", (TENANT,))[WORKSPACE] = Instance(id=WORKSPACE, parents=(TENANT,), body={"spec": {}}, seeded=True)

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer a request; what was to be gone by now is gone."""
        self.now = now
        leaving = self.store.notes.setdefault("leaving", [])
        while leaving and leaving[0][0] <= now:
            _, name, parents, id = leaving.pop(0)
            self.store.shelf(name, parents).pop(id, None)
            self.store.notes.pop(self.key(name, parents, id), None)
        return super().handle(request, now)

    def process(self, call: Call) -> WireResponse:
        """Answer a call of the tenant that accepts what we can serve; lists, whose documents know no 404, say 403 below what is not there."""
        accepts = [a.split(";")[0].strip() for a in (call.header("accept") or "*/*").split(",")]
        if not any(fnmatchcase("application/json", a) for a in accepts):
            raise Refused(406, "only application/json is served")
        try:
            if call.values.get("tenant", TENANT) != TENANT:
                raise Refused(404, "there is no such tenant")
            return super().process(call)
        except Refused as refused:
            if refused.status == 404 and not call.operation.documented(404):
                raise Refused(403, refused.detail) from None
            raise

    # -- life cycle ----------------------------------------------------------------------------------------------
    def key(self, resource: str, parents: Parents, id: str) -> str:
        """Return the name under which a thing's life is noted."""
        return "/".join((resource, *parents, id))

    def note(self, resource: str, instance: Instance) -> dict[str, Any]:
        """Return the noted life of an instance: its states by time, when it is gone, its power."""
        found: dict[str, Any] = self.store.notes.setdefault(
            self.key(resource, instance.parents, instance.id), {"states": [(0.0, "active")]}
        )
        return found

    def state(self, resource: str, instance: Instance) -> str:
        """Return the state that an instance is in now."""
        states: list[tuple[float, str]] = self.note(resource, instance)["states"]
        return [s for t, s in states if t <= self.now][-1]

    def move(self, resource: str, instance: Instance, *states: str) -> None:
        """Let an instance go through *states*, beginning now."""
        note = self.note(resource, instance)
        past = [(t, s) for t, s in note["states"] if 0 < t <= self.now]
        note["states"] = past + [(self.now + STEP * n, s) for n, s in enumerate(states)]

    def shelf(self, resource: Resource, parents: Parents, now: float) -> dict[str, Instance]:
        """Return what is on a shelf; regions and SKUs are there from the start."""
        found = self.store.shelf(resource.name, parents)
        if resource.name in _SPECS and not found:
            for name, spec in _SPECS[resource.name].items():
                found[name] = Instance(
                    id=name, parents=parents, body={"labels": {"provider": "twin"}, "spec": dict(spec)}, created=now, changed=now
                )
        return found

    def tidied(self, call: Call, body: Any) -> Any:
        """Return a body without the metadata and the status, which are the provider's and are ignored."""
        return {k: v for k, v in body.items() if k not in ("metadata", "status")} if isinstance(body, dict) else body

    # -- what it shows -------------------------------------------------------------------------------------------
    def shown(self, resource: Resource, instance: Instance) -> Any:
        """Return an instance with the metadata and the status that it has now."""
        body = {k: v for k, v in instance.body.items() if k in ("labels", "annotations", "extensions", "spec")}
        if resource.name == "region":
            offered = [{"name": p, "version": "v1", "url": self.absolute(f"{self.options.base}/providers/{p}")} for p in PROVIDERS]
            body = {"spec": {**instance.body["spec"], "providers": offered}}
        body["metadata"] = self.metadata(resource, instance)
        if resource.create:
            body["status"] = self.status(resource, instance)
        return body

    def metadata(self, resource: Resource, instance: Instance, verb: str = "get") -> dict[str, Any]:
        """Return what the provider says of an instance."""
        path = self.href(resource, instance.parents, instance.id)
        provider, _, rest = path.partition("/providers/")[2].partition("/v1/")
        found: dict[str, Any] = {
            "name": instance.id, "provider": f"{provider}/v1", "resource": rest, "verb": verb, "apiVersion": "v1",
            "kind": _KINDS.get(resource.name, resource.name), "ref": f"{provider}/v1/{rest}",
        }  # fmt: skip
        found |= dict(zip(("tenant", "workspace", "network"), instance.parents, strict=False))
        if resource.name not in _GLOBAL:
            found["region"] = REGION
        if not resource.name.endswith("-sku"):
            found |= {
                "createdAt": moment(instance.created),
                "lastModifiedAt": moment(instance.changed),
                "resourceVersion": instance.version,
            }
        if "gone" in self.note(resource.name, instance):
            found["deletedAt"] = moment(self.note(resource.name, instance)["gone"] - STEP)
        return found

    def status(self, resource: Resource, instance: Instance) -> dict[str, Any]:
        """Return the status of an instance: one condition for each state that it has come through."""
        note, spec = self.note(resource.name, instance), instance.body["spec"]
        past = [(t, s) for t, s in note["states"] if t <= self.now][-32:]
        found: dict[str, Any] = {"state": past[-1][1], "conditions": [{"state": s, "lastTransitionAt": moment(t)} for t, s in past]}
        if resource.name == "instance":
            changes = [(t, s) for t, s in note.get("power", ()) if t <= self.now]
            found["powerState"] = changes[-1][1] if changes else "off"
            if changes:
                found["powerStateSince"] = moment(changes[-1][0])
        if resource.name == "block-storage":
            found["sizeGB"] = spec["sizeGB"]
        if resource.name in ("network", "subnet"):
            found["cidr"] = spec["cidr"]
        return found

    # -- put and delete ------------------------------------------------------------------------------------------
    def do_create(self, call: Call, resource: Resource) -> WireResponse:
        """Make a resource or, where its name is taken, replace it."""
        parents = self.parents_of(call, resource)
        name = call.values[resource.parameter]
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", name) or len(name) > 128:
            raise Refused(400, "this is not a name")
        known = self.shelf(resource, parents, call.now).get(name)
        body = {k: v for k, v in self.accepted(call).items() if k in ("labels", "annotations", "extensions", "spec")}
        if known is not None:
            return self.replaced(call, resource, known, body)
        self.holds(resource, parents, body)
        instance = Instance(id=name, parents=parents, body=body, created=call.now, changed=call.now, owner=call.who)
        self.store.shelf(resource.name, parents)[name] = instance
        self.store.notes.pop(self.key(resource.name, parents, name), None)
        self.move(resource.name, instance, "pending", "creating", "active")
        return self.reply(call, resource, instance, 201, (("Location", self.href(resource, parents, name)),))

    def replaced(self, call: Call, resource: Resource, instance: Instance, body: Any) -> WireResponse:
        """Give an instance another body, where its version and its state allow that."""
        self.check_number(call, instance)
        if self.state(resource.name, instance) not in ("active", "error"):
            raise Refused(409, f"it is {self.state(resource.name, instance)}")
        for pointer in _FIXED.get(resource.name, ()):
            if first(instance.body, pointer) != first(body, pointer):
                raise Refused(422, f"{pointer} cannot be changed", kind=pointer)
        if resource.name == "block-storage" and body["spec"]["sizeGB"] < instance.body["spec"]["sizeGB"]:
            raise Refused(422, "a block storage cannot be made smaller", kind="/spec/sizeGB")
        self.holds(resource, instance.parents, body)
        instance.body, instance.changed, instance.version = body, call.now, instance.version + 1
        self.move(resource.name, instance, "updating", "active")
        return self.reply(call, resource, instance, 200)

    def check_number(self, call: Call, instance: Instance) -> None:
        """Refuse a write for another version than the current one."""
        wanted = call.header("if-unmodified-since")
        if wanted is not None and wanted.strip() != str(instance.version):
            raise Refused(412, "it is another version")

    def holds(self, resource: Resource, parents: Parents, body: Any) -> None:
        """Refuse a body that speaks of a SKU or a zone that there is not."""
        sku = first(body, "/spec/skuRef/resource")
        kind = {"instance": "compute-sku", "block-storage": "storage-sku", "network": "network-sku"}.get(resource.name)
        if kind and str(sku).rpartition("/")[2] not in _SPECS[kind]:
            raise Refused(422, "there is no such SKU", kind="/spec/skuRef")
        zone = first(body, "/spec/zone")
        if zone is not None and zone not in ZONES:
            raise Refused(422, "there is no such zone", kind="/spec/zone")
        volume = str(first(body, "/spec/bootVolume/deviceRef/resource") or "").rpartition("/")[2]
        if resource.name == "instance" and volume not in self.store.shelf("block-storage", parents):
            raise Refused(422, "there is no such block storage", kind="/spec/bootVolume")

    def do_delete(self, call: Call, resource: Resource) -> WireResponse:
        """Begin to remove an instance and all that is in it; a second time nothing more happens."""
        instance = self.found(call, resource)
        self.check_number(call, instance)
        if "gone" not in self.note(resource.name, instance):
            inside = (*instance.parents, instance.id)
            below = [(n, i) for (n, p), shelf in self.store.shelves.items() if p[: len(inside)] == inside for i in shelf.values()]
            for name, one in ((resource.name, instance), *(below if resource.name in ("workspace", "network") else ())):
                self.move(name, one, "deleting")
                self.note(name, one)["gone"] = call.now + STEP
                self.store.notes["leaving"].append((call.now + STEP, name, one.parents, one.id))
        return WireResponse(status=202)

    # -- lists ---------------------------------------------------------------------------------------------------
    def do_list(self, call: Call, resource: Resource) -> WireResponse:
        """Show what has the labels asked for, in pages; what is being removed only to those who ask for it."""
        parents = self.parents_of(call, resource)
        accept = (call.header("accept") or "").replace(" ", "")
        wanted = {"deleted=true": (True, False), "deleted=only": (True,)}.get(accept.partition(";")[2], (False,))
        found = [i for i in self.shelf(resource, parents, call.now).values() if ("gone" in self.note(resource.name, i)) in wanted]
        found = [i for i in found if labelled(i.body.get("labels", {}), call.one("labels") or "")]
        begin, size = position(call.one("skipToken")), int(call.one("limit") or 1000)
        path = call.path.partition("/v1/")
        about: dict[str, Any] = {"provider": f"{path[0].rpartition('/')[2]}/v1", "resource": path[2], "verb": "list"}
        if begin + size < len(found):
            about["skipToken"] = base64.urlsafe_b64encode(str(begin + size).encode()).decode().rstrip("=")
        items = [self.shown(resource, i) for i in found[begin : begin + size]]
        return self.answer(call.operation, 200, {"items": items, "metadata": about})

    def listed(self, call: Call, resource: Resource, page: Page) -> WireResponse:
        raise NotImplementedError

    # -- actions -------------------------------------------------------------------------------------------------
    def switch(self, call: Call, wanted: str, allowed: tuple[str, ...]) -> WireResponse:
        """Bring an instance into a power state, a moment later."""
        resource = self.bindings.resources["instance"]
        instance = self.found(call, resource)
        note = self.note("instance", instance)
        known = note.get("power", [])
        if self.state("instance", instance) != "active" or (known[-1][1] if known else "off") not in allowed:
            raise Refused(409, "its state does not allow this")
        note["power"] = [*[(t, s) for t, s in known if t <= call.now], (call.now + STEP, wanted)]
        return WireResponse(status=202)

    def op_startInstance(self, call: Call) -> WireResponse:
        """Switch an instance on."""
        return self.switch(call, "on", ("off",))

    def op_stopInstance(self, call: Call) -> WireResponse:
        """Switch an instance off."""
        return self.switch(call, "off", ("on",))

    def op_restartInstance(self, call: Call) -> WireResponse:
        """Switch an instance off and on."""
        return self.switch(call, "on", ("on",))

    # -- what it is ----------------------------------------------------------------------------------------------
    def op_getWellknown(self, call: Call) -> WireResponse:
        """Show where the global providers are."""
        offered = [{"provider": f"{p}/v1", "url": self.absolute(f"{self.options.base}/providers/{p}")} for p in PROVIDERS[:2]]
        return self.answer(call.operation, 200, {"version": "v1", "endpoints": offered})

    def error_body(self, refused: Refused, operation: Any) -> Any:
        """Return a problem."""
        source = [{"pointer": refused.kind, "parameter": "body"}] if refused.kind.startswith("/") else []
        return {
            "type": f"http://secapi.cloud/errors/{_TYPES.get(refused.status, 'invalid-request')}", "title": f"Error {refused.status}",
            "status": refused.status, "detail": refused.detail or "refused", "instance": f"/errors/{refused.status}", "sources": source,
        }  # fmt: skip


def position(token: str | None) -> int:
    """Return where a page begins.

    Raises:
        Refused: the token is none of ours.
    """
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, binascii.Error):
        raise Refused(400, "this skipToken is not known") from None


def labelled(labels: Mapping[str, str], selector: str) -> bool:
    """Tell whether *labels* are what a selector asks for.

    >>> labelled({"env": "prod", "size": "3"}, "env=pr*,size>2,tier!=dev")
    True
    """
    return all(_holds(labels, part.strip()) for part in selector.split(",") if part.strip())


def _holds(labels: Mapping[str, str], part: str) -> bool:
    match = re.fullmatch(r"([^=!<>]+)(!=|>=|<=|==|=|>|<)(.*)", part)
    if match is None:
        raise Refused(400, f"{part!r} is no filter")
    key, relation, value = match.groups()
    found = [v for k, v in labels.items() if fnmatchcase(k, key)]
    if relation in ("=", "==", "!="):
        return any(fnmatchcase(v, value) for v in found) is not (relation == "!=")
    try:
        numbers, wanted = [float(v) for v in found], float(value)
    except ValueError:
        return False
    return any({">": n > wanted, "<": n < wanted, ">=": n >= wanted, "<=": n <= wanted}[relation] for n in numbers)


TWIN = SecaTwin
