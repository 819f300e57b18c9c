"""What a twin sends by itself: deliveries planned for a moment, handed out once, in order; CloudEvents as they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.reference.message import moment, write_json
from conformance.reference.store import Store
from conformance.wire import Headers, Outgoing, WireRequest

_NOTE = "outgoing"


def plan(store: Store, at: float, url: str, request: WireRequest) -> None:
    """Send *request* to *url* once it is *at* (seconds since the epoch)."""
    store.notes.setdefault(_NOTE, []).append(Outgoing(at=at, url=url, request=request))


def take(store: Store, now: float) -> list[Outgoing]:
    """Return what is due at *now* and was not taken yet, the earliest first."""
    planned: list[Outgoing] = store.notes.get(_NOTE, [])
    store.notes[_NOTE] = [one for one in planned if one.at > now]
    return sorted((one for one in planned if one.at <= now), key=lambda one: one.at)


def cloud_event(
    id: str, source: str, type: str, data: Mapping[str, Any], at: float, *, bearer: str = "", binary: bool = False
) -> WireRequest:
    """Return the POST of a CloudEvent 1.0 with JSON data, in structured mode, or in binary mode (HTTP protocol binding 1.0.2)."""
    attributes = {"id": id, "source": source, "specversion": "1.0", "type": type, "time": moment(at)}
    credentials: Headers = (("authorization", f"Bearer {bearer}"),) if bearer else ()
    if binary:
        headers = tuple((f"ce-{name}", _escaped(value)) for name, value in attributes.items())
        return WireRequest(
            method="POST", target="", headers=(("content-type", "application/json"), *headers, *credentials), body=write_json(data)
        )
    body = {**attributes, "datacontenttype": "application/json", "data": dict(data)}
    return WireRequest(
        method="POST", target="", headers=(("content-type", "application/cloudevents+json"), *credentials), body=write_json(body)
    )


def _escaped(value: str) -> str:
    """Percent-encode what may not stand in the header of an attribute."""
    return "".join(c if "!" <= c <= "~" and c not in '"%' else "".join(f"%{b:02X}" for b in c.encode()) for c in value)
