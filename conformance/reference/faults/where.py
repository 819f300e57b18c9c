"""Where faults apply, decided from contract and bindings, and rules of what they turn red: check × place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.faults.planting import Applies, Rule
from conformance.reference.places import parts_of
from conformance.reference.sampling import Samples
from conformance.requirement import Requirement
from conformance.schema import resolve
from conformance.verdict import Level

LEVELS = list(Level)
Test = Callable[[Profile, Operation], bool]
SIZES = ("limit", "count", "perPage", "per_page", "pageSize", "page_size", "size", "top", "$top")
POSITIONS = (
    "offset", "skip", "page", "pageNumber", "startIndex", "marker", "cursor", "after", "$skip", "skipToken", "pageToken", "page_token", "continue",
)  # fmt: skip
SORTS = ("sort", "sortBy", "sort_by", "sortOrder", "sort_order", "order", "orderBy", "sort_key", "sort_dir")
SELECTIONS = ("fields", "attributes", "excludedAttributes", "select", "$select")


# -- places ----------------------------------------------------------------------------------------------------------
def service(profile: Profile) -> Iterable[str]:
    """The whole service."""
    return [""]


def protected_service(profile: Profile) -> Iterable[str]:
    """The whole service, where the standard demands credentials."""
    return [""] if profile.bindings.authentication.required else []


def operations(*tests: Test) -> Applies:
    """Every operation that passes all tests."""
    return lambda profile: [o.id for o in profile.contract.operations.values() if all(t(profile, o) for t in tests)]


def at(*ids: str) -> Applies:
    """The operations with these ids that there are: places of a standard's own faults."""
    return lambda profile: [o for o in ids if o in profile.contract.operations]


def since(slug: str, *places: str) -> Applies:
    """Places of a fault that only editions with this requirement can have."""
    return lambda profile: at(*places)(profile) if f"{profile.name}/{slug}" in profile.by_id else ()


def asked(check: str, *roles: str) -> Applies:
    """The operations of these roles of the resources that a requirement looks at with *check*."""
    return lambda profile: [
        getattr(resource, role)
        for resource in profile.bindings.resources.values()
        for role in roles
        if getattr(resource, role) and any(r.check == check and r.on == resource.name for r in profile.requirements)
    ]


def looked_at(check: str) -> Applies:
    """The operations that requirements look at with *check*: named themselves, or as the list of a resource."""

    def applies(profile: Profile) -> Iterable[str]:
        named = [r.on for r in profile.requirements if r.check == check and r.on]
        places = [profile.bindings.resources[n].list if n in profile.bindings.resources else n for n in named]
        return [p for p in places if p]

    return applies


def role(*roles: str) -> Test:
    """Operations that play one of these roles."""

    def test(profile: Profile, operation: Operation) -> bool:
        resource = profile.bindings.resource_of(operation.id)
        return resource is not None and resource.role(operation.id) in roles

    return test


def answers_json(profile: Profile, operation: Operation) -> bool:
    """Operations whose first success has a JSON body."""
    return bool(schema_of(profile, operation))


def reads(profile: Profile, operation: Operation) -> bool:
    """Operations that only read."""
    return operation.method == "GET"


def takes_json(profile: Profile, operation: Operation) -> bool:
    """Operations with a JSON body."""
    return "json" in operation.request_media


def asks_id(profile: Profile, operation: Operation) -> bool:
    """Operations whose path names an instance, other than a create that gives it its name."""
    owners = profile.bindings.owners
    last = owners.get(operation.path_parameters[-1]) if operation.path_parameters else None
    return any(p in owners for p in operation.path_parameters) and not (last and last.create == operation.id)


def needs_credentials(profile: Profile, operation: Operation) -> bool:
    """Operations that nobody may use without credentials."""
    bound = profile.bindings.authentication
    return bound.required and operation.id not in bound.anonymous


def has_query(*names: str) -> Test:
    """Operations that document one of these query parameters."""
    return lambda profile, operation: any(p.place == "query" and p.name in names for p in operation.parameters)


def has_filter(profile: Profile, operation: Operation) -> bool:
    """Operations with a query parameter that is none of paging, sorting or selection."""
    return any(p.place == "query" and p.name not in (*SIZES, *POSITIONS, *SORTS, *SELECTIONS) for p in operation.parameters)


def has_etag(profile: Profile, operation: Operation) -> bool:
    """Operations on a resource whose read documents an ETag, or that is asked to depend on one."""
    resource = profile.bindings.resource_of(operation.id)
    reader = profile.contract.operations.get(resource.read) if resource else None
    if resource is None or reader is None:
        return False
    answers = [reader.documented(s) for s in reader.success]
    documented = any(n.lower() == "etag" for a in answers if a for n in a.headers)
    return documented or resource.if_match or any(r.check in ("conditional-write", "etag-agrees") for r in about(profile, operation.id))


