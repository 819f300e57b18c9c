"""A server without sockets or clock that follows a contract and its bindings: whatever standard is data has a twin.

Written from the contract: routing, credentials, validated input, resources by role, documented answers and errors.
What only one standard has is in its `twin.yaml`; what rules and members do not say is in `twins/`, as a subclass that overrides a hook
or answers an operation itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile, Resource
from conformance.reference.keeping import Keeping
from conformance.reference.listing import Page, narrowed, paged, selected
from conformance.reference.message import Call, NotJson, Refused, basic_credentials, read_form, read_json, split_target
from conformance.reference.places import json_patch, kept, merge_patch, put, without
from conformance.reference.routing import Route, Router
from conformance.reference.rules import describes, filled, refused, told
from conformance.reference.sampling import Samples
from conformance.reference.store import Instance, Parents, Store
from conformance.twin import Change
from conformance.wire import Headers, WireRequest, WireResponse, header

#: Bearer token -> who it stands for.
TOKENS: Mapping[str, str] = {"twin-token": "default", "other-token": "other"}
#: User name and password -> who they stand for.
USERS: Mapping[str, str] = {"twin:twin-password": "default", "other:other-password": "other"}


@dataclass(kw_only=True)
class Options:
    """How a twin is set up; the defaults need nothing but a profile.

    `statuses` chooses among documented statuses of success; `touch` lets a write that changes nothing count as a change.
    """

    base: str = ""
    origin: str = "http://twin.invalid"
    tokens: Mapping[str, str] = field(default_factory=lambda: dict(TOKENS))
    users: Mapping[str, str] = field(default_factory=lambda: dict(USERS))
    token_header: str = ""
    etags: bool | None = None
    strict_query: bool = True
    seeds: int = 2
    statuses: Mapping[str, int] = field(default_factory=dict)
    newest_first: bool = False
    weak_etags: bool = False
    touch: bool = False


class ResourceTwin(Keeping):
    """A twin of any standard; see the module."""

    #: What a run against it needs to know: the `test_data` of its target file.
    test_data: Mapping[str, Any] = {}
    #: Whether it wants credentials although its standard leaves that open.
    protected: bool = False

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        self.profile, self.options = profile, options or Options()
        self.contract, self.bindings = profile.contract, profile.bindings
        self.options.token_header = self.options.token_header or self.contract.token_header
        self.store = Store()
        self._marks = {}
        self.samples = Samples(self.contract.document)
        self.router = Router(self.contract)
        self.request: WireRequest = WireRequest(method="GET", target="/")
        self.test_data = {**self.named(), **profile.twin.test_data, **self.test_data}

    def named(self) -> dict[str, Any]:
        """Return the test data that a target file for this twin holds: the things on which something disruptive may be done."""
        found: dict[str, Any] = {}
        for operation in self.contract.operations.values():
            owners = [self.bindings.owners[p] for p in operation.path_parameters if p in self.bindings.owners]
            if operation.test_data and len(owners) == 1:
                id = self.seeded_id(owners[0], 1, f"{owners[0].name}/1")
                found[operation.test_data] = self.href(owners[0], (), id) if owners[0].link else id
        return found

    def fork(self) -> ResourceTwin:
        """Return a twin in the same state that goes its own way."""
        other = copy.copy(self)
        other.store = self.store.fork()
        return other

    # -- one request ---------------------------------------------------------------------------------------------
    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer *request* at *now* (seconds since the epoch)."""
        self.request = request
        operation: Operation | None = None
        try:
            path, query = split_target(request.target)
            route = self.route(path)
            operation = route.operation(request.method) if route else None
            who = self.authenticated(request, operation, route)
            if route is None:
                raise Refused(404, "there is nothing at this path")
            if operation is None:
                raise self.unsupported(route)
            call = Call(request=request, now=now, path=path, query=query, operation=operation, values=route.values, who=who)
            answer = self.process(call)
        except Refused as refused:
            answer = self.refusal(refused, operation)
        answer = self.dressed(request, answer, operation)
        return WireResponse(status=answer.status, headers=answer.headers, delay_s=answer.delay_s) if request.method == "HEAD" else answer

    def route(self, path: str) -> Route | None:
        """Return where a raw path leads."""
        base = self.options.base
        if not path.startswith(base):
            return None
        return self.router.find(path[len(base) :] or "/") or self.router.find(path[len(base) :].rstrip("/"))

    def unsupported(self, route: Route) -> Refused:
        """Return the refusal of a method that the resource does not support."""
        if self.request.method == "OPTIONS":
            return Refused(204, headers=(("Allow", ", ".join(route.methods)),))
        allow = ("Allow", ", ".join(route.methods))
        return Refused(self.bindings.error.unsupported[0], "this method is not supported here", headers=(allow,))

    def process(self, call: Call) -> WireResponse:
        """Answer a call that is routed and authenticated."""
        self.check_query(call)
        own: Callable[[Call], WireResponse] | None = getattr(self, f"op_{call.operation.id}", None)
        if own is not None:
            return own(call)
        ruled = self.ruled(call)
        if ruled is not None:
            return ruled
        resource = self.bindings.resource_of(call.operation.id)
        role = resource.role(call.operation.id) if resource else ""
        if resource is None:
            return self.perform(call)
        answer: WireResponse = getattr(self, f"do_{role}")(call, resource)
        return answer

    def ruled(self, call: Call) -> WireResponse | None:
        """Return what the first rule of `twin.yaml` that describes a call answers it with; None where there is none."""
        rules = [r for r in self.profile.twin.rules if not r.at or call.operation.id in r.at]
        if not rules:
            return None
        resource = self.bindings.resource_of(call.operation.id)
        self.addressed(call, up_to=resource.parameter if resource and resource.create == call.operation.id else "")
        if call.operation.request_media:
            self.accepted(call)
        parts = told(call, self.profile.twin.instants, self.bindings.error.invalid[0])
        rule = next((r for r in rules if describes(r.when, parts)), None)
        if rule is None:
            return None
        if rule.refuse:
            raise refused(rule.refuse)
        said = rule.answer or Change()
        status = said.status or self.status_of(call.operation)
        pointer = self.pointer_of(call.operation, status)
        body = self.samples.complete(
            {"$ref": f"#{pointer}"} if pointer else {}, filled(said.body, parts), seed=call.operation.id, now=call.now
        )
        return self.answer(call.operation, status, body, tuple((name, str(filled(v, parts))) for name, v in said.headers.items()))

    # -- who asks ------------------------------------------------------------------------------------------------
    def authenticated(self, request: WireRequest, operation: Operation | None, route: Route | None) -> str:
        """Return who sends *request*.

        Raises:
            Refused: nobody, or somebody unknown, where the standard demands credentials.
        """
        bound = self.bindings.authentication
        who, tried = self.identity(request)
        if not bound.required or who:
            return who
        anonymous = [operation] if operation else list(route.operations.values()) if route else []
        if any(o.id in bound.anonymous for o in anonymous):
            return ""
        raise Refused((bound.bad if tried else bound.missing)[0], "valid credentials are needed", kind="unauthorized")

    def identity(self, request: WireRequest) -> tuple[str, bool]:
        """Return who the credentials of a request stand for ('' for nobody), and whether there were any."""
        name = self.options.token_header
        if name and (token := header(request.headers, name)) is not None:
            return self.options.tokens.get(token, ""), True
        value = header(request.headers, "authorization")
        if value is None:
            return "", False
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            return self.options.tokens.get(rest.strip(), ""), True
        return (self.options.users.get(basic_credentials(value), "") if scheme.lower() == "basic" else ""), True

    # -- what is asked -------------------------------------------------------------------------------------------
    def accepted(self, call: Call, *, partial: bool = False) -> Any:
        """Return the body of a call, valid against the contract.

        Raises:
            Refused: another media type, no JSON, or not what the contract allows.
        """
        operation, request = call.operation, call.request
        sent = (call.header("content-type") or "").split(";")[0].strip().lower()
        known = {operation.request_media.lower(), *(m.lower() for m in self.bindings.media)}
        if request.body and sent and operation.request_media and sent not in known:
            raise Refused(415, f"{sent} is not taken here")
        if not request.body.strip():
            if operation.request_required:
                raise Refused(self.bindings.error.malformed[0], "a body is needed")
            return None
        try:
            body = read_form(request.body) if operation.request_media == "application/x-www-form-urlencoded" else read_json(request.body)
        except NotJson as error:
            raise Refused(self.bindings.error.malformed[0], f"the body cannot be read: {error}", kind="malformed") from None
        if operation.request_media == "application/x-www-form-urlencoded":
            members = self.samples.at({"$ref": f"#{operation.request_schema}"}, "").get("properties", {})
            body = {n: [v] if self.samples.flat(members.get(n)).get("type") == "array" else v for n, v in body.items()}
        body = self.tidied(call, body)
        problem = next(self.contract.requests.violations(operation.request_schema, body), None) if operation.request_schema else None
        if problem:
            raise Refused(self.bindings.error.invalid[0], str(problem), kind="invalid")
        call.body = body
        return body

    def check_query(self, call: Call) -> None:
        """Hold the parameters of a call against the contract."""
        if not self.options.strict_query:
            return
        for parameter in call.operation.parameters:
            if parameter.place not in ("query", "header"):
                continue
            field = call.header(parameter.name)
            values = call.every(parameter.name) if parameter.place == "query" else [field] if field is not None else []
            if parameter.required and not values:
                raise Refused(self.bindings.error.invalid[0], f"{parameter.name} is needed", kind="invalid")
            if values and not self.contract.requests.is_valid(parameter.pointer, self.typed(parameter.schema, values)):
                raise Refused(self.bindings.error.invalid[0], f"{parameter.name} is not what the contract allows", kind="invalid")

    def typed(self, schema: Any, values: Sequence[str]) -> Any:
        """Return the values of a parameter as the types that its schema names."""
        flat = self.samples.flat(schema)
        kinds = flat.get("type", "string")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "array" in kinds:
            parts = [p for v in values for p in v.split(",")] if len(values) == 1 else list(values)
            return [self.typed(flat.get("items", {}), [p]) for p in parts]
        value = values[-1]
        if "boolean" in kinds and value in ("true", "false"):
            return value == "true"
        for kind, read in (("integer", int), ("number", float)):
            if kind in kinds:
                try:
                    return read(value)
                except ValueError:
                    continue
        return value

    # -- what the roles do ---------------------------------------------------------------------------------------
    def do_create(self, call: Call, resource: Resource) -> WireResponse:
        """Make an instance."""
        parents = self.parents_of(call, resource)
        named = call.values.get(resource.parameter)  # by the client, where the path of a create says so
        if named is not None and named in self.shelf(resource, parents, call.now):
            return self.do_replace(call, resource)
        body = self.accepted(call)
        given = without(body if body is not None else {}, self.owned(resource, call.operation.id))
        self.allowed(call, resource, given, None)
        instance = self.keep(resource, parents, named or self.fresh_id(resource), given, call.now, owner=call.who)
        self.stored(call, resource, instance, None)
        return self.made(call, resource, instance)

    def made(self, call: Call, resource: Resource, instance: Instance) -> WireResponse:
        """Return the answer to a create."""
        statuses = call.operation.success
        status = self.options.statuses.get(call.operation.id) or (201 if 201 in statuses else statuses[0])
        documented = call.operation.documented(status)
        headers: Headers = ()
        if resource.location or (documented and any(n.lower() == "location" for n in documented.headers)):
            headers = (("Location", self.href(resource, instance.parents, instance.id)),)
        return self.reply(call, resource, instance, status, headers, created=True)

    def do_read(self, call: Call, resource: Resource) -> WireResponse:
        """Show an instance."""
        instance = self.found(call, resource)
        return self.reply(call, resource, instance, self.status_of(call.operation))

    def do_list(self, call: Call, resource: Resource) -> WireResponse:
        """Show the instances under their parents, narrowed and paged as the contract documents."""
        parents = self.parents_of(call, resource)
        everything = [self.shown(resource, i) for i in self.visible(call, resource, parents)]
        schema = self.item_schema(resource)
        found = narrowed(call, everything, self.samples, schema)
        page = paged(call, found)
        return self.listed(call, resource, page)

    def visible(self, call: Call, resource: Resource, parents: Parents) -> list[Instance]:
        """Return the instances that a list is about."""
        found = list(self.shelf(resource, parents, call.now).values())
        return found[::-1] if self.options.newest_first else found

    def listed(self, call: Call, resource: Resource, page: Page) -> WireResponse:
        """Return the answer to a list."""
        operation, status = call.operation, self.status_of(call.operation)
        pointer = self.pointer_of(operation, status)
        schema = {"$ref": f"#{pointer}"} if pointer else {}
        items_schema = self.samples.at(schema, resource.items).get("items", {})
        items = [selected(call, self.projected(items_schema, item, self.item_schema(resource)), resource.id) for item in page.items]
        body = self.envelope(call, resource, schema, items, page)
        documented = operation.documented(status)
        headers = (*page.headers(call, self.options.base), *page.counts(documented.headers if documented else ()))
        return self.answer(operation, status, body, headers)

    def do_replace(self, call: Call, resource: Resource) -> WireResponse:
        """Give an instance new members; what the server owns stays."""
        instance = self.found(call, resource)
        owned = self.owned(resource, call.operation.id)
        body = without(self.accepted(call), owned)
        self.check_version(call, resource, instance)
        return self.changed(call, resource, instance, kept(instance.body, body, owned))

    def do_update(self, call: Call, resource: Resource) -> WireResponse:
        """Change an instance: JSON Patch where the contract says so, else JSON Merge Patch."""
        instance = self.found(call, resource)
        body = self.accepted(call)
        self.check_version(call, resource, instance)
        if isinstance(body, list):
            try:
                wanted = json_patch(instance.body, body)
            except ValueError as error:
                raise Refused(self.bindings.error.invalid[0], str(error), kind="invalid") from None
            wanted = kept(instance.body, wanted, self.owned(resource, call.operation.id))
        else:
            wanted = merge_patch(instance.body, without(body or {}, self.owned(resource, call.operation.id)))
        if not self.fits(resource, without(wanted, self.hidden(resource))):
            raise Refused(self.bindings.error.invalid[0], "the change would leave something that is not allowed", kind="invalid")
        return self.changed(call, resource, instance, wanted)

    def changed(self, call: Call, resource: Resource, instance: Instance, wanted: Any) -> WireResponse:
        """Store the new state of an instance and answer."""
        self.allowed(call, resource, wanted, instance)
        body = self.completed(resource, instance.parents, instance.id, wanted, call.now)
        self.change(call, resource, instance, body)
        return self.reply(call, resource, instance, self.status_of(call.operation))

    def change(self, call: Call, resource: Resource, instance: Instance, body: Any) -> None:
        """Put *body* in the place of an instance's members; times of change move on."""
        before = copy.deepcopy(instance.body)
        if body == before and not self.options.touch:
            return
        instance.body, instance.changed, instance.version = self.touched(resource, body, call.now), call.now, instance.version + 1
        self.stored(call, resource, instance, before)

    def do_delete(self, call: Call, resource: Resource) -> WireResponse:
        """Remove an instance, or let it end where the standard keeps it."""
        instance = self.found(call, resource)
        self.check_version(call, resource, instance)
        if resource.expired:
            self.change(call, resource, instance, put(instance.body, resource.expired.pointer, resource.expired.equals))
        else:
            del self.store.shelf(resource.name, instance.parents)[instance.id]
            self.store.gone.add((resource.name, instance.parents, instance.id))
            self.removed(call, resource, instance)
        return self.answer(call.operation, self.status_of(call.operation, empty=True), self.shown(resource, instance))

    def perform(self, call: Call) -> WireResponse:
        """Answer an operation that plays no role: a document, or an action on what its path names."""
        values = self.addressed(call)
        if call.operation.method not in ("GET", "HEAD"):
            self.accepted(call)
        status = self.status_of(call.operation)
        return self.answer(call.operation, status, self.document(call.operation, status, values, call.now))

    def tidied(self, call: Call, body: Any) -> Any:
        """Return a body as the standard reads it, before it is held against the contract."""
        return body

    # -- hooks ---------------------------------------------------------------------------------------------------
    def allowed(self, call: Call, resource: Resource, body: Any, old: Instance | None) -> None:
        """Raise `Refused` where the standard's own rules forbid to store *body*."""

    def stored(self, call: Call, resource: Resource, instance: Instance, before: Any) -> None:
        """Called after an instance was made (*before* is None) or changed."""

    def removed(self, call: Call, resource: Resource, instance: Instance) -> None:
        """Called after an instance was removed."""
