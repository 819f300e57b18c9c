"""Read any OpenAPI description (Swagger 2.0, OpenAPI 3.0 to 3.2) and return it as one OpenAPI 3.1 document.

Files that refer to each other are bundled; schemas become JSON Schema 2020-12. Nothing is judged here: where a description is
ambiguous (`nullable` beside an `enum`) the open reading is taken, and what cannot be carried over is told in `notes`.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from conformance.contract import METHODS
from conformance.errors import Problem, UsageError
from conformance.loading.plain_yaml import read_text
from conformance.schema import lookup

MOST_NODES = 3_000_000
#: The sections of `components`, and where Swagger 2.0 keeps the same things.
SECTIONS = ("schemas", "responses", "parameters", "requestBodies", "headers", "securitySchemes", "examples", "links", "callbacks", "pathItems")
SWAGGER_SECTIONS = {"definitions": "schemas", "responses": "responses", "parameters": "parameters", "securityDefinitions": "securitySchemes"}
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_ONES = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems")
_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_ODD_TYPES = {"file": "string", "float": "number", "double": "number", "int": "integer", "long": "integer", "bool": "boolean", "date": "string", "map": "object", "list": "array"}
_PARAMETER_SCHEMA = (
    "type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
    "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf", "x-nullable",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """An API description as OpenAPI 3.1; `base` is the path that stands before all paths, `version` what it was written in.

    `sha256` is that of the file as it was read.
    """

    document: dict[str, Any]
    base: str = ""
    version: str = "3.1"
    notes: tuple[str, ...] = ()
    sha256: str = ""

    def folded(self) -> Description:
        """Return the description with its base written into the paths."""
        if not self.base:
            return self
        paths = {self.base + path: item for path, item in self.document["paths"].items()}
        return replace(self, document={**self.document, "paths": paths}, base="")


def read_description(*files: Path) -> Description:
    """Return the description in one file, or in several that speak of one API (each with its base folded in).

    Raises:
        UsageError: a file cannot be read, or is no OpenAPI description.
    """
    found = [convert(file, _read(file)) for file in files]
    return found[0] if len(found) == 1 else merged([one.folded() for one in found])


def _read(file: Path) -> Any:
    text = read_text(file)
    try:
        return _plain(json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(Problem(file=str(file), place=place, problem=str(error.problem or error.context))) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(Problem(file=str(file), problem=f"cannot be read: {str(error)[:200]}")) from None


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """YAML 1.2's core schema, aliases allowed: no timestamps, and `on` is a word."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^(?:<<)$"), ["<"])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,30})$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$"), list("-+.0123456789")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])


def _plain(value: Any) -> Any:
    """Return a copy with text as keys and nothing shared; a document that grows too large on the way is refused."""
    count = 0

    def walk(node: Any, depth: int) -> Any:
        nonlocal count
        count += 1
        if count > MOST_NODES or depth > 150:
            raise ValueError("too large or too deep")
        if isinstance(node, dict):
            return {_key(key): walk(inner, depth + 1) for key, inner in node.items()}
        return [walk(inner, depth + 1) for inner in node] if isinstance(node, list) else node

    return walk(value, 0)


def _key(key: Any) -> str:
    return {True: "true", False: "false", None: "null"}.get(key, str(key)) if key is None or isinstance(key, bool) else str(key)


def convert(file: Path, raw: Any) -> Description:
    """Return the description that *raw*, the value of *file*, holds; files that it refers to are read."""
    version = str(raw.get("swagger") or raw.get("openapi") or "") if isinstance(raw, dict) else ""
    if not version.startswith(("2.", "3.")) or not isinstance(raw.get("paths", {}), dict):
        raise UsageError(Problem(file=str(file), problem="no OpenAPI description", hint="'swagger: \"2.0\"' or 'openapi: 3.…' with paths"))
    bundle = _Bundle(file=file, raw=raw)
    document = bundle.bundled()
    base = _base(raw, bundle.notes)
    if version.startswith("2."):
        document = _from_swagger(document, bundle.notes)
    document["openapi"] = "3.1.0"
    document.setdefault("paths", {})
    document.pop("jsonSchemaDialect", None)
    _drop_unknown_methods(document, bundle.notes)
    each_schema(document, lambda schema: _modern(schema, version, bundle.notes))
    return Description(
        document=document, base=base, version=version, notes=tuple(dict.fromkeys(bundle.notes)), sha256=hashlib.sha256(file.read_bytes()).hexdigest()
    )


