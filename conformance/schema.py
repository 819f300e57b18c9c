"""JSON Schema 2020-12 over one OpenAPI document: compile once, give every violation with its cause.

`jsonschema-rs` decides. Formats outside a closed list are annotations, never findings.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote, unquote

import jsonschema_rs

from conformance.ending import Inconclusive, clip
from conformance.exchange import PLACEHOLDER

View = Literal["request", "response"]
URN = "urn:contract"

#: Formats whose meaning is the same for every honest reader; all others are not asserted.
ASSERTED_FORMATS = ("date-time", "date", "ipv4", "ipv6", "uuid", "uri", "json-pointer")
_IGNORED_FORMATS = (
    "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "uri-reference", "iri", "iri-reference",
    "uri-template", "relative-json-pointer", "regex",
)  # fmt: skip
_STRING_KEYWORDS = {"pattern", "minLength", "maxLength", "format", "enum", "const", "contentEncoding", "contentMediaType"}
_COMBINATORS = {"anyOf", "oneOf", "not"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One place of a body that contradicts its schema."""

    pointer: str
    problem: str
    keyword: str
    cause: str
    missing: str = ""

    def __str__(self) -> str:
        return f"{self.pointer or 'the body'}: {self.problem}"

    @property
    def place(self) -> str:
        """Where it is wrong: the pointer, and below it the member that is missing."""
        return f"{self.pointer}/{_escape(self.missing)}" if self.missing else self.pointer


@dataclass(frozen=True)
class Schemas:
    """All schemas of one document, seen from one side: members that only the other side writes are not required."""

    document: Mapping[str, Any]
    view: View = "response"
    _compiled: dict[str, jsonschema_rs.Draft202012Validator] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def _registry(self) -> jsonschema_rs.Registry:
        return jsonschema_rs.Registry([(URN, seen_from(self.document, self.view))], draft=jsonschema_rs.Draft202012)

    def validator(self, pointer: str) -> jsonschema_rs.Draft202012Validator:
        """Return the validator of the schema at *pointer* of the document (`/components/schemas/User`)."""
        if pointer not in self._compiled:
            self._compiled[pointer] = jsonschema_rs.Draft202012Validator(
                {"$ref": f"{URN}#{quote(pointer, safe='/~')}"}, registry=self._registry, validate_formats=True,
                formats=dict.fromkeys(_IGNORED_FORMATS, lambda _: True),
            )  # fmt: skip
        return self._compiled[pointer]

    def is_valid(self, pointer: str, value: Any) -> bool:
        """Tell whether *value* satisfies the schema at *pointer*."""
        return next(self.violations(pointer, value), None) is None

    def violations(self, pointer: str, value: Any) -> Iterator[Violation]:
        """Yield each violation of *value*; a redacted value satisfies every string keyword.

        Raises:
            Inconclusive: *value* is more than the validator can hold (nested some hundreds deep, half a surrogate pair).
        """
        try:
            for error in self.validator(pointer).iter_errors(value):
                keyword = error.kind.name
                if _redacted(error.instance, keyword):
                    continue
                place = "".join(f"/{_escape(part)}" for part in error.instance_path)
                missing = str(getattr(error.kind, "property", "")) if keyword == "required" else ""
                problem, cause = clip(error.message, 300), _cause(error, keyword)
                yield Violation(pointer=place, problem=problem, keyword=keyword, cause=cause, missing=missing)
        except (ValueError, RecursionError) as error:
            raise Inconclusive(f"the body holds what our validator cannot read: {clip(error, 300)}") from None


def _redacted(instance: Any, keyword: str) -> bool:
    if keyword in _STRING_KEYWORDS:
        return isinstance(instance, str) and bool(PLACEHOLDER.search(instance))
    return keyword in _COMBINATORS and bool(PLACEHOLDER.search(str(instance)))


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _cause(error: Any, keyword: str) -> str:
    """Name the schema and keyword that were broken, the same for every operation that uses the schema."""
    path = [str(p) for p in error.schema_path]
    if path[:2] == ["components", "schemas"]:
        place = "/".join(p for p in path[3:-1] if p not in ("properties", "items", "allOf") and not p.isdigit())
        what = f" {error.message.split(' is a required')[0]}" if keyword == "required" else ""
        return clip(f"schema {path[2]}{'/' + place if place else ''}: {keyword}{what}", 160)
    place = "/".join(str(p) for p in error.instance_path if not isinstance(p, int))
    return clip(f"{keyword} at {place or 'the body'}", 160)


def resolve(document: Mapping[str, Any], schema: Any) -> Any:
    """Follow local `$ref`s (at most 50) and return what they lead to."""
    for _ in range(50):
        if not (isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str)):
            return schema
        schema = lookup(document, unquote(schema["$ref"].removeprefix("#")))
    return schema


def lookup(document: Any, pointer: str) -> Any:
    """Return what a JSON Pointer (RFC 6901) leads to.

    Raises:
        KeyError: nothing is there.
    """
    here = document
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, Mapping) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            raise KeyError(pointer)
    return here


def seen_from(document: Mapping[str, Any], view: View) -> dict[str, Any]:
    """Return a copy in which members of the other side (`writeOnly` in answers, `readOnly` in requests) are not required."""
    other = "writeOnly" if view == "response" else "readOnly"
    out: dict[str, Any] = copy.deepcopy(dict(document))

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            properties = node.get("properties")
            if isinstance(properties, dict) and isinstance(node.get("required"), list):
                node["required"] = [name for name in node["required"] if not _marked(document, properties.get(name), other)]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(out)
    return out


def _marked(document: Mapping[str, Any], schema: Any, mark: str) -> bool:
    if not isinstance(schema, Mapping):
        return False
    return bool(schema.get(mark)) or bool((resolve(document, schema) or {}).get(mark))
