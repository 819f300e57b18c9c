"""Carve a contract out of an OpenAPI 3.1 document: a slice without prose, every operation and path parameter with a name of its own."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.errors import asked, did_you_mean
from conformance.planning.bodies import plain_path
from conformance.planning.naming import operation_id, squeezed, words
from conformance.planning.recognise import kinds_of
from conformance.planning.slicing import each_operation, sliced, stripped
from conformance.schema import resolve

_DONE = {
    "200": "Done", "201": "Created", "202": "Accepted, not done yet", "204": "Done, nothing to show", "304": "Not modified",
    "400": "Not a valid request", "401": "No valid credentials", "403": "Not allowed", "404": "There is no such thing",
    "405": "Not a method of this", "409": "In conflict with what is there", "412": "A precondition does not hold",
    "422": "Cannot be processed", "429": "Too many requests", "500": "The server failed", "503": "Not now",
    "default": "Any other answer",
}  # fmt: skip
_LEFT = ("head", "options", "trace")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to draft, and what to call it."""

    name: str
    edition: str
    title: str
    interface: int
    operations: Sequence[str] = ()
    path_prefix: str = ""
    publisher: str = "unknown"
    licence: str = "unknown"
    url: str = ""
    commit: str | None = None
    documents: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    seen: bool = False
    clause: str = ""


def carved(document: Mapping[str, Any], wanted: Wanted, base: str, notes: list[str]) -> dict[str, Any]:
    """Return the slice of the document without its prose, every operation with an id, every path parameter with a name of its own."""
    ids = _ids(document, base)
    chosen = _chosen(ids, wanted, base)
    for path in sorted({p for p, _ in chosen if "?" in p or "#" in p}):
        notes.append(f"{path}: no path on the wire, so it is left out")
    chosen = {at for at in chosen if "?" not in at[0] and "#" not in at[0]}
    out = copy.deepcopy(sliced(stripped({k: v for k, v in document.items() if k in ("paths", "components", "security")}), chosen))
    for (path, method), name in ids.items():
        if (path, method) in chosen:
            raw = {k: v for k, v in out["paths"][path][method].items() if k != "operationId"}
            out["paths"][path][method] = {"operationId": name, **raw}
    out = _renamed(out)
    for _, _, raw in each_operation(out):
        raw.setdefault("responses", {"default": {}})
        raw["responses"] = {s: _described(a, s) for s, a in raw["responses"].items() if re.fullmatch(r"[1-5](\d\d|XX)|default", s, re.I)}
    responses = out["components"].get("responses", {})
    out["components"]["responses"] = {n: _described(a, "default") for n, a in responses.items()}
    out["components"] = {k: v for k, v in out["components"].items() if v}
    schemes = out["components"].get("securitySchemes")
    if schemes:
        out["components"]["securitySchemes"] = {n: _scheme(s) for n, s in schemes.items()}
    order = ("operationId", "summary", "security", "parameters", "requestBody", "responses")
    for path, method, raw in list(each_operation(out)):
        out["paths"][path][method] = {k: raw[k] for k in order if k in raw}
    head = {"openapi": "3.1.0", "info": {"title": wanted.title, "version": wanted.edition}}
    return {**head, **{k: out[k] for k in ("security", "paths", "components") if k in out}}


def _ids(document: Mapping[str, Any], base: str) -> dict[tuple[str, str], str]:
    """Return an id for each operation; two that would be the same requirement are told apart by a number."""
    found: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for path, method, raw in each_operation(document):
        name = operation_id(raw, path, method, base)
        number, free = 2, name
        while squeezed(free) in taken:
            free, number = f"{name}{number}", number + 1
        taken.add(squeezed(free))
        found[path, method] = free
    return found


