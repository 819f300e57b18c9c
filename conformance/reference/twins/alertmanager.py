"""An Alertmanager (API v2): alerts that end by themselves, silences that expire rather than vanish."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from conformance.profile import Profile, Resource
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.listing import Page
from conformance.reference.message import Call, Refused, moment, seconds
from conformance.reference.places import without
from conformance.reference.store import Instance, Parents
from conformance.reference.twins.matchers import Matcher, all_hold, checked, parse
from conformance.wire import WireResponse

PROFILE = "alertmanager-v2"
RESOLVE_TIMEOUT = 300.0
RETENTION = 120 * 3600.0
RECEIVER = "default"


class AlertmanagerTwin(ResourceTwin):
    """One node of its own, with one receiver and one route that groups by alertname."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.options.strict_query = False

    def error_body(self, refused: Refused, operation: Any) -> Any:
        """Return a JSON text; what is not found has no body."""
        return None if refused.status == 404 and operation is not None else refused.detail or "error"

    # -- silences ------------------------------------------------------------------------------------------------
    def do_create(self, call: Call, resource: Resource) -> WireResponse:
        """Make a silence or, with the id of one, change it: in place where that is allowed, else the old one ends and a new one begins."""
        body = self.accepted(call)
        known = self.silence(body["id"], call.now) if body.get("id") else None
        if body.get("id") and known is None:
            raise Refused(404, "silence not found")
        wanted = self.checked(body, call.now)
        if known is not None and self.may_change(known, wanted, call.now):
            self.change(call, resource, known, {**known.body, **wanted})
            return self.made(call, resource, known)
        if known is not None and self.state(known, call.now) != "expired":
            self.expire(known, call.now)
        instance = self.keep(resource, (), self.store.fresh_uuid("silence"), wanted, call.now)
        return self.made(call, resource, instance)

    def completed(self, resource: Resource, parents: Parents, id: str, body: Any, now: float) -> Any:
        """Return a silence with its id and the time of its last change."""
        if resource.name != "silence":
            return super().completed(resource, parents, id, body, now)
        return {"annotations": {}, **body, "id": id, "updatedAt": moment(now)}

    def touched(self, resource: Resource, body: Any, now: float) -> Any:
        """Return a silence that was changed now."""
        return {**body, "updatedAt": moment(now)}

    def checked(self, body: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Return what a silence holds of *body*; a start in the past is now."""
        try:
            starts, ends = seconds(body["startsAt"]), seconds(body["endsAt"])
            matchers = [checked(matcher_of(m)) for m in body["matchers"]]
        except ValueError as error:
            raise Refused(400, str(error)) from None
        if ends <= starts:
            raise Refused(400, "failed to create silence: start time must be before end time")
        if ends <= now:
            raise Refused(400, "failed to create silence: end time can't be in the past")
        if not matchers or all(m.holds("") for m in matchers):
            raise Refused(400, "failed to create silence: at least one matcher must not match the empty string")
        kept = without(body, [("id",), ("status",), ("updatedAt",)])
        kept["matchers"] = [{"isEqual": True, **m} for m in body["matchers"]]
        return {**kept, "startsAt": body["startsAt"] if starts >= now else moment(now)}

    def may_change(self, old: Instance, new: Mapping[str, Any], now: float) -> bool:
        """Tell whether a silence may become *new* under its own id."""
        state = self.state(old, now)
        if old.body["matchers"] != new["matchers"] or state == "expired":
            return False
        return state == "pending" or abs(seconds(old.body["startsAt"]) - seconds(new["startsAt"])) < 0.001

    def silence(self, id: str, now: float) -> Instance | None:
        """Return a silence that is not forgotten yet."""
        found = self.store.shelf("silence").get(id)
        return found if found and now < seconds(found.body["endsAt"]) + RETENTION else None

    def state(self, silence: Instance, now: float) -> str:
        """Return the state of a silence: it follows from the time alone."""
        if now < seconds(silence.body["startsAt"]):
            return "pending"
        return "active" if now < seconds(silence.body["endsAt"]) else "expired"

    def found(self, call: Call, resource: Resource) -> Instance:
        """Return the silence of a call."""
        found = self.silence(call.values[resource.parameter], call.now)
        if found is None:  # to end one that is not there is a failure in releases whose document knows no 404 for it
            raise Refused(404 if call.operation.documented(404) else 500, "silence not found")
        return found

    def do_read(self, call: Call, resource: Resource) -> WireResponse:
        """Show a silence."""
        return self.answer(call.operation, 200, self.told_of(self.found(call, resource), call.now))

    def told_of(self, silence: Instance, now: float) -> dict[str, Any]:
        """Return a silence with its state."""
        return {**silence.body, "status": {"state": self.state(silence, now)}}

    def do_delete(self, call: Call, resource: Resource) -> WireResponse:
        """Let a silence end now; one that has ended stays as it is."""
        found = self.found(call, resource)
        if self.state(found, call.now) != "expired":
            self.expire(found, call.now)
        return WireResponse(status=200)

    def expire(self, silence: Instance, now: float) -> None:
        """End a silence; one that has not begun begins and ends at once."""
        if self.state(silence, now) == "pending":
            silence.body["startsAt"] = moment(now)
        silence.body |= {"endsAt": moment(now), "updatedAt": moment(now)}

    def op_getSilences(self, call: Call) -> WireResponse:
        """List the silences whose matchers are what the filters ask for."""
        filters = self.filters(call, "filter")
        states = [s for s in ("active", "pending", "expired") if flag(call, s)]
        found = []
        for silence in self.store.shelf("silence").values():
            labels = {m["name"]: m["value"] for m in silence.body["matchers"]}
            known = self.silence(silence.id, call.now) is not None and self.state(silence, call.now) in states
            if known and all(self.asked_for(f, labels) for f in filters):
                found.append(self.told_of(silence, call.now))
        return self.listed(call, self.bindings.resources["silence"], Page(items=found, total=len(found)))

    def asked_for(self, wanted: Matcher, labels: Mapping[str, str]) -> bool:
        """Tell whether the matchers of a silence, read as labels, are what a filter asks for."""
        there = wanted.name in labels
        if wanted.value == "" and there is not wanted.equal:
            return True
        return wanted.holds(labels.get(wanted.name, ""))

    def filters(self, call: Call, name: str) -> list[Matcher]:
        """Return the matchers of a query."""
        try:
            return [m for text in call.every(name) for m in parse(text)]
        except ValueError as error:
            raise Refused(400, str(error)) from None

    # -- alerts --------------------------------------------------------------------------------------------------
    def op_postAlerts(self, call: Call) -> WireResponse:
        """Take alerts; one with known labels is changed."""
        for alert in self.accepted(call):
            self.take(alert, call.now)
        return WireResponse(status=200)

    def take(self, alert: Mapping[str, Any], now: float) -> None:
        """Store one alert: without an end it ends after the resolve timeout."""
        labels = {k: v for k, v in alert["labels"].items() if v != ""}
        if not labels or any(not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in labels):
            raise Refused(400, "invalid label set")
        try:
            ends = seconds(alert["endsAt"]) if alert.get("endsAt") else now + RESOLVE_TIMEOUT
            starts = seconds(alert["startsAt"]) if alert.get("startsAt") else min(now, ends)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        if ends < starts:
            raise Refused(400, "start time must be before end time")
        fingerprint = hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:16]
        known = self.store.shelf("alert").get(fingerprint)
        if known and not alert.get("startsAt"):
            starts = min(starts, seconds(known.body["startsAt"]))
        body = {
            "labels": labels, "annotations": {k: v for k, v in alert.get("annotations", {}).items() if v != ""},
            "generatorURL": alert.get("generatorURL", ""), "fingerprint": fingerprint, "startsAt": moment(starts), "endsAt": moment(ends),
            "updatedAt": moment(now), "receivers": [{"name": RECEIVER}],
        }  # fmt: skip
        self.store.shelf("alert")[fingerprint] = Instance(id=fingerprint, body=body, created=now, changed=now)

    def status_of_alert(self, alert: Instance, now: float) -> dict[str, Any]:
        """Return the status of an alert: suppressed while an active silence matches it."""
        by = [
            s.id for s in self.store.shelf("silence").values()
            if self.state(s, now) == "active" and all_hold(map(matcher_of, s.body["matchers"]), alert.body["labels"])
        ]  # fmt: skip
        return {"state": "suppressed" if by else "active", "silencedBy": by, "inhibitedBy": [], "mutedBy": []}

    def firing(self, call: Call) -> list[dict[str, Any]]:
        """Return the alerts that have not ended and that the query asks for."""
        filters = self.filters(call, "filter")
        try:
            receiver = re.fullmatch(call.one("receiver") or ".*", RECEIVER) is not None
        except re.error as error:
            raise Refused(400, f"failed to parse receiver param: {error}") from None
        receiver = receiver and all_hold(self.filters(call, "receiver_matchers"), {})
        found = []
        for alert in sorted(self.store.shelf("alert").values(), key=lambda a: a.id):
            status = self.status_of_alert(alert, call.now)
            wanted = flag(call, "silenced") if status["state"] == "suppressed" else flag(call, "active")
            if receiver and wanted and call.now < seconds(alert.body["endsAt"]) and all_hold(filters, alert.body["labels"]):
                found.append({**alert.body, "status": status})
        return found

    def op_getAlerts(self, call: Call) -> WireResponse:
        """List the alerts."""
        found = self.firing(call)
        return self.listed(call, self.bindings.resources["alert"], Page(items=found, total=len(found)))

    def op_getAlertGroups(self, call: Call) -> WireResponse:
        """List the alerts by their alertname."""
        groups: dict[str, list[Any]] = {}
        for alert in self.firing(call):
            groups.setdefault(alert["labels"].get("alertname", ""), []).append(alert)
        body = [
            {"labels": {"alertname": name} if name else {}, "routeLabels": {}, "receiver": {"name": RECEIVER}, "alerts": alerts}
            for name, alerts in groups.items()
        ]
        return self.answer(call.operation, 200, body)

    # -- what it is ----------------------------------------------------------------------------------------------
    def op_getReceivers(self, call: Call) -> WireResponse:
        """List the receivers."""
        return self.answer(call.operation, 200, [{"name": RECEIVER}] if all_hold(self.filters(call, "receiver_matchers"), {}) else [])


def matcher_of(said: Mapping[str, Any]) -> Matcher:
    """Return a matcher of a silence."""
    return Matcher(said["name"], said["value"], bool(said["isRegex"]), bool(said.get("isEqual", True)))


def flag(call: Call, name: str) -> bool:
    """Return a flag of a query; true where it is not given, false where it is anything but true."""
    value = call.one(name)
    return value is None or value.lower() in ("true", "1")


TWIN = AlertmanagerTwin