# -- schemas ---------------------------------------------------------------------------------------------------------
def schema_of(profile: Profile, operation: Operation) -> str:
    """Return the pointer of the schema of the first success with a JSON body, or ''."""
    for status in operation.success:
        documented = operation.documented(status)
        for media, pointer in documented.media.items() if documented else ():
            if pointer and "json" in media:
                return pointer
    return ""


def protected(profile: Profile, operation: Operation) -> set[str]:
    """Return the members that bindings and features look at: a fault there would be another one."""
    pointers: list[str] = []
    for resource in profile.bindings.resources.values():
        expired = resource.expired.pointer if resource.expired else ""
        found = resource.found_at.pointer if resource.found_at else ""
        pointers += [resource.id, resource.created_id, resource.link, resource.items, resource.marker, expired, found]
    pointers += [f.discovered.pointer or "" for f in profile.features.values() if f.discovered]
    pointers += [profile.bindings.identify.pointer if profile.bindings.identify else ""]
    return {parts_of(p)[0] for p in pointers if parts_of(p)}


def spare(profile: Profile, operation: Operation, *, kinds: tuple[str, ...] = (), enums: bool = False) -> list[str]:
    """Return required members of the answer (of its items, where it is an array) that nothing else hangs on."""
    pointer = schema_of(profile, operation)
    if not pointer:
        return []
    samples = Samples(profile.contract.document)
    flat = samples.flat({"$ref": f"#{pointer}"})
    flat = samples.flat(flat["items"]) if "items" in flat and "properties" not in flat else flat
    taken = protected(profile, operation)
    found = []
    for name in flat.get("required", ()):
        inner: Mapping[str, Any] = samples.flat(flat.get("properties", {}).get(name, {}))
        kind = inner.get("type") or ("array" if "contains" in inner else "")
        if name not in taken and (not kinds or kind in kinds) and (not enums or "enum" in inner or "const" in inner):
            found.append(name)
    return [] if enums and resolve(profile.contract.document, {"$ref": f"#{pointer}"}).keys() & {"anyOf", "oneOf"} else found


def has_spare(**asked: Any) -> Test:
    """Operations whose answer has a required member that nothing else hangs on."""
    return lambda profile, operation: bool(spare(profile, operation, **asked))


def requires(profile: Profile, operation: Operation) -> bool:
    """Operations whose answer must be an array or have certain members: not whatever JSON fits."""
    pointer = schema_of(profile, operation)
    samples = Samples(profile.contract.document)
    return bool(pointer) and not profile.contract.responses.is_valid(pointer, {"data": samples.value({"$ref": f"#{pointer}"})})


def not_probe(profile: Profile, operation: Operation) -> bool:
    """All operations but the known-good read, without which nothing is looked at."""
    return operation.id != profile.bindings.probe


def not_the_only_door(profile: Profile, operation: Operation) -> bool:
    """All operations but a probe without which no other can be asked for: where that is not there, nothing is, and no finding is made."""
    others = [o for o in profile.contract.operations.values() if o is not operation]
    doors = [o for o in others if not o.path_parameters and not (o.address and o.address.shown)]
    return operation.id != profile.bindings.probe or bool(doors)


def absence_shows(profile: Profile, operation: Operation) -> bool:
    """Operations whose 404 the contract does not explain otherwise."""
    return not ("404" in operation.answers and operation.request_media)


# -- rules -----------------------------------------------------------------------------------------------------------
def about(profile: Profile, place: str) -> Iterator[Requirement]:
    """Yield the requirements that look at an operation, or at the resource in which it plays a role."""
    resource = profile.bindings.resource_of(place) if place else None
    for requirement in profile.requirements:
        named = requirement.arguments.get("operation")
        if isinstance(named, str) and named in profile.contract.operations and place:
            if named == place:
                yield requirement
        elif not place or requirement.on == place or (resource and requirement.on == resource.name):
            yield requirement


def turns(*checks: str, when: Callable[[Requirement], bool] | None = None) -> Rule:
    """The requirements about the place that are looked at with one of these checks; a check of the whole service counts everywhere."""

    def rule(profile: Profile, place: str) -> frozenset[str]:
        near = list(about(profile, place)) + [r for r in profile.requirements if not r.on]
        derived = ("answers", "answer", "errors", "authentication", "refuses")
        return frozenset(
            r.id for r in near if r.check in checks and (r.check not in derived or not place or r.on == place) and (when is None or when(r))
        )

    return rule


