"""Values that come back other than they were sent, members that only one side may write."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.faults.planting import Applies, Seen, edited, fault, json_of, success
from conformance.reference.faults.where import asked, both, operations, role, takes_json, turns
from conformance.reference.message import moment, seconds
from conformance.reference.places import first, parts_of, put
from conformance.reference.sampling import Samples
from conformance.requirement import Requirement
from conformance.wire import WireResponse

_GROUP = "value fidelity"


def _free(profile: Profile, operation: Operation, kinds: tuple[str, ...], *, form: str = "") -> list[str]:
    """Return the places of the example's values that a client is free to choose and that must be kept."""
    resource = profile.bindings.resource_of(operation.id)
    if resource is None or not isinstance(resource.example, Mapping):
        return []
    samples = Samples(profile.contract.document)
    schema = {"$ref": f"#{operation.request_schema}"}
    ignored = {parts_of(p)[0] for p in resource.ignore if parts_of(p)}
    found: list[str] = []

    def walk(value: Any, at: str) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                if at or name not in ignored:
                    walk(inner, f"{at}/{name}")
            return
        flat = samples.at(schema, at)
        kind = {str: "string", bool: "boolean", int: "integer", list: "array"}.get(type(value), "")
        plain = not (flat.keys() & {"enum", "const", "pattern"}) and str(flat.get("format", "")) == form and not flat.get("writeOnly")
        if kind in kinds and plain:
            found.append(at)

    walk(resource.example, "")
    return found


def _texts(profile: Profile, operation: Operation) -> bool:
    return takes_json(profile, operation) and bool(_free(profile, operation, ("string",)))


def _unmarked(profile: Profile, operation: Operation) -> list[str]:
    """Return the places of free texts that do not tell one instance from another."""
    resource = profile.bindings.resource_of(operation.id)
    return [p for p in _free(profile, operation, ("string",)) if resource and p != resource.marker]


def _edit(places: list[str], change: Callable[[str], str]) -> Callable[[Any], Any]:
    """Return how a body looks with other texts at *places*."""

    def edit(body: Any) -> Any:
        for place in places:
            value = first(body, place)
            if isinstance(value, str):
                body = put(body, place, change(value))
        return body

    return edit


def _changed(seen: Seen, change: Callable[[str], str], *, form: str = "") -> WireResponse:
    """Store other values than the client sent, and show them."""
    assert seen.operation is not None
    edit = _edit(_free(seen.twin.profile, seen.operation, ("string",), form=form), change)
    if replace(seen, twin=seen.twin.fork()).sending(edit).status not in (400, 401, 404, 422) or seen.resource is None:
        return seen.sending(edit)
    return edited(_kept_otherwise(seen, edit), edit)  # the other values would be refused: they are what is kept and shown


def _kept_otherwise(seen: Seen, edit: Callable[[Any], Any]) -> WireResponse:
    """Answer as ever, and keep what was made otherwise."""
    assert seen.resource is not None
    before = {i.id for i in seen.twin.store.everywhere(seen.resource.name)}
    answer = seen.forward()
    for instance in seen.twin.store.everywhere(seen.resource.name):
        if instance.id not in before:
            instance.body = edit(instance.body)
    return answer


def _replaced_too(profile: Profile, place: str) -> frozenset[str]:
    """What replaces, where a create and a replace are one operation."""
    resource = profile.bindings.resource_of(place)
    return turns("replace-replaces")(profile, place) if resource and resource.replace == place else frozenset()


def _read_back(profile: Profile, place: str) -> frozenset[str]:
    """What compares a text that a client chose: all that were sent, or those at pointers of which one is such a text."""
    texts = _free(profile, profile.operation(place), ("string",))

    def compared(requirement: Requirement) -> bool:
        same = requirement.arguments.get("same")
        return not requirement.arguments.get("altered") and (not same or any(t in same for t in texts))

    return turns("read-after-create", when=compared)(profile, place)


def _alterable(profile: Profile, place: str) -> frozenset[str]:
    """What holds a read against the answer to the create."""
    return turns("read-after-create", when=lambda r: bool(r.arguments.get("altered")))(profile, place)


