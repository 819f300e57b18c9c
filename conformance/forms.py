"""Forms (application/x-www-form-urlencoded) and the clients that send them: an OAuth client proves itself in a header or in its form."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

from conformance.exchange import ENCODED, Request

FORM = "application/x-www-form-urlencoded"
#: How a client proves itself, by the names of the register that RFC 7591 section 4.2 keeps.
BASIC, POST, PUBLIC = "client_secret_basic", "client_secret_post", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An OAuth client; its secret may be a placeholder, which only the driver can turn back. Without an id it is nobody."""

    id: str = ""
    secret: str = ""
    method: str = BASIC


def fields_of(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form in their order."""
    return parse_qsl(request.body.decode("utf-8", "surrogateescape"), keep_blank_values=True)


def with_fields(request: Request, changes: Mapping[str, Any]) -> Request:
    """Return a form with other fields; one that is None is left out, one that is a list is sent once for each item."""
    pairs: list[tuple[str, str]] = [(k, v) for k, v in fields_of(request) if k not in changes]
    for name, value in changes.items():
        pairs += [(name, str(v)) for v in (value if isinstance(value, list | tuple) else [value]) if v is not None]
    return request.with_(body=urlencode(pairs).encode())


def proven(request: Request, client: Client) -> Request:
    """Return a form that *client* sends, whoever sent it before.

    Source: RFC 6749 section 2.3.1: id and secret are form-encoded before they become Basic credentials.
    """
    bare = with_fields(request.without_header("authorization"), {"client_id": None, "client_secret": None})
    if not client.id:
        return bare
    if client.method == BASIC:
        return bare.with_(headers=(*bare.headers, ("authorization", basic(client.id, client.secret))))
    return with_fields(bare, {"client_id": client.id, "client_secret": client.secret if client.method == POST else None})


def basic(user: str, password: str) -> str:
    """Return Basic credentials; with a placeholder in them they stay readable, and the driver encodes them once it is turned back."""
    both = f"{quote_plus(user)}:{quote_plus(password)}"
    return f"Basic {both}" if ENCODED.search(both) else f"Basic {base64.b64encode(both.encode()).decode()}"
