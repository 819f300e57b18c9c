"""States that are reached after an action, follow the clock, or appear after a write: on a machine and a board of notices."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from conformance.wire import WireRequest, WireResponse
from tests.checks.support import answer, http_date, profile_of, run_check

JSON = {"content": {"application/json": {"schema": {}}}}
MACHINE = profile_of(
    {
        "paths": {
            "/machines/{machine}": {
                "parameters": [{"name": "machine", "in": "path", "required": True, "schema": {"type": "string"}}],
                "get": {"operationId": "getMachine", "responses": {"200": JSON}},
                "patch": {"operationId": "updateMachine", "requestBody": JSON, "responses": {"200": JSON}},
            },
            "/machines/{machine}/switch": {
                "parameters": [{"name": "machine", "in": "path", "required": True, "schema": {"type": "string"}}],
                "post": {"operationId": "switchMachine", "requestBody": JSON, "responses": {"204": {}}},
            },
        }
    },
    {
        "probe": "getMachine",
        "operations": {
            "switchMachine": {"effect": "disruptive", "test_data": "machine_to_switch", "body": {"To": "On"}},
            "updateMachine": {"effect": "disruptive", "test_data": "machine_to_switch"},
        },
        "resources": {
            "machine": {"read": "getMachine", "update": "updateMachine", "parameter": "machine", "link": "/@id", "if_match": True}
        },
        "test_data": {"machine_to_switch": "A machine."},
    },
)


class Machine:
    """A machine that is switched off and on and takes five seconds for it; `how` spoils or varies it."""

    def __init__(self, power: str = "On", **how: Any) -> None:
        self.how = how
        self.power, self.wanted, self.since = power, power, 0.0
        self.boot: dict[str, Any] = {"Target": "Hdd", "Enabled": "Disabled"}
        self.log: list[Any] = []

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        if self.wanted != self.power and now - self.since > self.how.get("takes", 5):
            self.power = self.wanted
        if request.method == "GET":
            switch = {"target": "/machines/m/switch", "To@Values": self.how.get("offers", ["On", "ForceOff"])}
            state = self.power if self.wanted == self.power else self.how.get("meanwhile", "Turning")
            return answer(200, {"Power": state, "Boot": self.boot, "Actions": {"#Switch": switch}}, ETag='"7"')
        body = json.loads(request.body)
        self.log.append(body)
        if request.method == "PATCH":
            return self.patched(request, body)
        if body.get("To") not in ("On", "ForceOff"):
            return answer(self.how.get("unknown", 400), {"error": "what?"})
        wanted = "On" if body["To"] == "On" else "Off"
        if wanted == self.power and self.how.get("refuses_same"):
            return answer(409, {"error": "it is"})
        self.wanted, self.since = self.how.get("stuck", wanted), now
        return answer(self.how.get("accepted", 204))

    def patched(self, request: WireRequest, body: Any) -> WireResponse:
        if dict(request.headers).get("if-match") != '"7"':
            return answer(428, {"error": "If-Match"})
        if not self.how.get("forgets"):
            self.boot.update(body["Boot"])
        return answer(200, self.how.get("said", {}))


READ = {"read": "getMachine", "target": "/Actions/#Switch/target"}
POWER: dict[str, Any] = {
    **READ, "pointer": "/Power", "member": "/To", "allowable": "/Actions/#Switch/To@Values", "final": ["On", "Off"], "within": 60,
    "steps": [{"body": {"To": "ForceOff"}, "equals": "Off"}, {"body": {"To": "On"}, "equals": "On"}],
}  # fmt: skip
BOOT: dict[str, Any] = {
    "read": "getMachine", "pointer": "/Boot/Target", "final": "any", "in_part": "@Message", "restore": True, "within": 20,
    "steps": [{"body": {"Boot": {"Target": "Pxe", "Enabled": "Once"}}, "equals": "Pxe"}],
}  # fmt: skip


def machine(name: str, server: Machine, on: str = "switchMachine", **arguments: Any) -> str:
    """Run a check on the machine that the test data name."""
    return run_check(name, MACHINE, on, server, test_data={"machine_to_switch": "/machines/m"}, **arguments).verdict.value


def test_a_machine_that_reaches_both_states_passes() -> None:
    assert machine("state-reached", Machine(), **POWER) == "pass"


def test_a_machine_that_was_off_is_off_afterwards() -> None:
    server = Machine("Off", refuses_same=True)
    assert machine("state-reached", server, **POWER) == "pass"
    assert [b["To"] for b in server.log] == ["ForceOff", "On", "ForceOff"]


def test_a_machine_that_stays_on_fails_once() -> None:
    server = Machine(stuck="On")
    assert machine("state-reached", server, **POWER) == "fail"
    assert [b["To"] for b in server.log] == ["ForceOff"]


def test_a_machine_that_is_still_under_way_or_works_on_a_task_is_inconclusive() -> None:
    assert machine("state-reached", Machine(takes=1000), **POWER) == "inconclusive"
    assert machine("state-reached", Machine(stuck="On", accepted=202), **POWER) == "inconclusive"


def test_a_step_that_is_not_offered_is_not_sent() -> None:
    server = Machine(offers=["On"])
    assert machine("state-reached", server, **POWER) == "not-applicable"
    assert server.log == []


def test_a_refused_step_is_inconclusive() -> None:
    steps = [{"body": {"To": "Elsewhere"}, "equals": "Elsewhere"}]
    assert machine("state-reached", Machine(), **{**POWER, "allowable": "", "steps": steps}) == "inconclusive"


def test_a_setting_is_read_back_with_if_match_and_put_back() -> None:
    server = Machine()
    assert machine("state-reached", server, "updateMachine", **BOOT) == "pass"
    assert server.boot == {"Target": "Hdd", "Enabled": "Disabled"}


def test_a_setting_that_is_forgotten_fails_unless_the_answer_speaks_of_a_part() -> None:
    assert machine("state-reached", Machine(forgets=True), "updateMachine", **BOOT) == "fail"
    assert machine("state-reached", Machine(forgets=True, said={"@Message": []}), "updateMachine", **BOOT) == "inconclusive"


def test_nothing_is_switched_without_consent() -> None:
    server = Machine()
    found = run_check(
        "state-reached", MACHINE, "switchMachine", server, allow=("write",), test_data={"machine_to_switch": "/machines/m"}, **POWER
    )
    assert found.verdict == "not-tested"
    assert server.log == []


ALLOWABLE = {**READ, "member": "/To"}


@pytest.mark.parametrize(("status", "verdict"), [(400, "pass"), (422, "pass"), (501, "pass"), (204, "fail"), (500, "fail")])
def test_a_value_outside_the_enumeration_is_refused(status: int, verdict: str) -> None:
    assert machine("action-allowable", Machine(unknown=status), **ALLOWABLE) == verdict


def test_a_refusal_without_a_control_is_inconclusive() -> None:
    assert machine("action-allowable", Machine(refuses_same=True), **ALLOWABLE) == "inconclusive"


# -- a board of notices, each with a start and an end ----------------------------------------------------------------
BOARD = profile_of(
    {
        "paths": {
            "/notices": {
                "get": {"operationId": "listNotices", "responses": {"200": JSON}},
                "post": {"operationId": "postNotice", "requestBody": JSON, "responses": {"201": JSON}},
            },
            "/notices/{notice}": {
                "parameters": [{"name": "notice", "in": "path", "required": True, "schema": {"type": "string"}}],
                "get": {"operationId": "getNotice", "responses": {"200": JSON}},
                "delete": {"operationId": "deleteNotice", "responses": {"204": {}}},
            },
            "/alerts": {
                "get": {"operationId": "listAlerts", "responses": {"200": JSON}},
                "post": {"operationId": "postAlerts", "requestBody": JSON, "responses": {"200": {}}},
            },
            "/groups": {"get": {"operationId": "listGroups", "responses": {"200": JSON}}},
        }
    },
    {
        "probe": "listNotices",
        "operations": {
            "postNotice": {"effect": "own"},
            "deleteNotice": {"effect": "own"},
            "postAlerts": {"effect": "lasting", "body": [{"labels": {"name": "{marker}"}, "endsAt": "{now+300s}"}]},
        },
        "resources": {
            "notice": {
                "create": "postNotice", "read": "getNotice", "list": "listNotices", "delete": "deleteNotice",
                "parameter": "notice", "id": "/id",
                "example": {"match": "{unique}", "startsAt": "{now+3600s}", "endsAt": "{now+7200s}"}, "within": 5,
            },
            "alert": {"list": "listAlerts", "marker": "/labels/name"},
        },
    },
)  # fmt: skip
TIMES: dict[str, Any] = {
    "pointer": "/state",
    "cases": {
        "pending": {"startsAt": "{now+3600s}"},
        "active": {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "{now+3600s}"},
    },
}


class Board:
    """Notices become active with time and hide the alerts that they match; `how` spoils or varies it."""

    def __init__(self, **how: Any) -> None:
        self.how = how
        self.notices: dict[str, Any] = {}
        self.alerts: list[Any] = []
        self.posted = 0.0

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        now += self.how.get("ahead", 0)
        seen = self.answered(request, now)
        return WireResponse(status=seen.status, headers=(*seen.headers, ("date", http_date(now))), body=seen.body)

    def answered(self, request: WireRequest, now: float) -> WireResponse:
        path, _, query = request.target.partition("?")
        if path == "/notices":
            name = f"n{len(self.notices)}"
            self.notices[name] = {**json.loads(request.body), "id": name}
            return answer(201, self.shown(self.notices[name], now))
        if path.startswith("/notices/"):
            return answer(200, self.shown(self.notices[path.rpartition("/")[2]], now))
        if request.method == "POST":
            self.alerts += json.loads(request.body)
            self.posted = now
            return answer(200)
        late = now - self.posted < self.how.get("late", 0)
        alerts = [] if late else [self.labelled(a, now) for a in self.alerts if moment(a["endsAt"]) > now]
        if "hidden" in self.how.get("narrows", ("hidden",)):
            alerts = [a for a in alerts if f"hidden={str(not a['hidden']).lower()}" not in query]
        if self.how.get("refuses") and query:
            return answer(400)
        return answer(200, [{"alerts": alerts}] if path == "/groups" else alerts)

    def shown(self, notice: Any, now: float) -> Any:
        state = "pending" if moment(notice["startsAt"]) > now else "active"
        return {**notice, "state": self.how.get("state", state)}

    def labelled(self, alert: Any, now: float) -> Any:
        hiding = [n["id"] for n in self.notices.values() if n["match"] == alert["labels"]["name"] and moment(n["startsAt"]) <= now]
        return {
            **alert,
            "labels": {**alert["labels"], **self.how.get("labels", {})},
            "hidden": bool(hiding),
            "by": [] if self.how.get("nameless") else hiding,
        }


def moment(text: str) -> float:
    """Return an RFC 3339 time in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def board(name: str, on: str, server: Board, **arguments: Any) -> str:
    """Run a check on the board."""
    return run_check(name, BOARD, on, server, **arguments).verdict.value


