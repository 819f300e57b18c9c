"""Draft a standard from its OpenAPI description: contract, source, profile and bindings, ready to be edited by people.

Names and types are kept, prose is not. What a pattern asks is a SHOULD, because a description states it nowhere; everything is a draft
(`seen: false`) until somebody looks the clause up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.checks.registry import known_checks
from conformance.contract import SAFE, operations_of
from conformance.planning.carving import Wanted, carved
from conformance.planning.examples import changeable, drafted, fits, marked
from conformance.planning.naming import squeezed, words
from conformance.planning.recognise import PROBES, Kind, Reader, anonymous, error_schema, kinds_of
from conformance.planning.shapes import Shape, escape
from conformance.requirement import pick
from conformance.schema import Schemas

_ROLES = {
    "create": "Makes a {}.", "read": "Shows a {}.", "list": "Lists every {}.", "replace": "Replaces a {}.", "update": "Changes a {}.",
    "delete": "Removes a {}.",
}  # fmt: skip
_STANDARD_HEADERS = ("accept", "content-type", "authorization", "if-match", "if-none-match")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The values of the four files, and what people should look at first; `remarks` by operation or resource stand in the bindings."""

    contract: dict[str, Any]
    source: dict[str, Any]
    profile: dict[str, Any]
    bindings: dict[str, Any]
    notes: tuple[str, ...] = ()
    remarks: Mapping[str, str] = field(default_factory=dict)


def draft(document: Mapping[str, Any], wanted: Wanted, *, base: str = "", notes: Sequence[str] = ()) -> Draft:
    """Return the draft of a standard.

    Args:
        document: the description as OpenAPI 3.1 with its base in the paths (`Description.folded`).
        base: that base, so that the ids made for operations without one do not repeat it.
        notes: what was lost on the way here.

    Raises:
        UsageError: no operation is wanted, or one that is not there.
    """
    told = list(notes)
    contract = carved(document, wanted, base, told)
    return _Drafting(contract=contract, wanted=wanted, told=told).draft()


