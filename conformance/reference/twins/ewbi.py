"""A partner operator (GSMA OPG.04 East-Westbound Interface): federations with zones, artefacts, applications and instances, by the clock.

It speaks the dialect that its profile is written in: `katalis`, where the caller names instances and uploads in parts, or `openop`,
where the partner names them and uploads are JSON.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from conformance.profile import Profile, Resource
from conformance.reference import outgoing
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.listing import Page
from conformance.reference.message import Call, NotJson, Refused, moment, read_parts, write_json
from conformance.reference.store import Instance
from conformance.wire import Outgoing, WireRequest, WireResponse

PROFILE = "gsma-opg-ewbi"
#: Seconds until an application is onboarded, an instance is ready, an instance is gone, a zone is left.
ONBOARDING, STARTING, ENDING, LEAVING = 0.3, 0.8, 0.6, 0.2
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
TOKEN = "roaming-token-1"


class FederationTwin(ResourceTwin):
    """An operator that offers three zones and federates with whoever has credentials."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.options.etags = False
        self.test_data = {"device": "device-1", "device_proof": TOKEN} if profile.dialect != "openop" else {}

    # -- every request -------------------------------------------------------------------------------------------
    def process(self, call: Call) -> WireResponse:
        """Answer a call after whatever happened meanwhile; nothing is done under a federation that is not there."""
        self.settle(call.now)
        if "federationContextId" in call.values:
            self.federation(call)
        return super().process(call)

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

    # -- applications --------------------------------------------------------------------------------------------
    def op_onboardApplication(self, call: Call) -> WireResponse:
        """Take an application; it is onboarded a little later."""
        body = dict(self.accepted(call))
        for part in body["appComponentSpecs"]:
            self.one(call, "artefact", part["artefactId"], status=422)
        for zone in body.setdefault("appDeploymentZones", list(self.of(call, "zone"))):
            self.one(call, "zone", zone, status=422)
        if not body["appDeploymentZones"]:
            raise Refused(422, "no zone is subscribed to", kind="unknown")
        link = body.pop("appStatusCallbackLink")
        app = self.put_in(call, "app", body["appId"], body)
        self.store.notes[f"link/{app.parents[0]}/{app.id}"] = link
        for zone in body["appDeploymentZones"]:
            self.tell_app(app, zone, "PENDING", call.now)
            self.tell_app(app, zone, "ONBOARDED", call.now + ONBOARDING)
        return self.done(call)

    def op_viewApplication(self, call: Call) -> WireResponse:
        """Show an application."""
        return self.done(call, self.one(call, "app", call.values["appId"]).body)

    def op_updateApplication(self, call: Call) -> WireResponse:
        """Change the quality of service and the components of an application."""
        app, asked = self.one(call, "app", call.values["appId"]), self.accepted(call)
        quality = dict(asked.get("appUpdQoSProfile", {}))
        if "mobilitySupport" in quality:
            app.body["appMetaData"]["mobilitySupport"] = quality.pop("mobilitySupport")
        app.body["appQoSProfile"] = {**app.body["appQoSProfile"], **quality}
        for part in asked.get("appComponentSpecs", []):
            known = next((p for p in app.body["appComponentSpecs"] if p.get("componentName") == part["componentName"]), None)
            if known is None:
                raise Refused(422, "there is no such component", kind="unknown")
            known.update(part)
        return self.done(call)

    def op_deleteApp(self, call: Call) -> WireResponse:
        """Remove an application that nothing runs of."""
        app = self.one(call, "app", call.values["appId"])
        if self.running(call, app):
            raise Refused(409, "instances of the application are running", kind="in use")
        del self.of(call, "app")[app.id]
        for zone in app.body["appDeploymentZones"]:
            self.tell_app(app, zone, "REMOVED", call.now)
        return self.done(call)

    def op_onboardExistingAppNewZones(self, call: Call) -> WireResponse:
        """Take an application to further zones."""
        app, wanted = self.one(call, "app", call.values["appId"]), self.accepted(call)
        for zone in wanted:
            if zone not in [z[0] for z in ZONES]:
                raise Refused(422, f"{zone} is not offered", kind="unknown")
        for zone in [z for z in wanted if z not in app.body["appDeploymentZones"]]:
            app.body["appDeploymentZones"].append(zone)
            self.tell_app(app, zone, "ONBOARDED", call.now + ONBOARDING)
        return self.done(call)

    def op_deboardApplication(self, call: Call) -> WireResponse:
        """Take an application off a zone."""
        app, zone = self.one(call, "app", call.values["appId"]), call.values["zoneId"]
        if zone not in app.body["appDeploymentZones"]:
            raise Refused(404, "the application is not in this zone", kind="unknown")
        if any(i.body["zoneId"] == zone for i in self.running(call, app)):
            raise Refused(409, "instances of the application run there", kind="in use")
        app.body["appDeploymentZones"].remove(zone)
        self.tell_app(app, zone, "DEBOARDING", call.now)
        self.tell_app(app, zone, "REMOVED", call.now + LEAVING)
        return self.done(call)

    def op_lockUnlockApplicationZone(self, call: Call) -> WireResponse:
        """Lock and unlock zones for an application."""
        app = self.one(call, "app", call.values["appId"])
        asked = self.accepted(call)
        for one in asked:
            if one["zoneId"] not in app.body["appDeploymentZones"]:
                raise Refused(404, "the application is not in this zone", kind="unknown")
        for one in asked:
            self.store.notes[f"locked/{app.parents[0]}/{app.id}/{one['zoneId']}"] = one["forbid"]
        return self.done(call)

    # -- instances -----------------------------------------------------------------------------------------------
    def running(self, call: Call, app: Instance) -> list[Instance]:
        """Return the instances of an application."""
        return [i for i in self.of(call, "instance").values() if i.body["appId"] == app.id]

    def op_installApp(self, call: Call) -> WireResponse:
        """Start an instance of an application in one of its zones."""
        body = self.accepted(call)
        app, zone = self.one(call, "app", body["appId"]), body["zoneInfo"]["zoneId"]
        if zone not in app.body["appDeploymentZones"] or zone not in self.of(call, "zone"):
            raise Refused(422, "the application is not in this zone", kind="unknown")
        if body["zoneInfo"]["flavourId"] not in [f["flavourId"] for f in FLAVOURS]:
            raise Refused(422, "there is no such flavour", kind="unknown")
        if self.store.notes.get(f"locked/{app.parents[0]}/{app.id}/{zone}"):
            raise Refused(409, "the zone is locked for this application", kind="locked")
        id = body.get("appInstanceId") or self.store.fresh_uuid("instance")
        made = self.put_in(call, "instance", id, {"appId": app.id, "zoneId": zone, "state": "PENDING", "link": body["appInstCallbackLink"]})
        self.tell_instance(made, call.now)
        return self.done(call, {"zoneId": zone, "appInstIdentifier": id})

    def instance(self, call: Call) -> Instance:
        """Return the instance that a path names, of that application and in that zone."""
        found = self.one(call, "instance", call.values["appInstanceId"])
        if [found.body["appId"], found.body["zoneId"]] != [call.values["appId"], call.values["zoneId"]]:
            raise self.unknown(self.bindings.resources["instance"], found.id)
        return found

    def op_getAppInstanceDetails(self, call: Call) -> WireResponse:
        """Show an instance, and how to reach it when it is ready."""
        found = self.instance(call)
        shown: dict[str, Any] = {"appInstanceState": found.body["state"]}
        if found.body["state"] == "READY":
            shown["accesspointInfo"] = self.reached(found)
        return self.done(call, shown)

    def reached(self, instance: Instance) -> list[dict[str, Any]]:
        """Return where an instance is reached."""
        return [{"interfaceId": "http", "accessPoints": {"port": 30080, "fqdn": f"{instance.id}.edge.partner.example"}}]

    def op_getAllAppInstances(self, call: Call) -> WireResponse:
        """List the instances of an application by zone."""
        app = self.one(call, "app", call.values["appId"])
        if app.body["appProviderId"] != call.values["appProviderId"]:
            raise Refused(404, "this provider has no such application", kind="unknown")
        zones: dict[str, list[dict[str, str]]] = {}
        for one in self.running(call, app):
            zones.setdefault(one.body["zoneId"], []).append({"appInstIdentifier": one.id, "appInstanceState": one.body["state"]})
        return self.done(call, [{"zoneId": zone, "appInstanceInfo": found} for zone, found in zones.items()])

    def op_removeApp(self, call: Call) -> WireResponse:
        """Let an instance end."""
        found = self.instance(call)
        if found.body["state"] != "TERMINATING":
            found.body |= {"state": "TERMINATING", "until": call.now + ENDING}
            self.tell_instance(found, call.now)
        return self.done(call)

    # -- pools ---------------------------------------------------------------------------------------------------
    def pools(self, call: Call) -> dict[str, Instance]:
        """Return the pools of the provider in the zone that a path names."""
        zone = self.one(call, "zone", call.values["zoneId"])
        return self.store.shelf("pool", (call.values["federationContextId"], zone.id, call.values["appProviderId"]))

    def op_createResourcePools(self, call: Call) -> WireResponse:
        """Reserve flavours."""
        shelf, asked = self.pools(call), self.accepted(call)["resRequest"]
        if asked["poolId"] in shelf:
            raise Refused(409, "there is a pool with this identifier", kind="exists")
        flavours = [{"flavourId": f["flavourId"], "count": f["numFlavour"]} for f in asked["flavours"]]
        body = {
            "poolName": asked["poolName"], "reservedPoolId": asked["poolId"], "reservedFlavours": flavours,
            "reserveDuration": asked["reserveDuration"], "reservationTime": moment(call.now),
        }  # fmt: skip
        shelf[asked["poolId"]] = Instance(id=asked["poolId"], body=body, created=call.now, changed=call.now, owner=call.who)
        return self.done(call)

    def op_viewIsvResPool(self, call: Call) -> WireResponse:
        """List the pools."""
        found = [pool.body for pool in self.pools(call).values()]
        return self.listed(call, self.bindings.resources["pool"], Page(items=found, total=len(found)))

    def pool(self, call: Call) -> Instance:
        """Return the pool that a path names."""
        found = self.pools(call).get(call.values["poolId"])
        if found is None:
            raise Refused(404, "there is no pool with this identifier", kind="unknown")
        return found

    def op_updateIsvResPool(self, call: Call) -> WireResponse:
        """Change how much is reserved: the count is the number of all, and none takes a flavour away."""
        pool = self.pool(call)
        counts = {f["flavourId"]: f["count"] for f in pool.body["reservedFlavours"]}
        for one in self.accepted(call):
            counts[one["flavourId"]] = one["count"]
        pool.body["reservedFlavours"] = [{"flavourId": f, "count": n} for f, n in counts.items() if n > 0] or pool.body["reservedFlavours"]
        return self.done(call)

    def op_removeIsvResPool(self, call: Call) -> WireResponse:
        """Give a pool back."""
        del self.pools(call)[self.pool(call).id]
        return self.done(call)

    # -- discovery and roaming -----------------------------------------------------------------------------------
    def op_getCandidateZones(self, call: Call) -> WireResponse:
        """Tell the zones of an application."""
        app = self.one(call, "app", self.accepted(call)["appId"])
        point = {"port": 443, "fqdn": "latency.partner.example"}
        return self.done(call, [{"zoneId": zone, "latencyServiceEndPoints": point} for zone in app.body["appDeploymentZones"]])

    def op_authenticateDevice(self, call: Call) -> WireResponse:
        """Validate the token of a device."""
        if call.values["authToken"] != TOKEN:
            raise Refused(404, "the home operator knows no such token", kind="unknown")
        return self.done(call)

    # -- time and what is told -----------------------------------------------------------------------------------
    def settle(self, now: float) -> None:
        """Let instances start and end until *now*."""
        for one in self.store.everywhere("instance"):
            if one.body["state"] == "PENDING" and now >= one.created + STARTING:
                one.body["state"] = "READY"
                self.tell_instance(one, one.created + STARTING)
            if one.body["state"] == "TERMINATING" and now >= one.body["until"]:
                del self.store.shelf("instance", one.parents)[one.id]

    def tell_app(self, app: Instance, zone: str, status: str, at: float) -> None:
        """Plan the notification of an application."""
        info = [{"zoneId": zone, "onboardStatusInfo": status}]
        told = {"federationContextId": app.parents[0], "appId": app.id, "statusInfo": info}
        self.send(at, self.store.notes[f"link/{app.parents[0]}/{app.id}"], told)

    def tell_instance(self, one: Instance, at: float) -> None:
        """Plan the notification of an instance."""
        info: dict[str, Any] = {"appInstanceState": one.body["state"]}
        if one.body["state"] == "READY":
            info["accessPointInfo"] = self.reached(one)
        told = {
            "federationContextId": one.parents[0], "appId": one.body["appId"], "appInstanceId": one.id, "zoneId": one.body["zoneId"],
            "appInstanceInfo": info, "modificationDate": moment(at),
        }  # fmt: skip
        self.send(at, one.body["link"], told)

    def send(self, at: float, url: str, told: Mapping[str, Any]) -> None:
        """Plan a delivery."""
        request = WireRequest(method="POST", target="", headers=(("content-type", "application/json"),), body=write_json(told))
        outgoing.plan(self.store, at, url, request)

    def due(self, now: float) -> list[Outgoing]:
        """Return what is sent until *now*."""
        self.settle(now)
        return outgoing.take(self.store, now)

    def found(self, call: Call, resource: Resource) -> Instance:
        """Return what a call names."""
        return self.one(call, resource.name, call.values[resource.parameter])


TWIN = FederationTwin