def test_a_state_that_follows_the_clock_passes() -> None:
    assert board("state-follows-time", "notice", Board(), **TIMES) == "pass"


@pytest.mark.parametrize("state", ["pending", "active"])
def test_a_state_that_never_changes_fails(state: str) -> None:
    assert board("state-follows-time", "notice", Board(state=state), **TIMES) == "fail"


def test_a_clock_that_goes_hours_wrong_is_no_finding() -> None:
    assert board("state-follows-time", "notice", Board(ahead=5400), **TIMES) == "inconclusive"
    assert board("state-follows-time", "notice", Board(ahead=-20), **TIMES) == "pass"


APPEARS: dict[str, Any] = {"write": "postAlerts", "sent": "/0", "same": ["/labels"], "within": 10}
HIDDEN: dict[str, Any] = {
    "write": "postAlerts", "sent": "/0", "shows": {"/hidden": True}, "names": "/by",
    "also": {"write": "postNotice", "changes": {"match": "{/labels/name}", "startsAt": "2020-01-01T00:00:00Z", "endsAt": "{now+600s}"}},
}  # fmt: skip


def test_what_is_written_appears_at_once_or_in_time() -> None:
    assert board("write-then-appears", "alert", Board(), **APPEARS) == "pass"
    assert board("write-then-appears", "alert", Board(late=8, labels={"more": "x"}), **APPEARS) == "pass"


