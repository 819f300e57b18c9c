"""What a twin keeps: instances under their parents, with ids and links as the contract wants them, and who may see which member."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from conformance.contract import Contract
from conformance.profile import Resource
from conformance.reference.answering import Answering
from conformance.reference.message import Call, Refused, moment, segment
from conformance.reference.places import put, without
from conformance.reference.rules import filled
from conformance.reference.sampling import chance, matching
from conformance.reference.store import Instance, Parents
from conformance.wire import WireRequest, header


class Keeping(Answering):
    """The keeping half of a twin; `ResourceTwin` has the rest."""

    contract: Contract
    request: WireRequest
    _marks: dict[tuple[str, str], tuple[tuple[str, ...], ...]]

    # -- instances -----------------------------------------------------------------------------------------------
    def parents_of(self, call: Call, resource: Resource) -> Parents:
        """Return the values of the path that stand above the resource's own id.

        Raises:
            Refused: one of them names an instance that does not exist.
        """
        return self.addressed(call, up_to=resource.parameter)

    def addressed(self, call: Call, *, up_to: str = "") -> Parents:
        """Return the values of the path: all of them, or those before the parameter *up_to*.

        Raises:
            Refused: one of them names an instance that does not exist.
        """
        values: Parents = ()
        for name in call.operation.path_parameters:
            if name == up_to:
                break
            owner = self.bindings.owners.get(name)
            if owner is not None and call.values[name] not in self.shelf(owner, values, call.now):
                raise self.unknown(owner, call.values[name])
            values = (*values, call.values[name])
        return values

    def shelf(self, resource: Resource, parents: Parents, now: float) -> dict[str, Instance]:
        """Return the instances under *parents*; what nobody can create is there from the start."""
        shelf = self.store.shelf(resource.name, parents)
        if not resource.create and (resource.name, parents) not in self.store.seeded:
            self.store.seeded.add((resource.name, parents))
            for number in range(1, self.options.seeds + 1):
                self.seed(resource, parents, number, now)
        return shelf

    def seed(self, resource: Resource, parents: Parents, number: int, now: float) -> Instance:
        """Put an invented instance on its shelf."""
        seed = "/".join((resource.name, *parents, str(number)))
        body = self.samples.value(self.item_schema(resource), resource.name, seed=seed, now=now, rich=True)
        if not self.fits(resource, body):
            body = self.samples.value(self.item_schema(resource), resource.name, seed=seed, now=now)
        return self.keep(resource, parents, self.seeded_id(resource, number, seed), body, now, seeded=True)

    def seeded_id(self, resource: Resource, number: int, seed: str) -> str:
        """Return the id of an invented instance."""
        return self.made_id(resource, seed) or f"{resource.name}-{number}"

    def fresh_id(self, resource: Resource) -> str:
        """Return the id of a new instance, as its schema wants it."""
        number = self.store.count(resource.name)
        return self.made_id(resource, f"{resource.name}#{number}") or self.store.fresh_uuid(f"{resource.name}/id")

    def made_id(self, resource: Resource, seed: str) -> str:
        """Return an id of the type, format or pattern that the contract names, or '' where it leaves it open."""
        flat = self.samples.at(self.item_schema(resource), resource.id) if resource.id else {}
        reader = self.contract.operations.get(resource.read)
        own = next((p.schema for p in reader.parameters if p.place == "path" and p.name == resource.parameter), {}) if reader else {}
        flat = {**self.samples.flat(own), **flat}
        kinds = flat.get("type", "string")
        source = chance(seed)
        if "integer" in (kinds if isinstance(kinds, list) else [kinds]):
            return str(flat.get("minimum", 1) + source.getrandbits(30))
        if "pattern" in flat:
            return matching(flat["pattern"], source)
        return str(self.samples.value({"type": "string", "format": "uuid"}, seed=seed)) if flat.get("format") == "uuid" else ""

    def keep(
        self, resource: Resource, parents: Parents, id: str, body: Any, now: float, *, owner: str = "", seeded: bool = False
    ) -> Instance:
        """Store a new instance: the members that the contract requires filled in, id and link put in their places."""
        body = self.completed(resource, parents, id, body, now)
        instance = Instance(id=id, parents=parents, body=body, created=now, changed=now, owner=owner, seeded=seeded)
        self.store.shelf(resource.name, parents)[id] = instance
        return instance

    def completed(self, resource: Resource, parents: Parents, id: str, body: Any, now: float) -> Any:
        """Return *body* with what the server owns."""
        flat = self.samples.at(self.item_schema(resource), resource.id) if resource.id else {}
        if given := self.profile.twin.members.get(resource.name):
            body = {**filled(given, {"href": self.href(resource, parents, id), "now": moment(now)}), **body}
        if resource.id:
            body = put(body, resource.id, int(id) if flat.get("type") == "integer" and id.isdigit() else id)
        if resource.link:
            body = put(body, resource.link, self.href(resource, parents, id))
        for child in self.bindings.resources.values():
            if child.found_at and child.found_at.resource == resource.name:
                body = put(body, child.found_at.pointer, self.collection_path(child, (*parents, id)))
        return self.samples.complete(self.item_schema(resource), body, seed=f"{resource.name}/{id}", now=now)

    def found(self, call: Call, resource: Resource) -> Instance:
        """Return the instance that a call names.

        Raises:
            Refused: there is none.
        """
        parents = self.parents_of(call, resource)
        shelf = self.shelf(resource, parents, call.now)
        if not resource.parameter:
            return next(iter(shelf.values())) if shelf else self.seed(resource, parents, 1, call.now)
        id = call.values[resource.parameter]
        if id not in shelf:
            raise self.unknown(resource, id)
        return shelf[id]

    def unknown(self, resource: Resource, id: str) -> Refused:
        """Return the refusal of an id that does not exist."""
        return Refused(self.bindings.error.unknown[0], f"there is no {resource.name} with this id", kind="unknown")

    def fits(self, resource: Resource, body: Any) -> bool:
        """Tell whether a body is what a read may show."""
        reader = self.contract.operations.get(resource.read)
        pointer = self.pointer_of(reader, reader.success[0]) if reader else ""
        return not pointer or self.contract.responses.is_valid(pointer, body)

    def hidden(self, resource: Resource) -> tuple[tuple[str, ...], ...]:
        """Return the places of the members that only the client may write, and nobody sees."""
        if (resource.name, "hidden") not in self._marks:
            schemas = [self.item_schema(resource), *(self.request_schema(getattr(resource, r)) for r in ("create", "replace", "update"))]
            places = [p for s in schemas for p in self.samples.marked(s, "writeOnly")]
            self._marks[resource.name, "hidden"] = tuple(dict.fromkeys(places))
        return self._marks[resource.name, "hidden"]

    def owned(self, resource: Resource, operation: str) -> tuple[tuple[str, ...], ...]:
        """Return the places of the members that the server owns: read-only when read, unless the body of *operation* may name them."""
        if (resource.name, operation) not in self._marks:
            asked = self.request_schema(operation)
            free = set(self.samples.marked(asked, "readOnly", unmarked=True))
            read_only = [*self.samples.marked(self.item_schema(resource), "readOnly"), *self.samples.marked(asked, "readOnly")]
            self._marks[resource.name, operation] = tuple(p for p in dict.fromkeys(read_only) if p not in free)
        return self._marks[resource.name, operation]

    def request_schema(self, operation: str) -> Any:
        """Return the schema of the body of an operation."""
        found = self.contract.operations.get(operation)
        return {"$ref": f"#{found.request_schema}"} if found and found.request_schema else {}

    def shown(self, resource: Resource, instance: Instance) -> Any:
        """Return an instance as a read shows it: nothing that only the client may write."""
        return without(instance.body, self.hidden(resource))

    # -- places --------------------------------------------------------------------------------------------------
    def href(self, resource: Resource, parents: Parents, id: str) -> str:
        """Return the path of an instance."""
        operation = self.contract.operations.get(resource.read or resource.replace or resource.update or resource.delete)
        if operation is None:
            return f"{self.options.base}/{segment(id)}"
        return self.filled(operation.path, (*parents, id))

    def collection_path(self, resource: Resource, parents: Parents) -> str:
        """Return the path of a collection under its parents, or of the one thing that is there."""
        operation = self.contract.operations[resource.list or resource.create or resource.read]
        return self.filled(operation.path, parents)

    def filled(self, path: str, values: Sequence[str]) -> str:
        """Return a path template with its values, below the base."""
        left = list(values)
        for name in [p.split("}")[0] for p in path.split("{")[1:]]:
            path = path.replace(f"{{{name}}}", segment(left.pop(0) if left else ""), 1)
        return self.options.base + path

    def absolute(self, path: str) -> str:
        """Return a path as a URI: on the host that the client asked, else on the twin's own origin."""
        host = header(self.request.headers, "host")
        scheme = urlsplit(self.options.origin).scheme
        return f"{scheme}://{host}{path}" if host else self.options.origin.rstrip("/") + path
