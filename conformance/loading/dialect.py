"""Read any OpenAPI description (Swagger 2.0, OpenAPI 3.0 to 3.2) and return it as one OpenAPI 3.1 document.

Files that refer to each other are bundled; schemas become JSON Schema 2020-12. Nothing is judged here: where a description is
ambiguous (`nullable` beside an `enum`) the open reading is taken, and what cannot be carried over is told in `notes`.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.contract import METHODS
from conformance.errors import Problem, UsageError
from conformance.loading.bundling import UNDER, Bundle, kind_under, read_any

_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_ODD_TYPES = {
    "file": "string",
    "float": "number",
    "double": "number",
    "int": "integer",
    "long": "integer",
    "bool": "boolean",
    "date": "string",
    "map": "object",
    "list": "array",
}
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
    found = [convert(file, read_any(file)) for file in files]
    return found[0] if len(found) == 1 else merged([one.folded() for one in found])


def convert(file: Path, raw: Any) -> Description:
    """Return the description that *raw*, the value of *file*, holds; files that it refers to are read."""
    version = str(raw.get("swagger") or raw.get("openapi") or "") if isinstance(raw, dict) else ""
    if not version.startswith(("2.", "3.")) or not isinstance(raw.get("paths", {}), dict):
        raise UsageError(Problem(file=str(file), problem="no OpenAPI description", hint="'swagger: \"2.0\"' or 'openapi: 3.…' with paths"))
    bundle = Bundle(file=file, raw=raw)
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
        document=document,
        base=base,
        version=version,
        notes=tuple(dict.fromkeys(bundle.notes)),
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
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
            out["headers"] = {
                name: {"schema": {k: v for k, v in h.items() if k in _PARAMETER_SCHEMA}} for name, h in raw["headers"].items()
            }
        return out

    for item in document["paths"].values():
        above = [parameter(p) for p in item.pop("parameters", None) or []]
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            own = [parameter(p) for p in operation.pop("parameters", None) or []]
            kept = [
                p
                for p in above
                if not any(
                    (p.get("in"), p.get("name")) == (o.get("in"), o.get("name")) or p.get("in") == o.get("in") == "body" for o in own
                )
            ]
            consumes, produces = (operation.pop(k, None) or default[k] for k in ("consumes", "produces"))
            everything = [p for p in (*kept, *own) if p.get("in")]
            operation["parameters"] = [_parameter(p) for p in everything if p["in"] not in ("body", "formData")]
            body = _swagger_body([p for p in everything if p["in"] in ("body", "formData")], consumes)
            if body:
                operation["requestBody"] = body
            operation["responses"] = {
                s: response(r, produces) for s, r in (operation.get("responses") or {}).items() if isinstance(r, dict)
            }
            operation.pop("schemes", None)
    components = document["components"]
    components["parameters"] = {n: _parameter(p) for n, p in shared.items() if p.get("in") not in ("body", "formData", None)}
    components["responses"] = {n: response(r, default["produces"]) for n, r in components.get("responses", {}).items()}
    schemes = components.get("securitySchemes", {})
    components["securitySchemes"] = {n: {"type": "http", "scheme": "basic"} if s.get("type") == "basic" else s for n, s in schemes.items()}
    return {k: v for k, v in document.items() if k not in ("consumes", "produces")}


def _parameter(raw: dict[str, Any]) -> dict[str, Any]:
    schema = {k: copy.deepcopy(v) for k, v in raw.items() if k in _PARAMETER_SCHEMA}
    out: dict[str, Any] = {
        "name": raw["name"],
        "in": raw["in"],
        **({"required": True} if raw.get("required") or raw["in"] == "path" else {}),
        "schema": schema,
    }
    if raw.get("collectionFormat") == "multi":
        out |= {"style": "form", "explode": True}
    elif schema.get("type") == "array" and raw["in"] == "query":
        out |= {
            "style": {"ssv": "spaceDelimited", "pipes": "pipeDelimited"}.get(str(raw.get("collectionFormat")), "form"),
            "explode": False,
        }
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
            node[key] = walk(value, kind_under(kind, key))
        return change(node) if kind == "schemas" else node

    document["paths"] = {path: walk(item, "pathItems") for path, item in document["paths"].items()}
    for section, named in (document.get("components") or {}).items():
        if section in UNDER:
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
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and bound in schema:
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
