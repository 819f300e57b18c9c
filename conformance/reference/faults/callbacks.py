"""Faults of what a server sends by itself: lost, late, twice, out of order, under another form or id, without its credential."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import Rule, fault_of_callbacks
from conformance.reference.message import NotJson, read_json, write_json
from conformance.wire import Headers, Outgoing, WireRequest

#: Later than any requirement waits for a delivery in time, sooner than any waits for it at all.
LATE_S = 30.0


def called(*checks: str) -> Rule:
    """The requirements that are looked at with one of these checks."""
    return lambda profile, place: frozenset(r.id for r in profile.requirements if r.check in checks)


def formed(look: str) -> Rule:
    """The requirements that look at the form of a delivery: at all of it, or at this part."""
    return lambda profile, place: frozenset(
        r.id for r in profile.requirements if r.check == "callback-format" and r.arguments.get("look", look) in (look, "all")
    )


def _with_credential(profile: Profile, place: str) -> frozenset[str]:
    return called("callback-credential")(profile, place)


def _each(change: Callable[[WireRequest], WireRequest]) -> Callable[[list[Outgoing]], list[Outgoing]]:
    return lambda sent: [replace(one, request=change(one.request)) for one in sent]


def _headers(request: WireRequest, **changes: str | None) -> WireRequest:
    named = {k.replace("_", "-"): v for k, v in changes.items()}
    kept: Headers = tuple((k, v) for k, v in request.headers if k.lower() not in named)
    return replace(request, headers=(*kept, *((k, v) for k, v in named.items() if v is not None)))


def _body(request: WireRequest, change: Callable[[Any], Any]) -> WireRequest:
    try:
        return replace(request, body=write_json(change(read_json(request.body))))
    except NotJson:
        return request


@fault_of_callbacks(sentence="Nothing is ever sent to a sink.", expected=called("callback-delivered"))
def callbacks_lost(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return []


@fault_of_callbacks(sentence="Everything is sent half a minute late.", expected=called("callback-in-time"))
def callbacks_late(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    waiting = [*memory.get("waiting", []), *(replace(one, at=one.at + LATE_S) for one in sent)]
    memory["waiting"] = [one for one in waiting if one.at > now]
    return [one for one in waiting if one.at <= now]


@fault_of_callbacks(sentence="Everything is sent twice, the second time under another id.", expected=called("callback-once"))
def callbacks_twice(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    def again(event: Any) -> Any:
        return {**event, "id": f"{event['id']}-again"} if isinstance(event, dict) and "id" in event else event

    return [copy for one in sent for copy in (one, replace(one, request=_body(one.request, again)))]


@fault_of_callbacks(sentence="The same delivery is repeated although it was accepted.", expected=called("callback-once"))
def callbacks_repeated(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return [copy for one in sent for copy in (one, one)]


@fault_of_callbacks(sentence="Deliveries say that they are HTML.", expected=formed("media"))
def callbacks_of_another_media_type(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return _each(lambda request: _headers(request, content_type="text/html"))(sent)


@fault_of_callbacks(sentence="Deliveries are cut short.", expected=formed("body"))
def callbacks_cut_short(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return _each(lambda request: replace(request, body=request.body[:-2]))(sent)


@fault_of_callbacks(sentence="Deliveries lack a member that their schema requires.", expected=formed("body"))
def callbacks_without_a_member(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    def less(event: Any) -> Any:
        if isinstance(event, list):
            return [less(one) for one in event]
        spare = [name for name in ("specversion", "time", "type", "source") if name in event] or list(event)[:1]
        return {name: value for name, value in event.items() if name != spare[0]}

    return _each(lambda request: _body(request, less))(sent)


@fault_of_callbacks(sentence="Deliveries do not carry the credential of the sink.", expected=_with_credential)
def callbacks_without_credential(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return _each(lambda request: _headers(request, authorization=None))(sent)


@fault_of_callbacks(sentence="Deliveries carry another credential.", expected=_with_credential)
def callbacks_with_another_credential(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return _each(lambda request: _headers(request, authorization="Bearer somebody-else"))(sent)


@fault_of_callbacks(sentence="All events have the same id.", expected=called("callback-identity", "callback-ids-differ"))
def callbacks_of_one_id(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return _each(lambda request: _body(request, lambda event: {**event, "id": "1"}))(sent)


@fault_of_callbacks(
    sentence="What is to be sent to a sink waits until more is there, and the newest goes first.",
    expected=called("callback-in-order", "callback-in-time"),
)
def callbacks_newest_first(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    waiting: list[Outgoing] = [*memory.get("waiting", []), *sent]
    urls = [one.url for one in waiting]
    ready = [one for one in waiting if urls.count(one.url) > 1 or now - one.at > LATE_S]
    memory["waiting"] = [one for one in waiting if one not in ready]
    return [replace(one, at=now) for one in reversed(ready)]
