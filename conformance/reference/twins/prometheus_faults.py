"""Faults that only a server with the HTTP API of Prometheus can have."""

from __future__ import annotations

import re
from dataclasses import replace

from conformance.reference.faults.planting import Rule, Seen, fault
from conformance.reference.faults.where import at, ids
from conformance.wire import WireResponse

_P = "prometheus-http"
_QUERIES = at("query", "queryRange")


def _of_queries(*slugs: str) -> Rule:
    """The requirements about queries at an instant, or those about ranges."""
    return lambda profile, place: ids(*(f"{'query' if place == 'query' else 'query-range'}.{slug}" for slug in slugs))(profile, place)


def _refusing(seen: Seen, form: str) -> WireResponse:
    """Refuse a time of this form."""
    return WireResponse(status=400) if any(k in ("time", "start", "end") and re.search(form, v) for k, v in seen.query) else seen.forward()


def _asking_instead(seen: Seen, status: int, **parameters: str) -> WireResponse:
    """Answer what is refused with a status as if something else had been asked."""
    if seen.pretend().status != status:
        return seen.forward()
    return seen.asking(lambda query: [(k, parameters.get(k, v)) for k, v in query])


@fault(
    profile=_P, group="input validation", sentence="As many points are given as are asked for.",
    applies=at("queryRange"), expected=ids("query-range.too-many-points"),
)  # fmt: skip
def any_number_of_points(seen: Seen) -> WireResponse:
    return _asking_instead(seen, 400, step="15") if b"maximum resolution" in seen.pretend().body else seen.forward()


@fault(
    profile=_P, group="input validation", sentence="An expression that cannot be executed is answered with nothing found.",
    applies=_QUERIES, expected=_of_queries("not-executable"),
)  # fmt: skip
def failed_execution_hidden(seen: Seen) -> WireResponse:
    return _asking_instead(seen, 422, query="up")


@fault(
    profile=_P, group="status", sentence="An expression that cannot be executed is a failure of the server.",
    applies=_QUERIES, expected=_of_queries("not-executable"),
)  # fmt: skip
def failed_execution_breaks(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=500) if answer.status == 422 else answer


@fault(
    profile=_P, group="status", sentence="Incorrect parameters are told like expressions that cannot be executed.",
    applies=_QUERIES, expected=_of_queries("status-of-a-bad-time", "status-of-a-bad-step"),
)  # fmt: skip
def bad_parameters_not_executable(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=422) if answer.status == 400 else answer


@fault(
    profile=_P, group="input validation", sentence="Times as seconds with a fraction are refused.",
    applies=_QUERIES, expected=_of_queries("unix-time"),
)  # fmt: skip
def fractions_refused(seen: Seen) -> WireResponse:
    return _refusing(seen, r"^[0-9]+\.")


@fault(
    profile=_P, group="input validation", sentence="Times as seconds are refused.",
    applies=_QUERIES, expected=_of_queries("unix-time"),
)  # fmt: skip
def seconds_refused(seen: Seen) -> WireResponse:
    return _refusing(seen, r"^[0-9.]+$")


@fault(
    profile=_P, group="input validation", sentence="Times with an offset are refused.",
    applies=_QUERIES, expected=_of_queries("date-time", "same-instant"),
)  # fmt: skip
def offsets_refused(seen: Seen) -> WireResponse:
    return _refusing(seen, r"\+")


@fault(
    profile=_P, group="time", sentence="The offset of a time is not read.",
    applies=at("query"), expected=ids("query.same-instant"),
)  # fmt: skip
def offset_not_read(seen: Seen) -> WireResponse:
    return seen.asking(lambda query: [(k, re.sub(r"[+-]\d\d:\d\d$", "Z", v) if k == "time" else v) for k, v in query])
