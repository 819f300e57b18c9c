"""A SCIM 2.0 service provider (RFC 7643, RFC 7644): users, groups, queries, PATCH, bulk, discovery."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from conformance.profile import Profile, Resource
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.message import Call, Refused, moment, read_json, write_json
from conformance.reference.places import kept, without
from conformance.reference.store import Instance, Parents
from conformance.reference.twins import scim_schemas as said
from conformance.reference.twins.scim_filter import InvalidFilter, Path, get, holds, parse, path_of, selected, values_at
from conformance.reference.twins.scim_patch import patched
from conformance.wire import Headers, WireRequest, WireResponse, header

PROFILE = "scim2"
FEATURES = frozenset({"patch", "filter", "sort", "etag", "bulk", "change-password"})
_MEDIA = "application/scim+json"
_KINDS = {"invalid": "invalidValue", "malformed": "invalidSyntax"}
_NEEDED = {"user": "userName", "group": "displayName"}


class ScimTwin(ResourceTwin):
    """A service provider; `features` may leave out what RFC 7644 makes optional."""

    features: frozenset[str] = FEATURES

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.options.strict_query = False
        self.options.etags = "etag" in self.features

    # -- messages ------------------------------------------------------------------------------------------------
    def answer(self, operation: Any, status: int, body: Any = None, headers: Headers = ()) -> WireResponse:
        """Return an answer in SCIM's media type."""
        if status == 204 or body is None:
            return WireResponse(status=status, headers=headers)
        return WireResponse(status=status, headers=(("Content-Type", _MEDIA), *headers), body=write_json(body))

    def error_body(self, refused: Refused, operation: Any) -> Any:
        """Return an Error message (RFC 7644 section 3.12)."""
        body = {"schemas": [said.ERROR], "status": str(refused.status)}
        kind = _KINDS.get(refused.kind, refused.kind)
        if refused.status in (400, 409) and kind and kind not in ("unknown", "unauthorized", "precondition"):
            body["scimType"] = kind
        return {**body, "detail": refused.detail or "refused"}

    def tidied(self, call: Call, body: Any) -> Any:
        """Return a body with known names as they are spelt, and without members that have no value."""
        return spelt(body) if call.operation.id not in ("bulk", "search") and not call.operation.id.startswith("update") else body

    # -- discovery -----------------------------------------------------------------------------------------------
    def op_getServiceProviderConfig(self, call: Call) -> WireResponse:
        return self.answer(call.operation, 200, self.located(said.config(self.features)))

    def op_listResourceTypes(self, call: Call) -> WireResponse:
        return self.described(call, said.resource_types())

    def op_getResourceType(self, call: Call) -> WireResponse:
        return self.one_of(call, said.resource_types(), call.values["resourceTypeId"])

    def op_listSchemas(self, call: Call) -> WireResponse:
        return self.described(call, said.schemas())

    def op_getSchema(self, call: Call) -> WireResponse:
        return self.one_of(call, said.schemas(), call.values["schemaId"])

    def op_getMe(self, call: Call) -> WireResponse:
        raise Refused(501, "no resource stands behind these credentials")

    def described(self, call: Call, things: Mapping[str, Any]) -> WireResponse:
        """Answer a list of the discovery: no filter, no paging (section 4)."""
        if call.one("filter") is not None:
            raise Refused(403, "discovery cannot be filtered")
        return self.answer(call.operation, 200, list_response([self.located(t) for t in things.values()], len(things), 1))

    def one_of(self, call: Call, things: Mapping[str, Any], id: str) -> WireResponse:
        """Answer one thing of the discovery."""
        found = next((t for key, t in things.items() if key.lower() == id.lower()), None)
        if found is None:
            raise Refused(404, f"there is no {id}")
        return self.answer(call.operation, 200, self.located(found))

    def located(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a thing with the absolute URI of its location."""
        meta = {**body["meta"], "location": self.absolute(self.options.base + body["meta"]["location"])}
        return {**body, "meta": meta}

    # -- resources -----------------------------------------------------------------------------------------------
    def completed(self, resource: Resource, parents: Parents, id: str, body: Any, now: float) -> Any:
        """Return a resource with its id, and what names a schema; `meta` is made when it is shown."""
        return {**body, "id": id, "schemas": [s for s in dict.fromkeys(body.get("schemas", [])) if s]}

    def shown(self, resource: Resource, instance: Instance) -> Any:
        """Return a resource with its meta, a user with its groups, never a password."""
        body = without(instance.body, [("password",)])
        if resource.name == "user" and (groups := self.groups_of(instance.id)):
            body["groups"] = groups
        if resource.name == "group" and body.get("members"):
            body["members"] = [self.member(m) for m in body["members"]]
        body["meta"] = {
            "resourceType": resource.name.capitalize(), "created": moment(instance.created), "lastModified": moment(instance.changed),
            "location": self.absolute(self.href(resource, (), instance.id)),
        }  # fmt: skip
        if "etag" in self.features:
            body["meta"]["version"] = self.version_tag(instance)
        return body

    def groups_of(self, id: str) -> list[dict[str, Any]]:
        """Return the groups that a user is a direct member of."""
        group = self.bindings.resources["group"]
        return [
            {"value": g.id, "$ref": self.absolute(self.href(group, (), g.id)), "display": g.body["displayName"], "type": "direct"}
            for g in self.store.everywhere("group")
            if any(get(m, "value") == id for m in g.body.get("members") or ())
        ]

    def member(self, value: Any) -> Any:
        """Return a member of a group with its reference, where it is known here."""
        for name in ("user", "group"):
            if isinstance(value, Mapping) and value.get("value") in self.store.shelf(name):
                link = self.absolute(self.href(self.bindings.resources[name], (), value["value"]))
                return {**value, "$ref": link, "type": name.capitalize()}
        return value

    def allowed(self, call: Call, resource: Resource, body: Any, old: Instance | None) -> None:
        """Refuse a second user of the same name and more than one primary value."""
        if resource.name == "user":
            name = str(body.get("userName", "")).casefold()
            others = [u for u in self.store.everywhere("user") if u is not old]
            if any(str(u.body.get("userName", "")).casefold() == name for u in others):
                raise Refused(409, "this userName is taken", kind="uniqueness")
        for value in body.values():
            if isinstance(value, list) and sum(isinstance(v, Mapping) and v.get("primary") is True for v in value) > 1:
                raise Refused(400, "only one value can be the primary one", kind="invalidValue")

    def removed(self, call: Call, resource: Resource, instance: Instance) -> None:
        """Take what was deleted out of all groups."""
        for group in self.store.everywhere("group"):
            if members := group.body.get("members"):
                group.body["members"] = [m for m in members if get(m, "value") != instance.id]

    def made(self, call: Call, resource: Resource, instance: Instance) -> WireResponse:
        """Answer a create with the resource at its location."""
        location = ("Location", self.absolute(self.href(resource, (), instance.id)))
        return self.reply(call, resource, instance, 201, (location,))

    def reply(
        self, call: Call, resource: Resource, instance: Instance, status: int, headers: Headers = (), *, created: bool = False
    ) -> WireResponse:
        """Show a resource with the members that the client asked for; who asks for some is not answered without a body (section 3.5.2)."""
        status = 200 if status == 204 and call.one("attributes") else status
        answer = super().reply(call, resource, instance, status, headers, created=created)
        if not answer.body or not (call.one("attributes") or call.one("excludedAttributes")):
            return answer
        kept_headers = tuple((k, v) for k, v in answer.headers if k != "Content-Type")
        return self.answer(call.operation, status, self.select(call, self.shown(resource, instance)), kept_headers)

    def select(self, asked: Call | Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members that a query (parameters or a search message) asks for."""
        names: dict[str, list[Path]] = {}
        for name in ("attributes", "excludedAttributes"):
            value = asked.one(name) if isinstance(asked, Call) else asked.get(name)
            words = value.split(",") if isinstance(value, str) else value or []
            try:
                names[name] = [path_of(w.strip()) for w in words if w.strip()]
            except InvalidFilter as error:
                raise Refused(400, str(error), kind="invalidValue") from None
        return selected(body, names["attributes"], names["excludedAttributes"])

    def do_replace(self, call: Call, resource: Resource) -> WireResponse:
        """Replace; what the client leaves out is cleared, the password stays."""
        instance = self.found(call, resource)
        body = without(self.accepted(call), [("id",), ("meta",), ("groups",)])
        self.check_version(call, resource, instance)
        return self.changed(call, resource, instance, kept(instance.body, body, [] if "password" in body else [("password",)]))

    def do_update(self, call: Call, resource: Resource) -> WireResponse:
        """Apply the operations of a PATCH, all or none."""
        if "patch" not in self.features:
            raise Refused(501, "PATCH is not supported")
        instance = self.found(call, resource)
        operations = self.accepted(call)["Operations"]
        self.check_version(call, resource, instance)
        wanted = spelt(patched(instance.body, operations, _NEEDED[resource.name]))
        pointer = self.contract.operations[resource.replace].request_schema
        problem = next(self.contract.requests.violations(pointer, wanted), None)
        if problem:
            raise Refused(400, str(problem), kind="invalidValue")
        return self.changed(call, resource, instance, wanted)

    # -- queries -------------------------------------------------------------------------------------------------
    def do_list(self, call: Call, resource: Resource) -> WireResponse:
        """Answer a query of one resource type."""
        asked = {n: call.one(n) for n in ("filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes")}
        return self.query(call, asked, [self.shown(resource, i) for i in self.visible(call, resource, ())])

    def op_search(self, call: Call) -> WireResponse:
        """Answer a query sent with POST, over all resource types."""
        asked = self.accepted(call)
        everything = [self.shown(r, i) for n, r in self.bindings.resources.items() if n in _NEEDED for i in self.store.everywhere(n)]
        return self.query(call, asked, everything)

    def query(self, call: Call, asked: Mapping[str, Any], found: list[dict[str, Any]]) -> WireResponse:
        """Filter, sort, cut into pages and choose members (section 3.4.2)."""
        if asked.get("filter") and "filter" in self.features:
            try:
                tree = parse(asked["filter"])
                found = [f for f in found if holds(tree, f)]
            except InvalidFilter as error:
                raise Refused(400, str(error), kind="invalidFilter") from None
        if asked.get("sortBy") and "sort" in self.features:
            found = in_order(found, asked["sortBy"], str(asked.get("sortOrder") or "ascending").lower() == "descending")
        start = max(number(asked.get("startIndex"), "startIndex", 1), 1)
        count = min(max(number(asked.get("count"), "count", said.MAX_RESULTS), 0), said.MAX_RESULTS)
        page = [self.select(asked, f) for f in found[start - 1 : start - 1 + count]]
        return self.answer(call.operation, 200, list_response(page, len(found), start))

    # -- bulk ----------------------------------------------------------------------------------------------------
    def op_bulk(self, call: Call) -> WireResponse:
        """Process the operations of a bulk request in their order (section 3.7)."""
        if "bulk" not in self.features:
            raise Refused(501, "bulk is not supported")
        if len(call.request.body) > said.MAX_PAYLOAD:
            raise Refused(413, "the request is too large")
        body = self.accepted(call)
        if len(body["Operations"]) > said.MAX_OPERATIONS:
            raise Refused(413, "there are too many operations")
        results: list[dict[str, Any]] = []
        known: dict[str, str] = {}
        outer = call.request
        for operation in body["Operations"]:
            if body.get("failOnErrors") and sum(r["status"] >= "400" for r in results) >= body["failOnErrors"]:
                break
            results.append(self.single(call, operation, known))
        self.request = outer
        return self.answer(call.operation, 200, {"schemas": [said.BULK], "Operations": results})

    def single(self, call: Call, operation: Mapping[str, Any], known: dict[str, str]) -> dict[str, Any]:
        """Process one operation of a bulk request."""
        path, data = linked(operation["path"], known), linked(operation.get("data"), known)
        headers = tuple((k, v) for k, v in call.request.headers if k.lower() in ("authorization", "host"))
        if operation.get("version"):
            headers += (("If-Match", operation["version"]),)
        inner = WireRequest(
            method=operation["method"], target=self.options.base + path, headers=(*headers, ("Content-Type", _MEDIA)),
            body=write_json(data) if data is not None else b"",
        )  # fmt: skip
        if operation["method"] == "POST" and not operation.get("bulkId"):
            answer = self.refusal(Refused(400, "a POST needs a bulkId", kind="invalidValue"), None)
        elif "bulkId:" in write_json([path, data]).decode():
            answer = self.refusal(Refused(409, "a bulkId leads nowhere"), None)
        elif path.lower().startswith("/bulk"):
            answer = self.refusal(Refused(400, "no bulk within bulk", kind="invalidValue"), None)
        else:
            answer = self.handle(inner, call.now)
        result: dict[str, Any] = {"method": operation["method"], "status": str(answer.status)}
        location = header(answer.headers, "location") or (self.absolute(self.options.base + path) if operation["method"] != "POST" else "")
        for name, value in (("bulkId", operation.get("bulkId")), ("version", header(answer.headers, "etag")), ("location", location)):
            if value:
                result[name] = value
        if answer.status >= 400:
            result["response"] = read_back(answer)
        elif operation["method"] == "POST" and operation.get("bulkId"):
            known[operation["bulkId"]] = location.rsplit("/", 1)[-1]
        return result


def read_back(answer: WireResponse) -> Any:
    """Return the body of one of our own answers."""
    return read_json(answer.body) if answer.body else {}


def linked(value: Any, known: Mapping[str, str]) -> Any:
    """Return *value* with `bulkId:NAME` replaced by the ids that were given."""
    if isinstance(value, str):
        for name, id in known.items():
            value = id if value == f"bulkId:{name}" else value.replace(f"bulkId:{name}", id)
        return value
    if isinstance(value, list):
        return [linked(v, known) for v in value]
    return {k: linked(v, known) for k, v in value.items()} if isinstance(value, Mapping) else value


def spelt(body: Any, depth: int = 0) -> Any:
    """Return *body* with known member names in their own case, without null and empty arrays (RFC 7643 section 2.5)."""
    if isinstance(body, list):
        return [spelt(v, depth + 1) for v in body]
    if not isinstance(body, Mapping) or depth > 20:
        return copy.deepcopy(body)
    out = {}
    for name, value in body.items():
        if value is None or value == []:
            continue
        out[said.SPELLING.get(name.lower(), name)] = spelt(value, depth + 1)
    return out


def list_response(resources: list[dict[str, Any]], total: int, start: int) -> dict[str, Any]:
    """Return a ListResponse."""
    return {"schemas": [said.LIST], "totalResults": total, "startIndex": start, "itemsPerPage": len(resources), "Resources": resources}


def number(value: Any, name: str, default: int) -> int:
    """Return an integer parameter."""
    try:
        return default if value in (None, "") else int(value)
    except ValueError:
        raise Refused(400, f"{name} is a number", kind="invalidValue") from None


def in_order(found: list[dict[str, Any]], by: str, descending: bool) -> list[dict[str, Any]]:
    """Return resources in the order of an attribute, of multi-valued ones the primary or first; those without a value come last."""
    try:
        path = path_of(by)
    except InvalidFilter as error:
        raise Refused(400, str(error), kind="invalidPath") from None

    def key(resource: dict[str, Any]) -> Any:
        values = values_at(resource, path, plain=True)
        return values[0].casefold() if values and isinstance(values[0], str) else values[0] if values else None

    having = [(k, f) for f in found if (k := key(f)) is not None]
    rest = [f for f in found if key(f) is None]
    ordered = sorted(having, key=lambda pair: str(pair[0]) if not isinstance(pair[0], int | float) else pair[0], reverse=descending)
    return [f for _, f in ordered] + rest if not descending else rest + [f for _, f in ordered]


TWIN = ScimTwin