def both(*rules: Rule) -> Rule:
    """What any of several rules names."""
    return lambda profile, place: frozenset().union(*(rule(profile, place) for rule in rules))


def _walked(profile: Profile, place: str, after: str = "") -> dict[str, str]:
    """Return the requirements that are judged at a step of a workflow on *place*, later than one on *after*, with what the step expects."""
    found = {}
    for walk in profile.workflows.values():
        operations = [s.operation for s in walk.steps]
        begin = operations.index(after) + 1 if after in operations else len(operations) if after else 0
        later = walk.steps[begin:]
        for step in [s for s in later if s.operation == place and not s.within_s][:1] if after else later:
            criteria = " ".join(f"{c.context} {c.condition}" for c in step.criteria)
            if step.operation == place:
                found.update({r.id: criteria for r in profile.requirements if r.arguments.get("judges") in step.requirements})
    return found


def graver(rule: Rule, member: Callable[[Profile, Operation], str] | None = None) -> Rule:
    """With a rule, what a workflow judges at the place on a level above: a lesser fail hides no greater one.

    Args:
        member: the member of the answer that the fault changes, of which a step must speak; without it the whole answer is another one.
    """

    def rules(profile: Profile, place: str) -> frozenset[str]:
        least = min((LEVELS.index(profile.by_id[i].level) for i in rule(profile, place)), default=0)
        name = member(profile, profile.operation(place)) if member else ""
        walked = [i for i, told in _walked(profile, place).items() if (f"/{name}" in told or not name) and not _refused(told)]
        return rule(profile, place) | frozenset(i for i in walked if LEVELS.index(profile.by_id[i].level) < least)

    return rules


def _refused(told: str) -> bool:
    """Tell whether criteria name statuses of refusals alone."""
    return bool(re.search(r"\b4\d\d\b", told)) and not re.search(r"\b2\d\d\b", told)


def gone_after(profile: Profile, place: str) -> frozenset[str]:
    """The requirements of workflows that read a thing after the delete that *place* is, and expect it gone."""
    resource = profile.bindings.resource_of(place)
    if resource is None or resource.delete != place or not resource.read:
        return frozenset()
    return frozenset(i for i, told in _walked(profile, resource.read, after=place).items() if any(str(s) in told for s in resource.gone))


def of_resource(name: str, *checks: str) -> Rule:
    """The requirements about a resource of the bindings, wherever the fault is."""
    return lambda profile, place: frozenset(r.id for r in profile.requirements if r.on == name and r.check in checks)


def ids(*slugs: str) -> Rule:
    """Requirements of a standard's own faults, by slug."""
    return lambda profile, place: frozenset(i for s in slugs if (i := f"{profile.name}/{s}") in profile.by_id)


def roles_of(*roles: str, family: str) -> Rule:
    """A derived requirement of the operations that play other roles in the same resource."""

    def rule(profile: Profile, place: str) -> frozenset[str]:
        resource = profile.bindings.resource_of(place) if place else None
        named = {getattr(resource, r) for r in roles} if resource else set()
        return frozenset(r.id for r in profile.requirements if r.on in named and r.family == family)

    return rule


def only_at(rule: Rule, *roles: str) -> Rule:
    """A rule that holds only where the operation plays one of these roles."""

    def narrowed(profile: Profile, place: str) -> frozenset[str]:
        resource = profile.bindings.resource_of(place) if place else None
        return rule(profile, place) if resource and resource.role(place) in roles else frozenset()

    return narrowed


def in_role(*checks: str, default: str) -> Rule:
    """The requirements that look at the role of the operation: the one they are told, else *default*."""

    def rule(profile: Profile, place: str) -> frozenset[str]:
        resource = profile.bindings.resource_of(place) if place else None
        role = resource.role(place) if resource else ""
        usual = default if resource and getattr(resource, default) else "update"
        return turns(*checks, when=lambda r: r.arguments.get("role", usual) == role)(profile, place)

    return rule


def permits_success(requirement: Requirement) -> bool:
    """Requirements that are told a status of success among those that they accept."""
    told = (*requirement.arguments.get("status", ()), *requirement.arguments.get("statuses", ()), *requirement.arguments.get("accept", ()))
    return any(200 <= s < 300 for s in told)


def asks_with(name: str, *values: Any) -> Callable[[Requirement], bool]:
    """Requirements whose check is told *name*, as one of *values*."""
    return lambda r: name in r.arguments and (not values or r.arguments[name] in values)
