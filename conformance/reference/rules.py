"""A twin's rules as data (`twin.yaml`): which calls a condition describes, and what a text makes of a call."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from conformance.reference.message import Call, NotJson, Refused, moment, read_json, seconds
from conformance.reference.places import first
from conformance.requirement import pick
from conformance.twin import Refusal
from conformance.wire import Headers, WireResponse

#: A call as conditions and texts see it: query, headers, path, body, who, now; of an answer status, headers, body as `response`.
Told = dict[str, Any]
_PLACE = re.compile(r"\{(/[^{}]*)\}")


def told(call: Call, instants: tuple[str, ...] = (), invalid: int = 400) -> Told:
    """Return a call as conditions see it; the parameters that are *instants* as seconds since the epoch.

    Raises:
        Refused: one of these is no time; with the status *invalid*.
    """
    query: dict[str, Any] = dict(call.query)
    query |= {name: instant(name, query[name], invalid) for name in instants if name in query}
    parts = {"query": query, "headers": _by_name(call.request.headers), "path": dict(call.values), "who": call.who, "now": moment(call.now)}
    return parts if call.body is None else {**parts, "body": call.body}


def told_of(answer: WireResponse) -> Told:
    """Return an answer as conditions see it."""
    try:
        body = {"body": read_json(answer.body)} if answer.body else {}
    except NotJson:
        body = {}
    return {"status": answer.status, "headers": _by_name(answer.headers), **body}


def _by_name(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def describes(when: Mapping[str, Any], parts: Told) -> bool:
    """Tell whether a condition describes a call: each part is there, and as its JSON Schema has it."""
    return all(part in parts and _schema(json.dumps(schema)).is_valid(parts[part]) for part, schema in when.items())


@cache
def _schema(text: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(text))


def filled(template: Any, parts: Told) -> Any:
    """Return *template* with `{/pointer}` replaced by what a call has there; a text that is nothing else becomes the value itself.

    >>> filled({"at": "{/query/time}", "of": "x{/path/id}"}, {"query": {"time": 1.5}, "path": {"id": "y"}})
    {'at': 1.5, 'of': 'xy'}
    """
    if isinstance(template, Mapping):
        return {name: filled(value, parts) for name, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled(value, parts) for value in template]
    if not isinstance(template, str):
        return template
    whole = _PLACE.fullmatch(template)
    if whole:
        return first(parts, whole[1])
    return _PLACE.sub(lambda place: str(next(iter(pick(parts, place[1])), "")), template)


def refused(said: Refusal) -> Refused:
    """Return a refusal as twins raise it."""
    return Refused(said.status, said.detail, kind=said.code)


def instant(name: str, text: str, invalid: int = 400) -> float:
    """Return a time in seconds since the epoch: RFC 3339, or seconds with or without a fraction.

    Raises:
        Refused: it is none.
    """
    try:
        found = float(text) if re.fullmatch(r"[-+0-9.eE]+", text) else seconds(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise Refused(invalid, f"{name}: {text} is no time", kind="invalid")
    return found
