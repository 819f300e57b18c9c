"""What a twin makes of a request, and how it refuses: parsing and writing without sockets."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from conformance.contract import Operation
from conformance.wire import Headers, WireRequest, header


class Refused(Exception):
    """A request that the twin does not process; `kind` is a word of the standard's own (a code, a scimType)."""

    def __init__(self, status: int, detail: str = "", *, kind: str = "", headers: Headers = (), body: Any = None) -> None:
        super().__init__(f"{status} {detail}")
        self.status, self.detail, self.kind, self.headers, self.body = status, detail, kind, headers, body


class NotJson(ValueError):
    """A body that is not JSON as RFC 8259 has it."""


@dataclass(kw_only=True)
class Call:
    """One request on its way through a twin: routed, with the values of its path, and who sent it."""

    request: WireRequest
    now: float
    path: str
    query: list[tuple[str, str]]
    operation: Operation
    values: Mapping[str, str] = field(default_factory=dict)
    who: str = ""
    body: Any = None

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        return header(self.request.headers, name)

    def one(self, name: str) -> str | None:
        """Return the last value of a query parameter, or None."""
        return next((v for k, v in reversed(self.query) if k == name), None)

    def every(self, name: str) -> list[str]:
        """Return all values of a query parameter."""
        return [v for k, v in self.query if k == name]


def split_target(target: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the raw path and the decoded query of a request target."""
    path, _, query = target.partition("?")
    return path, parse_qsl(query.partition("#")[0], keep_blank_values=True)


def read_json(body: bytes) -> Any:
    """Return a body as JSON.

    Raises:
        NotJson: it is not UTF-8, not JSON, has a NaN, or is nested too deep.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)[:200]) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form (application/x-www-form-urlencoded)."""
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body)))
    except ValueError as error:
        raise NotJson(str(error)[:200]) from None


_PART_NAME = re.compile(rb'(?i)content-disposition:[^\r\n]*[;\s]name="([^"]*)"')
_JSON_PART = re.compile(rb"(?i)content-type:[^\r\n]*json")


def read_parts(body: bytes, boundary: str) -> dict[str, Any]:
    """Return the members of a body of multipart/form-data (RFC 7578); a part of type JSON as the value that it holds."""
    found: dict[str, Any] = {}
    for part in (b"\r\n" + body).split(f"\r\n--{boundary}".encode())[1:]:
        if part.startswith(b"--"):
            return found
        head, blank, content = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        if not name or not blank:
            raise NotJson("a part without a name")
        found[name[1].decode("utf-8", "replace")] = read_json(content) if _JSON_PART.search(head) else content.decode("utf-8", "replace")
    raise NotJson("the last part is missing")


def write_json(value: Any) -> bytes:
    """Return a value as the bytes of a body."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def basic_credentials(value: str) -> str:
    """Return `user:password` of the value of an Authorization header with Basic, or ''."""
    try:
        return base64.b64decode(value.split(" ", 1)[1], validate=True).decode("utf-8")
    except (IndexError, ValueError, binascii.Error):
        return ""


def segment(value: str) -> str:
    """Return an id as a segment of a path."""
    return quote(value, safe=":@!$'()*,~")


def unsegment(value: str) -> str:
    """Return the id that a segment of a path carries."""
    return unquote(value, errors="replace")


def moment(now: float, *, digits: int = 3) -> str:
    """Return seconds since the epoch as an RFC 3339 date-time in UTC.

    >>> moment(0.25)
    '1970-01-01T00:00:00.250Z'
    """
    at = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
    fraction = f".{at.microsecond:06d}"[: digits + 1] if digits else ""
    return f"{at.isoformat(timespec='seconds')}{fraction}Z"


def seconds(text: str) -> float:
    """Return an RFC 3339 date-time as seconds since the epoch.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return found.timestamp()
