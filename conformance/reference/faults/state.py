"""Servers that forget, keep what should be gone, or change what they refused to change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile, Resource
from conformance.reference.engine import ResourceTwin
from conformance.reference.faults.planting import Seen, fault, json_of, success
from conformance.reference.faults.where import (
    POSITIONS,
    SIZES,
    asked,
    both,
    gone_after,
    in_role,
    only_at,
    operations,
    role,
    roles_of,
    schema_of,
    takes_json,
    turns,
)
from conformance.reference.message import NotJson, read_json, write_json
from conformance.reference.places import first, parts_of, put, without
from conformance.reference.sampling import Samples
from conformance.reference.store import Instance
from conformance.requirement import Requirement
from conformance.wire import WireRequest, WireResponse, header

# what is not there reads as 404, and an id that the server gave and does not know makes the operation absent: one cause, one fail
_KEPT = both(turns("delete-is-effective", "deleted-not-listed", "session-token"), gone_after)
_SPOILED = both(
    in_role("refused-write-changes-nothing", default="replace"),
    in_role("conditional-write", default="update"),
    only_at(turns("patch-refused"), "update"),
)


def _unread(profile: Profile, place: str) -> frozenset[str]:
    """The operations on what was created; a put makes it anew, and what the target's owner may name is not created to be read."""
    resource = profile.bindings.resource_of(place)
    if resource is None:
        return frozenset()
    named = ("read",) if resource.name in profile.bindings.test_data else ()
    roles = [r for r in ("read", "replace", "update", "delete") if r not in named and getattr(resource, r) != resource.create]
    return roles_of(*roles, family="answers")(profile, place)


def _unreadable(profile: Profile, place: str) -> frozenset[str]:
    """What reads a thing back, where the read itself is looked at with another one."""
    resource = profile.bindings.resource_of(place)
    reads = roles_of("read", family="answers")(profile, place)
    return turns("read-after-create")(profile, place) if resource and not reads & _unread(profile, place) else frozenset()


_LOST = both(turns("list-contains"), _unread, _unreadable)
#: Where a total is told, pages that lack something do not add up; else the list that lacks it is another requirement's finding.
_LACKING = both(
    turns("list-contains", "totals-agree"), turns("write-then-appears", when=lambda r: not r.arguments.keys() & {"keeps", "drops"}),
    turns("paging-complete", when=lambda r: "total" in r.arguments),
)  # fmt: skip


def _shared(profile: Profile, place: str) -> frozenset[str]:
    """What walks the pages of a list in which others delete: one under a parent that each look makes for itself has none of theirs."""
    own = any(name in profile.bindings.owners for name in profile.operation(place).path_parameters)
    return frozenset() if own else turns("paging-complete")(profile, place)


def _creatable(profile: Profile, operation: Operation) -> bool:
    resource = profile.bindings.resource_of(operation.id)
    return resource is not None and bool(resource.create)


def _listable(profile: Profile, operation: Operation) -> bool:
    resource = profile.bindings.resource_of(operation.id)
    return resource is not None and resource.list == operation.id and bool(resource.create or resource.name == "alert")


def _ends(profile: Profile, operation: Operation) -> bool:
    """Tell whether what is listed can be gone one day: not where a create is lasting and nothing deletes."""
    resource = profile.bindings.resource_of(operation.id)
    create = resource.create if resource is not None and not resource.delete and not resource.expired else ""
    return not create or profile.operation(create).effect != "lasting"


def _instance(seen: Seen) -> tuple[dict[str, Instance], Instance] | None:
    """Return the instance that a request names, with its shelf."""
    twin: ResourceTwin = seen.twin
    route = twin.route(seen.request.target.partition("?")[0])
    if seen.resource is None or route is None or not seen.resource.parameter:
        return None
    id = route.values.get(seen.resource.parameter, "")
    for (name, _), shelf in twin.store.shelves.items():
        if name == seen.resource.name and id in shelf:
            return shelf, shelf[id]
    return None