# -- profile and bindings ---------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Drafting:
    contract: dict[str, Any]
    wanted: Wanted
    told: list[str]
    remarks: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = Reader(self.contract)
        self.kinds = kinds_of(self.contract)
        self.operations = operations_of(self.contract)
        self.at = {o.id: (o.path, o.method.lower()) for o in self.operations.values()}
        self.id_at = {at: name for name, at in self.at.items()}
        self.requests = Schemas(self.contract, "request")
        self.error, self.error_media = error_schema(self.reader, self.contract)
        self.role_of = {at: (kind, role) for kind in self.kinds for role, at in kind.roles.items()}
        for at, (kind, role) in self.role_of.items():
            raw = self.contract["paths"][at[0]][at[1]]
            self.contract["paths"][at[0]][at[1]] = {
                "operationId": raw.pop("operationId"),
                "summary": _ROLES[role].format(kind.name.replace("_", " ")),
                **raw,
            }

    def draft(self) -> Draft:
        """Return all four files."""
        bindings = self.bindings()
        return Draft(
            contract=self.contract, source=self.source(), profile=self.profile(bindings), bindings=bindings, notes=tuple(self.told),
            remarks=self.remarks,
        )  # fmt: skip

    def source(self) -> dict[str, Any]:
        """Return `source.yaml`."""
        w = self.wanted
        return {
            "standard": w.name, "edition": w.edition, "title": w.title, "publisher": w.publisher, "licence": w.licence, "url": w.url,
            "commit": w.commit, "document": _one(w.documents), "sha256": _one(w.sha256),
            "clauses": "operations of the document" + ("" if w.seen else "; its texts were not looked up"), "deviations": [],
        }  # fmt: skip

    # -- bindings ------------------------------------------------------------------------------------------------------
    def bindings(self) -> dict[str, Any]:
        """Return `bindings.yaml`."""
        out: dict[str, Any] = {"probe": self.probe()}
        media = sorted(
            {m for a in self.operations.values() for s, d in a.answers.items() if s.startswith("2") for m in d.media if "json" in m}
        )
        if media:
            out["media"] = media
        out["authentication"] = self.authentication()
        out["error"] = self.errors()
        operations = {name: bound for name in self.operations if (bound := self.operation(name))}
        if operations:
            out["operations"] = operations
        resources = {kind.name: self.resource(kind) for kind in self.kinds}
        if resources:
            out["resources"] = resources
        owned = {k.parameter for k in self.kinds}
        unowned = list(dict.fromkeys(p for o in self.operations.values() for p in o.path_parameters if p not in owned))
        if unowned:
            out["parameters"] = {p: {"test_data": _word(p)} for p in unowned}
        data = {_word(p): f"A value for {p} in the paths." for p in unowned}
        data |= {k.name: f"The id of a {k.name.replace('_', ' ')} that may be read, where none can be created." for k in self.kinds}
        data |= {
            b["test_data"]: f"The id of what {self.operations[o].title} may be tried on." for o, b in operations.items() if "test_data" in b
        }
        if data:
            out["test_data"] = data
        return out

    def probe(self) -> str:
        """Return the read that needs least; a plain one if there is any."""

        def cost(name: str) -> tuple[Any, ...]:
            operation = self.operations[name]
            last = squeezed(operation.path.rstrip("/").rpartition("/")[2])
            needed = sum(p.required for p in operation.parameters if p.place in ("query", "header"))
            role = self.role_of.get(self.at[name], (None, ""))[1]
            return (
                operation.method != "GET",
                len(operation.path_parameters),
                needed,
                last not in PROBES,
                role != "list",
                len(operation.path),
            )

        best = min(self.operations, key=cost)
        if cost(best)[:3] != (False, 0, 0):
            self.told.append(f"probe: no read works without input, so {self.operations[best].title} stands there")
        return best

    def authentication(self) -> dict[str, Any]:
        """Return whether credentials are asked for."""
        free = [n for n, at in self.at.items() if anonymous(self.reader.raw(at), self.contract)]
        refusing = [n for n, o in self.operations.items() if "401" in o.answers]
        if len(free) < len(self.operations):
            return {"required": True, **({"anonymous": free} if free else {}), "missing": [401, 403], "bad": [401, 403]}
        if len(refusing) * 2 > len(self.operations):
            self.told.append("authentication: the document names no security scheme, but most operations document 401")
            free = [n for n in self.operations if n not in refusing]
            return {"required": True, **({"anonymous": free} if free else {}), "missing": [401, 403], "bad": [401, 403]}
        return {"required": False}

    def errors(self) -> dict[str, Any]:
        """Return what errors look like; a status is accepted where any operation documents it for the like."""
        documented = {s for o in self.operations.values() for s in o.answers}
        out: dict[str, Any] = {}
        if self.error:
            out = {"schema": self.error, "media": self.error_media}
            members = self.contract["components"]["schemas"][self.error].get("properties", {})
            if members.get("status", {}).get("type") == "integer":
                out["status"] = "/status"
        out["unknown"] = [404, *([410] if "410" in documented else [])]
        out["malformed"] = [400, *([422] if "422" in documented else [])]
        out["invalid"] = [400, 422]
        return out

    def operation(self, name: str) -> dict[str, Any]:
        """Return what must be said of an operation: what it does to the target, and a body where no resource has one."""
        operation, at = self.operations[name], self.at[name]
        kind, role = self.role_of.get(at, (None, ""))
        out: dict[str, Any] = {}
        if operation.method not in SAFE:
            out = self.effect(name, kind, role)
        if kind is None or role == "update":
            out |= self.body(name, kind)
        for place, key in (("query", "query"), ("header", "headers")):
            needed = [p for p in operation.parameters if p.place == place and p.required and p.name.lower() not in _STANDARD_HEADERS]
            values = {p.name: drafted(Shape.at(self.contract, p.schema)) for p in needed}
            if values:
                out[key] = {n: "{unique}" if v is None else str(v) if key == "headers" else v for n, v in values.items()}
        return out

    def effect(self, name: str, kind: Kind | None, role: str) -> dict[str, Any]:
        """Return the effect of a write: own where what it makes or touches is made and removed by the run itself."""
        operation = self.operations[name]
        makeable = {k.parameter for k in self.kinds if "create" in k.roles}
        if kind is not None and role == "create":
            if "delete" not in kind.roles:
                self.remarks[name] = "nothing removes what it makes"
            return {"effect": "own" if "delete" in kind.roles else "lasting"}
        if kind is not None and "create" in kind.roles:
            return {"effect": "own"}
        if operation.method == "POST" and (not operation.path_parameters or operation.path_parameters[-1] in makeable):
            self.remarks[name] = "read, where it only looks; own, where it removes its own; disruptive, where it costs others"
            return {"effect": "lasting"}
        if kind is not None and role in ("replace", "update", "delete"):
            self.remarks[name] = "tried on nothing: the run cannot make one of its own"
            return {"effect": "lasting"}
        self.remarks[name] = "touches what the run did not make: only on what the target names"
        return {"effect": "disruptive", "test_data": f"{_word(name)}_target"}

    def body(self, name: str, kind: Kind | None) -> dict[str, Any]:
        """Return a body for an operation that no example of a resource serves."""
        at, operation = self.at[name], self.operations[name]
        shape = self.reader.sent(at)[1]
        if kind is not None and "json-patch" in operation.request_media:
            change = self.change(kind)[1]
            pointer, text = _leaf(change)
            return {"body": [{"op": "replace", "path": pointer, "value": text}]} if pointer else {}
        if shape is None or (kind is not None and not shape.chosen().required):
            return {}
        made = drafted(shape, self.requests, operation.request_schema)
        if kind is not None and isinstance(made, dict):
            made = _merged(made, self.change(kind)[1])
        if made is None or not fits(self.requests, operation.request_schema, made):
            self.remarks[name] = "; ".join(filter(None, (self.remarks.get(name), "no body was found that its schema accepts: write one")))
        return {"body": made} if made is not None else {}

    def change(self, kind: Kind) -> tuple[Any, dict[str, Any]]:
        """Return the example of a kind, and the change that a write may make."""
        sent = self.reader.sent(kind.roles["create"])[1] if "create" in kind.roles else None
        example = drafted(sent, self.requests, self.operations[self.id_at[kind.roles["create"]]].request_schema) if sent else None
        role = "update" if "update" in kind.roles else "replace"
        written = self.reader.sent(kind.roles[role])[1] if role in kind.roles else None
        shown = self.reader.shown(kind.roles["read"]) if "read" in kind.roles else None
        return changeable(example, sent, written or (sent if role in kind.roles else None), shown)

    def resource(self, kind: Kind) -> dict[str, Any]:
        """Return what the bindings say of a kind of thing."""
        order = ("create", "read", "list", "replace", "update", "delete")
        out: dict[str, Any] = {role: self.id_at[kind.roles[role]] for role in order if role in kind.roles}
        out["parameter"] = kind.parameter
        for key in ("id", "created_id", "link"):
            if getattr(kind, key):
                out[key] = getattr(kind, key)
        if "list" in kind.roles:
            out["items"] = kind.items
        if kind.location:
            out["location"] = True
        if kind.if_match and "read" in kind.roles:
            out["if_match"] = True
        if "create" in kind.roles:
            example, changes = self.change(kind)
            sent = self.reader.sent(kind.roles["create"])[1]
            listing = self.reader.shown(kind.roles["list"]) if "list" in kind.roles else None
            example, marker = marked(example, sent, self.item_of(kind, listing))
            if example is None or not fits(self.requests, self.operations[out["create"]].request_schema, example):
                self.remarks[kind.name] = "no example was found that the schema accepts: write one"
            out |= {"example": example} if example is not None else {}
            out |= {"changes": changes} if changes else {}
            out |= {"marker": marker} if marker else {}
            if isinstance(example, dict) and kind.id and pick(example, kind.created_id or kind.id):
                out["ignore"] = [kind.id]  # sent by the client, and yet the server may choose it
            if kind.slow:
                out["within"] = 60
        if self.uuid(kind):
            out["unknown"] = "{uuid}"
        return out

    def item_of(self, kind: Kind, listing: Any) -> Any:
        """Return the shape of the items of a list."""
        if listing is None:
            return None
        here = listing.chosen()
        for part in (kind.items or "").split("/")[1:]:
            here = here.properties[part.replace("~1", "/").replace("~0", "~")].chosen()
        return here.items

    def uuid(self, kind: Kind) -> bool:
        """Tell whether the ids of a kind are UUIDs."""
        item = self.contract["paths"][kind.item]
        return any(p.get("name") == kind.parameter and p.get("schema", {}).get("format") == "uuid" for p in item.get("parameters", ()))

    # -- profile -------------------------------------------------------------------------------------------------------
    def profile(self, bindings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the profile's edition."""
        w = self.wanted
        return {
            "profile": w.name, "edition": w.edition, "title": w.title, "interface": w.interface, "tier": "basic", "state": "draft",
            "contract": f"{w.name}/{w.edition}", "features": {"core": "What every implementation offers."},
            "operations": {name: self.derived(name) for name in self.operations}, "requirements": self.requirements(bindings),
        }  # fmt: skip

    def derived(self, name: str) -> dict[str, Any]:
        """Return the requirements of an operation: what the document states is a MUST, an error that it does not name a SHOULD."""
        operation = self.operations[name]
        out: dict[str, Any] = {"feature": "core", "level": "MUST", "clause": self.clause(operation.title), "seen": self.wanted.seen}
        named = {"404"} if operation.path_parameters else {"400", "422"}
        if not named & set(operation.answers):
            out["errors"] = {"level": "SHOULD"}
        if "401" not in operation.answers:
            out["authentication"] = {"level": "SHOULD"}
        return out

    def clause(self, where: str) -> str:
        """Return where the document says it."""
        return f"{self.wanted.clause or self.wanted.title}, {where}"

    def requirements(self, bindings: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the requirements of the patterns that were recognised and that we know how to look at."""
        found: list[dict[str, Any]] = []
        known = known_checks()

        def add(id_: str, check: str, sentence: str, where: str, on: str = "", **arguments: Any) -> None:
            if check not in known:
                return
            one: dict[str, Any] = {
                "id": id_,
                "feature": "core",
                "level": "SHOULD",
                "clause": self.clause(where),
                "seen": self.wanted.seen,
                "sentence": sentence,
                "check": check,
            }
            found.append({**one, **({"on": on} if on else {}), **({"with": arguments} if arguments else {})})

        if bindings["authentication"]["required"]:
            add("service.authentication", "service-authentication", "The service refuses requests without valid credentials.", "security")
        if self.error:
            add(
                "service.error-format",
                "service-error-format",
                f"An error has the form of {self.error}.",
                f"components.schemas.{self.error}",
            )
        for kind in self.kinds:
            self._patterns(kind, bindings["resources"][kind.name], add)
        return found

    def _patterns(self, kind: Kind, bound: Mapping[str, Any], add: Any) -> None:
        slug, words_ = kind.name.replace("_", "-"), kind.name.replace("_", " ")
        titles = {role: self.operations[self.id_at[at]].title for role, at in kind.roles.items()}
        has = set(kind.roles) if bound.get("example") is not None else set(kind.roles) - {"create"}
        if {"create", "read"} <= has:
            add(
                f"{slug}.read-after-create",
                "read-after-create",
                f"A {words_} that was created is read back as it was written.",
                titles["read"],
                kind.name,
            )
        if {"create", "list"} <= has:
            add(f"{slug}.listed", "list-contains", f"A {words_} that was created is in the list.", titles["list"], kind.name)
        if {"create", "read", "delete"} <= has:
            add(f"{slug}.delete", "delete-is-effective", f"A deleted {words_} is gone.", titles["delete"], kind.name)
        if {"create", "list", "delete"} <= has:
            add(f"{slug}.deleted-not-listed", "deleted-not-listed", f"A deleted {words_} is not in the list.", titles["delete"], kind.name)
        if {"create", "read", "replace"} <= has:
            add(f"{slug}.replace", "replace-replaces", f"A replaced {words_} has the new values.", titles["replace"], kind.name)
        if (
            {"create", "read", "update"} <= has
            and (bound.get("changes"))
            and "json-patch" not in self.operations[bound["update"]].request_media
        ):
            told = f"A changed {words_} has the new values and keeps the others."
            add(f"{slug}.update", "patch-applies", told, titles["update"], kind.name)
        paging = kind.paging
        if {"create", "list"} <= has and paging.complete:
            add(
                f"{slug}.paging",
                "paging-complete",
                f"The pages of the list show each {words_} once.",
                titles["list"],
                kind.name,
                **paging.arguments,
                size=2,
                own=3,
            )
        if "list" in has and paging.count:
            add(
                f"{slug}.page-limit",
                "page-limit",
                f"A page shows no more than {paging.count} allows.",
                titles["list"],
                kind.name,
                parameter=paging.count,
                value=1,
            )
        if "list" in has and paging.total:
            add(f"{slug}.total", "totals-agree", "The total is the number of items.", titles["list"], kind.name, **paging.arguments)
        for parameter, pointer in kind.filters if {"create", "list"} <= has else ():
            id_ = f"{slug}.filter-{'-'.join(words(parameter))}"
            add(
                id_,
                "filter-honoured",
                f"The list filtered by {parameter} shows what matches and nothing else.",
                titles["list"],
                kind.name,
                parameter=parameter,
                template="{value}",
                pointer=pointer,
            )
        if "read" in has and kind.not_modified and kind.etag:
            add(
                f"{slug}.not-modified",
                "conditional-read",
                f"A {words_} that has not changed is answered with 304 to If-None-Match.",
                titles["read"],
                kind.name,
            )
        role = next((r for r in ("replace", "update") if r in has), "")
        if {"create", "read"} <= has and role and kind.refused_match and kind.etag and bound.get("changes"):
            add(
                f"{slug}.conditional-write",
                "conditional-write",
                "A write that names an outdated version is refused.",
                titles[role],
                kind.name,
                role=role,
            )


def _one(listed: tuple[str, ...]) -> Any:
    return None if not listed else listed[0] if len(listed) == 1 else list(listed)


def _word(name: str) -> str:
    return "_".join(words(name)) or "value"


def _leaf(change: Any) -> tuple[str, Any]:
    pointer = ""
    while isinstance(change, dict) and change:
        name, change = next(iter(change.items()))
        pointer += f"/{escape(name)}"
    return pointer, change


def _merged(body: Any, change: Any) -> Any:
    if not isinstance(change, dict) or not isinstance(body, dict):
        return change if change else body
    return {**body, **{k: _merged(body.get(k), v) for k, v in change.items()}}
