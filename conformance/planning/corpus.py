"""The input corpus: which invalid edits of a profile's own examples every honest server refuses.

Ideas come from a generator (`conformance.planning.generate`); what is here decides. An idea becomes a case when the edit breaks the
contract, when the server must know the place, and when no lenient but honest reading of the value makes the request whole again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from conformance.api import Api, spoken_of
from conformance.case import Case, edited
from conformance.contract import Operation, Parameter
from conformance.errors import Problem, UsageError
from conformance.planning.proof import inside
from conformance.planning.readings import ABSENT, readings, wire_readings
from conformance.planning.sampling import Sampler
from conformance.planning.shapes import Shape
from conformance.profile import Profile, Resource
from conformance.requirement import pick
from conformance.schema import lookup, resolve
from conformance.verdict import Effect

#: Cases of one operation; more only where there are more pairs of scenario and place, each of which is kept once.
BUDGET = 150
#: Characters of a value (as JSON) that a reader of the corpus still looks at, and that no proxy refuses for its size.
LONGEST = 2_000
#: What replaces an empty string where a format or a pattern is to be broken: empty is often read as absent.
PLAIN = "not valid"
#: What stands for the id of another resource in the body that a corpus is made from.
SOME_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
#: Integers beyond it are not the same number for every JSON reader (RFC 8259 section 6).
EXACT = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """An invalid input of a generator: a whole body (place "body"), or what the query parameter *name* holds on the wire."""

    operation: str
    scenario: str
    place: str
    name: str = ""
    value: Any = None
    missing: bool = False


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the cases of one operation are edits of: its valid request, and what the contract says of it."""

    profile: Profile
    operation: Operation
    body: Any

    @property
    def resource(self) -> Resource | None:
        """The resource in which the operation plays a role."""
        return self.profile.bindings.resource_of(self.operation.id)

    @property
    def role(self) -> str:
        """That role, or ''."""
        return self.resource.role(self.operation.id) if self.resource else ""

    def keywords(self, body: Any) -> tuple[str, ...]:
        """Return the schema keywords that *body* breaks; none when it is valid."""
        return tuple(v.keyword for v in self.profile.contract.requests.violations(self.operation.request_schema, body))

    def breaks(self, body: Any) -> bool:
        """Tell whether the contract forbids *body*."""
        return not self.profile.contract.requests.is_valid(self.operation.request_schema, body)

    def needs(self, pointer: str) -> bool:
        """Tell whether the valid body is invalid without the member at *pointer*."""
        return self.breaks(edited(self.body, Case(id="", operation="", scenario="", place="body", pointer=pointer, action="remove")))

    def parameter(self, name: str) -> Parameter | None:
        """Return the query parameter called *name*."""
        return next((p for p in self.operation.parameters if p.place == "query" and p.name == name), None)


def grounds(profile: Profile, asked: Collection[str]) -> list[Ground]:
    """Return the ground of each operation in *asked* that takes input and may be called at all.

    Raises:
        UsageError: the bindings' own example of an operation contradicts the contract (every such operation at once).
    """
    found, problems = [], []
    for operation in profile.contract.operations.values():
        if operation.id not in asked or operation.effect is Effect.DISRUPTIVE:
            continue
        ground = Ground(profile=profile, operation=operation, body=_example(profile, operation))
        if ground.body is not None:
            wrong = list(profile.contract.requests.violations(operation.request_schema, ground.body))
            problems += [Problem(file=profile.name, place=f"example of {operation.id}", problem=str(v)) for v in wrong]
        if ground.body is not None or any(p.place == "query" for p in operation.parameters):
            found.append(ground)
    if problems:
        raise UsageError(*problems)
    return found


def _example(profile: Profile, operation: Operation) -> Any:
    """Return the body that a valid request of *operation* carries, filled in the same way every time; None without a JSON body."""
    if not operation.request_schema or "json" not in operation.request_media:
        return None
    resource = profile.bindings.resource_of(operation.id)
    role = resource.role(operation.id) if resource else ""
    told = json.dumps([operation.body, resource.example if resource else None])
    wanted = {name: name for name in profile.bindings.test_data if f"{{test_data.{name}}}" in told}  # where there is a default, it serves
    api = Api(profile=profile, run_id="corpus", started=1_767_225_600.0, test_data=wanted, allowed=frozenset(), place=operation.id)
    others = {word: _stand_in(profile, word, api) for word in spoken_of([operation.body, resource.example if resource else None])}
    if resource and role == "create" and not operation.test_data:
        return api.example(resource, others) if resource.example is not None else None
    if operation.body is not None:
        return api.fill(operation.body, others)
    if resource and role == "replace" and resource.example is not None:
        return api.changed(resource, api.example(resource, others))
    if resource and role == "update" and resource.changes:
        return api.fill(dict(resource.changes))
    return None


