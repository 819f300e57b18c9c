"""Runs as they are recorded, made by hand: a realistic one, and one in which every field is hostile."""

import json
from collections.abc import Mapping
from typing import Any

from conformance.exchange import Exchange, Path, Request, Trouble
from conformance.run import Fact, Finding, Footer, Header, Leftover, Look, Result, Run
from conformance.verdict import Effect, Level, Verdict

BASE = "https://scim.partner.example:8443/scim/v2"
JSON = (("content-type", "application/scim+json"), ("date", "Sun, 01 Nov 2026 09:30:00 GMT"))
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\x1b[31m\x9b\u202e\u2066\0\ud800&amp;\r\n--></style></title>]]>"


def exchange(
    method: str = "GET", target: str = "/Users", status: int = 200, body: Any = None, *, sent: Any = None, at: Path = (1, 0, 0), **more: Any
) -> Exchange:
    """Return an exchange with JSON bodies; *more* are fields of the exchange, `identity` and `link` of the request."""
    about = {k: more.pop(k) for k in ("identity", "link", "operation") if k in more}
    headers = (("accept", "application/scim+json"), *((("content-type", "application/scim+json"),) if sent is not None else ()))
    request = Request(
        **{
            "operation": "listUsers",
            "method": method,
            "target": target,
            "headers": headers,
            "body": _bytes(sent),
            "effect": Effect.READ if method == "GET" else Effect.OWN,
            **about,
        }
    )
    return Exchange(
        **{
            "request": request,
            "status": status,
            "headers": JSON if status else (),
            "body": _bytes(body),
            "url": BASE + target,
            "at": at,
            "started_s": 1.25,
            "ended_s": 1.262,
            **more,
        }
    )


def _bytes(value: Any) -> bytes:
    return b"" if value is None else value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def result(slug: str, verdict: Verdict = Verdict.PASS, level: Level = Level.MUST, **more: Any) -> Result:
    """Return a result of the profile `scim2`."""
    return Result(
        **{
            "requirement": f"scim2/{slug}",
            "level": level,
            "clause": "RFC 7644 §3.3",
            "sentence": "What was created can be read back.",
            "check": "answer",
            "on": "users",
            "verdict": verdict,
            "cases": 1,
            "judged": int(verdict in (Verdict.PASS, Verdict.FAIL)),
            "requests": 3,
            "started_s": 1.0,
            "ended_s": 1.5,
            **more,
        }
    )


def header(**more: Any) -> Header:
    """Return the header of a run of `scim2` against a partner's endpoint."""
    return Header(
        **{
            "suite": "0.1.0",
            "run_id": "20261101-093000-4f2a",
            "started": 1793525400.0,
            "seed": 7,
            "profile": "scim2",
            "edition": "2.0",
            "title": "SCIM 2.0 identity provisioning",
            "interface": 8,
            "allowed": ("write",),
            "digests": {"profile": "5f0c7d1a9b3e" + "0" * 52, "contract": "a" * 64},
            "target": {
                "name": "Partner IdP 4.2",
                "url": BASE,
                "credentials": {"default": {"scheme": "bearer", "token": {"env": "SCIM_TOKEN"}}},
            },
            "notes": ("the server's certificate was not verified (the target file says so)",),
            **more,
        }
    )


