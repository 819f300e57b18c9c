"""Requests that only one standard knows, for the end of a walk."""

from __future__ import annotations

from typing import Any

_USER = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}
_PATCH = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
_BULK = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]}

_ALERT = {"name": "alertname", "value": "special", "isRegex": False}
_OTHER = {"name": "a", "value": "b", "isRegex": False}


def _patch(*operations: dict[str, Any]) -> tuple[str, str, Any]:
    return ("PATCH", "/Users/<id>", {**_PATCH, "Operations": list(operations)})


#: Requests that only one standard knows: method, target, body.
SPECIAL: dict[str, list[tuple[str, str, Any]]] = {
    "scim2": [
        ("POST", "/Users", {
            **_USER, "userName": "Special.One", "externalId": "MiXeD", "displayName": "One", "nickName": "S", "password": "t1me-to-go",
            "meta": {"created": "1999-01-01T00:00:00Z"}, "emails": [{"value": "a@b.example", "type": "work"}],
        }),
        ("GET", "/Users/<id>", None),
        ("GET", "/Users/<id>?excludedAttributes=id", None),
        ("GET", "/Users?attributes=userName", None),
        ("GET", "/Users/<id>?attributes=userName", None),
        _patch({"op": "replace", "path": "DISPLAYNAME", "value": "Two"}),
        _patch({"op": "replace", "value": {"displayName": "Three"}}),
        _patch({"op": "add", "path": "title", "value": "Dr"}),
        _patch({"op": "remove", "path": "nickName"}),
        _patch({"op": "replace", "path": "displayName", "value": "Four"}, {"op": "remove", "path": "userName"}),
        _patch({"op": "replace", "path": 'emails[value eq "nobody"]', "value": {"value": "x"}}),
        ("GET", "/Users/<id>", None),
        ("PUT", "/Users/<id>", {**_USER, "userName": "Special.One", "password": "an0ther-one", "displayName": "Five"}),
        ("PUT", "/Users/<id>", {**_USER}),
        ("PUT", "/Users/00000000-0000-4000-8000-00000000beef", {**_USER, "userName": "Never.Made"}),
        ("GET", "/Users/<id>", None),
        *[("GET", f"/Users?{q}", None) for q in (
            "sortBy=userName", "sortBy=userName&sortOrder=descending", "count=-1", "startIndex=0", "startIndex=2&count=1",
            "filter=userName%20eq%20%22SPECIAL.ONE%22", "filter=USERNAME%20eq%20%22special.one%22",
            "filter=urn:ietf:params:scim:schemas:core:2.0:User:userName%20eq%20%22special.one%22", "filter=userName%20co%20%22cial%22",
            "filter=userName%20eq%20%22a%22%20and%20userName%20pr", "filter=active%20gt%20true",
        )],
        ("GET", "/Schemas?filter=a", None),
        ("GET", "/ResourceTypes?filter=a", None),
        ("GET", "/ResourceTypes?count=1", None),
        ("GET", "/Schemas?count=1", None),
        ("POST", "/.search", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": 'userName eq "nobody"'}),
        ("POST", "/.search", {"schemas": 17}),
        ("POST", "/Bulk", {**_BULK, "Operations": [
            {"method": "DELETE", "path": "/Users/none"},
            {"method": "POST", "path": "/Users", "bulkId": "b1", "data": {**_USER, "userName": "From.Bulk"}},
        ]}),
        ("POST", "/Users", {**_USER, "userName": "FROM.BULK"}),
        ("POST", "/Users", {**_USER, "userName": "Again.And.Again"}),
        ("POST", "/Groups", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Friends"}),
        ("PATCH", "/Groups/<id>", {**_PATCH, "Operations": [{"op": "add", "path": "members", "value": [{"value": "x"}]}]}),
    ],
    "alertmanager-v2": [
        ("POST", "/api/v2/alerts", [{"labels": {"alertname": "special"}, "annotations": {"a": "b"}}]),
        ("GET", "/api/v2/alerts", None),
        ("GET", "/api/v2/alerts/groups", None),
        ("POST", "/api/v2/silences", {"matchers": [_ALERT], "startsAt": "{now-60s}",
                                      "endsAt": "{now+600s}", "createdBy": "me", "comment": "c", "annotations": {"a": "b"}}),
        ("GET", "/api/v2/silence/<id>", None),
        ("GET", "/api/v2/alerts", None),
        ("GET", "/api/v2/silences?active=false", None),
        ("GET", "/api/v2/silences?filter=alertname!%3D%22special%22", None),
        ("GET", "/api/v2/alerts?filter=alertname!%3D%22special%22", None),
        ("POST", "/api/v2/silences", {"id": "<id>", "matchers": [_ALERT],
                                      "startsAt": "{now-60s}", "endsAt": "{now+900s}", "createdBy": "me", "comment": "changed"}),
        ("GET", "/api/v2/silences", None),
        ("POST", "/api/v2/silences", {"id": "00000000-0000-4000-8000-00000000beef", "matchers": [_OTHER],
                                      "startsAt": "{now}", "endsAt": "{now+900s}", "createdBy": "me", "comment": "unknown"}),
        ("POST", "/api/v2/silences", {"matchers": [_OTHER], "startsAt": "{now+900s}",
                                      "endsAt": "{now+60s}", "createdBy": "me", "comment": "reversed"}),
    ],
    "dmtf-redfish": [
        ("POST", "/redfish/v1/Systems/437XR1138R2/Actions/ComputerSystem.Reset", {"ResetType": "ForceOff"}),
        ("GET", "/redfish/v1/Systems/437XR1138R2", None),
        ("POST", "/redfish/v1/Systems/437XR1138R2/Actions/ComputerSystem.Reset", {"ResetType": "Suspend"}),
        ("PATCH", "/redfish/v1/Systems/437XR1138R2", {"Boot": {"BootSourceOverrideTarget": "Pxe"}}),
        ("GET", "/redfish/v1/Systems/437XR1138R2", None),
        ("POST", "/redfish/v1/AccountService/Accounts", {"UserName": "special", "Password": "special-password", "RoleId": "ReadOnly"}),
        ("PATCH", "/redfish/v1/AccountService/Accounts/<id>", {"RoleId": "Operator", "ConformanceUnknown": True}),
        ("PATCH", "/redfish/v1/AccountService/Accounts/<id>", {"@odata.type": "#ManagerAccount.v1_0_0.ManagerAccount"}),
        ("GET", "/redfish/v1/AccountService/Accounts/<id>", None),
        ("POST", "/redfish/v1/SessionService/Sessions", {"UserName": "twin", "Password": "twin-password"}),
        ("GET", "/redfish/v1/SessionService/Sessions<token>", None),
        ("DELETE", "/redfish/v1/SessionService/Sessions/<id>", None),
        ("GET", "/redfish/v1/SessionService/Sessions<token>", None),
    ],
}  # fmt: skip
