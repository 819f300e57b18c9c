"""An edge cloud (CAMARA Edge Application Management): applications that are held by their instances, which start and end by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile, Resource
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.listing import Page, narrowed
from conformance.reference.message import Call, Refused, moment, seconds, write_json
from conformance.reference.store import Instance
from conformance.reference.twins.camara import CORRELATOR
from conformance.wire import Headers, Outgoing, WireRequest, WireResponse, header

PROFILE = "camara-edge-application-management"
STARTING = 0.4
ENDING = 0.3
EVENT = "org.camaraproject.edge-application-management.v0"
CODES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 409: "CONFLICT",
    410: "GONE", 415: "UNSUPPORTED_MEDIA_TYPE", 422: "UNPROCESSABLE", 501: "NOT_IMPLEMENTED",
}  # fmt: skip
ZONES = (
    ("11111111", "harbour", "active", "north"),
    ("22222222", "airport", "active", "south"),
    ("33333333", "valley", "inactive", "south"),
)
CLUSTERS = (("44444444", "edge-1", 0), ("55555555", "edge-2", 1))


def uuid_of(start: str) -> str:
    """Return the id of something that is there from the start."""
    return f"{start}-0000-4000-8000-000000000000"


class EdgeTwin(ResourceTwin):
    """One provider with three zones, one of them inactive: what is sent there fails."""

    #: The code of the refusal to remove an application that runs, the status of a deployment that ended, and whether events of
    #: deployments come in an array.
    held = "ABORTED"
    ended_status = 410
    batches = True

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.zones: list[dict[str, Any]] = [
            {"edgeCloudZoneId": uuid_of(id), "edgeCloudZoneName": name, "edgeCloudZoneStatus": status, "edgeCloudProvider": "twin",
             "edgeCloudRegion": region}
            for id, name, status, region in ZONES
        ]  # fmt: skip
        self.clusters = [
            {"name": name, "provider": "twin_provider", "clusterRef": uuid_of(id), "edgeCloudZoneId": self.zones[zone]["edgeCloudZoneId"],
             "edgeCloudRegion": self.zones[zone]["edgeCloudRegion"], "version": "1.29"}
            for id, name, zone in CLUSTERS
        ]  # fmt: skip
        self.test_data = {"second_zone": uuid_of(ZONES[1][0])}

    # -- every answer --------------------------------------------------------------------------------------------
    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer *request* after letting what has ended go."""
        self.settle(now)
        return super().handle(request, now)

    def settle(self, now: float) -> None:
        """Forget the instances whose end is over."""
        shelf = self.store.shelf("instance")
        for id in [i for i, one in shelf.items() if self.ended(one) is not None and now >= self.ended(one) + ENDING]:  # type: ignore[operator]
            del shelf[id]

    def dressed(self, request: WireRequest, answer: WireResponse, operation: Operation | None) -> WireResponse:
        """Return the client's x-correlator with every answer."""
        sent = header(request.headers, "x-correlator")
        good = sent and CORRELATOR.fullmatch(sent)  # what no answer may carry does not come back
        return replace(answer, headers=(*answer.headers, ("x-correlator", sent))) if sent and good else answer

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        """Return status, code and message."""
        code = refused.kind if refused.kind.isupper() else CODES.get(refused.status, "INTERNAL")
        return {"status": refused.status, "code": code, "message": refused.detail or code}

    # -- zones and clusters ----------------------------------------------------------------------------------------
    def op_getEdgeCloudZones(self, call: Call) -> WireResponse:
        """List the zones of a region and of a status."""
        return self.told_list(call, "zone", self.zones, {"region": "edgeCloudRegion", "status": "edgeCloudZoneStatus"})

    def op_getClusters(self, call: Call) -> WireResponse:
        """List the clusters of a region, of a zone, or by reference."""
        return self.told_list(call, "cluster", self.clusters, {"region": "edgeCloudRegion"})

    def told_list(self, call: Call, resource: str, items: list[dict[str, Any]], asked: Mapping[str, str]) -> WireResponse:
        """Return the items whose members are as the query asks."""
        bound = self.bindings.resources[resource]
        for parameter, member in asked.items():
            wanted = call.one(parameter)
            items = [i for i in items if wanted is None or i[member] == wanted]
        found = narrowed(call, items, self.samples, self.item_schema(bound))
        return self.listed(call, bound, Page(items=found, total=len(found)))

    def zone(self, id: str) -> dict[str, Any]:
        """Return a zone.

        Raises:
            Refused: there is none of this id.
        """
        found = next((z for z in self.zones if z["edgeCloudZoneId"] == id), None)
        if found is None:
            raise Refused(400, "there is no zone with this id")
        return found

    # -- applications ----------------------------------------------------------------------------------------------
    def allowed(self, call: Call, resource: Resource, body: Any, old: Instance | None) -> None:
        """Refuse what is there already and what speaks of nothing."""
        getattr(self, f"{resource.name}_allowed")(call, body, old)

    def app_allowed(self, call: Call, body: Any, old: Instance | None) -> None:
        """Refuse an application of the same name, version and provider."""
        known = [[one.body[n] for n in ("name", "version", "appProvider")] for one in self.store.shelf("app").values()]
        if [body[n] for n in ("name", "version", "appProvider")] in known:
            raise Refused(409, "there is such an application already", kind="ALREADY_EXISTS")

    def visible(self, call: Call, resource: Resource, parents: tuple[str, ...]) -> list[Instance]:
        """Return what belongs to whoever asks."""
        return [one for one in super().visible(call, resource, parents) if one.owner == call.who]

    def found(self, call: Call, resource: Resource) -> Instance:
        """Return what a call names; what is somebody else's is not there, and a deployment that ended is gone."""
        id = call.values[resource.parameter]
        if resource.name == "deployment" and (resource.name, (), id) in self.store.gone:
            raise Refused(self.ended_status, "this deployment has ended")
        found = super().found(call, resource)
        if found.owner != call.who:
            raise self.unknown(resource, id)
        return found

    def do_read(self, call: Call, resource: Resource) -> WireResponse:
        """Show an application."""
        return self.answer(call.operation, 200, {"appManifest": self.found(call, resource).body})

    def op_deleteApp(self, call: Call) -> WireResponse:
        """Remove an application that nothing runs of."""
        app = self.found(call, self.bindings.resources["app"])
        users = [*self.store.shelf("instance").values(), *self.store.shelf("deployment").values()]
        if any(one.body["appId"] == app.id for one in users):
            raise Refused(409, "an instance of the application is running", kind=self.held)
        del self.store.shelf("app")[app.id]
        return WireResponse(status=self.status_of(call.operation))

    def app(self, call: Call, id: str) -> Instance:
        """Return the application that a body speaks of.

        Raises:
            Refused: there is none of this id.
        """
        found = self.store.shelf("app").get(id)
        if found is None or found.owner != call.who:
            raise Refused(400, "there is no application with this id")
        return found

    # -- instances -------------------------------------------------------------------------------------------------
    def instance_allowed(self, call: Call, body: Any, old: Instance | None) -> None:
        """Refuse an instance of nothing, nowhere, or that is there already."""
        self.app(call, body["appId"])
        if "edgeCloudZoneId" not in body:
            raise Refused(400, "edgeCloudZoneId is needed")
        self.zone(body["edgeCloudZoneId"])
        self.check_clusters([body["kubernetesClusterRef"]] if "kubernetesClusterRef" in body else [])
        running = [one.body for one in self.store.shelf("instance").values() if self.ended(one) is None]
        if any(all(one[n] == body[n] for n in ("name", "appId", "edgeCloudZoneId")) for one in running):
            raise Refused(409, "there is such an instance in this zone already", kind="ALREADY_EXISTS")

    def check_clusters(self, references: list[str]) -> None:
        """Refuse clusters that do not exist."""
        if not set(references) <= {c["clusterRef"] for c in self.clusters}:
            raise Refused(400, "there is no cluster with this reference")

    def do_create(self, call: Call, resource: Resource) -> WireResponse:
        """Make an application, an instance or a deployment; the latter two are accepted for later."""
        if resource.name == "app":
            return super().do_create(call, resource)
        body = dict(self.accepted(call))
        subscription = body.pop("subscriptionRequest", None)
        if subscription and subscription.get("sinkCredential", {}).get("accessTokenType", "bearer") != "bearer":
            raise Refused(400, "the token of a sink is of type bearer")
        self.allowed(call, resource, body, None)
        if resource.name == "deployment":
            return self.deployed(call, body, subscription)
        instance = self.started(call, body, subscription)
        location = self.absolute(self.href(resource, (), instance.id))
        return self.answer(call.operation, 202, self.told_instance(instance, call.now), (("Location", location),))

    def started(self, call: Call, body: dict[str, Any], subscription: Any) -> Instance:
        """Start an instance."""
        id = self.store.fresh_uuid("instance")
        provider = self.app(call, body["appId"]).body["appProvider"]
        whole = {**body, "appInstanceId": id, "appProvider": provider}
        instance = Instance(id=id, body=whole, created=call.now, changed=call.now, owner=call.who)
        self.store.shelf("instance")[id] = instance
        if subscription is not None:
            self.store.notes[f"subscription/{id}"] = subscription
            if subscription.get("config", {}).get("initialEvent"):
                self.tell(id, subscription, "app-instance", call.now, {"appInstanceId": id, "status": "instantiating"})
            self.tell(id, subscription, "app-instance", call.now + STARTING, {"appInstanceId": id, "status": self.outcome(instance)})
        return instance

    def outcome(self, instance: Instance) -> str:
        """Return what an instance becomes: it fails where the zone is not active."""
        return "ready" if self.zone(instance.body["edgeCloudZoneId"])["edgeCloudZoneStatus"] == "active" else "failed"

    def ended(self, instance: Instance) -> float | None:
        """Return when an instance was told to end, or None."""
        found: float | None = self.store.notes.get(f"ended/{instance.id}")
        return found

    def told_instance(self, instance: Instance, now: float) -> dict[str, Any]:
        """Return an instance with its status at *now*, and how to reach it when it is ready."""
        if self.ended(instance) is not None:
            status = "terminating"
        else:
            status = "instantiating" if now < instance.created + STARTING else self.outcome(instance)
        found = {**instance.body, "status": status}
        app = self.store.shelf("app").get(instance.body["appId"])
        if status == "ready" and app is not None:
            points = [
                {"interfaceId": face["interfaceId"], "accessPoints": {"port": face["port"], "fqdn": f"{instance.id}.edge.example"}}
                for part in app.body["componentSpec"]
                for face in part["networkInterfaces"]
                if face["visibilityType"] == "VISIBILITY_EXTERNAL"
            ]
            found |= {"componentEndpointInfo": points} if points else {}
        return found

    def op_getAppInstances(self, call: Call) -> WireResponse:
        """List the instances of an application, of a region, or by id."""
        mine = self.visible(call, self.bindings.resources["instance"], ())
        region = call.one("region")
        wanted = [i for i in mine if region is None or self.zone(i.body["edgeCloudZoneId"])["edgeCloudRegion"] == region]
        return self.told_list(call, "instance", [self.told_instance(i, call.now) for i in wanted], {})

    def op_deleteAppInstance(self, call: Call) -> WireResponse:
        """End an instance; it is still listed for a while."""
        self.end(self.found(call, self.bindings.resources["instance"]), call.now)
        return WireResponse(status=self.status_of(call.operation))

    def end(self, instance: Instance, now: float) -> None:
        """Let an instance end."""
        if self.ended(instance) is not None:
            return
        self.store.notes[f"ended/{instance.id}"] = now
        outbox = self.store.notes.get("outbox", [])
        self.store.notes["outbox"] = [one for one in outbox if one[0] != instance.id or one[1].at <= now]
        subscription = self.store.notes.get(f"subscription/{instance.id}")
        if subscription is not None:
            self.tell(instance.id, subscription, "app-instance", now, {"appInstanceId": instance.id, "status": "terminating"})

    # -- deployments -----------------------------------------------------------------------------------------------
    def deployment_allowed(self, call: Call, body: Any, old: Instance | None) -> None:
        """Refuse a deployment of nothing, nowhere, or that is there already."""
        self.app(call, body["appId"])
        for zone in body["edgeCloudZones"]:
            self.zone(zone)
        self.check_clusters(body.get("kubernetesClusterRefs", []))
        others = [one for one in self.store.shelf("deployment").values() if one is not old]
        if any(all(one.body[n] == body[n] for n in ("appDeploymentName", "appId")) for one in others):
            raise Refused(409, "there is such a deployment already", kind="ALREADY_EXISTS")

    def deployed(self, call: Call, body: dict[str, Any], subscription: Any) -> WireResponse:
        """Start an application in each zone."""
        id = self.store.fresh_uuid("deployment")
        whole = {**body, "appDeploymentId": id, "appInstances": []}
        deployment = Instance(id=id, body=whole, created=call.now, changed=call.now, owner=call.who)
        self.store.shelf("deployment")[id] = deployment
        self.spread(call, deployment)
        if subscription is not None:
            self.tell(id, subscription, "app-deployment", call.now + STARTING, {"appDeploymentId": id, "status": "ready"})
        return self.answer(call.operation, 202, {"appDeploymentId": id}, self.place_of(deployment))

    def place_of(self, deployment: Instance) -> Headers:
        """Return the header that says where a deployment is read; here it is not."""
        return ()

    def spread(self, call: Call, deployment: Instance) -> None:
        """Start what is missing in the zones of a deployment and end what is elsewhere."""
        shelf, body = self.store.shelf("instance"), deployment.body
        running = {shelf[i].body["edgeCloudZoneId"]: i for i in body["appInstances"] if i in shelf}
        for zone, id in running.items():
            if zone not in body["edgeCloudZones"]:
                self.end(shelf[id], call.now)
        for zone in body["edgeCloudZones"]:
            if zone not in running:
                name = f"d{deployment.id.replace('-', '')[:20]}_{len(shelf)}"
                running[zone] = self.started(call, {"name": name, "appId": body["appId"], "edgeCloudZoneId": zone}, None).id
        body["appInstances"] = [running[zone] for zone in dict.fromkeys(body["edgeCloudZones"])]

    def told_deployment(self, deployment: Instance) -> dict[str, Any]:
        """Return a deployment as the description shows it: without its clusters."""
        return {k: v for k, v in deployment.body.items() if k != "kubernetesClusterRefs"}

    def op_getAppDeployments(self, call: Call) -> WireResponse:
        """List the deployments of an application, or by id."""
        mine = self.visible(call, self.bindings.resources["deployment"], ())
        return self.told_list(call, "deployment", [self.told_deployment(d) for d in mine], {})

    def op_updateAppDeployment(self, call: Call) -> WireResponse:
        """Change a deployment by a merge patch."""
        deployment = self.found(call, self.bindings.resources["deployment"])
        body = self.accepted(call)
        named = {n: body[n] for n in ("appDeploymentName", "edgeCloudZones", "kubernetesClusterRefs") if n in body}
        wanted = {**deployment.body, **named}
        self.deployment_allowed(call, wanted, deployment)
        deployment.body, deployment.changed = wanted, call.now
        self.spread(call, deployment)
        return self.answer(call.operation, 200, self.told_deployment(deployment))

    def op_deleteAppDeployment(self, call: Call) -> WireResponse:
        """End a deployment and all its instances."""
        deployment = self.found(call, self.bindings.resources["deployment"])
        for id in deployment.body["appInstances"]:
            if id in self.store.shelf("instance"):
                self.end(self.store.shelf("instance")[id], call.now)
        del self.store.shelf("deployment")[deployment.id]
        self.store.gone.add(("deployment", (), deployment.id))
        return WireResponse(status=202)

    # -- events ----------------------------------------------------------------------------------------------------
    def tell(self, about: str, subscription: Mapping[str, Any], what: str, at: float, data: Mapping[str, Any]) -> None:
        """Put an event into the outbox, where it was subscribed to and the credential lasts."""
        kind = f"{EVENT}.{what}-status-change"
        credential = subscription.get("sinkCredential", {})
        expires = credential.get("accessTokenExpiresUtc")
        if kind not in subscription.get("types", [kind]) or (expires and seconds(expires) < at):
            return
        event = {
            "id": self.store.fresh_uuid("event"), "source": f"{self.options.base}/{about}", "type": kind, "specversion": "1.0",
            "datacontenttype": "application/json", "time": moment(at), "data": dict(data),
        }  # fmt: skip
        headers = [("content-type", "application/cloudevents+json")]
        if "accessToken" in credential:
            headers.append(("authorization", f"Bearer {credential['accessToken']}"))
        body = write_json([event] if self.batches and what == "app-deployment" else event)
        request = WireRequest(method="POST", target="", headers=tuple(headers), body=body)
        self.store.notes.setdefault("outbox", []).append((about, Outgoing(at=at, url=subscription["sink"], request=request)))

    def due(self, now: float) -> list[Outgoing]:
        """Return what is to be delivered until *now*."""
        outbox = self.store.notes.get("outbox", [])
        self.store.notes["outbox"] = [one for one in outbox if one[1].at > now]
        return sorted((one for _, one in outbox if one.at <= now), key=lambda one: one.at)


TWIN = EdgeTwin
