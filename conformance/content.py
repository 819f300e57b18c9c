"""The content of requests: JSON, or parts; written, read back, and written again with other members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from conformance.exchange import Request
from conformance.multipart import MEDIA, read_parts, write_parts


def json_bytes(value: Any) -> bytes:
    """Return *value* as JSON; half surrogate pairs (a server may have sent one) go out escaped, as they came."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def sent_body(request: Request) -> Any:
    """Return what a request says in its body, JSON or parts; None where it is neither."""
    kind = next((v for k, v in request.headers if k == "content-type"), "")
    try:
        return read_parts(request.body) if kind.startswith(MEDIA) else json.loads(request.body)
    except ValueError:
        return None


def with_members(request: Request, body: Mapping[str, Any]) -> Request:
    """Return a request that says *body* in the form in which it said something else; what was a file stays one."""
    kind = next((v for k, v in request.headers if k == "content-type"), "")
    if not kind.startswith(MEDIA):
        return request.with_(body=json_bytes(body))
    files = [name for name in body if f'name="{name}"; filename='.encode() in request.body]
    return request.with_(body=write_parts(body, files))
