"""Servers that call back in another way, and right: slower, written otherwise, with more in their events than a standard names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.message import NotJson, read_json, write_json
from conformance.reference.variants import setting
from conformance.wire import Outgoing, WireRequest, header

#: Within what any requirement grants a delivery, and long enough to tell.
UNHURRIED_S = 4.0


def calls(profile: Profile) -> bool:
    """Standards whose servers call back."""
    return profile.bindings.callbacks is not None


def calls_with_events(profile: Profile) -> bool:
    """Standards whose servers send CloudEvents."""
    return profile.bindings.callbacks is not None and profile.bindings.callbacks.format == "cloudevents"


def _sending(twin: ResourceTwin, change: Callable[[list[Outgoing], float], list[Outgoing]]) -> None:
    """Let *change* have what the twin sends by itself."""
    kind: Any = type(twin)

    def due(now: float) -> list[Outgoing]:
        return change(kind.due(twin, now), now)

    twin.due = due  # type: ignore[attr-defined]


def _each(twin: ResourceTwin, change: Callable[[WireRequest], WireRequest]) -> None:
    _sending(twin, lambda sent, now: [replace(one, request=change(one.request)) for one in sent])


def _events(twin: ResourceTwin, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Let *change* have each event that is sent in structured mode, alone or in a batch."""

    def changed(request: WireRequest) -> WireRequest:
        if "cloudevents" not in (header(request.headers, "content-type") or ""):
            return request
        try:
            sent = read_json(request.body)
            return replace(request, body=write_json([change(e) for e in sent] if isinstance(sent, list) else change(sent)))
        except NotJson:
            return request

    _each(twin, changed)


@setting(sentence="What is sent to a sink takes four seconds longer.", applies=calls)
def unhurried_callbacks(twin: ResourceTwin) -> None:
    waiting: list[Outgoing] = []

    def later(sent: list[Outgoing], now: float) -> list[Outgoing]:
        waiting.extend(replace(one, at=one.at + UNHURRIED_S) for one in sent)
        ready = [one for one in waiting if one.at <= now]
        waiting[:] = [one for one in waiting if one.at > now]
        return ready

    _sending(twin, later)


@setting(sentence="Deliveries have header names in capitals.", applies=calls)
def callback_headers_in_capitals(twin: ResourceTwin) -> None:
    _each(twin, lambda request: replace(request, headers=tuple((k.upper(), v) for k, v in request.headers)))


@setting(sentence="Deliveries carry headers that nobody asked for.", applies=calls)
def callback_headers_beside(twin: ResourceTwin) -> None:
    extra = (("X-Correlator", "b4333c46-49c0-4f62-80d7-f0ef930f1c46"), ("User-Agent", "notifier/7"), ("Accept", "*/*"))
    _each(twin, lambda request: replace(request, headers=(*extra, *request.headers)))


@setting(sentence="The media type of deliveries says the charset.", applies=calls)
def callback_charset(twin: ResourceTwin) -> None:
    def told(request: WireRequest) -> WireRequest:
        return replace(request, headers=tuple((k, f"{v}; charset=UTF-8" if k.lower() == "content-type" else v) for k, v in request.headers))

    _each(twin, told)


@setting(sentence="The scheme of a delivery's credential is written in small letters.", applies=calls)
def callback_scheme_in_small_letters(twin: ResourceTwin) -> None:
    def small(request: WireRequest) -> WireRequest:
        return replace(
            request,
            headers=tuple((k, v.replace("Bearer ", "bearer ", 1) if k.lower() == "authorization" else v) for k, v in request.headers),
        )

    _each(twin, small)


@setting(sentence="Deliveries are indented JSON.", applies=calls)
def callback_indented(twin: ResourceTwin) -> None:
    def indented(request: WireRequest) -> WireRequest:
        try:
            return replace(request, body=json.dumps(read_json(request.body), indent=2, sort_keys=True).encode())
        except NotJson:
            return request

    _each(twin, indented)


@setting(sentence="Events have attributes of an extension.", applies=calls_with_events)
def event_extensions(twin: ResourceTwin) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _events(twin, lambda event: {**event, "traceparent": trace, "sequence": "000001", "subject": "a report"})


@setting(sentence="Events do not say the media type of their data, which is JSON.", applies=calls_with_events)
def event_data_without_media_type(twin: ResourceTwin) -> None:
    _events(twin, lambda event: {k: v for k, v in event.items() if k != "datacontenttype"})


@setting(sentence="Times of events have an offset.", applies=calls_with_events)
def event_times_with_offset(twin: ResourceTwin) -> None:
    _events(twin, lambda event: {**event, "time": event["time"].replace("Z", "+00:00")} if "time" in event else event)


@setting(sentence="The source of events is an absolute URI.", applies=calls_with_events)
def event_source_absolute(twin: ResourceTwin) -> None:
    _events(twin, lambda event: {**event, "source": f"https://operator.example{event['source']}"})