def _chosen(ids: Mapping[tuple[str, str], str], wanted: Wanted, base: str) -> set[tuple[str, str]]:
    every = {(p, m): name for (p, m), name in ids.items() if m not in _LEFT}
    if wanted.path_prefix:
        prefix = "/" + wanted.path_prefix.strip("/")
        every = {at: n for at, n in every.items() if any(f"{p}/".startswith(f"{prefix}/") for p in (at[0], at[0].removeprefix(base)))}
    if wanted.operations:
        by_name = {**{f"{m.upper()} {p}": (p, m) for p, m in every}, **{n: at for at, n in every.items()}}
        unknown = [o for o in wanted.operations if o not in by_name]
        if unknown:
            raise asked(f"'{unknown[0]}' is not an operation of the document", place="--operations", hint=did_you_mean(unknown[0], by_name))
        return {by_name[o] for o in wanted.operations}
    if not every:
        raise asked("the document has no such operation", place="--path-prefix" if wanted.path_prefix else "OPENAPI")
    return set(every)


def _described(answer: Any, status: str) -> Any:
    if not isinstance(answer, dict) or "$ref" in answer:
        return answer
    return {"description": _DONE.get(status) or _DONE.get(f"{status[:1]}00") or "Done", **answer}


def _scheme(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a security scheme without texts and addresses; tokens of OAuth 2.0 and OpenID Connect are bearer tokens."""
    if raw.get("type") in ("oauth2", "openIdConnect"):
        return {"type": "http", "scheme": "bearer"}
    return {k: raw[k] for k in ("type", "scheme", "bearerFormat", "name", "in") if k in raw}


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """Give the id of each kind of thing one name of its own in all paths; nobody sees these names on the wire."""
    kinds = kinds_of(document)
    owner = {plain_path(k.item): k for k in kinds}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for kind in kinds:
        name = (
            kind.parameter
            if kind.parameter not in taken
            else f"{_camel(kind.name)}{'Name' if squeezed(kind.parameter).endswith('name') else 'Id'}"
        )
        while name in taken:
            name += "2"
        taken.add(name)
        names[plain_path(kind.item)] = name
    paths: dict[str, Any] = {}
    for path, item in document["paths"].items():
        parts = re.split(r"(\{[^{}]*\})", path)
        new, mapping = "", {}
        for part in parts:
            if part.startswith("{"):
                here = plain_path(new + part)
                name = (
                    names[here]
                    if here in owner
                    else part[1:-1]
                    if part[1:-1] not in taken
                    else f"{part[1:-1]}Of{_camel(words(new)[-1:] or ['path'], True)}"
                )
                mapping[part[1:-1]] = name
                new += f"{{{name}}}"
            else:
                new += part
        paths[new] = _with_path_parameters(document, item, mapping)
    return {**document, "paths": paths}


def _camel(name: str | Sequence[str], upper: bool = False) -> str:
    parts = name.split("_") if isinstance(name, str) else list(name)
    text = "".join(p[:1].upper() + p[1:] for p in parts)
    return text if upper else text[:1].lower() + text[1:]


def _with_path_parameters(document: Mapping[str, Any], item: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a path item whose path parameters stand at the top, each once, under their new names."""
    found: dict[str, Any] = {}
    others: list[Any] = []
    out: dict[str, Any] = {}
    for one in item.get("parameters") or ():
        seen = resolve(document, one)
        if isinstance(seen, Mapping) and seen.get("in") == "path":
            found.setdefault(str(seen["name"]), seen)
        elif isinstance(seen, Mapping) and "in" in seen:
            others.append(one)
    for method, raw in item.items():
        if method == "parameters":
            continue
        kept = []
        for one in raw.get("parameters") or ():
            seen = resolve(document, one)
            if isinstance(seen, Mapping) and seen.get("in") == "path":
                found.setdefault(str(seen["name"]), seen)
            elif isinstance(seen, Mapping) and "in" in seen:
                kept.append(one)
        out[method] = {**{k: v for k, v in raw.items() if k != "parameters"}, **({"parameters": kept} if kept else {})}
    listed = [
        {"name": new, "in": "path", "required": True, "schema": copy.deepcopy(found.get(old, {}).get("schema", {"type": "string"}))}
        for old, new in names.items()
    ]
    return {**({"parameters": [*listed, *others]} if listed or others else {}), **out}