def realistic() -> tuple[Run, dict[str, dict[Path, Exchange]]]:
    """Return a run with a verdict of every kind, and its exchanges."""
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "icra-4f2a-1",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "active": True,
    }
    made = exchange(
        "POST", "/Users", 201, user | {"id": "2819c223", "meta": {"resourceType": "User"}}, sent=user, at=(1, 0, 0), operation="createUser"
    )
    read = exchange("GET", "/Users/2819c223", 200, user | {"id": "2819c223", "active": "true"}, at=(1, 0, 1), operation="getUser")
    gone = exchange("GET", "/Users/icra-none", 404, {"message": "no such user"}, at=(1, 0, 0), operation="getUser")
    etag = exchange("PUT", "/Users/2819c223", 200, user, sent=user, at=(1, 0, 2), operation="replaceUser")
    slow = exchange("GET", "/Users?count=1000", 0, at=(1, 0, 0), trouble=Trouble.SLOW, detail="slower than 10 s", ended_s=11.25)
    results = [
        result(
            "get-user.round-trip",
            Verdict.FAIL,
            reason='expected /active to be true; observed "true"',
            sentence="A user that was created can be read back, equal in every attribute that the client may write.",
            clause="RFC 7643 §2.3.2",
            findings=(
                Finding(
                    case="active",
                    expected="/active: true, as it was sent",
                    observed='/active: "true", a string',
                    evidence=((1, 0, 0), (1, 0, 1)),
                ),
            ),
            evidence=((1, 0, 1),),
        ),
        *[
            result(
                f"{name}.errors",
                Verdict.FAIL,
                reason="expected the member schemas; observed none",
                cause="errors are not SCIM errors",
                clause="RFC 7644 §3.12",
                sentence="An error says what is wrong in the SCIM error format.",
                findings=(
                    Finding(
                        case="unknown id",
                        expected="the member schemas with urn:ietf:params:scim:api:messages:2.0:Error",
                        observed="the members message",
                        evidence=((1, 0, 0),),
                    ),
                ),
            )
            for name in ("get-user", "replace-user", "delete-user")
        ],
        result(
            "users.lost-update",
            Verdict.FAIL,
            Level.SHOULD,
            reason="expected 412; observed 200",
            sentence="A change that names an old version is refused.",
            clause="RFC 7644 §3.14",
            feature="etag",
            findings=(Finding(expected="412", observed="200", evidence=((1, 0, 2),), seen_once=True),),
        ),
        result(
            "users.sort",
            Verdict.INCONCLUSIVE,
            Level.SHOULD,
            reason="unstable: failed once (expected ascending order; observed b, a), then did not",
            sentence="A sorted list is in order.",
            clause="RFC 7644 §3.4.2.3",
            feature="sort",
            evidence=((1, 0, 0),),
        ),
        result(
            "users.paging",
            Verdict.INCONCLUSIVE,
            reason="GET /Users?count=1000: slower than 10 s",
            sentence="A page holds no more than was asked for.",
            clause="RFC 7644 §3.4.2.4",
            evidence=((1, 0, 0),),
        ),
        result(
            "users.filter",
            Verdict.ERROR,
            reason="KeyError: 'Resources' at filtered:41",
            sentence="A filter selects what it names.",
            clause="RFC 7644 §3.4.2.2",
            evidence=(),
        ),
        *[
            result(
                f"patch-user.{n}",
                Verdict.NOT_TESTED,
                reason="needs scim2/get-user.round-trip",
                sentence="A user can be changed in part.",
                feature="patch",
                requests=0,
                judged=0,
            )
            for n in ("answer", "add", "remove")
        ],
        result(
            "passwords.hashed",
            Verdict.NOT_TESTED,
            reason="unobservable",
            sentence="Passwords are not kept in clear text.",
            check="",
            requests=0,
        ),
        *[
            result(
                f"bulk.{n}",
                Verdict.NOT_APPLICABLE,
                reason="feature bulk: the claim says no",
                sentence="Several operations can be sent in one request.",
                feature="bulk",
                requests=0,
            )
            for n in ("answer", "limits")
        ],
        result(
            "me.answer", Verdict.FAIL, Level.MAY, draft=True, reason="expected 200; observed 501", sentence="/Me stands for the caller."
        ),
        result("create-user.media-type", basis="programme", sentence="The media type of an answer has no charset.", evidence=((1, 0, 0),)),
        *[
            result(f"{name}.answer", level=level, evidence=((1, 0, 0),), sentence=f"{name} answers as its contract says.")
            for name, level in [
                ("create-user", Level.MUST),
                ("get-user", Level.MUST),
                ("list-users", Level.MUST),
                ("delete-user", Level.MUST),
                ("get-schema", Level.SHOULD),
                ("list-groups", Level.SHOULD),
                ("search", Level.MAY),
            ]
        ],
    ]
    found: dict[str, dict[Path, Exchange]] = {r.requirement: {(1, 0, 0): made} for r in results if r.verdict is Verdict.PASS}
    found["scim2/get-user.round-trip"] = {made.at: made, read.at: read}
    found |= {f"scim2/{name}.errors": {gone.at: gone} for name in ("get-user", "replace-user", "delete-user")}
    found |= {"scim2/users.lost-update": {(1, 0, 2): etag}, "scim2/users.paging": {slow.at: slow}}
    look = Look(
        scope={
            "core": {"state": "in", "reason": "core"},
            "etag": {"state": "in", "reason": "the server says it is there"},
            "sort": {"state": "in", "reason": "claimed"},
            "bulk": {"state": "out", "reason": "the claim says no"},
            "me": {"state": "planned", "reason": "planned, not there yet"},
        }
    )
    left = (Leftover(resource="users", where="/Users/2819c224", state="answered 500 to DELETE"),)
    run = Run(
        header=header(),
        look=look,
        results=tuple(results),
        leftovers=left,
        footer=Footer(ended="complete", ended_s=41.3, requests=212, exit_code=1),
        folder="runs/1",
    )
    return run, found