def _stand_in(profile: Profile, word: str, api: Api) -> Any:
    """Return what stands for another resource: some id, or a value that its schema allows at the place that is spoken of."""
    kind, _, name = word.partition(".")
    name, _, pointer = name.partition("/")
    resource = profile.bindings.resources.get(name)
    named = pick(resource.example, resource.chosen[resource.parameter]) if resource and resource.parameter in resource.chosen else []
    if kind == "id" and named:  # an id as the client chooses it
        return api.fill(named[0])
    if kind == "example" and resource is not None:
        return api.example(resource, {inner: _stand_in(profile, inner, api) for inner in spoken_of(resource.example)})
    if kind != "shown" or resource is None or not resource.read:
        return SOME_ID
    read = profile.operation(resource.read)
    documented = read.documented(read.success[0])
    schema = next(iter(documented.media.values()), "") if documented else ""
    shape: Shape | None = Shape.at(profile.contract.document, {"$ref": f"#{schema}"}) if schema else None
    for step in pointer.partition("|")[0].removesuffix("?").split("/"):
        shape = inside(shape, step) if shape else None
    return Sampler(word, extent="least").value(shape) if shape else SOME_ID


# -- from an idea to edits of the example ------------------------------------------------------------------------------


def edits(ground: Ground, idea: Idea) -> list[Case]:
    """Return the edits of the example that *idea* stands for, without numbers; none when its one invalid place cannot be told."""
    if idea.place == "query":
        blank = Case(id="", operation=idea.operation, scenario=idea.scenario, place="query", pointer=idea.name)
        if idea.missing:
            return [replace(blank, action="remove")]
        return [replace(blank, value=v) for v in _plainer(idea.scenario, idea.value)]
    if idea.missing or ground.body is None:
        return []
    blank = Case(id="", operation=idea.operation, scenario=idea.scenario, place="body", pointer="")
    violations = list(ground.profile.contract.requests.violations(ground.operation.request_schema, idea.value))
    pointer = max((v.pointer for v in violations), key=len, default=None)
    if pointer is None or not all(f"{pointer}/".startswith(f"{v.pointer}/") for v in violations):
        return []
    keywords = {v.keyword for v in violations if v.pointer == pointer}
    broken = lookup(idea.value, pointer)
    if keywords == {"required"}:
        return [replace(blank, pointer=f"{pointer}/{name}", action="remove") for name in _left_out(ground, pointer, broken)]
    if keywords == {"additionalProperties"}:
        extra = {k: v for k, v in broken.items() if not _has(ground.body, f"{pointer}/{_escaped(k)}")}
        return [replace(blank, pointer=f"{pointer}/{_escaped(k)}", value=v) for k, v in extra.items()]
    return [replace(blank, pointer=pointer, value=v) for v in _plainer(idea.scenario, broken)]


def _left_out(ground: Ground, pointer: str, broken: Mapping[str, Any]) -> list[str]:
    """Return the one member that the example needs and the idea leaves out (no name when there are several)."""
    if not _has(ground.body, pointer) or not isinstance(whole := lookup(ground.body, pointer), Mapping):
        return []
    names = [_escaped(n) for n in whole if n not in broken and ground.needs(f"{pointer}/{_escaped(n)}")]
    return names if len(names) == 1 else []


def _plainer(scenario: str, value: Any) -> list[Any]:
    """Return *value* and, where servers may read it as absent, one that breaks the same rule and says so to the reader."""
    if scenario in ("invalid_format", "invalid_pattern"):
        return [value, PLAIN]
    if scenario == "value_below_minimum" and value in (0, "0"):
        return [value, -1]
    return [value]


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _has(body: Any, pointer: str) -> bool:
    try:
        lookup(body, pointer)
    except KeyError:
        return False
    return True


# -- soundness ---------------------------------------------------------------------------------------------------------