@fault(group="state", sentence="What was created is not stored.", applies=operations(role("create")), expected=_LOST)
def create_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    group="state", sentence="A replacement is accepted and not stored.",
    applies=operations(role("replace")), expected=turns("replace-replaces"),
)  # fmt: skip
def replace_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    group="state", sentence="A change is accepted and not stored.",
    applies=operations(role("update")), expected=turns("patch-applies", "state-reached"),
)  # fmt: skip
def update_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    group="state", sentence="A replacement changes only what the old state had.",
    applies=operations(role("replace")), expected=turns("replace-replaces"),
)  # fmt: skip
def replace_keeps_the_old_values(seen: Seen) -> WireResponse:
    named = _instance(seen)
    changes = seen.resource.changes if seen.resource else {}
    if named is None:
        return seen.forward()
    old = named[1].body
    if not success(seen.pretend()):
        return seen.forward()
    return seen.sending(lambda body: {**body, **{k: old[k] for k in changes if k in old}} if isinstance(body, dict) else body)


@fault(
    group="state", sentence="A delete is accepted and nothing is deleted.",
    applies=operations(role("delete")), expected=_KEPT,
)  # fmt: skip
def delete_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


def _last_left_out(seen: Seen, change: Any) -> WireResponse:
    resource = seen.resource
    assert resource is not None
    pointer = resource.items

    def edit(body: Any) -> Any:
        items = first(body, pointer) if pointer else body
        return put(body, pointer, change(items)) if isinstance(items, list) else body

    return seen.edited(edit)


@fault(
    group="state", sentence="The list shows what was created only an hour later.",
    applies=operations(role("list"), _creatable), expected=_LACKING,
)  # fmt: skip
def list_lags_behind(seen: Seen) -> WireResponse:
    resource = seen.resource
    assert resource is not None
    young = {i.id for i in seen.twin.store.everywhere(resource.name) if not i.seeded and seen.now < i.created + 3600}
    places = [p for p in (resource.id, resource.link) if p]
    filtered = any(k not in (*SIZES, *POSITIONS) for k, _ in seen.query)

    def shown(item: Any) -> bool:
        return filtered or not any(str(first(item, p)).rsplit("/", 1)[-1] in young for p in places)

    return _last_left_out(seen, lambda items: [i for i in items if shown(i)])


@fault(
    group="state", sentence="The list is always empty.",
    applies=operations(_listable), expected=_LACKING,
)  # fmt: skip
def list_empty(seen: Seen) -> WireResponse:
    return _last_left_out(seen, lambda items: [])


@fault(
    group="state",
    sentence="The list still shows what was deleted.",
    applies=operations(_listable, _ends),
    expected=both(turns("deleted-not-listed", "totals-agree", "links-resolve"), _shared),
)
def list_shows_the_deleted(seen: Seen) -> WireResponse:
    asked = repr((seen.request.target, seen.request.body, header(seen.request.headers, "authorization")))
    kept: dict[str, Any] = seen.memory.setdefault(asked, {})
    resource = seen.resource
    assert resource is not None
    if any(not (k in SIZES and v.isdigit() and int(v) >= 20) and not (k in POSITIONS and v in ("0", "1")) for k, v in seen.query):
        return seen.forward()

    def edit(body: Any) -> Any:
        items = first(body, resource.items) if resource.items else body
        if not isinstance(items, list):
            return body
        now = {str(first(i, resource.id or resource.link)): i for i in items}
        kept.update(now)
        return put(body, resource.items, [*items, *(i for key, i in kept.items() if key not in now)])

    return seen.edited(edit)


@fault(
    group="state", sentence="A refused write is done all the same.",
    applies=operations(role("replace", "update"), takes_json), expected=_SPOILED,
)  # fmt: skip
def refused_write_is_done(seen: Seen) -> WireResponse:
    answer = seen.forward()
    named = _instance(seen)
    if 400 <= answer.status < 500 and answer.status not in (401, 403) and named is not None and seen.resource is not None:
        shown = first(named[1].body, "")
        for pointer, value in _texts(shown, seen.resource.changes):
            named[1].body = put(named[1].body, pointer, f"{value} spoiled")
    return answer


