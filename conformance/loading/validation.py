"""Hold a file's value against the JSON Schema of its kind: every problem at once, each with place and hint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from conformance.errors import Problem, UsageError, did_you_mean
from conformance.schema import lookup


@cache
def schema_of(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file (`profile`, `target`, `run` …)."""
    text = files("conformance.schemas").joinpath(f"{kind}.schema.json").read_text("utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


@cache
def _validator(kind: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema_of(kind), validate_formats=True)


def problems_of(value: Any, kind: str, file: str) -> list[Problem]:
    """Return every problem that *value* has as a file of *kind*."""
    found: list[Problem] = []
    for error in _validator(kind).iter_errors(value):
        found += _tell(error, kind, file)
    return found


def demand(value: Any, kind: str, file: str) -> Any:
    """Return *value* if it is a valid file of *kind*.

    Raises:
        UsageError: all problems at once.
    """
    problems = problems_of(value, kind, file)
    if problems:
        raise UsageError(*problems[:50])
    return value


def place_of(path: Sequence[str | int]) -> str:
    """Return a place as people write it.

    >>> place_of(["requirements", 3, "level"])
    'requirements[3].level'
    """
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else str(part)
    return out


def _tell(error: Any, kind: str, file: str) -> list[Problem]:
    keyword, place = error.kind.name, place_of(error.instance_path)
    if keyword == "additionalProperties":
        known = _members(kind, error.schema_path)
        return [
            Problem(file=file, place=place, problem=f"'{name}' is not known here", hint=did_you_mean(str(name), known))
            for name in error.kind.unexpected
        ]
    if keyword == "enum":
        options = [str(o) for o in error.kind.options]
        return [
            Problem(
                file=file,
                place=place,
                problem=f"'{_short(error.instance)}' is not one of them",
                hint=did_you_mean(str(error.instance), options),
            )
        ]
    if keyword == "required":
        return [Problem(file=file, place=place, problem=f"'{error.kind.property}' is missing")]
    if keyword in ("anyOf", "oneOf"):
        near = [
            branch
            for branch in error.kind.context
            if not any(e.kind.name in ("type", "const", "enum") and e.instance == error.instance for e in branch)
        ]
        if len(near) == 1:  # one form was meant: say what is wrong with it
            return [problem for inner in near[0] for problem in _tell(inner, kind, file)]
        return [Problem(file=file, place=place, problem=f"{_short(error.instance)} has none of the forms that may stand here")]
    return [Problem(file=file, place=place, problem=error.message[:300])]


def _members(kind: str, schema_path: Sequence[str | int]) -> list[str]:
    """Return the members that the schema knows at the object whose `additionalProperties` was broken."""
    node: Any = schema_of(kind)
    for part in list(schema_path)[:-1]:
        if isinstance(node, dict) and isinstance(node.get("$ref"), str) and part not in node:
            node = lookup(schema_of(kind), node["$ref"].removeprefix("#"))
        node = (
            lookup(schema_of(kind), node[part].removeprefix("#"))
            if part == "$ref"
            else node[int(part)]
            if isinstance(node, list)
            else node[part]
        )
    return [str(name) for name in node.get("properties", {})]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:80] + "…"
