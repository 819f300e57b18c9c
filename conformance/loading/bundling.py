"""Bundle a description that is spread over files: everything a `$ref` names gets a place among the components of one document."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import yaml

from conformance.contract import METHODS
from conformance.errors import Problem, UsageError
from conformance.loading.plain_yaml import read_text
from conformance.schema import lookup

MOST_NODES = 3_000_000
#: The sections of `components`, and where Swagger 2.0 keeps the same things.
SECTIONS = (
    "schemas",
    "responses",
    "parameters",
    "requestBodies",
    "headers",
    "securitySchemes",
    "examples",
    "links",
    "callbacks",
    "pathItems",
)
SWAGGER_SECTIONS = {
    "definitions": "schemas",
    "responses": "responses",
    "parameters": "parameters",
    "securityDefinitions": "securitySchemes",
}
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_ONES = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
)


def read_any(file: Path) -> Any:
    """Return the value of a JSON or YAML file, aliases written out, keys as text.

    Raises:
        UsageError: it cannot be read, or is too large.
    """
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

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^(?:<<)$"), ["<"])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,30})$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$"),
    list("-+.0123456789"),
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


@dataclass(kw_only=True)
class Bundle:
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
        paths = {
            p: self._path_item(root, item)
            for p, item in (self.raw.get("paths") or {}).items()
            if p.startswith("/") and isinstance(item, dict)
        }
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
        return read_any(file)

    def _place(self, file: Path, pointer: str, kind: str, name: str) -> str:
        """Return the `$ref` under which the copy will hold what is at *pointer* of *file*."""
        if (file, pointer) not in self.places:
            wanted = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("_") or "Unnamed"
            taken = set(self.places.values())
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
        name = (
            "-".join(p for p in parts[-3:] if p not in ("properties", "schema", "content"))
            if len(parts) > 3
            else parts[-1]
            if parts
            else target.stem
        )
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
            beside = {k: self._copied(file, v, kind_under(kind, k)) for k, v in node.items() if k != "$ref"}
            return {**({"$ref": place} if place else {}), **beside}
        return {key: self._copied(file, value, kind_under(kind, key)) for key, value in node.items()}


_VALUES = dict.fromkeys(("examples", "example", "default", "enum"), "data")
#: What stands under a key of a thing of some kind: the walk through a document knows a property called `example` from an example.
UNDER: dict[str, dict[str, str]] = {
    "pathItems": {"parameters": "parameters", **dict.fromkeys((*METHODS, "query"), "operation")},
    "operation": {"parameters": "parameters", "requestBody": "requestBodies", "responses": "response map", "callbacks": "callback map"},
    "parameters": {"schema": "schemas", "items": "schemas", "content": "media map", **_VALUES},
    "requestBodies": {"content": "media map"},
    "responses": {"content": "media map", "headers": "header map", "schema": "schemas", "links": "data", "examples": "data"},
    "headers": {"schema": "schemas", "items": "schemas", "content": "media map", **_VALUES},
    "media": {"schema": "schemas", "itemSchema": "schemas", "example": "data", "examples": "data", "encoding": "data"},
    "schemas": {
        **dict.fromkeys(_MAPS, "schema map"), **dict.fromkeys((*_LISTS, *_ONES), "schemas"), "items": "schemas",
        **dict.fromkeys(("example", "examples", "default", "enum", "const", "discriminator", "xml", "required"), "data"),
        "x-patternProperties": "schema map",
    },
    "callbacks": {},
}  # fmt: skip
_MAP_OF = {
    "response map": "responses",
    "media map": "media",
    "header map": "headers",
    "schema map": "schemas",
    "callback map": "callbacks",
    "callbacks": "pathItems",
}


def kind_under(kind: str, key: str) -> str:
    """Return what kind of thing stands under a key of a thing of some kind."""
    if kind in _MAP_OF:
        return _MAP_OF[kind]
    return UNDER.get(kind, {}).get(key, "data" if kind in UNDER else kind)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
