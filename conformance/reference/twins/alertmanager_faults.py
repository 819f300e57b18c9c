"""Faults that only an Alertmanager can have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.reference.faults.planting import Rule, Seen, fault, json_of, success
from conformance.reference.faults.where import at, ids, service
from conformance.reference.message import moment
from conformance.wire import WireResponse

_P = "alertmanager-v2"


def _silences(seen: Seen, change: Callable[[dict[str, Any]], dict[str, Any]]) -> WireResponse:
    return seen.edited(lambda body: [change(s) for s in body] if isinstance(body, list) else change(body))


@fault(
    profile=_P, group="time", sentence="A silence is pending for ever.",
    applies=at("getSilence"), expected=ids("silence.state-follows-time"),
)  # fmt: skip
def never_active(seen: Seen) -> WireResponse:
    def change(silence: dict[str, Any]) -> dict[str, Any]:
        return {**silence, "status": {"state": "pending"}} if silence["status"]["state"] == "active" else silence

    return _silences(seen, change)


@fault(
    profile=_P, group="time", sentence="A silence is active from the moment it is made.",
    applies=at("getSilence"), expected=ids("silence.state-follows-time"),
)  # fmt: skip
def active_at_once(seen: Seen) -> WireResponse:
    def change(silence: dict[str, Any]) -> dict[str, Any]:
        return {**silence, "status": {"state": "active"}} if silence["status"]["state"] == "pending" else silence

    return _silences(seen, change)


@fault(
    profile=_P, group="state", sentence="Active silences silence nothing.",
    applies=at("getAlerts"), expected=ids("alert.silenced"),
)  # fmt: skip
def silences_silence_nothing(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: [{**a, "status": {**a["status"], "state": "active", "silencedBy": []}} for a in body])


@fault(
    profile=_P, group="state", sentence="A suppressed alert does not name its silence.",
    applies=at("getAlerts"), expected=ids("alert.silenced"),
)  # fmt: skip
def silence_not_named(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: [{**a, "status": {**a["status"], "silencedBy": []}} for a in body])


@fault(
    profile=_P, group="query semantics", sentence="A matcher with != is read as one with =.",
    applies=at("getSilences", "getAlerts", "getAlertGroups"),
    expected=lambda profile, place: ids(
        {"getSilences": "silence.filter", "getAlerts": "alert.filter", "getAlertGroups": "alert.group-filter"}[place]
    )(profile, place),
)  # fmt: skip
def unequal_is_equal(seen: Seen) -> WireResponse:
    return seen.asking(lambda query: [(k, v.replace("!=", "=") if k == "filter" else v) for k, v in query])


@fault(
    profile=_P, group="query semantics", sentence="The flags for states are ignored.",
    applies=at("getSilences"), expected=ids("silence.state-parameters"),
)  # fmt: skip
def state_flags_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out("active", "pending", "expired")


@fault(
    profile=_P, group="input validation", sentence="A silence that ends before it starts is taken.",
    applies=at("postSilences"), expected=ids("silence.ends-before-it-starts"),
)  # fmt: skip
def reversed_times_taken(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    if answer.status != 400 or b"start time must be before" not in answer.body:
        return seen.forward()
    return seen.sending(lambda body: {**body, "startsAt": body["endsAt"], "endsAt": body["startsAt"]})


@fault(
    profile=_P, group="state", sentence="A change of a silence is answered and not made.",
    applies=at("postSilences"), expected=ids("silence.update-in-place", "silence.update-of-matchers"),
)  # fmt: skip
def change_of_silence_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend() if b'"id"' in seen.request.body else seen.forward()


@fault(
    profile=_P, group="state", sentence="Other matchers in a change of a silence are not taken.",
    applies=at("postSilences"), expected=ids("silence.update-of-matchers"),
)  # fmt: skip
def matchers_of_change_not_taken(seen: Seen) -> WireResponse:
    known = seen.twin.store.shelf("silence").get(str(seen.sent_members.get("id", "")))
    return seen.sending(lambda body: {**body, "matchers": known.body["matchers"]}) if known else seen.forward()


@fault(
    profile=_P, group="state", sentence="A silence goes on when a change puts another in its place.",
    applies=at("postSilences"), expected=ids("silence.update-of-matchers"),
)  # fmt: skip
def changed_silence_goes_on(seen: Seen) -> WireResponse:
    known = seen.twin.store.shelf("silence").get(str(seen.sent_members.get("id", "")))
    before = dict(known.body) if known else {}
    answer = seen.forward()
    if known and success(answer) and json_of(answer)["silenceID"] != known.id:
        known.body.update(before)
    return answer


@fault(
    profile=_P, group="input validation", sentence="A silence whose end has passed is taken.",
    applies=at("postSilences"), expected=ids("silence.ends-in-the-past"),
)  # fmt: skip
def past_end_taken(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    if answer.status != 400 or b"end time can't be in the past" not in answer.body:
        return seen.forward()
    return seen.sending(lambda body: {**body, "endsAt": moment(seen.now + 60)})


@fault(
    profile=_P, group="value fidelity", sentence="The annotations of a silence are lost.",
    applies=at("postSilences"), expected=ids("silence.annotations"),
)  # fmt: skip
def annotations_lost(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {k: v for k, v in body.items() if k != "annotations"} if isinstance(body, dict) else body)


@fault(
    profile=_P, group="state", sentence="Alerts are taken and lost.",
    applies=at("postAlerts"), expected=ids("alert.appears", "alert.grouped", "alert.silenced"),
)  # fmt: skip
def alerts_lost(seen: Seen) -> WireResponse:
    return seen.pretend()


def _of_alerts(*slugs: str) -> Rule:
    """The requirements about the list of alerts, and those about the groups."""
    return lambda profile, place: ids(*(f"alert.{'group-' if place == 'getAlertGroups' else ''}{slug}" for slug in slugs))(profile, place)


@fault(
    profile=_P, group="query semantics", sentence="Silenced alerts are shown although they are not wanted.",
    applies=at("getAlerts", "getAlertGroups"), expected=_of_alerts("silenced-flag"),
)  # fmt: skip
def silenced_flag_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out("silenced")


@fault(
    profile=_P, group="query semantics", sentence="Active alerts are shown although they are not wanted.",
    applies=at("getAlerts", "getAlertGroups"), expected=_of_alerts("active-flag"),
)  # fmt: skip
def active_flag_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out("active")


@fault(
    profile=_P, group="query semantics", sentence="Without active alerts there are no others either.",
    applies=at("getAlerts", "getAlertGroups"), expected=_of_alerts("silenced-flag"),
)  # fmt: skip
def inactive_alerts_hidden_too(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: [] if ("active", "false") in seen.query else body)


@fault(
    profile=_P, group="query semantics", sentence="Groups are shown whatever the filter says.",
    applies=at("getAlertGroups"), expected=ids("alert.group-filter"),
)  # fmt: skip
def filter_of_groups_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out("filter")


@fault(
    profile=_P, group="state", sentence="Alerts are in no group.",
    applies=at("getAlertGroups"), expected=ids("alert.grouped"),
)  # fmt: skip
def no_groups(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: [])


@fault(
    profile=_P, group="value fidelity", sentence="The annotations of an alert are lost.",
    applies=at("getAlerts"), expected=ids("alert.appears"),
)  # fmt: skip
def alert_annotations_lost(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: [{**a, "annotations": {}} for a in body])


@fault(
    profile=_P, group="time", sentence="An alert ends as soon as it is taken.",
    applies=service, expected=ids("alert.appears", "alert.grouped", "alert.silenced"),
)  # fmt: skip
def alerts_end_at_once(seen: Seen) -> WireResponse:
    if seen.operation is None or seen.operation.id != "postAlerts":
        return seen.forward()
    answer = seen.forward()
    if success(answer):
        for alert in seen.twin.store.shelf("alert").values():
            alert.body["endsAt"] = moment(seen.now)
    return answer
