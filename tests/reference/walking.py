"""Walks through a server as its bindings describe it: every operation once, then what should be refused. Knows no checks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from conformance.contract import Operation
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile, Resource
from conformance.reference.examples import filled
from conformance.reference.places import first, merge_patch
from conformance.wire import Twin, WireRequest, WireResponse, header
from tests.reference.special import SPECIAL

NOW = 1_780_000_000.0
GOOD = "Basic " + base64.b64encode(b"twin:twin-password").decode()
BAD = "Bearer nobody-knows-me"
PROFILES = ("scim2", "alertmanager-v2", "alertmanager-v2@0.25", "dmtf-redfish")

_LOADED: dict[str, Profile] = {}


def profile(name: str) -> Profile:
    """Return one of our profiles, loaded once."""
    if name not in _LOADED:
        _LOADED[name] = load_profile(name)
    return _LOADED[name]


def profile_at(folder: Path, name: str, openapi: str, bindings: str, head: str) -> Profile:
    """Write a profile of data alone into *folder* and load it."""
    files = {f"specs/{name}/1/openapi.yaml": openapi, f"profiles/{name}/bindings.yaml": bindings, f"profiles/{name}/1.yaml": head}
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, "utf-8")
    return load_profile(name, Shelf((folder / "profiles",), (folder / "specs",)))


def request(method: str, target: str, body: Any = None, *, who: str = GOOD, media: str = "application/json", **headers: str) -> WireRequest:
    """Return a request; a body that is no bytes is sent as JSON."""
    sent = [("authorization", who)] if who else []
    sent += [(k.replace("_", "-"), v) for k, v in headers.items()]
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    if content:
        sent.append(("content-type", media))
    return WireRequest(method=method, target=target, headers=tuple(sent), body=content)


def ask(twin: Twin, method: str, target: str, body: Any = None, *, at: float = NOW, **more: Any) -> WireResponse:
    """Return what *twin* answers."""
    return twin.handle(request(method, target, body, **more), at)


def json_of(answer: WireResponse) -> Any:
    """Return the JSON of an answer; None where it is none."""
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


@dataclass
class Step:
    """One request of a walk: the operation it is for, and what came back."""

    operation: Operation | None
    request: WireRequest
    answer: WireResponse


@dataclass
class Walk:
    """The steps of a walk through *twin*."""

    profile: Profile
    twin: Twin
    now: float = NOW
    steps: list[Step] = field(default_factory=list)

    def send(self, operation: Operation | None, method: str, target: str, body: Any = None, **more: Any) -> WireResponse:
        """Send and remember; time passes a little, and as long as the server says."""
        media = (operation.request_media if operation else "") or "application/json"
        asked = request(method, target, body, media=media, **more)
        answer = self.twin.handle(asked, self.now)
        self.now += 0.05 + answer.delay_s
        for _ in range(3):
            if answer.status not in (429, 503):
                break
            self.now += 1
            answer = self.twin.handle(asked, self.now)
        self.steps.append(Step(operation, asked, answer))
        return answer

    def whole(self) -> list[Step]:
        """Walk everywhere."""
        bindings = self.profile.bindings
        for operation in self.profile.contract.operations.values():
            if bindings.resource_of(operation.id) is None and not operation.path_parameters and operation.method == "GET":
                self.send(operation, "GET", operation.path)
                self.send(operation, "HEAD", operation.path)
                self.send(operation, "GET", operation.path + "?conformanceUnknown=1")
                self.send(operation, "GET", operation.path + "?$unknown=1")
                self.send(operation, "GET", operation.path, who="")
                self.send(None, "TRACE", operation.path)
        for operation in self.profile.contract.operations.values():
            if bindings.resource_of(operation.id) is None and operation.body is not None and not operation.path_parameters:
                self.send(operation, operation.method, operation.path, filled(operation.body, "walk", self.now))
                self.send(operation, operation.method, operation.path, b"{not json")
        for resource in bindings.resources.values():
            self.resource(resource)
        self.send(None, "GET", "/no/such/path/anywhere")
        for method, target, body in SPECIAL.get(self.profile.name, ()):
            self.special(method, target, filled(body, "special", self.now))
        return self.steps

    def special(self, method: str, target: str, body: Any) -> None:
        """Send a request that only this standard knows; `<id>` is the id that was made last, `<token>` leads with the last token."""
        id, token = "none", "none"
        for step in self.steps:
            token = header(step.answer.headers, "x-auth-token") or token
            if step.request.method != "POST" or step.answer.status >= 300:
                continue
            shown = json_of(step.answer)
            if isinstance(shown, dict):
                id = str(first(shown, "/id") or first(shown, "/silenceID") or first(shown, "/Id") or id)
            elif location := header(step.answer.headers, "location"):
                id = location.rpartition("/")[2]
        who = {"who": "", "x_auth_token": token} if "<token>" in target else {}
        sent = json.loads(json.dumps(body).replace("<id>", id))
        self.send(None, method, target.replace("<token>", "").replace("<id>", id), sent, **who)

    def operation(self, resource: Resource, role: str) -> Operation | None:
        """Return the operation of a role."""
        return self.profile.contract.operations.get(getattr(resource, role))

    def resource(self, resource: Resource) -> None:
        """Walk through the life of one resource."""
        parents = self.parents(resource)
        if parents is None:
            return
        lister, maker = self.operation(resource, "list"), self.operation(resource, "create")
        place = ""
        if maker and isinstance(resource.example, dict):
            for number in range(3):
                body = self.example(resource, f"Walk-{number}")
                made = self.send(maker, "POST", fill(maker.path, parents), body)
                place = self.place_of(resource, made, parents) or place
            self.send(maker, "POST", fill(maker.path, parents), self.example(resource, "Walk-2"))
            self.send(maker, "POST", fill(maker.path, parents), {})
            self.send(maker, "POST", fill(maker.path, parents), b"{not json")
            self.send(maker, "POST", fill(maker.path, parents), self.example(resource, "walk-3"), who="")
            self.send(maker, "POST", fill(maker.path, parents), self.example(resource, "walk-4"), who=BAD)
        if lister:
            listed = self.send(lister, "GET", fill(lister.path, parents))
            for query in self.queries(resource, lister):
                self.send(lister, "GET", f"{fill(lister.path, parents)}?{query}")
            self.send(lister, "GET", fill(lister.path, parents), who="")
            items = items_of(listed, resource)
            if not place and items:
                place = self.place_in(resource, items[0], parents)
        if place:
            self.instance(resource, place, parents)

    def queries(self, resource: Resource, lister: Operation) -> Iterator[str]:
        """Yield queries of every kind that the contract documents."""
        names = [p.name for p in lister.parameters if p.place == "query"]
        marker = resource.marker.strip("/").split("/")[0]
        for name in names:
            for value in (0, 1, 2) if any(w in name.lower() for w in ("count", "limit", "index", "offset", "page")) else ():
                yield f"{name}={value}"
            if name in ("sortBy", "sort"):
                yield f"{name}={marker}"
            if name in ("attributes", "excludedAttributes", "fields"):
                yield f"{name}={marker}"
        if "filter" in names:
            for text in (f'{marker} eq "nothing at all"', f'{marker}="nothing at all"', "((("):
                yield f"filter={quote(text)}"
        yield "conformanceUnknown=1"

    def example(self, resource: Resource, word: str) -> Any:
        """Return the body of a create."""
        text = json.dumps(resource.example)
        for name, value in (("session_username", "twin"), ("session_password", "twin-password")):
            text = text.replace(f"{{test_data.{name}}}", value)
        return filled(json.loads(text), word, self.now)

    def instance(self, resource: Resource, place: str, parents: dict[str, str]) -> None:
        """Read, change and delete one instance."""
        for role in ("read", "replace", "update", "delete"):
            operation = self.operation(resource, role)
            if operation is None:
                continue
            body = None
            if role == "replace":
                body = merge_patch(self.example(resource, "walk-replaced"), filled(dict(resource.changes), "walk-changed", self.now))
            if role == "update":
                body = filled(operation.body if operation.body is not None else dict(resource.changes), "walk-updated", self.now)
            etag = ""
            if role != "delete":
                self.send(operation, operation.method, place, body, who="")
                self.send(operation, operation.method, place, body, who=BAD)
                self.send(operation, operation.method, place, b"{not json") if body is not None else None
                self.send(operation, operation.method, place, {"ConformanceUnknown": True}) if body is not None else None
                self.send(operation, operation.method, place, body, if_match='"wrong"') if body is not None else None
            seen = self.send(operation, operation.method, place, body)
            if role == "read":
                self.send(operation, "HEAD", place)
                etag = header(seen.headers, "etag") or '"none"'
                self.send(operation, "GET", place, if_none_match=etag)
                self.send(operation, "GET", place, if_none_match='"other"')
            unknown = place.rsplit("/", 1)[0] + "/00000000-0000-4000-8000-00000000beef"
            self.send(operation, operation.method, unknown, body)
        reader, remover = self.operation(resource, "read"), self.operation(resource, "delete")
        if remover:
            self.send(remover, "DELETE", place)
        if reader:
            self.send(reader, "GET", place)
        lister = self.operation(resource, "list")
        if lister:
            self.send(lister, "GET", fill(lister.path, parents))

    def parents(self, resource: Resource) -> dict[str, str] | None:
        """Return the path parameters above a resource's own id, from the first instance of each."""
        operation = next((o for r in ("list", "create", "read") if (o := self.operation(resource, r))), None)
        values: dict[str, str] = {}
        for name in operation.path_parameters if operation else ():
            if name == resource.parameter:
                break
            owner = self.profile.bindings.owners.get(name)
            lister = self.operation(owner, "list") if owner else None
            if owner is None or lister is None:
                return None
            items = items_of(self.send(lister, "GET", fill(lister.path, values)), owner)
            if not items:
                return None
            id = first(items[0], owner.id) if owner.id else str(first(items[0], owner.link)).rsplit("/", 1)[-1]
            values[name] = str(id)
        return values

    def place_of(self, resource: Resource, made: WireResponse, parents: dict[str, str]) -> str:
        """Return where an instance that was created lies."""
        location = header(made.headers, "location")
        if location:
            return urlsplit(location).path
        reader = self.operation(resource, "read") or self.operation(resource, "delete")
        id = first(json_of(made), resource.created_id or resource.id) if made.body and made.status < 300 else None
        return fill(reader.path, {**parents, resource.parameter: str(id)}) if reader and id is not None else ""

    def place_in(self, resource: Resource, item: Any, parents: dict[str, str]) -> str:
        """Return where an item of a list lies."""
        if resource.link:
            return str(first(item, resource.link) or "")
        reader, id = self.operation(resource, "read"), first(item, resource.id)
        return fill(reader.path, {**parents, resource.parameter: str(id)}) if reader and id is not None else ""


def items_of(listed: WireResponse, resource: Resource) -> list[Any]:
    """Return the items of a list answer, or nothing."""
    found = first(json_of(listed), resource.items)
    return found if isinstance(found, list) else []


def fill(path: str, values: dict[str, str]) -> str:
    """Return a path template with its values."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=":@!$'()*,~"))
    return path


def problems(profile: Profile, step: Step) -> list[str]:
    """Return what an answer has against the contract: an undocumented success, a body that does not fit."""
    operation, answer = step.operation, step.answer
    if operation is None or step.request.method == "HEAD" or not 200 <= answer.status < 300:
        return []
    documented = operation.documented(answer.status)
    if documented is None or answer.status not in operation.success:
        return [f"{operation.id}: {answer.status} is not documented"]
    missing = [n for n, needed in documented.headers.items() if needed and header(answer.headers, n) is None]
    found = [f"{operation.id}: no header {n}" for n in missing]
    pointer = next((p for m, p in documented.media.items() if p and "json" in m), "")
    selected = "attributes=" in step.request.target.lower()
    if pointer and not selected:
        found += [f"{operation.id}: {v}" for v in profile.contract.responses.violations(pointer, json_of(answer))]
    return found
