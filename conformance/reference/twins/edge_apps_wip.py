"""The edge cloud as the main branch has it after 0.1.0-alpha.1: single instances and deployments are read, zones come in pages, bodies are strict."""

from __future__ import annotations

from typing import Any

from conformance.profile import Profile, Resource
from conformance.reference.engine import Options
from conformance.reference.listing import paged
from conformance.reference.message import Call, Refused
from conformance.reference.store import Instance
from conformance.reference.twins.camara import undeclared
from conformance.reference.twins.edge_apps import EdgeTwin
from conformance.wire import Headers, WireResponse

PROFILE = "camara-edge-application-management"
EDITION = "wip"
COUNTRIES = ("DE", "FR", "FR")
#: Items on a page where the client does not say.
PAGE = 20


class EdgeTwinWip(EdgeTwin):
    """The same provider: its zones lie in countries and show their clusters."""

    held = "INCOMPATIBLE_STATE"
    ended_status = 404
    batches = False

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        for zone, country in zip(self.zones, COUNTRIES, strict=True):
            here = [c for c in self.clusters if c["edgeCloudZoneId"] == zone["edgeCloudZoneId"]]
            shown = [{"name": c["name"], "edgeCloudProvider": "twin", "clusterRef": c["clusterRef"], "version": c["version"]} for c in here]
            zone |= {"countryCode": country, "clusters": shown}

    def accepted(self, call: Call, *, partial: bool = False) -> Any:
        """Return the body of a call, which may hold nothing that is not declared."""
        body = super().accepted(call, partial=partial)
        more = undeclared(self.contract.document, call.operation.request_schema, body) if body is not None else None
        if more:
            raise Refused(400, f"{more} is not declared")
        return body

    # -- zones -----------------------------------------------------------------------------------------------------
    def op_getEdgeCloudZones(self, call: Call) -> WireResponse:
        """Show a page of the zones of a country, a provider, a region and a status."""
        for name, least, most in (("page", 1, 2**31 - 1), ("perPage", 1, 100)):
            value = call.one(name)
            if value is not None and not (value.isascii() and value.isdigit() and least <= int(value) <= most):
                raise Refused(400, f"{name} is from {least} to {most}")
        asked = {"countryCode": "countryCode", "edgeCloudProvider": "edgeCloudProvider", "edgeCloudRegion": "edgeCloudRegion"}
        items = self.zones
        for parameter, member in {**asked, "status": "edgeCloudZoneStatus"}.items():
            wanted = call.one(parameter)
            items = [i for i in items if wanted is None or i[member] == wanted]
        size, number = int(call.one("perPage") or PAGE), int(call.one("page") or 1)
        page = paged(call, items)
        pages = -(-len(items) // size)
        told = {"page": number, "perPage": size, "totalCount": len(items), "totalPages": pages}
        headers = (*page.headers(call, self.options.base), ("x-total-count", str(len(items))), ("x-total-pages", str(pages)))
        return self.answer(call.operation, 200, {"edgeCloudZones": page.items[:size], "pagination": told}, headers)

    # -- single things -----------------------------------------------------------------------------------------------
    def do_read(self, call: Call, resource: Resource) -> WireResponse:
        """Show an application, without what only its provider may know."""
        return self.answer(call.operation, 200, self.shown(resource, self.found(call, resource)))

    def op_getAppInstance(self, call: Call) -> WireResponse:
        """Show an instance."""
        return self.answer(call.operation, 200, self.told_instance(self.found(call, self.bindings.resources["instance"]), call.now))

    def op_getAppDeployment(self, call: Call) -> WireResponse:
        """Show a deployment."""
        return self.answer(call.operation, 200, self.told_deployment(self.found(call, self.bindings.resources["deployment"])))

    def place_of(self, deployment: Instance) -> Headers:
        """Return the header that says where a deployment is read."""
        return (("Location", self.absolute(self.href(self.bindings.resources["deployment"], (), deployment.id))),)


TWIN = EdgeTwinWip
