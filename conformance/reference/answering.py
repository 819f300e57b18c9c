"""How a twin writes its answers: documented status, media type and headers, bodies made complete, errors, entity tags."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from conformance.contract import Operation
from conformance.profile import Resource
from conformance.reference.listing import Page, selected
from conformance.reference.message import Call, Refused, moment, write_json
from conformance.reference.places import put
from conformance.reference.sampling import chance, matching
from conformance.reference.store import Instance, Parents
from conformance.wire import Headers, WireRequest, WireResponse

if TYPE_CHECKING:
    from conformance.profile import Bindings, Profile
    from conformance.reference.engine import Options
    from conformance.reference.sampling import Samples
    from conformance.reference.store import Store

REASONS = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 410: "Gone",
    412: "Precondition Failed", 415: "Unsupported Media Type", 422: "Unprocessable Content", 501: "Not Implemented",
}  # fmt: skip
_SPEAKING = ("detail", "message", "title", "error_description", "description", "reason", "error")
_CHANGING = ("modif", "updat", "chang")
_COUNTING = ("total", "count")


class Answering:
    """The answering half of a twin; `ResourceTwin` has the rest."""

    profile: Profile
    bindings: Bindings
    options: Options
    samples: Samples
    store: Store

    def href(self, resource: Resource, parents: Parents, id: str) -> str:
        raise NotImplementedError

    def collection_path(self, resource: Resource, parents: Parents) -> str:
        raise NotImplementedError

    def shown(self, resource: Resource, instance: Instance) -> Any:
        raise NotImplementedError

    # -- statuses and schemas ------------------------------------------------------------------------------------
    def status_of(self, operation: Operation, *, empty: bool = False) -> int:
        """Return the status of success that this twin uses; *empty*: one without a body where there is a choice."""
        if operation.id in self.options.statuses:
            return self.options.statuses[operation.id]
        documented = [s for s in operation.success if str(s) in operation.answers] or list(operation.success)
        return 204 if empty and 204 in documented else documented[0]

    def pointer_of(self, operation: Operation, status: int) -> str:
        """Return the pointer of the schema of an answer, or ''."""
        documented = operation.documented(status)
        return next((p for m, p in documented.media.items() if p and "json" in m), "") if documented else ""

    def item_schema(self, resource: Resource) -> dict[str, Any]:
        """Return the schema of one instance as it is read, else as it is listed, else as its create answers."""
        operations = self.profile.contract.operations
        reader, lister, maker = (operations.get(getattr(resource, role)) for role in ("read", "list", "create"))
        if reader and (pointer := self.pointer_of(reader, reader.success[0])):
            return {"$ref": f"#{pointer}"}
        if lister and (pointer := self.pointer_of(lister, lister.success[0])):
            return dict(self.samples.flat(self.samples.at({"$ref": f"#{pointer}"}, resource.items).get("items", {})))
        if maker and (pointer := self.pointer_of(maker, self.status_of(maker))):
            return {"$ref": f"#{pointer}"}
        return {}

    def projected(self, schema: Any, value: Any, whole: Any) -> Any:
        """Return *value* with the members that *schema* names, where it describes less than *whole*."""
        flat, full = self.samples.flat(schema), self.samples.flat(whole)
        named = flat.get("properties")
        if not named or named == full.get("properties") or not isinstance(value, Mapping):
            return copy.deepcopy(value)
        return self.samples.complete(schema, {n: v for n, v in value.items() if n in named})

    # -- bodies --------------------------------------------------------------------------------------------------
    def reply(
        self, call: Call, resource: Resource, instance: Instance, status: int, headers: Headers = (), *, created: bool = False
    ) -> WireResponse:
        """Return the answer that shows an instance, with its entity tag; 304 where the client has it already."""
        tag = self.tag(call.operation, instance)
        headers = (*headers, ("ETag", tag)) if tag else headers
        if tag and call.request.method in ("GET", "HEAD") and matches(call.header("if-none-match"), tag, weak=True):
            return WireResponse(status=304, headers=headers)
        pointer = self.pointer_of(call.operation, status)
        body = self.shown(resource, instance)
        if pointer:
            body = self.projected({"$ref": f"#{pointer}"}, body, self.item_schema(resource))
            if created and resource.created_id:
                body = put(body, resource.created_id, instance.id)
        body = selected(call, body, resource.id)
        return self.answer(call.operation, status, body, headers)

    def answer(self, operation: Operation | None, status: int, body: Any = None, headers: Headers = ()) -> WireResponse:
        """Return an answer; a body goes out only where the contract documents one."""
        documented = operation.documented(status) if operation else None
        media = next(iter(documented.media), "") if documented else ""
        given = {k.lower() for k, _ in headers}
        lacking = [n for n, needed in documented.headers.items() if needed and n.lower() not in given] if documented and operation else []
        headers = (*headers, *((n, self.header_value(n, operation)) for n in lacking if operation))
        if status == 204 or not media or body is None:
            return WireResponse(status=status, headers=headers)
        content = body.encode() if "json" not in media and isinstance(body, str) else write_json(body)
        return WireResponse(status=status, headers=(("Content-Type", media), *headers), body=content)

    def header_value(self, name: str, operation: Operation) -> str:
        """Return something for a header that must be there and that nothing else fills."""
        return self.options.base + operation.path if name.lower() in ("location", "content-location") else f"{name.lower()}-value"

    def envelope(self, call: Call, resource: Resource, schema: Any, items: list[Any], page: Page) -> Any:
        """Return the body of a list around its items: what it requires, and the totals that it names."""
        if not resource.items:
            return items
        body = put({}, resource.items, items)
        for name, inner in self.samples.flat(schema).get("properties", {}).items():
            flat = self.samples.flat(inner)
            if flat.get("type") == "integer" and any(w in name.lower() for w in _COUNTING):
                body[name] = page.total
        return self.samples.complete(schema, body, seed=call.operation.id, now=call.now)

    def document(self, operation: Operation, status: int, values: Parents, now: float) -> Any:
        """Return the body of an operation that is about no resource: invented once, with the links and facts the bindings name."""
        pointer = self.pointer_of(operation, status)
        if not pointer:
            documented = operation.documented(status)
            return "<twin/>" if documented and any("xml" in m for m in documented.media) else None
        if operation.method not in ("GET", "HEAD"):
            return self.samples.value({"$ref": f"#{pointer}"}, seed=operation.id, now=now)
        if (operation.id, values) not in self.store.documents:
            body = self.samples.value({"$ref": f"#{pointer}"}, seed=operation.id, now=now, rich=True)
            if not self.profile.contract.responses.is_valid(pointer, body):
                body = self.samples.value({"$ref": f"#{pointer}"}, seed=operation.id, now=now)
            self.store.documents[operation.id, values] = self.told(operation, body)
        return copy.deepcopy(self.store.documents[operation.id, values])

    def told(self, operation: Operation, body: Any) -> Any:
        """Return a document with its links to collections, the edition it identifies, and every feature on."""
        for resource in self.bindings.resources.values():
            if resource.found_at and resource.found_at.operation == operation.id:
                body = put(body, resource.found_at.pointer, self.collection_path(resource, ()))
        for feature in self.profile.features.values():
            asked = feature.discovered
            if asked and asked.operation == operation.id and asked.pointer and not asked.holds(body):
                wanted = asked.equals if asked.equals is not None else asked.contains if asked.contains is not None else True
                body = put(body, asked.pointer, [wanted] if asked.contains is not None and "*" not in asked.pointer else wanted)
        identify = self.bindings.identify
        if identify and identify.operation == operation.id and self.profile.edition in identify.editions:
            body = put(body, identify.pointer, matching(identify.editions[self.profile.edition], chance("edition")) + "0")
        return body

    def touched(self, resource: Resource, body: Any, now: float) -> Any:
        """Return *body* with the times of its last change moved to *now*."""
        for name, inner in self.samples.flat(self.item_schema(resource)).get("properties", {}).items():
            flat = self.samples.flat(inner)
            if flat.get("format") == "date-time" and flat.get("readOnly") and any(w in name.lower() for w in _CHANGING):
                body = {**body, name: moment(now)}
        return body

    # -- errors --------------------------------------------------------------------------------------------------
    def refusal(self, refused: Refused, operation: Operation | None) -> WireResponse:
        """Return the answer to a request that is not processed."""
        body = refused.body if refused.body is not None else self.error_body(refused, operation)
        headers = refused.headers
        if refused.status == 401:
            headers = (*headers, ("WWW-Authenticate", self.challenge()))
        if body is None or refused.status < 400:
            return WireResponse(status=refused.status, headers=headers)
        media = next(iter(self.bindings.error.media), "") or self._error_media(refused.status, operation)
        return WireResponse(status=refused.status, headers=(("Content-Type", media), *headers), body=write_json(body))

    def challenge(self) -> str:
        """Return what a 401 says of the credentials that are wanted."""
        return 'Bearer realm="twin"'

    def _error_media(self, status: int, operation: Operation | None) -> str:
        documented = operation.documented(status) if operation else None
        return next(iter(documented.media), "") if documented and documented.media else "application/json"

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        """Return an error as the standard writes it; None where it writes none."""
        schema = self.bindings.error.schema
        documented = self.pointer_of(operation, refused.status) if operation else ""
        body = self.error_at(f"/components/schemas/{schema}", refused) if schema else None
        if documented and (body is None or not self.profile.contract.responses.is_valid(documented, body)):
            return self.error_at(documented, refused, rich=bool(schema))  # with what errors hold everywhere
        return body

    def error_at(self, pointer: str, refused: Refused, *, rich: bool = False) -> Any:
        """Return an error as the schema at *pointer* has it."""
        bound, schema = self.bindings.error, {"$ref": f"#{pointer}"}
        flat = self.samples.flat(schema)
        body = self.samples.value(schema, seed=f"error/{refused.status}", rich=rich)
        if isinstance(body, str):
            return refused.detail or REASONS.get(refused.status, "error")
        for name in _SPEAKING:
            inner = self.samples.flat(flat.get("properties", {}).get(name, {}))
            plain = inner.get("type") == "string" or (isinstance(inner.get("type"), list) and "string" in inner["type"])
            if name in flat.get("properties", {}) and plain and "enum" not in inner and "pattern" not in inner:
                body[name] = refused.detail or REASONS.get(refused.status, "error")
        if bound.status:
            kind = self.samples.at(schema, bound.status).get("type")
            body = put(body, bound.status, refused.status if kind in ("integer", "number") else str(refused.status))
        return body

    # -- entity tags ---------------------------------------------------------------------------------------------
    def tag(self, operation: Operation, instance: Instance) -> str:
        """Return the entity tag of an instance, where this twin gives any."""
        if self.options.etags is False:
            return ""
        documented = operation.documented(self.status_of(operation))
        if not self.options.etags and not (documented and any(n.lower() == "etag" for n in documented.headers)):
            return ""
        return self.version_tag(instance)

    def version_tag(self, instance: Instance) -> str:
        """Return the entity tag of the state that an instance is in."""
        digest = hashlib.sha256(f"{instance.id}|{instance.version}|{instance.created}".encode()).hexdigest()
        return f'{"W/" if self.options.weak_etags else ""}"{digest[:12]}-{instance.version}"'

    def check_version(self, call: Call, resource: Resource, instance: Instance) -> None:
        """Refuse a write whose precondition does not hold (RFC 9110 section 13)."""
        reader = self.profile.contract.operations.get(resource.read)
        tag = self.tag(reader, instance) if reader else ""
        if not tag:
            return
        wanted = call.header("if-match")
        if wanted is not None and not matches(wanted, tag, weak=self.options.weak_etags):
            raise Refused(412, "it has changed since", kind="precondition")
        if matches(call.header("if-none-match"), tag, weak=True):
            raise Refused(412, "it has not changed", kind="precondition")

    def dressed(self, request: WireRequest, answer: WireResponse, operation: Operation | None) -> WireResponse:
        """Return an answer with the headers that the standard wants on every one."""
        return answer


def matches(field: str | None, tag: str, *, weak: bool = False) -> bool:
    """Tell whether a list of entity tags holds *tag*; a strong comparison unless *weak*.

    >>> matches('"a", "b"', '"b"')
    True
    """
    if field is None:
        return False
    if field.strip() == "*":
        return True
    tags = [t.strip() for t in field.split(",")]
    if weak:
        return tag.removeprefix("W/") in [t.removeprefix("W/") for t in tags]
    return not tag.startswith("W/") and tag in tags
