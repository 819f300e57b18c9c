"""What goes over the wire, as bytes and names: the seam between the driver, HTTP and twins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

Headers = tuple[tuple[str, str], ...]


def header(headers: Headers, name: str) -> str | None:
    """Return the value of the first header called *name* (any case), or None."""
    name = name.lower()
    return next((value for key, value in headers if key.lower() == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """A request as it is sent: the exact request target, all headers, credentials included."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireResponse:
    """An answer as it came; `delay_s` is how long a twin takes (a real server takes its own time)."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request that a twin sends by itself: when (seconds since the epoch), and to which URL."""

    at: float
    url: str
    request: WireRequest


class Twin(Protocol):
    """A server without sockets or clock: `now` is seconds since the epoch.

    A twin that calls back also has `due(now) -> list[Outgoing]`: what it sends until *now*, each once, in order.
    """

    def handle(self, request: WireRequest, now: float) -> WireResponse: ...


def deliveries(twin: Twin, now: float) -> list[Outgoing]:
    """Return what *twin* sends by itself until *now*; nothing where it never does."""
    due = getattr(twin, "due", None)
    return list(due(now)) if due is not None else []