def hostile() -> tuple[Run, dict[str, dict[Path, Exchange]]]:
    """Return a run in which every text that can come from outside is `HOSTILE`."""
    bad = HOSTILE
    told: Mapping[str, Any] = {
        "clause": bad,
        "basis": bad,
        "feature": bad,
        "sentence": bad,
        "check": bad,
        "on": bad,
        "reason": bad,
        "blocked_by": bad,
        "cause": bad,
    }
    finding = Finding(case=bad, expected=bad, observed=bad, cause=bad, evidence=((1, 0, 0), (9,)), seen_once=True)
    results = tuple(
        Result(
            requirement=f"{bad}{v.value}{draft}",
            level=Level.MUST,
            verdict=v,
            draft=draft,
            findings=(finding,),
            facts=(Fact(kind="needs", value=bad, about=bad, more={"part_title": bad}), Fact(kind="provides", value=bad)),
            evidence=((1, 0, 0),),
            cases=1,
            requests=1,
            **told,
        )
        for v in Verdict
        for draft in (False, True)
    )
    raw = bad.encode("utf-8", "surrogatepass")
    seen = Exchange(
        request=Request(
            operation=bad, method=bad, target=bad, link=bad, headers=((bad, bad), ("x-a", bad)), body=raw, identity=bad, undo=bad, on=bad
        ),
        status=200,
        headers=((bad, bad),),
        body=json.dumps({bad: bad}).encode(),
        detail=bad,
        url=f"https://host/{bad}",
        at=(1, 0, 0),
    )
    run = Run(
        header=header(
            suite=bad,
            run_id=bad,
            profile=bad,
            edition=bad,
            title=bad,
            server_says=bad,
            state=bad,
            digests={"profile": bad},
            selected=bad,
            run_by=bad,
            notes=(bad,),
            allowed=(bad,),
            started=1e300,
            target={
                "name": bad,
                "url": bad,
                "credentials": {"default": {"scheme": bad, "header": bad}},
                "headers": {bad: bad},
                "origins": [bad],
            },
        ),
        look=Look(trouble=bad, scope={bad: {"state": bad, "reason": bad}}),
        results=results,
        leftovers=(Leftover(resource=bad, where=bad, state=bad),),
        footer=Footer(ended=bad, ended_s=1.0, requests=1, exit_code=0),
        folder=bad,
    )
    return run, {r.requirement: {(1, 0, 0): seen} for r in results}