def objection(ground: Ground, case: Case) -> str:
    """Return why an honest server might process *case*, or not say so in its status; '' when none may."""
    if case.action == "replace" and (why := _unreadable(case.value)):
        return why
    return _query_objection(ground, case) if case.place == "query" else _body_objection(ground, case)


def _body_objection(ground: Ground, case: Case) -> str:
    parent = case.pointer.rpartition("/")[0]
    adds = case.pointer != "" and not _has(ground.body, case.pointer)
    if adds and not (case.scenario == "object_unexpected_properties" and _has(ground.body, parent)):
        return "the example has no such member, so servers that do not know it ignore it"
    broken = ground.keywords(edited(ground.body, case))
    if not broken:
        return "the contract allows it"
    if adds and set(broken) != {"additionalProperties"}:
        return "the contract does not forbid further members"
    if case.value == "" and set(broken) == {"format"}:
        return "an empty string is read as absent"
    owners = [s for at in _steps(case.pointer) for s in schemas_at(ground, at)]
    if any(s.get("readOnly") for s in owners):
        return "servers ignore members that only they write"
    if _answered_one_by_one(ground, case.pointer):
        return "each item has a status of its own in a successful answer"
    if not adds and (why := _unheld(ground, case.pointer)):
        return why
    for value in readings(case.value) if case.action == "replace" else ():
        if value is ABSENT and case.pointer == "":
            whole = not ground.operation.request_required
        elif value is ABSENT:
            whole = not adds and not ground.needs(case.pointer)
        else:
            whole = not ground.breaks(edited(ground.body, replace(case, value=value)))
        if whole:
            return f"may be read as {'absent' if value is ABSENT else json.dumps(value)}"
    return ""


def _query_objection(ground: Ground, case: Case) -> str:
    parameter = ground.parameter(case.pointer)
    if parameter is None or not parameter.schema:
        return "servers may ignore parameters that the contract does not describe"
    if case.action == "remove":
        return "" if parameter.required else "the parameter may be left out"
    value = case.value if isinstance(case.value, str) else json.dumps(case.value)
    if isinstance(case.value, list):
        return "which of several values counts is not said"
    if value.strip().lower() in ("", "null", "none", "undefined"):
        return "may be read as absent"
    schemas = ground.profile.contract.requests
    for reading in wire_readings(value):
        if schemas.is_valid(parameter.pointer, reading):
            return f"may be read as {json.dumps(reading)}"
    return ""


