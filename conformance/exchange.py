"""What a check asks for and what comes back: one request, one recorded exchange."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isinf
from typing import Any

from conformance.ending import Inconclusive, Nonconformity
from conformance.verdict import Effect
from conformance.wire import Headers
from conformance.wire import header as find_header

#: Where a step stands in its flow: (3,) the fourth step; (3, 1, 0) the first step of the second branch forked there.
Path = tuple[int, ...]

PLACEHOLDER = re.compile(r"«secret:[0-9a-f]{12}»")
#: A placeholder as a form or a query spells it.
ENCODED = re.compile(r"%C2%ABsecret%3A[0-9a-f]{12}%C2%BB")
MAX_DIGITS = 4000


#: How the identity of a request begins whose token is forged from the default one; the way of forging follows (`driving.forging`).
FORGED = "forged:"


class Trouble(StrEnum):
    """Why there is no answer to look at."""

    UNREACHABLE = "no connection"
    SLOW = "slower than the time-out"
    CLOSED = "closed without an answer"
    BROKEN = "the answer is not HTTP"
    TOO_BIG = "the answer is larger than the limit"
    UNDECODABLE = "the content coding of the answer cannot be read"
    OFF_ORIGIN = "off-origin link"
    NOT_ALLOWED = "not allowed"
    NO_CREDENTIALS = "no such credentials in the target"
    REFUSED = "credentials refused"
    GIVEN_UP = "target out of reach"
    UNFORGED = "no token that could be forged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as a check means it: no host, no credentials, no marker of time.

    `target` is the path and query below the base URL of the target, percent-encoded, sent byte for byte;
    `link` replaces it by a URI reference that the server gave. `identity` names credentials of the target:
    "default", "none", "bad" (wrong on purpose), "other" (another tenant), "limited" (no rights) or `FORGED` and a way. `undo` names the resource whose
    delete removes what this request creates.
    """

    operation: str
    method: str
    target: str = ""
    link: str = ""
    headers: Headers = ()
    body: bytes = b""
    identity: str = "default"
    effect: Effect = Effect.READ
    undo: str = ""
    on: str = ""

    def with_(self, **changes: Any) -> Request:
        """Return this request with some fields changed."""
        return replace(self, **changes)

    def without_header(self, name: str) -> Request:
        """Return this request without a header."""
        return replace(self, headers=tuple((k, v) for k, v in self.headers if k.lower() != name.lower()))

    @property
    def where(self) -> str:
        """Method and place, for people."""
        return f"{self.method} {self.link or self.target}"


#: The code of an error as RFC 6749 section 5.2 writes it: one word.
_CODE = re.compile(rb'"error"\s*:\s*"([A-Za-z0-9_.-]{1,60})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and what came back; `status` 0 and a `trouble` when nothing did. Times are seconds since the run began."""

    request: Request
    status: int = 0
    headers: Headers = ()
    body: bytes = b""
    trouble: Trouble | None = None
    detail: str = ""
    url: str = ""
    tries: int = 1
    started_s: float = 0.0
    ended_s: float = 0.0
    at: Path = ()
    set_up: bool = False

    def header(self, name: str) -> str | None:
        """Return the first response header called *name* (any case), or None."""
        return find_header(self.headers, name)

    @property
    def media_type(self) -> str:
        """The media type of the answer, lower case, without parameters; empty if there is none."""
        return (self.header("content-type") or "").split(";")[0].strip().lower()

    @property
    def success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def summary(self) -> str:
        """What came back, in a few words."""
        return str(self.status) if self.status else f"no answer: {self.detail or self.trouble}" if self.trouble else self.detail

    @property
    def refusal(self) -> str:
        """The status of a refusal, with the code of an error as RFC 6749 section 5.2 writes it."""
        code = _CODE.search(self.body[:2000])
        return f"{self.status} {code[1].decode()}" if code else str(self.status)

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            Nonconformity: the body is not JSON (RFC 8259): not UTF-8, cut short, NaN.
            Inconclusive: the exchange was set-up, whose own requirement owns the finding; or it is more than we can hold: a number of thousands of digits or beyond 1e308, nested too deep
                (RFC 8259 section 9 lets a reader set such limits, so this is about us).
        """
        try:
            return json.loads(self.body.decode("utf-8-sig"), parse_constant=_no_constant, parse_int=_bounded_int, parse_float=_finite)
        except RecursionError:
            raise Inconclusive("the body is nested deeper than we can read", self) from None
        except ValueError as error:
            if self.set_up:
                raise Inconclusive(f"set-up: {self.request.where} answered no JSON", self, needs=self.request.operation) from None
            raise Nonconformity("a JSON body", f"{self.media_type or 'no media type'}: {error}", self, cause="not JSON") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Inconclusive(f"the body holds a number of {len(digits)} digits, more than we can read")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise Inconclusive("the body holds a number beyond 1e308, more than we can read")
    return number
