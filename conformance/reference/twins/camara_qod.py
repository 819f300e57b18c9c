"""CAMARA Quality On Demand: sessions of a device that become available, end by themselves, and tell a sink what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.profile import Profile, Resource
from conformance.reference import outgoing
from conformance.reference.engine import Options
from conformance.reference.listing import Page
from conformance.reference.message import Call, Refused, moment
from conformance.reference.store import Instance, Parents
from conformance.reference.twins.camara import CamaraTwin, identified
from conformance.wire import Outgoing, WireRequest, WireResponse

PROFILE = "camara-quality-on-demand"
EVENT = "org.camaraproject.quality-on-demand.v1.qos-status-changed"
#: Seconds until the network has provided what was requested, and for which what ended by itself can be read.
PROVISION = 0.4
RETENTION = 360.0
#: A device that gets a session which the network ends after two seconds.
FAILING = "+4915550008"
#: Devices by the identifiers that the network knows them by, and those that the service is not offered to.
DEVICES: Mapping[str, str] = {
    "+4915550001": "one", "+4915550002": "two", "2001:db8::1": "one", "203.0.113.7:59765": "two", FAILING: "failing",
}  # fmt: skip
EXCLUDED = ("+4915550009",)
#: Name, status, shortest and longest duration in seconds.
PROFILES = (
    ("QOS_E", "ACTIVE", 1, 86_400),
    ("QOS_S", "ACTIVE", 1, 3_600),
    ("QOS_L", "INACTIVE", 60, 3_600),
    ("QOS_OLD", "DEPRECATED", 60, 600),
)
_API = "QUALITY_ON_DEMAND"


class QualityOnDemandTwin(CamaraTwin):
    """An operator with two devices and four profiles, asked with two-legged tokens."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.options.etags = False
        self.options.strict_query = False
        self.test_data = {
            "device": {"phoneNumber": "+4915550001"}, "idle_device": {"ipv4Address": {"publicAddress": "203.0.113.7", "publicPort": 59765}},
            "unknown_device": {"phoneNumber": "+4915559999"}, "mixed_device": {"phoneNumber": "+4915550001", "ipv6Address": "2001:db8::1"},
            "inactive_profile": "QOS_L", "short_duration": 4,
        }  # fmt: skip

    # -- every request -------------------------------------------------------------------------------------------
    def process(self, call: Call) -> WireResponse:
        """Answer a call after whatever happened meanwhile."""
        self.settle(call.now)
        return super().process(call)

    # -- time ----------------------------------------------------------------------------------------------------
    def settle(self, now: float) -> None:
        """Let the network do what it did until *now*: provide, end what is over, forget what ended long ago."""
        shelf = self.store.shelf("session")
        for session in list(shelf.values()):
            body = session.body
            starts = session.created + PROVISION
            if body["qosStatus"] == "REQUESTED" and now >= starts:
                failing = body.get("device", {}).get("phoneNumber") == FAILING
                ends = starts + (2 if failing else body["duration"])
                body |= {"qosStatus": "AVAILABLE", "startedAt": moment(starts), "expiresAt": moment(starts + body["duration"])}
                self.store.notes[f"ends/{session.id}"] = ends
                self.tell(session, starts)
            ends = self.store.notes.get(f"ends/{session.id}", 0.0)
            if body["qosStatus"] == "AVAILABLE" and now >= ends:
                early = body.get("device", {}).get("phoneNumber") == FAILING
                self.end(session, ends, "NETWORK_TERMINATED" if early else "DURATION_EXPIRED")
            if body["qosStatus"] == "UNAVAILABLE" and now >= ends + RETENTION:
                del shelf[session.id]

    def end(self, session: Instance, at: float, reason: str) -> None:
        """Make a session that was available unavailable."""
        lasted = max(1, round(at - session.created - PROVISION))
        session.body |= {"qosStatus": "UNAVAILABLE", "statusInfo": reason, "expiresAt": moment(at), "duration": lasted}
        self.tell(session, at)

    def tell(self, session: Instance, at: float) -> None:
        """Send the status of a session to its sink, where it has one."""
        sink = session.body.get("sink")
        if sink:
            data = {"sessionId": session.id, **{k: session.body[k] for k in ("qosStatus", "statusInfo") if k in session.body}}
            source = f"{self.profile.operation('createSession').path}/{session.id}"
            token = self.store.notes.get(f"token/{session.id}", "")
            self.send(at, sink, outgoing.cloud_event(self.store.fresh_uuid("event"), source, EVENT, data, at, bearer=token))

    def send(self, at: float, url: str, request: WireRequest) -> None:
        """Plan a delivery."""
        outgoing.plan(self.store, at, url, request)

    def due(self, now: float) -> list[Outgoing]:
        """Return what is sent until *now*."""
        self.settle(now)
        return outgoing.take(self.store, now)

    # -- devices -------------------------------------------------------------------------------------------------
    def device(self, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the device that a body names, and the one identifier that is used."""
        return identified(body.get("device"), DEVICES, EXCLUDED)

    # -- sessions ------------------------------------------------------------------------------------------------
    def op_createSession(self, call: Call) -> WireResponse:
        """Make a session that is requested, unless one for the same flow is there."""
        body = self.accepted(call)
        name, identifier = self.device(body)
        self.check_credential(body.get("sinkCredential"))
        self.check_profile(body)
        flow = (name, _flow(body))
        shelf = self.store.shelf("session")
        if any(self.store.notes[f"flow/{s.id}"] == flow for s in shelf.values()):
            raise Refused(409, "there is a session for this device and flow", kind="CONFLICT")
        resource = self.bindings.resources["session"]
        id = self.store.fresh_uuid("session")
        shown = {k: v for k, v in body.items() if k in ("applicationServer", "devicePorts", "applicationServerPorts", "qosProfile", "sink")}
        members = {"device": identifier, **shown, "sessionId": id, "duration": body["duration"], "qosStatus": "REQUESTED"}
        instance = Instance(id=id, body=members, created=call.now, changed=call.now, owner=call.who)
        shelf[id] = instance
        self.store.notes |= {f"flow/{id}": flow, f"token/{id}": (body.get("sinkCredential") or {}).get("accessToken", "")}
        return self.reply(call, resource, instance, 201, created=True)

    def check_credential(self, credential: Mapping[str, Any] | None) -> None:
        """Refuse a credential of a sink that is no bearer token."""
        if credential is None:
            return
        if credential["credentialType"] == "PRIVATE_KEY_JWT":  # the editions after 1.1 know it; nothing was agreed on with this client
            raise Refused(422, "no key set is configured for this client", kind="PRIVATE_KEY_JWT_NOT_CONFIGURED")
        if credential["credentialType"] != "ACCESSTOKEN":
            raise Refused(400, "only an access token is supported", kind="INVALID_CREDENTIAL")
        if credential.get("accessTokenType") != "bearer" or not credential.get("accessToken"):
            raise Refused(400, "only a bearer token is supported", kind="INVALID_TOKEN")

    def check_profile(self, body: Mapping[str, Any]) -> None:
        """Refuse a profile that does not exist or cannot be used, and a duration outside its limits."""
        found = next((p for p in PROFILES if p[0] == body["qosProfile"]), None)
        if found is None:
            raise Refused(400, "there is no such profile", kind="INVALID_ARGUMENT")
        if found[1] != "ACTIVE":
            raise Refused(422, "the profile is not available", kind=f"{_API}.QOS_PROFILE_NOT_APPLICABLE")
        if not found[2] <= body["duration"] <= found[3]:
            raise Refused(400, "the duration is out of the limits of the profile", kind=f"{_API}.DURATION_OUT_OF_RANGE")

    def found(self, call: Call, resource: Resource) -> Instance:
        """Return what a call names; a session of another client is not there."""
        instance = super().found(call, resource)
        if resource.name == "session" and instance.owner != call.who:
            raise Refused(403, "the session was made by another client", kind="PERMISSION_DENIED")
        return instance

    def removed(self, call: Call, resource: Resource, instance: Instance) -> None:
        """Tell the sink of a session that was available that it was deleted."""
        if instance.body["qosStatus"] == "AVAILABLE":
            self.end(instance, call.now, "DELETE_REQUESTED")

    def op_extendQosSessionDuration(self, call: Call) -> WireResponse:
        """Give a session more time, up to the limit of its profile."""
        resource = self.bindings.resources["session"]
        instance = self.found(call, resource)
        added = self.accepted(call)["requestedAdditionalDuration"]
        body = instance.body
        if body["qosStatus"] != "AVAILABLE":
            raise Refused(409, f"the session is {body['qosStatus']}", kind=f"{_API}.SESSION_EXTENSION_NOT_ALLOWED")
        longest = next(p[3] for p in PROFILES if p[0] == body["qosProfile"])
        more = min(body["duration"] + added, longest) - body["duration"]
        ends = self.store.notes[f"ends/{instance.id}"] + more
        self.store.notes[f"ends/{instance.id}"] = ends
        body |= {"duration": body["duration"] + more, "expiresAt": moment(ends)}
        return self.reply(call, resource, instance, 200)

    def op_retrieveSessionsByDevice(self, call: Call) -> WireResponse:
        """List the sessions of a device that this client made."""
        name, _ = self.device(self.accepted(call))
        mine = [s for s in self.store.shelf("session").values() if s.owner == call.who and self.store.notes[f"flow/{s.id}"][0] == name]
        shown = [self.shown(self.bindings.resources["session"], s) for s in mine]
        return self.listed(call, self.bindings.resources["session"], Page(items=shown, total=len(shown)))

    # -- profiles ------------------------------------------------------------------------------------------------
    def shelf(self, resource: Resource, parents: Parents, now: float) -> dict[str, Instance]:
        """Return the instances of a resource; the profiles are there from the start."""
        shelf = self.store.shelf(resource.name, parents)
        if resource.name == "qos_profile" and not shelf:
            for name, status, least, most in PROFILES:
                limits = {"minDuration": {"value": least, "unit": "Seconds"}, "maxDuration": {"value": most, "unit": "Seconds"}}
                body = {"name": name, "status": status, "description": f"Profile {name} of the twin", **limits}
                shelf[name] = Instance(id=name, body=body, created=now, changed=now, seeded=True)
        return shelf

    def op_retrieveQoSProfiles(self, call: Call) -> WireResponse:
        """List the profiles, narrowed by name, status and device."""
        asked = self.accepted(call)
        if asked.get("device"):
            self.device(asked)
        resource = self.bindings.resources["qos_profile"]
        every = [self.shown(resource, i) for i in self.shelf(resource, (), call.now).values()]
        fitting = [p for p in every if all(p[k] == asked[k] for k in ("name", "status") if k in asked)]
        return self.listed(call, resource, Page(items=fitting, total=len(fitting)))


def _flow(body: Mapping[str, Any]) -> str:
    """Return what tells the flow of a session from others of its device."""
    return repr([body.get(k) for k in ("applicationServer", "devicePorts", "applicationServerPorts")])


TWIN = QualityOnDemandTwin
