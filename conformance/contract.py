"""A standard's contract: its OpenAPI 3.1 description, with what the bindings add to each operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from conformance.schema import Schemas, lookup, resolve
from conformance.verdict import Effect

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of an operation; `pointer` leads to its schema in the document."""

    name: str
    place: str  # path, query, header, cookie
    required: bool
    schema: Mapping[str, Any]
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """One documented answer: media types with the pointer of their schema ('' when there is none), required headers."""

    media: Mapping[str, str]
    headers: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where clients find an operation whose path is not the contract's: in the first of `places` that answers a read with JSON
    (`{base}` is the path of the target's URL), or at `pointer` of what one of the operations `shown` answers; with both, in the first
    of `places` where nothing is shown."""

    places: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    pointer: str = ""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation: what the contract says of it and what the bindings add.

    `success` are the statuses of a processed request, `permitted` further ones that are no deviation;
    `query`, `headers` and `body` are what a valid request carries; `client` where an OAuth client must prove itself.
    """

    id: str
    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    request_media: str = ""
    request_schema: str = ""
    request_required: bool = False
    answers: Mapping[str, Documented]
    effect: Effect = Effect.READ
    success: tuple[int, ...] = ()
    permitted: tuple[int, ...] = ()
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any = None
    test_data: str = ""
    address: Address | None = None
    client: bool = False

    @cached_property
    def slug(self) -> str:
        """The id in lower-case words: `createUser` -> `create-user`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+", "-", self.id).lower().strip("-")

    @cached_property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in the braces of the path, in order."""
        return tuple(re.findall(r"\{([^}]+)\}", self.path))

    @property
    def safe(self) -> bool:
        """Whether the method promises to change nothing (RFC 9110 section 9.2.1)."""
        return self.method in SAFE

    @property
    def title(self) -> str:
        """Method and path, as people write it."""
        return f"{self.method} {self.path}"

    def documented(self, status: int) -> Documented | None:
        """Return what is documented for *status*: itself, its class (`2XX`), or `default`."""
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
            if key in self.answers:
                return self.answers[key]
        return None


@dataclass(frozen=True, kw_only=True)
class Contract:
    """All operations of one edition of a standard, and its schemas from both sides."""

    standard: str
    edition: str
    document: Mapping[str, Any]
    operations: Mapping[str, Operation]

    @cached_property
    def responses(self) -> Schemas:
        """Schemas as an answer must satisfy them."""
        return Schemas(self.document, "response")

    @cached_property
    def requests(self) -> Schemas:
        """Schemas as a request must satisfy them."""
        return Schemas(self.document, "request")

    @cached_property
    def token_header(self) -> str:
        """The header in which a token goes, where the contract knows no other way to authenticate; else ''."""
        schemes = list(self.document.get("components", {}).get("securitySchemes", {}).values())
        headers = {str(s.get("name", "")) for s in schemes if s.get("type") == "apiKey" and s.get("in") == "header"}
        return headers.pop() if len(headers) == len(schemes) == 1 else ""

    def methods_of(self, path: str) -> tuple[str, ...]:
        """Return the methods that the contract declares on *path*, upper case."""
        item = self.document.get("paths", {}).get(path, {})
        return tuple(m.upper() for m in METHODS if m in item)


def operations_of(document: Mapping[str, Any]) -> dict[str, Operation]:
    """Read the operations of an OpenAPI 3.1 document whose references resolve; order as written.

    Raises:
        KeyError: a `$ref` leads nowhere.
    """
    found: dict[str, Operation] = {}
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method not in item:
                continue
            raw = item[method]
            base = f"/paths/{path.replace('~', '~0').replace('/', '~1')}"
            parameters = {}
            for owner, listed in ((base, item.get("parameters", [])), (f"{base}/{method}", raw.get("parameters", []))):
                for number, one in enumerate(listed):
                    pointer = _follow(document, one, f"{owner}/parameters/{number}")
                    seen = resolve(document, one)
                    parameters[seen["in"], seen["name"]] = Parameter(
                        name=seen["name"], place=seen["in"], required=bool(seen.get("required")),
                        schema=seen.get("schema", {}), pointer=f"{pointer}/schema",
                    )  # fmt: skip
            media, schema, needed = _request_body(document, raw, f"{base}/{method}")
            found[raw["operationId"]] = Operation(
                id=raw["operationId"], method=method.upper(), path=path, parameters=tuple(parameters.values()),
                request_media=media, request_schema=schema, request_required=needed, query={}, headers={},
                answers={str(s): _answer(document, a, f"{base}/{method}/responses/{s}") for s, a in raw.get("responses", {}).items()},
                success=tuple(int(s) for s in raw.get("responses", {}) if re.fullmatch(r"2\d\d", str(s))) or (200,),
            )  # fmt: skip
    return found


def _follow(document: Mapping[str, Any], node: Mapping[str, Any], pointer: str) -> str:
    """Return where the (at most 50) references of *node*, which stands at *pointer*, end."""
    for _ in range(50):
        if not isinstance(node.get("$ref"), str):
            break
        pointer = unquote(node["$ref"].removeprefix("#"))
        node = lookup(document, pointer)
    return pointer


def _request_body(document: Mapping[str, Any], raw: Mapping[str, Any], pointer: str) -> tuple[str, str, bool]:
    if "requestBody" not in raw:
        return "", "", False
    place = _follow(document, raw["requestBody"], f"{pointer}/requestBody")
    body = resolve(document, raw["requestBody"])
    media = next(iter(body.get("content", {})), "")
    has = media and "schema" in body["content"][media]
    return media, f"{place}/content/{media.replace('/', '~1')}/schema" if has else "", bool(body.get("required"))


def _answer(document: Mapping[str, Any], raw: Mapping[str, Any], pointer: str) -> Documented:
    place = _follow(document, raw, pointer)
    seen = resolve(document, raw)
    media = {
        m.split(";")[0].strip().lower(): f"{place}/content/{m.replace('/', '~1')}/schema" if "schema" in body else ""
        for m, body in seen.get("content", {}).items()
    }
    headers = {name: bool(resolve(document, h).get("required")) for name, h in seen.get("headers", {}).items()}
    return Documented(media=media, headers=headers)
