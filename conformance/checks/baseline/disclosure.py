"""What answers give away: how the server is built, where it broke, and to which pages of others a browser hands them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.baseline.common import NO_STANDARD, control_of, host_of, offered, prepared, standard, well
from conformance.checks.contract import provocations, provoke
from conformance.checks.registry import check
from conformance.checks.service import expect_error
from conformance.checks.subjects import known_good
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested, clip
from conformance.exchange import Exchange, Request
from conformance.flow import given, send
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.verdict import Effect

#: What only a program that broke writes, by what it is written in; all of them need more than a word that a message may hold.
TRACES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Python", re.compile(r"Traceback \(most recent call last\)|File \"[^\"\n]+\.py\", line \d+")),
    ("Java", re.compile(r"\bat [\w.$/<>]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)")),
    (".NET", re.compile(r"\bat [\w.`<>\[\]]+\([^)\n]*\) in [^\n]+?\.(?:cs|vb|fs):line \d+")),
    ("JavaScript", re.compile(r"\bat (?:[^\n(]{1,120} \()?(?:file:///|node:|/|[A-Z]:\\)[^\s():]*:\d+:\d+\)?")),
    ("Go", re.compile(r"\bgoroutine \d+ \[[a-z ,0-9]+\]:")),
    ("Ruby", re.compile(r"\.rb:\d+:in [`'][^'\n]+'")),
    ("PHP", re.compile(r"#\d+ /[^\s(]+\.php\(\d+\)|\bin /[^\s]+\.php(?:</b>)? on line (?:<b>)?\d+")),
    ("Rust", re.compile(r"thread '[^'\n]+' panicked at ")),
    ("SQL", re.compile(r"SQLSTATE\[\w{5}\]|\bORA-\d{5}:")),
)
#: A name and a version of at least two numbers.
VERSION = re.compile(r"[A-Za-z][\w.+ -]*[/ ]v?\d+\.\d+")
BUILT_WITH = ("server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator")
FOREIGN = "https://conformance.invalid"
#: Ways to ask wrongly that need no operation but the known-good read.
WRONG = ("unknown path", "odd query", "odd escapes", "odd headers")


def trace_in(text: str) -> tuple[str, str] | None:
    """Return what a stack trace in *text* is written in, and where it begins; None where there is none."""
    for language, pattern in TRACES:
        if found := pattern.search(text):
            return language, clip(text[max(0, found.start() - 20) : found.end() + 60], 160)
    return None


def _provoked(profile: Profile, requirement: Requirement) -> Sequence[tuple[str, str]]:
    """Name wrong requests: those of any server, then the errors that operations of the target's standard can be provoked to."""
    known = [o for effect in (Effect.READ, Effect.OWN) for o in offered(profile, effect=effect)]
    return [*((wrong, "") for wrong in WRONG), *((o.id, kind) for o in known for kind in provocations(profile, o))]


@check("errors-disclose-nothing", about="service", cases=_provoked)
async def errors_disclose_nothing(api: Api, case: tuple[str, str]) -> None:
    """Asks wrongly in several ways and looks for a stack trace, or what a database says, in the answers."""
    good = await well(api)
    seen = await _wrong(api, good.request, case)
    found = trace_in(seen.body.decode("utf-8", "replace"))
    if found:
        language, text = found
        raise Nonconformity(
            "an error that says nothing of how the server is built",
            f"{seen.summary} with a trace of {language}: {text}",
            seen,
            good,
            cause="stack trace",
        )


async def _wrong(api: Api, right: Request, case: tuple[str, str]) -> Exchange:
    wrong, kind = case
    also = (401, 403, 429, 503)
    if wrong == "unknown path":
        return await send(Request(operation="", method="GET", target=f"/{api.fresh()}", headers=right.headers), also=also)
    if wrong == "odd query":
        return await send(_with_query(right, "%27%22%3C=%00&limit=-1&offset=a&filter=%28%28&sort=%27"), also=also)
    if wrong == "odd escapes":
        return await send(Request(operation="", method="GET", target=f"/{api.fresh()}%ff%00%2e%2e%2f", headers=right.headers), also=also)
    if wrong == "odd headers":
        odd = ("accept", "content-type", "range", "if-modified-since", "accept-language")
        kept = tuple((k, v) for k, v in right.headers if k.lower() not in odd)
        return await send(right.with_(headers=(*kept, *((name, "';x=\"/()") for name in odd))), also=also)
    operation = api.operation(wrong)
    if not api.allows(operation.effect):
        raise NotApplicable("reads only")
    try:
        seen, _ = await provoke(api, operation, kind)
    except (Inconclusive, NotTested) as error:  # there is nothing to ask wrongly at; a broken answer to what is right shows as well
        raise NotApplicable(f"no error could be provoked at {operation.title}: {error}", *error.evidence) from None
    return seen


