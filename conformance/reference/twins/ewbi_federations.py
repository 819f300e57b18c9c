"""What a partner operator keeps for a federation, apart from applications: zones, images, artefacts."""

from __future__ import annotations

import copy
import re
from typing import Any

from conformance.reference.engine import ResourceTwin
from conformance.reference.message import Call, NotJson, Refused, read_parts
from conformance.reference.store import Instance
from conformance.wire import WireResponse

#: Identifier, place and name of what is offered.
ZONES = (
    ("edge-north", "54.0924,12.0991", "Rostock"),
    ("edge-south", "48.1372,11.5755", "Munich"),
    ("edge-west", "50.9375,6.9603", "Cologne"),
)
_OS = {"architecture": "x86_64", "distribution": "UBUNTU", "version": "OS_VERSION_UBUNTU_2204_LTS", "license": "OS_LICENSE_TYPE_FREE"}
FLAVOURS = tuple(
    {
        "flavourId": name,
        "cpuArchType": "ISA_X86_64",
        "supportedOSTypes": [_OS],
        "numCPU": cpus,
        "memorySize": 1024 * cpus,
        "storageSize": 20,
    }
    for name, cpus in (("small", 1), ("large", 8))
)


class Federations(ResourceTwin):
    """An operator that offers three zones and federates with whoever has credentials."""

    # -- every request -------------------------------------------------------------------------------------------
    def error_body(self, refused: Refused, operation: Any) -> Any:
        """Return ProblemDetails."""
        titles = {400: "Bad request", 401: "Unauthorized", 404: "Not found", 409: "Conflict", 422: "Unprocessable"}
        found = {"title": titles.get(refused.status, "Refused"), "detail": refused.detail or "refused"}
        return {**found, "cause": refused.kind.upper()} if refused.kind else found

    def accepted(self, call: Call, *, partial: bool = False) -> Any:
        """Return the body of a call; one of parts is read as such."""
        if call.operation.request_media != "multipart/form-data":
            return super().accepted(call, partial=partial)
        found = re.search(r'(?i)^multipart/form-data\s*;.*boundary="?([^";]+)"?', call.header("content-type") or "")
        if not found:
            raise Refused(400, "a body of multipart/form-data is needed")
        try:
            body = read_parts(call.request.body, found[1])
        except NotJson as error:
            raise Refused(400, f"a part cannot be read: {error}", kind="malformed") from None
        problem = next(self.contract.requests.violations(call.operation.request_schema, body), None)
        if problem:
            raise Refused(self.bindings.error.invalid[0], str(problem), kind="invalid")
        return body

    # -- federations ---------------------------------------------------------------------------------------------
    def federation(self, call: Call) -> Instance:
        """Return the federation that a path names."""
        id = call.values["federationContextId"]
        found = self.store.shelf("federation").get(id)
        if found is None or found.owner != call.who:
            raise self.unknown(self.bindings.resources["federation"], id)
        return found

    def of(self, call: Call, kind: str) -> dict[str, Instance]:
        """Return the things of a kind in the federation that a path names."""
        return self.store.shelf(kind, (call.values["federationContextId"],))

    def one(self, call: Call, kind: str, id: str, *, status: int = 404) -> Instance:
        """Return a thing of the federation that a path names.

        Raises:
            Refused: it is not there.
        """
        found = self.of(call, kind).get(id)
        if found is None:
            raise Refused(status, f"there is no {kind} with this identifier", kind="unknown")
        return found

    def put_in(self, call: Call, kind: str, id: str, body: Any) -> Instance:
        """Keep a thing under the federation that a path names.

        Raises:
            Refused: there is one of this identifier.
        """
        if id in self.of(call, kind):
            raise Refused(409, f"there is a {kind} with this identifier", kind="exists")
        made = Instance(id=id, parents=(call.values["federationContextId"],), body=body, created=call.now, changed=call.now, owner=call.who)
        self.of(call, kind)[id] = made
        return made

    def done(self, call: Call, body: Any = None) -> WireResponse:
        """Return the answer of success."""
        return self.answer(call.operation, self.status_of(call.operation), body)

    def offered(self) -> list[dict[str, str]]:
        """Return the zones that are offered."""
        return [{"zoneId": id, "geolocation": place, "geographyDetails": name} for id, place, name in ZONES]

    def details(self, federation: Instance) -> dict[str, Any]:
        """Return what is shown of a federation."""
        codes = federation.body
        shown = {n: codes[m] for n, m in (("allowedMobileNetworkIds", "mobile"), ("allowedFixedNetworkIds", "fixed")) if codes.get(m)}
        return {
            "edgeDiscoveryServiceEndPoint": {"port": 443, "fqdn": "discovery.partner.example"},
            "lcmServiceEndPoint": {"port": 443, "fqdn": "lcm.partner.example"},
            "offeredAvailabilityZones": self.offered(), **shown,
        }  # fmt: skip

    def op_createFederation(self, call: Call) -> WireResponse:
        """Establish a federation."""
        body = self.accepted(call)
        if any(f.body["of"] == body["origOPFederationId"] and f.owner == call.who for f in self.store.shelf("federation").values()):
            raise Refused(409, "there is a federation with this operator", kind="exists")
        id = self.store.fresh_uuid("federation")
        kept = {
            "of": body["origOPFederationId"],
            "mobile": body.get("origOPMobileNetworkCodes"),
            "fixed": body.get("origOPFixedNetworkCodes"),
        }
        made = Instance(id=id, body=kept, created=call.now, changed=call.now, owner=call.who)
        self.store.shelf("federation")[id] = made
        told = {
            "partnerOPFederationId": "partner-op",
            "partnerOPCountryCode": "DE",
            "federationContextId": id,
            "platformCaps": ["homeRouting"],
        }
        shown = {k: v for k, v in self.details(made).items() if not k.startswith("allowed")}
        location = self.absolute(f"{self.options.base}/{id}/partner")
        return self.answer(call.operation, 200, {**told, **shown}, (("Location", location),))

    def op_getFederationDetails(self, call: Call) -> WireResponse:
        """Show a federation."""
        return self.done(call, self.details(self.federation(call)))

    def op_updateFederation(self, call: Call) -> WireResponse:
        """Change the network codes of a federation."""
        asked, body = self.accepted(call), self.federation(call).body
        if asked["objectType"] == "MOBILE_NETWORK_CODES":
            known = body.get("mobile") or {"mcc": "", "mncs": []}
            added, removed = asked.get("addMobileNetworkIds", {}), asked.get("removeMobileNetworkIds", {}).get("mncs", [])
            mncs = [m for m in dict.fromkeys([*known.get("mncs", []), *added.get("mncs", [])]) if m not in removed]
            body["mobile"] = {"mcc": added.get("mcc") or known.get("mcc") or "001", "mncs": mncs} if mncs else None
        else:
            gone = asked.get("removeFixedNetworkIds", [])
            codes = dict.fromkeys([*(body.get("fixed") or []), *asked.get("addFixedNetworkIds", [])])
            body["fixed"] = [c for c in codes if c not in gone] or None
        return self.done(call, self.details(self.federation(call)))

    def op_deleteFederationDetails(self, call: Call) -> WireResponse:
        """End a federation, with all that is in it."""
        id = self.federation(call).id
        del self.store.shelf("federation")[id]
        for key in [key for key in self.store.shelves if key[1][:1] == (id,)]:
            del self.store.shelves[key]
        return self.done(call)

    def op_getFederationContextId(self, call: Call) -> WireResponse:
        """Tell the newest federation of whoever asks."""
        mine = [f.id for f in self.store.shelf("federation").values() if f.owner == call.who]
        if not mine:
            raise Refused(404, "there is no federation", kind="unknown")
        return self.done(call, {"federationContextId": mine[-1]})

    # -- zones ---------------------------------------------------------------------------------------------------
    def resources(self, zone: str) -> dict[str, Any]:
        """Return what is reserved in a zone."""
        compute = {"cpuArchType": "ISA_X86_64", "numCPU": "16", "memory": 65536}
        network = {"egressBandWidth": 1000, "dedicatedNIC": 0, "supportSriov": False, "supportDPDK": False}
        return {
            "zoneId": zone, "reservedComputeResources": [compute], "computeResourceQuotaLimits": [{**compute, "numCPU": "32"}],
            "flavoursSupported": copy.deepcopy(list(FLAVOURS)), "networkResources": network,
        }  # fmt: skip

    def op_zoneSubscribe(self, call: Call) -> WireResponse:
        """Reserve what there is in zones that are offered."""
        wanted = self.accepted(call)["acceptedAvailabilityZones"]
        for zone in wanted:
            if zone not in [z[0] for z in ZONES]:
                raise Refused(422, f"{zone} is not offered", kind="unknown")
            if zone in self.of(call, "zone"):
                raise Refused(409, f"{zone} is subscribed to already", kind="exists")
        for zone in dict.fromkeys(wanted):
            self.put_in(call, "zone", zone, self.resources(zone))
        return self.done(call, {"acceptedZoneResourceInfo": [self.resources(zone) for zone in dict.fromkeys(wanted)]})

    def op_getZoneData(self, call: Call) -> WireResponse:
        """Show a zone that is subscribed to."""
        return self.done(call, self.one(call, "zone", call.values["zoneId"]).body)

    def op_zoneUnsubscribe(self, call: Call) -> WireResponse:
        """Give a zone back where nothing runs."""
        zone = self.one(call, "zone", call.values["zoneId"])
        if any(i.body["zoneId"] == zone.id for i in self.of(call, "instance").values()):
            raise Refused(409, "instances run in this zone", kind="in use")
        del self.of(call, "zone")[zone.id]
        return self.done(call)

    # -- files and artefacts -------------------------------------------------------------------------------------
    def op_uploadFile(self, call: Call) -> WireResponse:
        """Keep an image."""
        body = self.accepted(call)
        self.put_in(call, "file", body["fileId"], {k: v for k, v in body.items() if k not in ("file", "fileRepoLocation")})
        return self.done(call)

    def op_viewFile(self, call: Call) -> WireResponse:
        """Show an image's members."""
        return self.done(call, self.one(call, "file", call.values["fileId"]).body)

    def op_removeFile(self, call: Call) -> WireResponse:
        """Remove an image that no artefact speaks of."""
        file = self.one(call, "file", call.values["fileId"])
        if any(file.id in part["images"] for a in self.of(call, "artefact").values() for part in a.body["componentSpec"]):
            raise Refused(409, "an artefact speaks of this file", kind="in use")
        del self.of(call, "file")[file.id]
        return self.done(call)

    def op_uploadArtefact(self, call: Call) -> WireResponse:
        """Keep an artefact whose images are known, where images are uploaded."""
        body = self.accepted(call)
        for image in [i for part in body["componentSpec"] for i in part["images"]]:
            if "uploadFile" in self.contract.operations and image not in self.of(call, "file"):
                raise Refused(422, "there is no file with this identifier", kind="unknown")
        self.put_in(call, "artefact", body["artefactId"], {k: v for k, v in body.items() if k != "artefactFile"})
        return self.done(call)

    def op_getArtefact(self, call: Call) -> WireResponse:
        """Show an artefact, without the credentials of its repository."""
        body = copy.deepcopy(self.one(call, "artefact", call.values["artefactId"]).body)
        for secret in ("password", "token"):
            body.get("artefactRepoLocation", {}).pop(secret, None)
        return self.done(call, body)

    def op_removeArtefact(self, call: Call) -> WireResponse:
        """Remove an artefact that no application is made of."""
        artefact = self.one(call, "artefact", call.values["artefactId"])
        if any(part["artefactId"] == artefact.id for a in self.of(call, "app").values() for part in a.body["appComponentSpecs"]):
            raise Refused(409, "an application is made of this artefact", kind="in use")
        del self.of(call, "artefact")[artefact.id]
        return self.done(call)