def _texts(body: Any, changes: Any, at: str = "") -> list[tuple[str, str]]:
    """Return the places of the texts in *body* that the bindings name as changeable."""
    found = []
    for name, inner in changes.items() if isinstance(changes, dict) else ():
        value = body.get(name) if isinstance(body, dict) else None
        if isinstance(inner, dict):
            found += _texts(value, inner, f"{at}/{name}")
        elif isinstance(value, str):
            found.append((f"{at}/{name}", value))
    return found


@fault(
    group="state", sentence="A refused create makes something.",
    applies=operations(role("create"), takes_json),
    expected=turns("refused-write-changes-nothing", when=lambda r: r.arguments.get("write") == "create"),
)  # fmt: skip
def refused_create_makes_one(seen: Seen) -> WireResponse:
    change, answer = _speaks_of_one(seen), seen.forward()
    refused = seen.memory.setdefault("refused", [])
    if success(answer) and not change:
        seen.memory["good"], seen.memory["kept"] = seen.request, _just_made(seen, json_of(answer))
    elif answer.status in (400, 422):
        refused.append(seen.request)
    while refused and "good" in seen.memory:  # what a good one looks like is known once there was one
        wrong = refused.pop()
        if not success(seen.forward(_marked_like(seen, wrong))):
            _kept_all_the_same(seen, wrong)
    return answer


def _speaks_of_one(seen: Seen) -> bool:
    """Tell whether the body of a create names what is there already: where that is taken, it is a change."""
    resource = seen.resource
    id = first(seen.sent, resource.id) if resource and resource.id else None
    return resource is not None and any(one.id == id for one in seen.twin.store.everywhere(resource.name))


def _just_made(seen: Seen, told: Any) -> Any:
    """Return the body that is kept of what a create answered, else the answer."""
    resource = seen.resource
    id = first(told, resource.created_id or resource.id) if resource and (resource.created_id or resource.id) else None
    return next((one.body for one in seen.twin.store.everywhere(resource.name) if one.id == id), told) if resource and id else told


def _kept_all_the_same(seen: Seen, wrong: WireRequest) -> None:
    """Keep what was refused: what was made before, with the texts of the refused body."""
    resource, body, refused = seen.resource, seen.memory["kept"], _json(wrong)
    route = seen.twin.route(wrong.target.partition("?")[0])
    if resource is None or route is None or not isinstance(body, dict) or not isinstance(refused, dict):
        return
    for place, value in _all_texts(refused):
        body = put(body, place, value)
    id = seen.twin.fresh_id(resource)
    if resource.id and resource.id == resource.marker:
        id = str(first(refused, resource.marker) or id)
    seen.twin.keep(resource, tuple(v for k, v in route.values.items() if k != resource.parameter), id, body, seen.now)


def _all_texts(body: Any, at: str = "") -> list[tuple[str, str]]:
    if not isinstance(body, dict):
        return [(at, body)] if isinstance(body, str) else []
    return [one for name, inner in body.items() for one in _all_texts(inner, f"{at}/{name}")]


def _marked_like(seen: Seen, wrong: WireRequest) -> WireRequest:
    """Return the good request with the marker of the refused one, so that what it makes is found."""
    good: WireRequest = seen.memory["good"]
    refused, body = _json(wrong), _json(good)
    pointer = seen.resource.marker if seen.resource else ""
    value = first(refused, pointer) if pointer else None
    return replace(good, body=write_json(put(body, pointer, value))) if value is not None else good