_KEPT = both(_read_back, turns("update-in-place"), _replaced_too)


@fault(
    group=_GROUP, sentence="Texts are stored in lower case with capitals lost.",
    applies=asked("case-preserved", "create"),
    expected=turns("case-preserved"),
)  # fmt: skip
def case_lost(seen: Seen) -> WireResponse:
    names = {parts_of(r.arguments["pointer"])[0] for r in seen.twin.profile.requirements if r.check == "case-preserved"}
    return seen.sending(
        lambda body: {k: v.lower() if k in names and isinstance(v, str) else v for k, v in body.items()} if isinstance(body, dict) else body
    )


@fault(
    group=_GROUP,
    sentence="Long texts are cut.",
    applies=operations(role("create"), _texts),
    expected=_KEPT,
)
def text_cut(seen: Seen) -> WireResponse:
    return _changed(seen, lambda text: text[:-3])


@fault(
    group=_GROUP, sentence="Texts are not kept as the answer to the create shows them.",
    applies=operations(role("create"), lambda p, o: bool(_unmarked(p, o) and _alterable(p, o.id))), expected=_alterable,
)  # fmt: skip
def text_not_kept_as_shown(seen: Seen) -> WireResponse:
    assert seen.operation is not None
    return _kept_otherwise(seen, _edit(_unmarked(seen.twin.profile, seen.operation), lambda text: f"{text} otherwise"))


@fault(group=_GROUP, sentence="Texts get a space at their end.", applies=operations(role("create"), _texts), expected=_KEPT)
def text_padded(seen: Seen) -> WireResponse:
    return _changed(seen, lambda text: text and text + " ")


def _times(profile: Profile, operation: Operation) -> bool:
    return takes_json(profile, operation) and bool(_free(profile, operation, ("string",), form="date-time"))


@fault(group=_GROUP, sentence="Times are moved by an hour.", applies=operations(role("create"), _times), expected=_KEPT)
def times_moved(seen: Seen) -> WireResponse:
    def later(text: str) -> str:
        try:
            return moment(seconds(text) + 3600)
        except ValueError:
            return text

    return _changed(seen, later, form="date-time")


def _hides(profile: Profile, operation: Operation) -> bool:
    resource = profile.bindings.resource_of(operation.id)
    return resource is not None and any(r.check == "write-only-hidden" and r.on == resource.name for r in profile.requirements)


@fault(
    group=_GROUP, sentence="Answers show what only the client may write.",
    applies=operations(role("create", "read", "replace"), _hides),
    expected=lambda profile, place: turns(
        "write-only-hidden", when=lambda r: _role(profile, place) in r.arguments.get("roles", ("create", "read"))
    )(profile, place),
)  # fmt: skip
def secrets_shown(seen: Seen) -> WireResponse:
    answer = seen.forward()
    names = [n for r in seen.twin.profile.requirements if r.check == "write-only-hidden" for n in r.arguments.get("members", {})]
    if not success(answer) or seen.resource is None:
        return answer
    resource = seen.resource
    stored = {i.id: i.body for i in seen.twin.store.everywhere(resource.name)}
    added = {
        n: v for r in seen.twin.profile.requirements if r.check == "write-only-hidden" for n, v in r.arguments.get("members", {}).items()
    }

    def show(body: Any) -> Any:
        known = {**stored.get(str(first(body, resource.id)), {}), **seen.sent_members} if isinstance(body, dict) else {}
        secrets = {n: known[n] for n in names if n in known} or {n: added[n] for n in names if seen.request.method == "GET"}
        return {**body, **secrets} if isinstance(body, dict) else body

    return edited(answer, show)


def _role(profile: Profile, place: str) -> str:
    resource = profile.bindings.resource_of(place)
    return resource.role(place) if resource else ""