def _with_query(right: Request, query: str) -> Request:
    mark = "&" if "?" in right.target + right.link else "?"
    return right.with_(link=f"{right.link}{mark}{query}") if right.link else right.with_(target=f"{right.target}{mark}{query}")


def _errors(profile: Profile, requirement: Requirement) -> Sequence[tuple[str, str]]:
    if profile.beside is None:
        return [(NO_STANDARD, "")]
    known = [o for effect in (Effect.READ, Effect.OWN) for o in offered(profile, effect=effect)]
    return [(o.id, kind) for o in known for kind in provocations(profile, o)]


@check("errors-in-one-format", about="service", cases=_errors)
async def errors_in_one_format(api: Api, case: tuple[str, str]) -> None:
    """Provokes errors and expects the format of the target's standard; where it has none, problem details (RFC 9457)."""
    standard(api)
    operation, bound = api.operation(case[0]), api.profile.bindings.error
    if not api.allows(operation.effect):
        raise NotApplicable("reads only")
    await control_of(operation, await prepared(api, operation))
    seen, control = await provoke(api, operation, case[1])
    if seen.status < 400:
        raise NotApplicable(f"{operation.title} answered {seen.status}", seen)
    if bound.schema or bound.media:
        expect_error(api, seen)
    elif seen.body.strip() and seen.media_type not in ("application/problem+json", "application/problem+xml"):
        told = seen.header("content-type") or "no media type"
        raise Nonconformity("application/problem+json", told, seen, control, cause="error format")


@check("versions-not-shown", about="service")
async def versions_not_shown(api: Api) -> None:
    """Looks in the headers of an answer and of an error for the version of what the server is built with."""
    good = await well(api)
    error = await send(
        Request(operation="", method="GET", target=f"/{api.fresh()}", headers=good.request.headers), also=(401, 403, 429, 503)
    )
    for seen in (good, error):
        for name in BUILT_WITH:
            told = seen.header(name) or ""
            if VERSION.search(told) or ("version" in name and re.search(r"\d+\.\d+", told)):
                raise Nonconformity(f"no version in {name}", clip(told, 100), seen, cause=f"version in {name}")


@check("nosniff", about="service")
async def nosniff(api: Api) -> None:
    """Reads and expects the answer to forbid browsers to guess its media type (X-Content-Type-Options: nosniff)."""
    good = await well(api)
    told = good.header("x-content-type-options")
    if (told or "").strip().lower() != "nosniff":
        raise Nonconformity("X-Content-Type-Options: nosniff", told or "no such header", good, cause="no nosniff")


def _origins(profile: Profile, requirement: Requirement) -> Sequence[tuple[str, str]]:
    return [(origin, method) for origin in ("foreign", "lookalike", "null") for method in ("GET", "OPTIONS")]


@check("origin-not-reflected", about="service", cases=_origins)
async def origin_not_reflected(api: Api, case: tuple[str, str]) -> None:
    """Reads, and asks before a read (preflight), as a page of another origin: it may not be let in together with credentials."""
    origin = {"foreign": FOREIGN, "lookalike": f"https://{host_of(api).strip('[]').replace(':', '-')}.conformance.invalid", "null": "null"}[
        case[0]
    ]
    right = await known_good(api)
    asked = right.with_(headers=(*right.headers, ("origin", origin)))
    if case[1] == "OPTIONS":
        told = (("access-control-request-method", right.method), ("access-control-request-headers", "authorization"))
        asked = asked.with_(method="OPTIONS", body=b"", headers=(*asked.headers, *told), identity="none", effect=Effect.READ, undo="")
    seen = await send(asked, also=(401, 403, 429, 503))
    let_in = (seen.header("access-control-allow-origin") or "").strip() == origin
    if let_in and (seen.header("access-control-allow-credentials") or "").strip() == "true":
        raise Nonconformity(
            f"the origin {origin} is not let in with credentials", f"Access-Control-Allow-Origin: {origin} with credentials", seen, cause="reflected origin"
        )  # fmt: skip
    await given(right)
