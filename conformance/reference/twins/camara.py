"""What the twins of CAMARA's APIs have in common: the correlator, errors that say status, code and message, and devices."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conformance.contract import Operation
from conformance.reference.engine import ResourceTwin
from conformance.reference.message import Refused
from conformance.reference.routing import Route
from conformance.schema import lookup, resolve
from conformance.wire import WireRequest, WireResponse, header

FAMILY = "camara"
CORRELATOR = re.compile(r"[a-zA-Z0-9_:;./<>{}-]{0,256}")
#: The code of an error without one of its own.
CODES = {
    401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 406: "NOT_ACCEPTABLE", 409: "CONFLICT",
    415: "UNSUPPORTED_MEDIA_TYPE", 422: "SERVICE_NOT_APPLICABLE", 429: "TOO_MANY_REQUESTS", 501: "NOT_IMPLEMENTED",
}  # fmt: skip


class CamaraTwin(ResourceTwin):
    """A twin that knows the correlator of a request and the ErrorInfo of a refusal, as CAMARA's Commonalities have them."""

    def authenticated(self, request: WireRequest, operation: Operation | None, route: Route | None) -> str:
        """Return who asks; a malformed correlator is refused once the credentials are known."""
        who = super().authenticated(request, operation, route)
        if CORRELATOR.fullmatch(header(request.headers, "x-correlator") or "") is None:
            raise Refused(400, "the x-correlator is malformed")
        return who

    def dressed(self, request: WireRequest, answer: WireResponse, operation: Operation | None) -> WireResponse:
        """Return an answer with the correlator of its request."""
        sent = header(request.headers, "x-correlator")
        good = sent and CORRELATOR.fullmatch(sent)
        return replace(answer, headers=(*answer.headers, ("x-correlator", sent))) if sent and good else answer

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        """Return an ErrorInfo; a kind in capitals is the code."""
        code = refused.kind if refused.kind.isupper() else CODES.get(refused.status, "INVALID_ARGUMENT")
        return {"status": refused.status, "code": code, "message": refused.detail or code.replace("_", " ").lower()}


def identified(named: Mapping[str, Any] | None, known: Mapping[str, str], excluded: Sequence[str] = ()) -> tuple[str, dict[str, Any]]:
    """Return what *known* says of the device that a request names, and the one identifier that is used.

    Args:
        known: by identifier; an IPv4 address is written with the public port.
        excluded: identifiers of devices that the service is not offered to.

    Raises:
        Refused: no identifier, none that is supported, or none that is known.
    """
    if not named:
        raise Refused(422, "the device cannot be identified", kind="MISSING_IDENTIFIER")
    supported = {k: v for k, v in named.items() if k in ("phoneNumber", "ipv4Address", "ipv6Address")}
    if not supported:
        raise Refused(422, "no identifier is supported", kind="UNSUPPORTED_IDENTIFIER")
    for kind, value in supported.items():
        written = value if isinstance(value, str) else f"{value['publicAddress']}:{value.get('publicPort', '')}"
        if written in excluded:
            raise Refused(422, "the service is not offered for this device", kind="SERVICE_NOT_APPLICABLE")
        if written in known:
            return known[written], {kind: value}
    raise Refused(404, "device identifier not found", kind="IDENTIFIER_NOT_FOUND")


def undeclared(document: Mapping[str, Any], pointer: str, body: Any, leave: Collection[str] = ("sinkCredential",)) -> str:
    """Return where *body* holds a member that no part of the schema at *pointer* declares, or ''.

    Objects of which nothing is declared are left, and the members called *leave*: a credential has more than the contract tells of it.
    """

    def parts(node: Any) -> list[Mapping[str, Any]]:
        if not isinstance(node, Mapping):
            return []
        node = resolve(document, node)
        return [node, *(p for key in ("allOf", "anyOf", "oneOf") for inner in node.get(key, ()) for p in parts(inner))]

    def walk(nodes: list[Mapping[str, Any]], value: Any, at: str) -> str:
        if isinstance(value, list):
            items = [p for node in nodes for p in parts(node.get("items"))]
            return next((found for n, one in enumerate(value) if (found := walk(items, one, f"{at}/{n}"))), "")
        declared = {name for node in nodes for name in node.get("properties", {})}
        if not isinstance(value, dict) or not declared:
            return ""
        for name, inner in value.items():
            if name not in declared:
                return f"{at}/{name}"
            below = [p for node in nodes for p in parts(node.get("properties", {}).get(name))] if name not in leave else []
            if found := walk(below, inner, f"{at}/{name}"):
                return found
        return ""

    return walk(parts(lookup(document, pointer)), body, "") if pointer else ""


def declared(document: Mapping[str, Any], pointer: str, body: Any) -> Any:
    """Return *body* without the members that no part of the schema at *pointer* declares."""
    kept = copy.deepcopy(body)
    while where := undeclared(document, pointer, kept):
        *above, name = where.split("/")[1:]
        owner = kept
        for step in above:
            owner = owner[int(step)] if isinstance(owner, list) else owner[step]
        del owner[name]
    return kept


TWIN = CamaraTwin