def _base(raw: Mapping[str, Any], notes: list[str]) -> str:
    """Return the path of the first server, or the base path: what stands between host and path."""
    if raw.get("swagger"):
        return "/" + str(raw["basePath"]).strip("/") if str(raw.get("basePath") or "").strip("/") else ""
    servers = [s for s in raw.get("servers") or [] if isinstance(s, dict) and isinstance(s.get("url"), str)]
    if not servers:
        return ""
    text = str(servers[0]["url"])
    if text.startswith("{"):  # `{apiRoot}/name/v1`: the variable stands for scheme, host and what the provider puts before
        text = text.partition("}")[2]
    else:
        for name, variable in (servers[0].get("variables") or {}).items():
            text = text.replace(f"{{{name}}}", str((variable or {}).get("default", f"{{{name}}}")))
        text = re.sub(r"^[A-Za-z{][^:/]*://[^/]*", "", text)
    path = urlsplit(text).path.strip("/")
    if "{" in path:
        notes.append(f"servers[0].url: the path {path} has a variable without a default, so it is not put before the paths")
        return ""
    return f"/{path}" if path else ""


# -- bundling ---------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Bundle:
    """Copies a document, giving each thing that a `$ref` names a place among the components of the copy."""

    file: Path
    raw: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    out: dict[str, Any] = field(default_factory=dict)
    files: dict[Path, Any] = field(default_factory=dict)
    places: dict[tuple[Path, str], str] = field(default_factory=dict)
    waiting: list[tuple[Path, str, str, str]] = field(default_factory=list)

    def bundled(self) -> dict[str, Any]:
        """Return the copy: `paths`, `info`, `security` as they were, everything that is referred to under `components`."""
        root = self.file.resolve()
        self.files[root] = self.raw
        held = {s: f"components/{s}" for s in SECTIONS} if not self.raw.get("swagger") else dict(SWAGGER_SECTIONS)
        for section, place in held.items():
            from_ = (self.raw.get("components") or {}) if not self.raw.get("swagger") else self.raw
            kind = place.rpartition("/")[2]
            for name in from_.get(section) or {}:
                pointer = f"/{'components/' if not self.raw.get('swagger') else ''}{section}/{_escape(name)}"
                self._place(root, pointer, kind, name)
        head = {k: copy.deepcopy(v) for k, v in self.raw.items() if k in ("info", "security", "tags", "consumes", "produces", "servers")}
        paths = {p: self._path_item(root, item) for p, item in (self.raw.get("paths") or {}).items() if p.startswith("/") and isinstance(item, dict)}
        while self.waiting:
            file, pointer, kind, name = self.waiting.pop()
            self.out.setdefault(kind, {})[name] = self._copied(file, self._target(file, pointer), kind)
        order = {kind: dict(sorted(named.items())) for kind, named in self.out.items()}
        return {**head, "paths": paths, "components": order}

    def _path_item(self, file: Path, item: dict[str, Any]) -> Any:
        for _ in range(20):
            if not isinstance(item.get("$ref"), str):
                break
            file, pointer = self._parsed(file, item["$ref"])
            beside = {k: v for k, v in item.items() if k != "$ref"}
            found = self._target(file, pointer)
            item = {**(found if isinstance(found, dict) else {}), **beside}
        return self._copied(file, item, "pathItems")

    def _parsed(self, file: Path, ref: str) -> tuple[Path, str]:
        where, _, pointer = ref.partition("#")
        return ((file.parent / unquote(where)).resolve() if where else file), unquote(pointer).rstrip("/")

    def _target(self, file: Path, pointer: str) -> Any:
        if file not in self.files:
            self.files[file] = self._outside(file)
        try:
            return lookup(self.files[file], pointer)
        except KeyError:
            self.notes.append(f"{file.name}#{pointer}: leads nowhere, so anything may stand there")
            return {}

    def _outside(self, file: Path) -> Any:
        around = self.file.resolve().parent.parent
        if around not in file.parents or not file.is_file():
            self.notes.append(f"{file.name}: not a file beside the description, so anything may stand there")
            return {}
        return _read(file)

    def _place(self, file: Path, pointer: str, kind: str, name: str) -> str:
        """Return the `$ref` under which the copy will hold what is at *pointer* of *file*."""
        if (file, pointer) not in self.places:
            wanted = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("_") or "Unnamed"
            taken = {place for place in self.places.values()}
            free, number = wanted, 2
            while f"#/components/{kind}/{free}" in taken:
                free, number = f"{wanted}_{number}", number + 1
            self.places[file, pointer] = f"#/components/{kind}/{free}"
            self.waiting.append((file, pointer, kind, free))
        return self.places[file, pointer]

    def _reference(self, file: Path, ref: str, kind: str) -> str | None:
        if re.match(r"^[a-zA-Z][a-zA-Z0-9+.-]+:", ref):
            self.notes.append(f"{ref}: not a file beside the description, so anything may stand there")
            return None
        target, pointer = self._parsed(file, ref)
        parts = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
        if len(parts) == 3 and parts[0] == "components" and parts[1] in SECTIONS:
            kind = parts[1]
        elif len(parts) == 2 and parts[0] in SWAGGER_SECTIONS:
            kind = SWAGGER_SECTIONS[parts[0]]
        name = "-".join(p for p in parts[-3:] if p not in ("properties", "schema", "content")) if len(parts) > 3 else parts[-1] if parts else target.stem
        return self._place(target, pointer, kind, name)

    def _copied(self, file: Path, node: Any, kind: str) -> Any:
        """Copy *node*, a thing of *kind*, with its references led to the components of the copy."""
        if isinstance(node, list):
            return [self._copied(file, inner, kind) for inner in node]
        if not isinstance(node, dict):
            return node
        if kind == "data":
            return copy.deepcopy(node)
        ref = node.get("$ref")
        if isinstance(ref, str) and kind not in _MAP_OF:
            place = self._reference(file, ref, kind if kind in SECTIONS else "schemas")
            beside = {k: self._copied(file, v, _kind_under(kind, k)) for k, v in node.items() if k != "$ref"}
            return {**({"$ref": place} if place else {}), **beside}
        return {key: self._copied(file, value, _kind_under(kind, key)) for key, value in node.items()}


