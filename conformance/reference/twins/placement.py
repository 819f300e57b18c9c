"""An OpenStack Placement service: microversions, and generations that guard what belongs to a provider."""

from __future__ import annotations

import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from conformance.contract import Operation
from conformance.profile import Resource
from conformance.reference.engine import ResourceTwin
from conformance.reference.message import Call, Refused
from conformance.reference.store import Instance
from conformance.wire import WireResponse, header

PROFILE = "openstack-placement"
LEAST, GREATEST = (1, 0), (1, 39)
STALE, TAKEN = "placement.concurrent_update", "placement.duplicate_name"
MODIFIED = "Mon, 23 Nov 2026 00:00:00 GMT"


class PlacementTwin(ResourceTwin):
    """Providers with inventories and traits; nothing is ever allocated."""

    def check_query(self, call: Call) -> None:
        """Hold the microversion against those that are served, then the parameters against the contract."""
        wanted = re.fullmatch(r"placement (\S+)", call.header("openstack-api-version") or "")
        if wanted and wanted[1] != "latest":
            version = re.fullmatch(r"([1-9]\d*)\.([1-9]\d*|0)", wanted[1])
            if version is None:
                raise Refused(400, "this is no microversion")
            if not LEAST <= (int(version[1]), int(version[2])) <= GREATEST:
                raise Refused(406, "this microversion is not served", kind="version")
        super().check_query(call)

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        """Return an error with its code, and with the microversions where there is no such one."""
        body = super().error_body(refused, operation)
        first = {**body["errors"][0], "status": refused.status, "detail": refused.detail}
        if refused.kind.startswith("placement."):
            first["code"] = refused.kind
        if refused.kind == "version":
            first |= {name: ".".join(map(str, number)) for name, number in (("min_version", LEAST), ("max_version", GREATEST))}
        return {"errors": [{**first, "request_id": self.request_id}]}

    @property
    def request_id(self) -> str:
        """The id of the request that is answered now."""
        request = self.request
        return f"req-{uuid5(NAMESPACE_URL, f'{request.method} {request.target} {request.headers}')}"

    def dressed(self, request: Any, answer: WireResponse, operation: Operation | None) -> WireResponse:
        """Return an answer that says which microversion it is, that it depends on it, and that it may have changed since."""
        answer = super().dressed(request, answer, operation)
        asked = re.fullmatch(r"placement (\S+)", header(request.headers, "openstack-api-version") or "")
        version = (
            (asked[1] if re.fullmatch(r"\d+\.\d+", asked[1]) else ".".join(map(str, GREATEST))) if asked else ".".join(map(str, LEAST))
        )
        says = {"openstack-api-version": f"placement {version}"}
        headers = [(name, says.get(name.lower(), value)) for name, value in answer.headers]
        if answer.status == 200 and request.method == "GET":
            headers += [("Last-Modified", MODIFIED), ("Cache-Control", "no-cache")]
        headers += [("Vary", "OpenStack-API-Version"), ("X-Openstack-Request-Id", self.request_id)]
        return WireResponse(status=answer.status, headers=tuple(headers), body=answer.body, delay_s=answer.delay_s)

    # -- providers -----------------------------------------------------------------------------------------------
    def allowed(self, call: Call, resource: Resource, body: Any, old: Instance | None) -> None:
        """Refuse a name that another provider has."""
        shelf = self.shelf(resource, self.parents_of(call, resource), call.now)
        if resource.name == "provider" and any(i is not old and i.body["name"] == body["name"] for i in shelf.values()):
            raise Refused(409, "another provider has this name", kind=TAKEN)

    def op_createInventory(self, call: Call) -> WireResponse:
        """Make an inventory, which is found by its class."""
        resource, body = self.bindings.resources["inventory"], dict(self.accepted(call))
        parents = self.parents_of(call, resource)
        if body["resource_class"] in self.shelf(resource, parents, call.now):
            raise Refused(409, "there is an inventory of this class", kind=STALE)
        made = self.keep(resource, parents, body.pop("resource_class"), body, call.now, owner=call.who)
        made.body["resource_provider_generation"] = self.moved_on(self.of(made))
        return self.made(call, resource, made)

    def removed(self, call: Call, resource: Resource, instance: Instance) -> None:
        """Count the end of an inventory as a change of its provider."""
        if resource.name == "inventory":
            self.moved_on(self.of(instance))

    def of(self, inventory: Instance) -> Instance:
        """Return the provider of an inventory."""
        return self.store.shelf("provider")[inventory.parents[0]]

    def moved_on(self, provider: Instance) -> int:
        """Give a provider its next generation."""
        provider.body["generation"] += 1
        return int(provider.body["generation"])

    def current(self, call: Call) -> tuple[Instance, dict[str, Any]]:
        """Return the provider and the body of a write.

        Raises:
            Refused: the write was meant for another generation.
        """
        provider, body = self.store.shelf("provider").get(call.values["uuid"]), self.accepted(call)
        if provider is None:
            raise self.unknown(self.bindings.resources["provider"], call.values["uuid"])
        if body["resource_provider_generation"] != provider.body["generation"]:
            raise Refused(409, "the provider has changed", kind=STALE)
        return provider, body

    # -- what belongs to them ------------------------------------------------------------------------------------
    def op_updateInventory(self, call: Call) -> WireResponse:
        """Change the amounts of an inventory."""
        provider, body = self.current(call)
        inventory = self.store.shelf("inventory", (provider.id,)).get(call.values["resource_class"])
        if inventory is None:
            raise self.unknown(self.bindings.resources["inventory"], call.values["resource_class"])
        inventory.body = {**inventory.body, **body, "resource_provider_generation": self.moved_on(provider)}
        return self.answer(call.operation, 200, self.shown(self.bindings.resources["inventory"], inventory))

    def op_setProviderTraits(self, call: Call) -> WireResponse:
        """Give a provider these traits and no others."""
        provider, body = self.current(call)
        shown = {"traits": body["traits"], "resource_provider_generation": self.moved_on(provider)}
        self.store.notes[f"traits/{provider.id}"] = shown["traits"]
        return self.answer(call.operation, 200, shown)

    def op_getProviderTraits(self, call: Call) -> WireResponse:
        """Show the traits of a provider."""
        provider = self.store.shelf("provider").get(call.values["uuid"])
        if provider is None:
            raise self.unknown(self.bindings.resources["provider"], call.values["uuid"])
        traits = self.store.notes.get(f"traits/{provider.id}", [])
        return self.answer(call.operation, 200, {"traits": traits, "resource_provider_generation": provider.body["generation"]})


TWIN = PlacementTwin
