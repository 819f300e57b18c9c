"""Take the part of an OpenAPI 3.1 document that some operations need, and strip the prose from it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.contract import METHODS
from conformance.schema import lookup

_PROSE = (
    "description",
    "summary",
    "title",
    "externalDocs",
    "example",
    "examples",
    "xml",
    "deprecated",
    "$comment",
    "tags",
    "links",
    "callbacks",
    "servers",
)
#: Members whose keys are names, not keywords: nothing is stripped there by its name.
_NAMES = (
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "responses",
    "content",
    "headers",
    "schemas",
    "parameters",
    "requestBodies",
    "securitySchemes",
)
_DATA = ("enum", "const", "default", "required", "mapping")


def each_operation(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and raw operation, in the order of the document."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if isinstance(item.get(method), dict):
                yield path, method, item[method]


def sliced(document: Mapping[str, Any], wanted: set[tuple[str, str]]) -> dict[str, Any]:
    """Return the document with only the operations *wanted* (path, method) and the components that they reach."""
    paths: dict[str, Any] = {}
    for path, item in document.get("paths", {}).items():
        methods = [m for m in METHODS if m in item and (path, m) in wanted]
        if methods:
            paths[path] = {k: v for k, v in item.items() if k in (*methods, "parameters")}
    out = {k: v for k, v in document.items() if k not in ("paths", "components", "tags", "webhooks")}
    out["paths"] = paths
    reached = reach(document, [paths])
    components: dict[str, dict[str, Any]] = {}
    for section, named in (document.get("components") or {}).items():
        kept = {n: v for n, v in named.items() if section == "securitySchemes" or f"#/components/{section}/{_escape(n)}" in reached}
        if kept:
            components[section] = kept
    out["components"] = components
    return out


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def reach(document: Mapping[str, Any], nodes: list[Any]) -> set[str]:
    """Return every `$ref` to a component that *nodes* lead to, however many steps away."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            ref = node.get("$ref")
            if isinstance(ref, str) and ref.startswith("#/"):
                place = "/".join(ref.split("/")[:4])
                if place not in found:
                    found.add(place)
                    try:
                        waiting.append(lookup(document, place[1:]))
                    except KeyError:
                        continue
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return found


def stripped(node: Any, inside: str = "") -> Any:
    """Return a copy without prose, examples and extensions: names, types and values stay.

    >>> stripped({"type": "object", "title": "A thing", "properties": {"title": {"type": "string", "x-order": 1}}})
    {'type': 'object', 'properties': {'title': {'type': 'string'}}}
    """
    if inside in _DATA:
        return copy.deepcopy(node)
    if isinstance(node, list):
        return [stripped(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    named = inside in _NAMES
    return {
        key: stripped(value, "" if named else key)
        for key, value in node.items() if named or not (key in _PROSE or key.startswith("x-"))
    }  # fmt: skip