#: What stands under a key of a thing of some kind: the walk through a document knows a property called `example` from an example.
_UNDER: dict[str, dict[str, str]] = {
    "pathItems": {"parameters": "parameters", **dict.fromkeys((*METHODS, "query"), "operation")},
    "operation": {"parameters": "parameters", "requestBody": "requestBodies", "responses": "response map", "callbacks": "callback map"},
    "parameters": {"schema": "schemas", "items": "schemas", "content": "media map", "examples": "data", "example": "data", "default": "data", "enum": "data"},
    "requestBodies": {"content": "media map"},
    "responses": {"content": "media map", "headers": "header map", "schema": "schemas", "links": "data", "examples": "data"},
    "headers": {"schema": "schemas", "items": "schemas", "content": "media map", "example": "data", "examples": "data", "default": "data", "enum": "data"},
    "media": {"schema": "schemas", "itemSchema": "schemas", "example": "data", "examples": "data", "encoding": "data"},
    "schemas": {
        **dict.fromkeys(_MAPS, "schema map"), **dict.fromkeys((*_LISTS, *_ONES), "schemas"), "items": "schemas",
        **dict.fromkeys(("example", "examples", "default", "enum", "const", "discriminator", "xml", "required"), "data"),
        "x-patternProperties": "schema map",
    },
    "callbacks": {},
}  # fmt: skip
_MAP_OF = {"response map": "responses", "media map": "media", "header map": "headers", "schema map": "schemas", "callback map": "callbacks", "callbacks": "pathItems"}


def _kind_under(kind: str, key: str) -> str:
    if kind in _MAP_OF:
        return _MAP_OF[kind]
    return _UNDER.get(kind, {}).get(key, "data" if kind in _UNDER else kind)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


# -- Swagger 2.0 ------------------------------------------------------------------------------------------------------