@fault(
    group=_GROUP, sentence="The client may write what belongs to the server.",
    applies=lambda profile: [""] if any(r.check == "read-only-ignored" for r in profile.requirements) else [],
    expected=turns("read-only-ignored"),
)  # fmt: skip
def read_only_taken(seen: Seen) -> WireResponse:
    resource = seen.resource
    answer = seen.forward()
    if resource is None or not success(answer) or not resource.id:
        return answer
    taken: dict[str, dict[str, Any]] = seen.memory.setdefault("taken", {})
    requirements = [r for r in seen.twin.profile.requirements if r.check == "read-only-ignored" and r.on == resource.name]
    members: dict[str, Any] = {}
    for requirement in requirements:
        members = _over(members, requirement.arguments.get("members", {}))
    shown = json_of(answer)
    if seen.role in ("create", "replace") and isinstance(shown, dict):
        wanted = _only(seen.sent_members, members)
        own, theirs = str(first(shown, resource.id)), first(wanted, resource.id)
        named = seen.operation is not None and resource.parameter in seen.operation.path_parameters
        if theirs and seen.role == "create" and not named:
            shelf = next((s for s in seen.twin.store.shelves.values() if own in s), None)
            if shelf is not None:  # else nothing was kept: a dry run
                shelf[str(theirs)] = replace(shelf.pop(own), id=str(theirs))
                own = str(theirs)
        taken[own] = taken[str(first(shown, resource.id))] = wanted
        return edited(answer, lambda body: _over(body, wanted))
    if seen.role in ("read", "update"):
        return edited(answer, lambda body: _over(body, taken.get(str(first(body, resource.id)), {})) if isinstance(body, dict) else body)
    return answer


def _only(sent: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a body stands at the places of *members*."""
    named = {name: (sent[name], members[name]) for name in sent.keys() & members.keys()}
    return {n: _only(ours, theirs) if isinstance(ours, dict) and isinstance(theirs, dict) else ours for n, (ours, theirs) in named.items()}


def _over(body: Any, wanted: Mapping[str, Any]) -> Any:
    for name, value in wanted.items():
        old = body.get(name)
        body = {**body, name: {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value}
    return body


def _tried(profile: Profile, place: str, kind: str) -> list[str]:
    """Return the members of what *place* creates whose values are tried with texts of this kind."""
    name = getattr(profile.bindings.resource_of(place), "name", "")
    asked = [r.arguments["members"] for r in profile.requirements if r.check == "values-round-trip" and r.on == name]
    return [pointer for members in asked for pointer, kinds in members.items() if not kinds or kind in kinds]


def _tries(kind: str) -> Applies:
    return lambda profile: [p for p in asked("values-round-trip", "create")(profile) if _tried(profile, p, kind)]


def _stored(seen: Seen, kind: str, change: Callable[[str], str]) -> WireResponse:
    """Store the texts of these members otherwise than they were sent."""
    assert seen.operation is not None
    places = _tried(seen.twin.profile, seen.operation.id, kind)

    def edit(body: Any) -> Any:
        for place in places:
            value = first(body, place)
            if isinstance(value, str):
                body = put(body, place, change(value))
        return body

    return seen.sending(edit)


@fault(
    group=_GROUP, sentence="Combining characters are composed before texts are stored.",
    applies=_tries("decomposed"),
    expected=turns("values-round-trip"),
)  # fmt: skip
def texts_composed(seen: Seen) -> WireResponse:
    return _stored(seen, "decomposed", lambda text: unicodedata.normalize("NFC", text))


@fault(
    group=_GROUP, sentence="Characters beyond 16 bits are stored as question marks.",
    applies=_tries("astral"),
    expected=turns("values-round-trip"),
)  # fmt: skip
def astral_lost(seen: Seen) -> WireResponse:
    return _stored(seen, "astral", lambda text: "".join(c if ord(c) < 0x10000 else "?" for c in text))


@fault(
    group=_GROUP, sentence="A create with characters beyond 16 bits breaks the server.",
    applies=_tries("astral"),
    expected=turns("values-round-trip"),
)  # fmt: skip
def astral_breaks(seen: Seen) -> WireResponse:
    sent = json.dumps(seen.sent_members, ensure_ascii=False)
    return WireResponse(status=500) if any(ord(c) >= 0x10000 for c in sent) else seen.forward()
