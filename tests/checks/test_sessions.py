"""The token of a login: taken while the session lasts, refused afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.wire import WireRequest, WireResponse
from tests.checks.support import answer, authorised, profile_of, run_check

JSON = {"content": {"application/json": {"schema": {}}}}
PROFILE = profile_of(
    {
        "paths": {
            "/sessions": {
                "get": {"operationId": "listSessions", "responses": {"200": JSON}},
                "post": {"operationId": "createSession", "requestBody": JSON, "responses": {"201": JSON}},
            },
            "/sessions/{session}": {
                "parameters": [{"name": "session", "in": "path", "required": True, "schema": {"type": "string"}}],
                "delete": {"operationId": "deleteSession", "responses": {"204": {}}},
            },
        }
    },
    {
        "probe": "listSessions",
        "operations": {"createSession": {"effect": "own"}, "deleteSession": {"effect": "own"}},
        "resources": {
            "session": {
                "create": "createSession", "list": "listSessions", "delete": "deleteSession", "parameter": "session", "id": "/id",
                "example": {"user": "u", "password": "{secret}"},
            }
        },
    },
)  # fmt: skip


class Login:
    """Gives a token and takes it until the session is deleted; `how` spoils or varies it."""

    def __init__(self, **how: Any) -> None:
        self.how = how
        self.tokens: dict[str, str] = {}
        self.given = 0
        self.carried: list[str] = []

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        token = dict(request.headers).get("x-auth-token", "")
        if token:
            self.carried.append(token)
        if request.method == "POST":
            if self.how.get("closed") and not authorised(request):
                return answer(401)
            self.given += 1
            self.tokens[f"s{self.given}"] = f"token-number-{self.given}"
            return answer(
                201, {"id": f"s{self.given}"}, **({} if self.how.get("tokenless") else {"X-Auth-Token": f"token-number-{self.given}"})
            )
        if not (authorised(request) or token in self.tokens.values() or (token and self.how.get("eternal")) or self.how.get("open")):
            return answer(401)
        if token and self.how.get("taken"):
            return answer(self.how["taken"])
        if request.method == "DELETE":
            self.tokens.pop(request.target.rpartition("/")[2])
            return answer(204)
        return answer(200, [])


def session(server: Login) -> str:
    """Run session-token."""
    return run_check("session-token", PROFILE, "session", server, header="X-Auth-Token", read="listSessions").verdict.value


def test_a_token_that_works_until_logout_passes_and_the_real_one_is_sent() -> None:
    server = Login()
    assert session(server) == "pass"
    assert server.carried == ["token-number-1"] * 3


@pytest.mark.parametrize("how", [{"tokenless": True}, {"taken": 401}, {"eternal": True}])
def test_a_token_that_is_missing_refused_or_outlives_its_session_fails(how: dict[str, Any]) -> None:
    assert session(Login(**how)) == "fail"


def test_missing_privileges_or_a_refused_login_are_inconclusive() -> None:
    assert session(Login(taken=403)) == "inconclusive"
    assert session(Login(closed=True)) == "inconclusive"


def test_without_authentication_a_token_proves_nothing() -> None:
    assert session(Login(open=True)) == "not-applicable"
