"""What only one standard has: SCIM's filters, PATCH and bulk, the life of a silence, times of queries, power that takes its time, sessions."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.reference.message import Refused, moment
from conformance.reference.twins import scim_filter as filters
from conformance.reference.twins import twin_for
from conformance.reference.twins.scim_patch import patched
from conformance.wire import header
from tests.reference.walking import NOW, ask, json_of, profile

USER: dict[str, Any] = {
    "userName": "bjensen", "active": True, "title": "", "id": "Ab",
    "emails": [{"type": "work", "value": "b@x.example", "primary": True}, {"type": "home", "value": "h@y.example"}],
    "meta": {"created": "2026-05-01T00:00:00Z"}, "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
}  # fmt: skip


# -- SCIM ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('userName eq "BJENSEN"', True), ('USERNAME Eq "bjensen"', True), ('userName ne "bjensen"', False), ("title pr", False),
        ('userName sw "bj"', True), ('userName ew "sen"', True), ('userName co "ens"', True), ('id eq "ab"', False), ('id eq "Ab"', True),
        ('emails[type eq "work" and value co "@x"]', True), ('emails[type eq "home" and primary eq true]', False),
        ('emails.type eq "home"', True), ('emails co "y.example"', True), ("active eq true", True), ("not (active eq true)", False),
        ('userName eq "a" or userName eq "bjensen" and active eq true', True), ('(userName eq "a" or active eq true) and title pr', False),
        ('meta.created gt "2026-04-30T23:00:00-03:00"', False), ('meta.created lt "2026-05-01T00:00:01Z"', True),
        ("nickName eq null", True),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bjensen"', True),
        ('urn:ietf:params:scim:schemas:core:2.0:Group:userName eq "bjensen"', False), ('userName gt "a"', True),
    ],
)  # fmt: skip
def test_a_filter_finds_what_it_asks_for(text: str, wanted: bool) -> None:
    assert filters.holds(filters.parse(text), USER) is wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        'userName eq "a" and (',
        'userName is "a"',
        "active gt true",
        'userName eq "a" userName',
        "userName eq a",
        "a[",
        "title co 1",
    ],
)
def test_a_filter_that_breaks_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(filters.InvalidFilter):
        filters.holds(filters.parse(text), USER)


@pytest.mark.parametrize(
    ("operations", "place", "wanted"),
    [
        ([{"op": "replace", "path": "USERNAME", "value": "x"}], "userName", "x"),
        ([{"op": "add", "path": "name.familyName", "value": "J"}], "name", {"familyName": "J"}),
        ([{"op": "remove", "path": 'emails[type eq "home"]'}], "emails", [USER["emails"][0]]),
        (
            [{"op": "replace", "path": 'emails[type eq "home"].value', "value": "n"}],
            "emails",
            [USER["emails"][0], {"type": "home", "value": "n"}],
        ),
        ([{"op": "add", "value": {"nickName": "N", "active": False}}], "nickName", "N"),
        ([{"op": "remove", "path": "active"}], "active", None),
        ([{"op": "add", "path": "emails", "value": [USER["emails"][0]]}], "emails", USER["emails"]),
    ],
)
def test_patch_changes_what_its_path_names(operations: list[dict[str, Any]], place: str, wanted: Any) -> None:
    assert patched(USER, operations, "userName").get(place) == wanted


def test_a_new_primary_value_takes_the_place_of_the_old() -> None:
    new = {"value": "p@z.example", "primary": True}
    after = patched(USER, [{"op": "add", "path": "emails", "value": [new]}], "userName")
    assert [e.get("primary") for e in after["emails"]] == [False, None, True]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "remove"}, "noTarget"), ({"op": "add"}, "invalidValue"), ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"), ({"op": "add", "path": "a b", "value": 1}, "invalidPath"),
        ({"op": "replace", "path": 'emails[value eq "no"]', "value": {"value": "x"}}, "noTarget"),
    ],
)  # fmt: skip
def test_a_patch_that_cannot_be_done_says_why(operation: dict[str, Any], kind: str) -> None:
    with pytest.raises(Refused) as refused:
        patched(USER, [operation], "userName")
    assert refused.value.kind == kind


def test_bulk_links_what_it_makes() -> None:
    twin = twin_for(profile("scim2"))
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "from-bulk"}
    group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "G", "members": [{"value": "bulkId:u"}]}
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": user},
        {"method": "DELETE", "path": "/Users/nobody"},
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": group},
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    results = json_of(ask(twin, "POST", "/Bulk", body))["Operations"]
    assert [r["status"] for r in results] == ["201", "404", "201"]
    made = json_of(ask(twin, "GET", results[2]["location"].removeprefix("http://twin.invalid")))
    assert made["members"][0]["$ref"] == results[0]["location"]
    shown = json_of(ask(twin, "GET", results[0]["location"].removeprefix("http://twin.invalid")))
    assert shown["groups"][0]["display"] == "G"


# -- Alertmanager ----------------------------------------------------------------------------------------------------
def silence(**changes: Any) -> dict[str, Any]:
    matcher = {"name": "alertname", "value": "disk", "isRegex": False, "isEqual": True}
    times = {"startsAt": moment(NOW + 60), "endsAt": moment(NOW + 600)}
    return {"matchers": [matcher], **times, "createdBy": "me", "comment": "c", **changes}


def test_a_silence_lives_by_the_clock_and_expires() -> None:
    twin = twin_for(profile("alertmanager-v2"))
    place = "/api/v2/silence/" + json_of(ask(twin, "POST", "/api/v2/silences", silence()))["silenceID"]
    states = [json_of(ask(twin, "GET", place, at=NOW + t))["status"]["state"] for t in (0, 61, 601)]
    assert states == ["pending", "active", "expired"]
    assert ask(twin, "DELETE", place, at=NOW + 602).status == 200
    assert ask(twin, "GET", place, at=NOW + 6 * 86400).status == 404


@pytest.mark.parametrize(("edition", "status", "body"), [("0.25", 500, "silence not found"), ("0.34", 404, None)])
def test_to_end_a_silence_that_is_not_there_was_a_failure_once(edition: str, status: int, body: str | None) -> None:
    twin = twin_for(profile(f"alertmanager-v2@{edition}"))
    seen = ask(twin, "DELETE", "/api/v2/silence/3fa85f64-5717-4562-b3fc-2c963f66afa6")
    assert (seen.status, json_of(seen)) == (status, body)


def test_an_alert_is_suppressed_while_a_silence_matches_it() -> None:
    twin = twin_for(profile("alertmanager-v2"))
    ask(twin, "POST", "/api/v2/alerts", [{"labels": {"alertname": "disk"}}])
    id = json_of(ask(twin, "POST", "/api/v2/silences", silence(startsAt=moment(NOW - 5))))["silenceID"]
    shown = json_of(ask(twin, "GET", "/api/v2/alerts", at=NOW + 1))[0]
    assert shown["status"]["state"] == "suppressed"
    assert shown["status"]["silencedBy"] == [id]
    assert json_of(ask(twin, "GET", "/api/v2/alerts?silenced=false", at=NOW + 1)) == []
    ask(twin, "DELETE", f"/api/v2/silence/{id}", at=NOW + 2)
    assert json_of(ask(twin, "GET", "/api/v2/alerts", at=NOW + 3))[0]["status"]["state"] == "active"
    assert json_of(ask(twin, "GET", "/api/v2/alerts", at=NOW + 301)) == []


def test_a_silence_keeps_its_id_only_where_it_may() -> None:
    twin = twin_for(profile("alertmanager-v2"))
    id = json_of(ask(twin, "POST", "/api/v2/silences", silence()))["silenceID"]
    assert json_of(ask(twin, "POST", "/api/v2/silences", silence(id=id, comment="new")))["silenceID"] == id
    other = silence(id=id, matchers=[{"name": "a", "value": "b", "isRegex": False}])
    assert json_of(ask(twin, "POST", "/api/v2/silences", other))["silenceID"] != id
    assert json_of(ask(twin, "GET", f"/api/v2/silence/{id}", at=NOW + 1))["status"]["state"] == "expired"
    assert ask(twin, "POST", "/api/v2/silences", silence(id="00000000-0000-4000-8000-000000000000")).status == 404


@pytest.mark.parametrize("place", ["/api/v2/alerts", "/api/v2/alerts/groups"])
def test_flags_choose_among_active_and_silenced_alerts(place: str) -> None:
    twin = twin_for(profile("alertmanager-v2"))
    ask(twin, "POST", "/api/v2/alerts", [{"labels": {"alertname": name}} for name in ("disk", "fan")])
    ask(twin, "POST", "/api/v2/silences", silence(startsAt=moment(NOW - 5)))

    def shown(query: str) -> set[str]:
        body = json_of(ask(twin, "GET", f"{place}?{query}", at=NOW + 1))
        alerts = [a for group in body for a in group["alerts"]] if place.endswith("groups") else body
        return {a["labels"]["alertname"] for a in alerts}

    queries = ("", "silenced=true", "silenced=false", "active=false", "filter=alertname%3D%22disk%22")
    assert [shown(query) for query in queries] == [{"disk", "fan"}, {"disk", "fan"}, {"fan"}, {"disk"}, {"disk"}]


def test_a_silence_whose_end_has_passed_is_refused() -> None:
    seen = ask(twin_for(profile("alertmanager-v2")), "POST", "/api/v2/silences", silence(startsAt=moment(NOW - 9), endsAt=moment(NOW - 5)))
    assert (seen.status, "in the past" in json_of(seen)) == (400, True)


# -- Prometheus ------------------------------------------------------------------------------------------------------
RANGE = "/api/v1/query_range?query=up&start=1767225600.5&end=2026-01-01T00:01:00.5Z"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/v1/query?query=up", 200), ("/api/v1/query?query=up&time=1767225600.5", 200), ("/api/v1/query?query=up&time=1e400", 400),
        ("/api/v1/query?query=up&time=2026-01-01", 400), ("/api/v1/query?query=label_replace(up,%22a%22,%22%22,%22b%22,%22(%22)", 422),
        ("/api/v1/query?query=label_replace(up,%22a%22,%22%22,%22b%22,%22.%22)", 200), (f"{RANGE}&step=1m30s", 200),
        (f"{RANGE}&step=0.001", 400), (f"{RANGE}&step=5ms", 400), (f"{RANGE}&step=6ms", 200), (f"{RANGE}&step=0", 400),
        (f"{RANGE}&step=1x5", 400),
    ],
)  # fmt: skip
def test_what_a_query_is_refused_for(target: str, status: int) -> None:
    assert ask(twin_for(profile("prometheus-http")), "GET", target).status == status


def test_a_constant_has_its_value_at_the_instant_that_was_asked_for() -> None:
    twin = twin_for(profile("prometheus-http"))
    for time in ("1767225600.5", "2026-01-01T00:00:00.5Z", "2026-01-01T01:00:00.5%2B01:00"):
        seen = json_of(ask(twin, "GET", f"/api/v1/query?query=vector(1)&time={time}"))
        assert seen["data"]["result"] == [{"metric": {}, "value": [1767225600.5, "1"]}]


# -- Redfish ---------------------------------------------------------------------------------------------------------
SYSTEM = "/redfish/v1/Systems/437XR1138R2"


def test_power_states_take_their_time() -> None:
    twin = twin_for(profile("dmtf-redfish"))
    assert json_of(ask(twin, "GET", SYSTEM))["PowerState"] == "On"
    reset = f"{SYSTEM}/Actions/ComputerSystem.Reset"
    assert ask(twin, "POST", reset, {"ResetType": "GracefulShutdown"}).status == 204
    states = [json_of(ask(twin, "GET", SYSTEM, at=NOW + t))["PowerState"] for t in (0, 4, 6)]
    assert states == ["PoweringOff", "PoweringOff", "Off"]
    assert ask(twin, "POST", reset, {"ResetType": "Suspend"}, at=NOW + 7).status == 400


def test_a_session_opens_doors_until_it_ends() -> None:
    twin = twin_for(profile("dmtf-redfish"))
    login = ask(twin, "POST", "/redfish/v1/SessionService/Sessions", {"UserName": "twin", "Password": "twin-password"}, who="")
    token, place = str(header(login.headers, "x-auth-token")), str(header(login.headers, "location"))
    assert ask(twin, "GET", SYSTEM, who="", x_auth_token=token).status == 200
    assert ask(twin, "DELETE", place, who="", x_auth_token=token).status == 204
    assert ask(twin, "GET", SYSTEM, who="", x_auth_token=token).status == 401
    assert ask(twin, "POST", "/redfish/v1/SessionService/Sessions", {"UserName": "twin", "Password": "wrong"}, who="").status == 401


def test_an_account_logs_in_with_its_own_password() -> None:
    twin = twin_for(profile("dmtf-redfish"))
    made = ask(twin, "POST", "/redfish/v1/AccountService/Accounts", {"UserName": "ann", "Password": "Passw0rd!", "RoleId": "ReadOnly"})
    assert made.status == 201
    assert json_of(ask(twin, "GET", str(header(made.headers, "location"))))["Password"] is None
    assert ask(twin, "POST", "/redfish/v1/SessionService/Sessions", {"UserName": "ann", "Password": "Passw0rd!"}, who="").status == 201
    assert ask(twin, "PATCH", str(header(made.headers, "location")), {"Nonsense": 1}).status == 400
    assert ask(twin, "GET", "/redfish/v1/?$expand=.").status == 501
