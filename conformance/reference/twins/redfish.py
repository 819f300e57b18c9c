"""A Redfish service (DSP0266): hardware behind links, sessions and accounts, power states that take their time."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile, Resource
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.listing import Page
from conformance.reference.message import Call, Refused, basic_credentials, moment
from conformance.reference.places import merge_patch
from conformance.reference.routing import Route
from conformance.reference.store import Instance, Parents
from conformance.reference.twins import redfish_inventory as hardware
from conformance.wire import Headers, WireRequest, WireResponse, header

PROFILE = "dmtf-redfish"
#: ResetType -> the states that follow, with the seconds until the next one.
TRANSITIONS: Mapping[str, Sequence[tuple[float, str]]] = {
    "On": [(0, "PoweringOn"), (2, "On")], "ForceOn": [(0, "PoweringOn"), (2, "On")], "ForceOff": [(0, "Off")],
    "GracefulShutdown": [(0, "PoweringOff"), (5, "Off")], "ForceRestart": [(0, "PoweringOn"), (2, "On")],
    "GracefulRestart": [(0, "PoweringOff"), (5, "PoweringOn"), (7, "On")], "PowerCycle": [(0, "Off"), (2, "PoweringOn"), (4, "On")],
}  # fmt: skip
_MESSAGES = {
    400: "GeneralError", 401: "NoValidSession", 404: "ResourceMissingAtURI", 405: "OperationNotAllowed", 412: "PreconditionFailed",
    415: "UnsupportedMediaType", 501: "QueryNotSupported",
}  # fmt: skip
_KINDS = {"malformed": "MalformedJSON", "invalid": "PropertyValueError"}


class RedfishTwin(ResourceTwin):
    """A service with two systems, one chassis and one manager."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.options.etags = True
        self.options.token_header = "X-Auth-Token"
        self.options.strict_query = False
        for operation in ("updateAccount", "updateSystem", "resetSystem"):
            self.options.statuses = {operation: 204, **self.options.statuses}
        name, _, password = next(iter(self.options.users)).partition(":")
        self.test_data = {
            "power_system": f"{self.options.base}{hardware.ROOT}/Systems/{next(iter(hardware.THINGS['system']))}",
            "session_username": name, "session_password": password,
        }  # fmt: skip

    # -- requests ------------------------------------------------------------------------------------------------
    def route(self, path: str) -> Route | None:
        """Return where a path leads; `Members` of a collection takes POST as the collection does."""
        found = super().route(path)
        if found is None and self.request.method == "POST" and path.endswith("/Members"):
            return super().route(path.removesuffix("/Members"))
        return found

    def process(self, call: Call) -> WireResponse:
        """Answer a call after whatever happened to the systems meanwhile."""
        for name, _ in call.query:
            if name.startswith("$"):
                raise Refused(501, f"The query parameter {name} is not supported.", kind="QueryNotSupported")
        self.settle(call.now)
        return super().process(call)

    def identity(self, request: WireRequest) -> tuple[str, bool]:
        """Return who sends a request: the owner of a session, or an account with its password."""
        token = header(request.headers, "x-auth-token")
        if token is not None:
            session = next((s for s in self.store.shelf("session").values() if self.store.notes.get(f"token/{s.id}") == token), None)
            return (session.owner if session else ""), True
        value = header(request.headers, "authorization")
        if value is None:
            return "", False
        name, _, password = basic_credentials(value).partition(":")
        return (name if value.lower().startswith("basic ") and self.knows(name, password) else ""), True

    def knows(self, name: str, password: str) -> bool:
        """Tell whether a name and a password belong to an account that is enabled."""
        if f"{name}:{password}" in self.options.users:
            return True
        named = [a for a in self.store.shelf("account").values() if a.body.get("UserName") == name and a.body.get("Enabled", True)]
        return any(self.store.notes.get(f"password/{a.id}") == password for a in named)

    # -- answers -------------------------------------------------------------------------------------------------
    def challenge(self) -> str:
        """Return the scheme that a 401 names."""
        return 'Basic realm="Redfish"'

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        """Return an extended error."""
        name = _KINDS.get(refused.kind, refused.kind if refused.kind[:1].isupper() else _MESSAGES.get(refused.status, "GeneralError"))
        message = {"MessageId": f"Base.1.19.{name}", "Message": refused.detail or name, "MessageArgs": [], "MessageSeverity": "Critical"}
        told = {"@odata.type": "#Message.v1_3_0.Message", **message, "Resolution": "Change the request and send it again."}
        return {"error": {"code": f"Base.1.19.{name}", "message": refused.detail or name, "@Message.ExtendedInfo": [told]}}

    def dressed(self, request: WireRequest, answer: WireResponse, operation: Operation | None) -> WireResponse:
        """Return an answer with the headers of every Redfish answer."""
        headers: Headers = (*answer.headers, ("OData-Version", "4.0"), ("Cache-Control", "no-cache"))
        route = self.route(request.target.partition("?")[0])
        if request.method in ("GET", "HEAD") and answer.status == 200 and route:
            schema = "https://redfish.dmtf.org/schemas/v1/redfish-schema.json"
            headers = (*headers, ("Allow", ", ".join(route.methods)), ("Link", f"<{schema}>; rel=describedby"))
        return WireResponse(status=answer.status, headers=headers, body=answer.body, delay_s=answer.delay_s)

    def document(self, operation: Operation, status: int, values: Parents, now: float) -> Any:
        """Return a document of the service."""
        return copy.deepcopy(hardware.document(operation.id)) if operation.method == "GET" else None

    # -- resources -----------------------------------------------------------------------------------------------
    def shelf(self, resource: Resource, parents: Parents, now: float) -> dict[str, Instance]:
        """Return the instances of a collection; the hardware and the first account are there from the start."""
        shelf = self.store.shelf(resource.name, parents)
        if (resource.name, parents) not in self.store.seeded:
            self.store.seeded.add((resource.name, parents))
            for id, members in hardware.THINGS.get(resource.name, {}).items():
                base = hardware.system(id) if resource.name == "system" else {}
                times = {"StartTime": moment(now, digits=0), "EndTime": moment(now, digits=0)} if resource.name == "task" else {}
                self.keep(resource, parents, id, {**base, **copy.deepcopy(members), **times}, now, seeded=True)
            if resource.name == "account":
                self.keep(resource, (), "1", {"UserName": "twin", "RoleId": "Administrator"}, now, seeded=True)
        return shelf

    def fresh_id(self, resource: Resource) -> str:
        """Return a short number, as services do."""
        return str(100 + self.store.count(resource.name))

    def completed(self, resource: Resource, parents: Parents, id: str, body: Any, now: float) -> Any:
        """Return a resource with its identity and the members that its kind always has."""
        name = hardware.TYPES[resource.name]
        kind = {"@odata.type": f"#{name}.{name.split('.')[0]}", "Id": id, "Name": body.get("Name", f"{name.split('.')[0]} {id}")}
        always: dict[str, Any] = {}
        if resource.name == "account":
            role = f"{hardware.ROOT}/AccountService/Roles/{body['RoleId']}"
            always = {"Password": None, "Links": {"Role": {"@odata.id": role}}}
            body = {"Enabled": True, "Locked": False, "AccountTypes": ["Redfish"], **body}
        elif resource.name == "session":
            always = {"Password": None, "Token": None, "SessionType": "Redfish", "CreatedTime": moment(now, digits=0)}
        elif resource.name == "subscription":
            body = {"Context": None, "SubscriptionType": "RedfishEvent", "EventFormatType": "Event", "Status": hardware.OK, **body}
        return super().completed(resource, parents, id, {**body, **kind, **always}, now)

    def shown(self, resource: Resource, instance: Instance) -> Any:
        """Return a resource with its entity tag."""
        return {**copy.deepcopy(instance.body), "@odata.etag": self.version_tag(instance)}

    def envelope(self, call: Call, resource: Resource, schema: Any, items: list[Any], page: Page) -> Any:
        """Return a collection: links to its members."""
        name = hardware.TYPES[resource.name].split(".")[0] + "Collection"
        told = {"@odata.id": call.path.rstrip("/"), "@odata.type": f"#{name}.{name}", "Name": name}
        return {**told, "Members": [{"@odata.id": i["@odata.id"]} for i in items], "Members@odata.count": page.total}

    # -- writes --------------------------------------------------------------------------------------------------
    def op_createSession(self, call: Call) -> WireResponse:
        """Log in."""
        resource = self.bindings.resources["session"]
        body = self.accepted(call)
        if not self.knows(body["UserName"], body["Password"]):
            raise Refused(401, "The login failed.", kind="ResourceAtUriUnauthorized")
        instance = self.keep(resource, (), self.fresh_id(resource), {"UserName": body["UserName"]}, call.now, owner=body["UserName"])
        token = self.store.fresh_uuid("token").replace("-", "")
        self.store.notes[f"token/{instance.id}"] = token
        headers = (("Location", self.href(resource, (), instance.id)), ("X-Auth-Token", token))
        return self.reply(call, resource, instance, 201, headers)

    def op_createAccount(self, call: Call) -> WireResponse:
        """Create an account."""
        resource = self.bindings.resources["account"]
        body = dict(self.accepted(call))
        self.check_account(body, None, call.now)
        password = body.pop("Password")
        instance = self.keep(resource, (), self.fresh_id(resource), body, call.now, owner=call.who)
        self.store.notes[f"password/{instance.id}"] = password
        return self.made(call, resource, instance)

    def check_account(self, body: Mapping[str, Any], old: Instance | None, now: float) -> None:
        """Refuse names that are taken, roles that do not exist, and passwords that are too short."""
        others = [a for a in self.shelf(self.bindings.resources["account"], (), now).values() if a is not old]
        if "UserName" in body and any(a.body.get("UserName") == body["UserName"] for a in others):
            raise Refused(409, "An account with this name exists.", kind="ResourceAlreadyExists")
        if "RoleId" in body and body["RoleId"] not in hardware.PRIVILEGES:
            raise Refused(400, "There is no such role.", kind="PropertyValueNotInList")
        if "Password" in body and len(body["Password"] or "") < 8:
            raise Refused(400, "The password is too short.", kind="PropertyValueFormatError")

    def do_update(self, call: Call, resource: Resource) -> WireResponse:
        """Change what may be changed; a request with nothing that could be done is refused."""
        instance = self.found(call, resource)
        body = self.accepted(call)
        wanted = {k: v for k, v in body.items() if "@" not in k}
        if not wanted:
            raise Refused(400, "The request changes nothing.", kind="NoOperation")
        known = self.samples.flat(self.request_schema(call.operation.id))["properties"]
        strange = [name for name in wanted if name not in known]
        if strange:
            kind = "PropertyNotWritable" if strange[0] in instance.body else "PropertyUnknown"
            raise Refused(400, f"The property {strange[0]} cannot be written.", kind=kind)
        self.check_version(call, resource, instance)
        if resource.name == "account":
            self.check_account(wanted, instance, call.now)
            if "Password" in wanted:
                self.store.notes[f"password/{instance.id}"] = wanted.pop("Password")
        target = wanted.get("Boot", {}).get("BootSourceOverrideTarget")
        if target is not None and target not in hardware.BOOT_TARGETS:
            raise Refused(400, f"{target} is not an allowable value.", kind="PropertyValueNotInList")
        return self.changed(call, resource, instance, merge_patch(instance.body, wanted))

    def removed(self, call: Call, resource: Resource, instance: Instance) -> None:
        """A session that is gone leaves no token behind, an account no password."""
        self.store.notes.pop(f"{'token' if resource.name == 'session' else 'password'}/{instance.id}", None)

    # -- power ---------------------------------------------------------------------------------------------------
    def op_resetSystem(self, call: Call) -> WireResponse:
        """Begin to change the power state of a system."""
        resource = self.bindings.resources["system"]
        system = self.shelf(resource, (), call.now).get(call.values["ComputerSystemId"])
        if system is None:
            raise self.unknown(resource, call.values["ComputerSystemId"])
        body = self.accepted(call) or {}
        kind = body.get("ResetType", "On")
        if kind not in hardware.RESET_TYPES:
            raise Refused(400, f"{kind} is not an allowable value of ResetType.", kind="ActionParameterValueNotInList")
        if kind == "PushPowerButton":
            kind = "On" if system.body["PowerState"] == "Off" else "GracefulShutdown"
        here = system.body["PowerState"]
        if not ((kind in ("On", "ForceOn") and here == "On") or (kind == "GracefulShutdown" and here == "Off")):
            self.store.notes[f"power/{system.id}"] = [(call.now + after, state) for after, state in TRANSITIONS[kind]]
        self.settle(call.now)
        return self.answer(call.operation, 204)

    def settle(self, now: float) -> None:
        """Bring each system to the power state that it has reached by *now*."""
        for system in self.store.shelf("system").values():
            due = self.store.notes.get(f"power/{system.id}", [])
            reached = [state for at, state in due if at <= now]
            if reached:
                system.body["PowerState"] = reached[-1]
                system.version, system.changed = system.version + 1, now
                self.store.notes[f"power/{system.id}"] = [(at, state) for at, state in due if at > now]


TWIN = RedfishTwin
