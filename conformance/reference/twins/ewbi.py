"""A partner operator (GSMA OPG.04 East-Westbound Interface): federations with zones, artefacts, applications and instances, by the clock.

It speaks the dialect that its profile is written in: `katalis`, where the caller names instances and uploads in parts, or `openop`,
where the partner names them and uploads are JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.profile import Profile, Resource
from conformance.reference import outgoing
from conformance.reference.engine import Options
from conformance.reference.listing import Page
from conformance.reference.message import Call, Refused, moment, write_json
from conformance.reference.store import Instance
from conformance.reference.twins.ewbi_federations import FLAVOURS, ZONES, Federations
from conformance.wire import Outgoing, WireRequest, WireResponse

PROFILE = "gsma-opg-ewbi"
#: Seconds until an application is onboarded, an instance is ready, an instance is gone, a zone is left.
ONBOARDING, STARTING, ENDING, LEAVING = 0.3, 2.5, 0.6, 0.2
TOKEN = "roaming-token-1"


class FederationTwin(Federations):
    """An operator that federates with whoever has credentials."""

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