def _unreadable(value: Any) -> str:
    """Return why *value* does not mean the same to every JSON reader, or is no fit for a person to read."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST:
        return f"longer than {LONGEST} characters"
    if not all(" " <= c <= "~" for c in text) or "\\u" in text:
        return "characters that proxies or counting rules treat differently"
    if any(isinstance(v, float) and v.is_integer() for v in _scalars(value)):
        return "a whole number that is written as a fraction"
    if any(isinstance(v, float) and (abs(v) < 1e-3 or abs(v) > 1e9) for v in _scalars(value)):
        return "a float that readers round differently"
    if any(isinstance(v, int) and abs(v) > EXACT for v in _scalars(value)):
        return "an integer that readers round differently"
    return ""


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _scalars(inner)
    else:
        yield value


def _steps(pointer: str) -> list[str]:
    """Return *pointer* and the pointers of all that it lies in, outermost first, without the whole body."""
    parts = pointer.split("/")[1:]
    return ["".join(f"/{p}" for p in parts[: n + 1]) for n in range(len(parts))]


def _unheld(ground: Ground, pointer: str) -> str:
    """Return which member on the way to *pointer* an honest server need not take from the client.

    That a client may leave a member out does not tell whether a server may. Only what the contract requires, and what the bindings
    name as changeable (so that it is read back), is what a server is held to; and of these not what it may change on its own.
    """
    resource = ground.resource
    own = ground.role in ("create", "replace") or (ground.role == "update" and ground.operation.body is None)
    for at in _steps(pointer):
        if (
            resource
            and own
            and any(_covers(i, at) for i in resource.ignore)
            and not any(s.get("writeOnly") for s in schemas_at(ground, at))
        ):
            return f"servers may change {at} on their own"
        inside = lookup(ground.body, at.rpartition("/")[0])
        if isinstance(inside, list) or ground.needs(at):
            continue
        if resource is None or not own or not _has(dict(resource.changes), at):
            return f"{at} is optional, and nothing holds a server to it"
    return ""


def _covers(ignored: str, pointer: str) -> bool:
    ours, theirs = ignored.split("/"), pointer.split("/")
    return len(ours) <= len(theirs) and all(a in ("*", b) for a, b in zip(ours, theirs, strict=False))


def _answered_one_by_one(ground: Ground, pointer: str) -> bool:
    """Tell whether *pointer* lies in an item of a batch: a successful answer has the same list, with a status for each item."""
    parts = pointer.split("/")
    item = next(("/".join(parts[: n + 1]) for n, p in enumerate(parts) if n and p.isdigit()), "")
    if not item:
        return False
    operation = ground.operation
    answers = [a for s in operation.success if (a := operation.documented(s)) is not None]
    return any(
        "status" in s.get("required", ())
        for a in answers
        for schema in a.media.values()
        if schema
        for s in schemas_at(ground, item, schema)
    )


def schemas_at(ground: Ground, pointer: str, schema: str = "") -> list[Mapping[str, Any]]:
    """Return every schema that speaks of the place *pointer* of a body (of the request, or that of the document's pointer *schema*)."""
    document = ground.profile.contract.document
    found = list(_parts(document, {"$ref": f"#{schema or ground.operation.request_schema}"}))
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        inner = []
        for one in found:
            if part in (one.get("properties") or {}):
                inner.append(one["properties"][part])
            elif part.isdigit() and int(part) < len(one.get("prefixItems", ())):
                inner.append(one["prefixItems"][int(part)])
            elif part.isdigit() and "items" in one:
                inner.append(one["items"])
            elif "additionalProperties" in one:
                inner.append(one["additionalProperties"])
        found = [s for one in inner for s in _parts(document, one)]
    return found


def _parts(document: Mapping[str, Any], schema: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield *schema* and all that it is put together from."""
    if not isinstance(schema, Mapping) or depth > 20:
        return
    yield schema
    inner = [*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ()), *(schema.get(k) for k in ("if", "then", "else"))]
    if "$ref" in schema:
        inner.append(resolve(document, {"$ref": schema["$ref"]}))
    for one in inner:
        yield from _parts(document, one, depth + 1)


# -- from edits to a corpus --------------------------------------------------------------------------------------------


def sorted_out(ground: Ground, ideas: Sequence[Idea]) -> tuple[list[Case], list[tuple[Case, str]]]:
    """Return the sound cases of *ideas* in their order, and the edits left out, each with the reason.

    Numbers count the different values at one place, those left out included: an id stays when a rule is added.
    """
    kept, left_out = [], []
    seen: dict[str, None] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for case in (c for idea in ideas for c in edits(ground, idea)):
        content = json.dumps([case.place, case.pointer, case.action, case.value])
        if content in seen:
            continue
        seen[content] = None
        place = (case.scenario, case.place, case.pointer)
        counts[place] = counts.get(place, 0) + 1
        shown = f"?{case.pointer}" if case.place == "query" else case.pointer or "body"
        case = replace(case, id=f"{case.operation}:{case.scenario}:{shown}:{counts[place]}")
        if why := objection(ground, case):
            left_out.append((case, why))
        else:
            kept.append(case)
    return kept, left_out


def within_budget(cases: Sequence[Case], budget: int = BUDGET) -> list[Case]:
    """Return at most *budget* cases in their order: every pair of scenario and place once, then further values of each in turn."""
    rounds: dict[tuple[str, str, str], int] = {}
    rank = {}
    for number, case in enumerate(cases):
        place = (case.scenario, case.place, case.pointer)
        rounds[place] = rounds.get(place, 0) + 1
        rank[case.id] = (rounds[place], number)
    chosen = {c.id for c in sorted(cases, key=lambda c: rank[c.id])[: max(budget, len(rounds))]}
    return [c for c in cases if c.id in chosen]


def text_of(profile: Profile, cases: Sequence[Case], versions: Mapping[str, str]) -> str:
    """Return the file of a corpus: what made it, then one case a line. It depends on no platform and no Python."""
    lines = "".join(json.dumps(asdict(case)) + "\n" for case in cases)
    header = {
        "profile": profile.name,
        "edition": profile.edition,
        **versions,
        "contract": profile.digests["contract"],
        "bindings": profile.digests["bindings"],
        "cases": len(cases),
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }
    return json.dumps({"corpus": header}) + "\n" + lines