@fault(
    group="state", sentence="A replacement of what does not exist makes it.",
    applies=operations(role("replace")), expected=turns("replace-never-creates", "errors"),
)  # fmt: skip
def replace_creates(seen: Seen) -> WireResponse:
    answer = seen.forward()
    resource = seen.resource
    if answer.status != 404 or resource is None:
        return answer
    route = seen.twin.route(seen.request.target.partition("?")[0])
    body = _json(seen.request)
    if route is None or not isinstance(body, dict):
        return answer
    values = tuple(route.values.values())
    name = first(body, resource.marker) if resource.marker else None
    body = put(body, resource.marker, f"{name}-put") if isinstance(name, str) else body  # what must be unique stays so
    instance = seen.twin.keep(resource, values[:-1], values[-1], body, seen.now)
    assert seen.operation is not None
    return seen.twin.answer(seen.operation, seen.operation.success[0], seen.twin.shown(resource, instance))


def _json(request: WireRequest) -> Any:
    try:
        return read_json(request.body)
    except NotJson:
        return None


@fault(
    group="state", sentence="A value that must be unique may be given twice.",
    applies=asked("unique-conflict", "create"),
    expected=turns("unique-conflict"),
)  # fmt: skip
def duplicates_allowed(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = _json(seen.request)
    if answer.status != 409 or seen.resource is None or not isinstance(body, dict):
        return answer
    instance = seen.twin.keep(seen.resource, (), seen.twin.fresh_id(seen.resource), body, seen.now)
    location = seen.twin.href(seen.resource, (), instance.id)
    assert seen.operation is not None
    return seen.twin.answer(seen.operation, 201, seen.twin.shown(seen.resource, instance), (("Location", location),))


def _left_out(profile: Profile, resource: Resource, sent: Any) -> list[str]:
    """Return the places of the example's members that a change does not name: not the marker, nor below a member that must be there."""
    if not isinstance(resource.example, dict):
        return []
    reader = profile.contract.operations.get(resource.read)
    pointer = schema_of(profile, reader) if reader else ""
    flat = Samples(profile.contract.document).flat({"$ref": f"#{pointer}"}) if pointer else {}
    spared = {resource.marker, *[f"/{name}" for name in flat.get("required", ())], *resource.ignore}
    found: list[str] = []

    def walk(example: Any, told: Any, at: str) -> None:
        for name, inner in example.items():
            place = f"{at}/{name}"
            if place in spared:
                continue
            if not (isinstance(told, dict) and name in told):
                found.append(place)
            elif isinstance(inner, dict) and isinstance(told[name], dict):
                walk(inner, told[name], place)

    walk(resource.example, sent, "")
    return found


def _names_changes(profile: Profile, place: str) -> frozenset[str]:
    """The requirements whose change leaves something of the example out: a merge, or a form that names no member that is changed."""
    resource = profile.bindings.resource_of(place)
    if resource is None:
        return frozenset()
    names = [n.lower() for n in resource.changes if f"/{n}" != resource.marker]
    merges = bool(_left_out(profile, resource, dict(resource.changes)))

    def clears(requirement: Requirement) -> bool:
        body = requirement.arguments.get("body")
        return merges if body is None else bool(names) and not any(n in str(body).lower() for n in names)

    return turns("patch-applies", when=clears)(profile, place)


@fault(
    group="state", sentence="What the client leaves out of a change is cleared.",
    applies=operations(role("update")), expected=_names_changes,
)  # fmt: skip
def update_clears_the_rest(seen: Seen) -> WireResponse:
    answer = seen.forward()
    named = _instance(seen)
    if success(answer) and named is not None and seen.resource is not None:
        text = seen.request.body.decode("utf-8", "replace").lower()
        if not isinstance(seen.sent, dict) or set(seen.sent) - set(seen.resource.example or {}):  # a form of its own
            gone = [f"/{k}" for k in seen.resource.changes if k.lower() not in text and f"/{k}" != seen.resource.marker]
        else:
            gone = _left_out(seen.twin.profile, seen.resource, seen.sent)
        for place in gone:
            named[1].body = without(named[1].body, [parts_of(place)])
    return answer