def test_what_never_appears_or_appears_otherwise_fails() -> None:
    assert board("write-then-appears", "alert", Board(late=60), **APPEARS) == "fail"
    assert board("write-then-appears", "alert", Board(labels={"name": "x"}), **APPEARS) == "fail"
    other = {**APPEARS, "same": ["/labels", "/endsAt", "/hidden"]}
    assert board("write-then-appears", "alert", Board(), **other) == "fail"


def test_it_is_looked_for_in_another_list_too() -> None:
    assert board("write-then-appears", "alert", Board(), list="listGroups", items="/*/alerts/*", **APPEARS) == "pass"


def test_what_a_notice_matches_is_hidden_by_its_name() -> None:
    assert board("write-then-appears", "alert", Board(), **HIDDEN) == "pass"
    assert board("write-then-appears", "alert", Board(nameless=True), **HIDDEN) == "fail"


def test_times_that_have_run_out_are_no_finding() -> None:
    assert board("write-then-appears", "alert", Board(ahead=400), **APPEARS) == "inconclusive"


NARROWED: dict[str, Any] = {**HIDDEN, "keeps": [{"hidden": True}], "drops": [{"hidden": False}]}


def test_a_query_narrows_the_list_that_shows_what_was_written() -> None:
    for more in ({}, {"list": "listGroups", "items": "/*/alerts/*"}):
        assert board("write-then-appears", "alert", Board(), **NARROWED, **more) == "pass"
        assert board("write-then-appears", "alert", Board(narrows=()), **NARROWED, **more) == "fail", "ignored"
        assert board("write-then-appears", "alert", Board(refuses=True), **NARROWED, **more) == "fail"
        turned = {**NARROWED, "keeps": [{"hidden": False}], "drops": []}
        assert board("write-then-appears", "alert", Board(), **turned, **more) == "fail", "left out"


def test_a_query_says_nothing_where_the_list_without_it_does_not_show_it_as_it_must() -> None:
    for server in (Board(late=60), Board(nameless=True)):
        assert board("write-then-appears", "alert", server, **NARROWED) == "inconclusive"


def test_what_is_over_while_it_is_looked_for_is_no_finding() -> None:
    """An item that ends while a query is looked at is missing for its own reason."""
    keeping = {**APPEARS, "keeps": [{"name": "{/labels/name}"}], "within": 10}

    class Ending(Board):
        def answered(self, request: WireRequest, now: float) -> WireResponse:
            if "?" in request.target:
                self.alerts.clear()
            return super().answered(request, now)

    assert board("write-then-appears", "alert", Board(), **keeping) == "pass"
    assert board("write-then-appears", "alert", Ending(), **keeping) == "inconclusive"