def _from_swagger(document: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return a bundled Swagger 2.0 document in the shape of OpenAPI 3."""
    shared = document["components"].get("parameters", {})
    default = {key: document.get(key) or ["application/json"] for key in ("consumes", "produces")}

    def parameter(raw: dict[str, Any]) -> dict[str, Any]:
        return shared.get(raw["$ref"].rpartition("/")[2], {}) if "$ref" in raw else raw

    def response(raw: dict[str, Any], produces: list[str]) -> dict[str, Any]:
        if "$ref" in raw:
            return raw
        out = {k: v for k, v in raw.items() if k not in ("schema", "examples", "headers")}
        if "schema" in raw:
            file = raw["schema"].get("type") == "file"
            out["content"] = {media: {} if file else {"schema": copy.deepcopy(raw["schema"])} for media in produces}
        if isinstance(raw.get("headers"), dict):
            out["headers"] = {name: {"schema": {k: v for k, v in h.items() if k in _PARAMETER_SCHEMA}} for name, h in raw["headers"].items()}
        return out

    for item in document["paths"].values():
        above = [parameter(p) for p in item.pop("parameters", None) or []]
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            own = [parameter(p) for p in operation.pop("parameters", None) or []]
            kept = [p for p in above if not any((p.get("in"), p.get("name")) == (o.get("in"), o.get("name")) or p.get("in") == o.get("in") == "body" for o in own)]
            consumes, produces = (operation.pop(k, None) or default[k] for k in ("consumes", "produces"))
            everything = [p for p in (*kept, *own) if p.get("in")]
            operation["parameters"] = [_parameter(p) for p in everything if p["in"] not in ("body", "formData")]
            body = _swagger_body([p for p in everything if p["in"] in ("body", "formData")], consumes)
            if body:
                operation["requestBody"] = body
            operation["responses"] = {s: response(r, produces) for s, r in (operation.get("responses") or {}).items() if isinstance(r, dict)}
            operation.pop("schemes", None)
    components = document["components"]
    components["parameters"] = {n: _parameter(p) for n, p in shared.items() if p.get("in") not in ("body", "formData", None)}
    components["responses"] = {n: response(r, default["produces"]) for n, r in components.get("responses", {}).items()}
    schemes = components.get("securitySchemes", {})
    components["securitySchemes"] = {n: {"type": "http", "scheme": "basic"} if s.get("type") == "basic" else s for n, s in schemes.items()}
    return {k: v for k, v in document.items() if k not in ("consumes", "produces")}


def _parameter(raw: dict[str, Any]) -> dict[str, Any]:
    schema = {k: copy.deepcopy(v) for k, v in raw.items() if k in _PARAMETER_SCHEMA}
    out: dict[str, Any] = {"name": raw["name"], "in": raw["in"], **({"required": True} if raw.get("required") or raw["in"] == "path" else {}), "schema": schema}
    if raw.get("collectionFormat") == "multi":
        out |= {"style": "form", "explode": True}
    elif schema.get("type") == "array" and raw["in"] == "query":
        out |= {"style": {"ssv": "spaceDelimited", "pipes": "pipeDelimited"}.get(str(raw.get("collectionFormat")), "form"), "explode": False}
    return out


def _swagger_body(parameters: list[dict[str, Any]], consumes: list[str]) -> dict[str, Any] | None:
    if not parameters:
        return None
    whole = next((p for p in parameters if p["in"] == "body"), None)
    if whole is not None:
        content = {media: {"schema": copy.deepcopy(whole.get("schema", {}))} for media in consumes}
        return {**({"required": True} if whole.get("required") else {}), "content": content}
    file = any(p.get("type") == "file" for p in parameters)
    media = "multipart/form-data" if file or "multipart/form-data" in consumes else "application/x-www-form-urlencoded"
    needed = [p["name"] for p in parameters if p.get("required")]
    properties = {p["name"]: {k: v for k, v in p.items() if k in _PARAMETER_SCHEMA} for p in parameters}
    schema = {"type": "object", "properties": properties, **({"required": needed} if needed else {})}
    return {**({"required": True} if needed else {}), "content": {media: {"schema": schema}}}


# -- schemas ----------------------------------------------------------------------------------------------------------


def _drop_unknown_methods(document: dict[str, Any], notes: list[str]) -> None:
    for path, item in document["paths"].items():
        for extra in [k for k in item if k in ("query", "additionalOperations")]:
            notes.append(f"{path}: the methods of OpenAPI 3.2 under '{extra}' are left out")
            del item[extra]


def each_schema(document: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> None:
    """Replace every schema of a bundled OpenAPI 3 document by what *change* returns for it, inner ones first."""

    def walk(node: Any, kind: str) -> Any:
        if isinstance(node, list):
            return [walk(inner, kind) for inner in node]
        if not isinstance(node, dict) or kind == "data":
            return node
        for key, value in list(node.items()):
            node[key] = walk(value, _kind_under(kind, key))
        return change(node) if kind == "schemas" else node

    document["paths"] = {path: walk(item, "pathItems") for path, item in document["paths"].items()}
    for section, named in (document.get("components") or {}).items():
        if section in _UNDER:
            document["components"][section] = {name: walk(value, section) for name, value in named.items()}


def _modern(schema: dict[str, Any], version: str, notes: list[str]) -> Any:
    """Return a schema whose inner schemas are modern already as JSON Schema 2020-12."""
    old = not version.startswith(("3.1", "3.2"))
    nullable = bool(schema.pop("nullable", False)) | bool(schema.pop("x-nullable", False))
    if "$ref" in schema:
        kept = {"$ref": schema["$ref"]} if old else schema
        return {"anyOf": [kept, {"type": "null"}]} if nullable else kept
    for word in ("$id", "$schema", "id" if old and isinstance(schema.get("id"), str) else "$id"):
        schema.pop(word, None)
    _bounds(schema)
    extra = schema.pop("x-patternProperties", None)
    if isinstance(extra, dict) and "patternProperties" not in schema:
        schema["patternProperties"] = extra
    if "example" in schema:
        schema.setdefault("examples", [schema.pop("example")])
    if isinstance(schema.get("examples"), dict):
        schema["examples"] = list(schema["examples"].values())
    if isinstance(schema.get("discriminator"), str):
        schema["discriminator"] = {"propertyName": schema["discriminator"]}
    if isinstance(schema.get("items"), list):
        schema["prefixItems"] = schema.pop("items")
    if "required" in schema and not isinstance(schema["required"], list):
        del schema["required"]
    _types(schema, notes)
    return _nullable(schema) if nullable else schema


def _bounds(schema: dict[str, Any]) -> None:
    """Turn the boolean `exclusiveMinimum` of the old dialect into the number of the new one."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(exclusive), bool):
            if schema.pop(exclusive) and bound in schema:
                schema[exclusive] = schema.pop(bound)


def _types(schema: dict[str, Any], notes: list[str]) -> None:
    listed = schema.get("type")
    if listed is None:
        schema.pop("type", None)
        return
    named = [listed] if isinstance(listed, str) else list(listed) if isinstance(listed, list) else []
    good = list(dict.fromkeys(t if t in _TYPES else _ODD_TYPES.get(str(t).lower(), str(t).lower()) for t in named))
    if any(t not in _TYPES for t in good):
        notes.append(f"type {listed!r} is not a type of JSON Schema, so any value may stand there")
        del schema["type"]
        return
    if "file" in named:
        schema.setdefault("format", "binary")
    schema["type"] = good[0] if len(good) == 1 else good


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow null; beside an `enum` as well, although OpenAPI 3.0.3 reads that otherwise: both are met."""
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = [*types, *([] if "null" in types else ["null"])]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    combined = [k for k in ("allOf", "anyOf", "oneOf") if k in schema]
    return {"anyOf": [schema, {"type": "null"}]} if combined or "enum" in schema else schema


# -- several descriptions of one API ----------------------------------------------------------------------------------


def merged(descriptions: list[Description]) -> Description:
    """Return several descriptions of one API as one; a component whose name is taken by another one gets a number."""
    first = descriptions[0]
    document = copy.deepcopy(first.document)
    notes = list(first.notes)
    for one in descriptions[1:]:
        components = document.setdefault("components", {})
        renamed: dict[str, str] = {}
        for section, named in (one.document.get("components") or {}).items():
            taken = components.setdefault(section, {})
            for name, value in named.items():
                free, number = name, 2
                while free in taken and taken[free] != value:
                    free, number = f"{name}_{number}", number + 1
                renamed[f"#/components/{section}/{name}"] = f"#/components/{section}/{free}"
        other = _renamed(one.document, renamed)
        for section, named in (other.get("components") or {}).items():
            for name, value in named.items():
                components[section][renamed[f"#/components/{section}/{name}"].rpartition("/")[2]] = value
        for path, item in other["paths"].items():
            mine = document["paths"].setdefault(path, {})
            mine.update({k: v for k, v in item.items() if k not in mine})
        notes += one.notes
    digest = hashlib.sha256("".join(d.sha256 for d in descriptions).encode()).hexdigest()
    return replace(first, document=document, notes=tuple(dict.fromkeys(notes)), sha256=digest)


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {k: names.get(v, v) if k == "$ref" and isinstance(v, str) else _renamed(v, names) for k, v in node.items()}
    return [_renamed(inner, names) for inner in node] if isinstance(node, list) else node
