"""What is issued at one place and honoured at another: tokens and clients, active until they end, and what metadata say of their issuer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from conformance.api import Api
from conformance.checks.expect import same_value
from conformance.checks.patterns.places import one_at
from conformance.checks.patterns.places import processed as expect_processed
from conformance.checks.patterns.told import changed
from conformance.checks.registry import check
from conformance.checks.subjects import valid_request
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested
from conformance.exchange import Exchange, Request
from conformance.flow import given, send, wait
from conformance.forms import BASIC, POST, Client, proven
from conformance.requirement import pick

#: Seconds by which the clocks of a server and of ours may be apart when a token ends.
SLACK = 2.0


def processed(operation: Operation, seen: Exchange, *others: Exchange) -> Exchange:
    """Return an answer that is a success; anything else is a finding."""
    expect_processed(operation, seen, *others)
    return seen


async def issued(api: Api, issue: str, pointer: str, instead: str = "") -> tuple[str, Exchange]:
    """Return what a valid request of the operation *issue* is given at *pointer*, with the exchange.

    Where that is refused it is what the test data have under *instead*, if anything.
    """
    made = replace(await send(await valid_request(api, api.operation(issue))), set_up=True)
    if 400 <= made.status < 500 and instead in api.test_data:
        return str(api.datum(instead)), made
    if not made.success:
        raise Inconclusive(f"set-up: {made.request.where} answered {made.refusal}", made, needs=issue)
    found = [v for v in pick(made.json(), pointer) if isinstance(v, str) and v]
    if not found:
        raise Inconclusive(f"set-up: {made.request.where} shows nothing at {pointer}", made, needs=issue)
    return found[0], made


def left_of(made: Exchange, seen: Exchange, lifetime: str) -> float | None:
    """Return how many seconds what was issued had left when it was looked at, or None where nobody said how long it lives."""
    lasts = next((v for v in pick(made.json(), lifetime) if isinstance(v, int | float) and not isinstance(v, bool)), None)
    return None if lasts is None else lasts - (seen.ended_s - made.started_s)


@check("issued-shown", about="operation")
async def issued_shown(
    api: Api, operation: Operation, issue: str, expect: Mapping[str, Any], changes: Mapping[str, Any] | None = None,
    pointer: str = "/access_token", member: str = "token", lifetime: str = "/expires_in", if_shown: bool = False, instead: str = "",
) -> None:  # fmt: skip
    """Has something issued, presents it, and expects the answer to say of it what the standard says.

    With: `issue`, the operation that issues; `pointer` to what it issued; `member` of the form that presents it; `changes`, other
    members of that form; `expect`, pointer -> value; `lifetime`, where the issuer says how many seconds it lives; `if_shown`, when
    members that are not there are none the worse; `instead`, the test data that is presented where nothing is issued to us: it must
    say so without `changes`, else it proves nothing.
    """
    token, made = await issued(api, issue, pointer, instead)
    right = await changed(api, operation, await valid_request(api, operation), {member: token})
    wanted = api.fill(dict(expect))
    if not made.success and _otherwise((await given(right)).json(), wanted, if_shown):
        raise Inconclusive(f"needs test_data: {operation.title} says something else of the {instead} that is there", made)
    seen = processed(operation, await send(await changed(api, operation, right, changes or {})))
    left = left_of(made, seen, lifetime)
    if left is not None and left < SLACK:
        raise Inconclusive("it may have ended before it was looked at", made, seen)
    body = seen.json()
    if place := _otherwise(body, wanted, if_shown):
        cause = f"{operation.title}: {place}"
        raise Nonconformity(f"{wanted[place]!r} at {place}", repr(one_at(body, place)), seen, made, cause=cause, place=place)


def _otherwise(body: Any, wanted: Mapping[str, Any], if_shown: bool) -> str:
    """Return the first pointer at which there is not what is wanted, or ''."""
    places = [place for place in wanted if not if_shown or pick(body, place)]
    return next((place for place in places if not same_value(one_at(body, place), wanted[place])), "")


@check("issued-ends", about="operation")
async def issued_ends(
    api: Api, operation: Operation, issue: str, by: str, revoke: str = "", changes: Mapping[str, Any] | None = None,
    pointer: str = "/access_token", member: str = "token", active: str = "/active", lifetime: str = "/expires_in", within: float = 60.0,
    instead: str = "",
) -> None:  # fmt: skip
    """Has something issued, sees that it is active, lets it end, and expects that it is active no more.

    With: `issue`, the operation that issues; `by` what it ends: revocation (with the operation `revoke`, whose form gets `changes`),
    alteration (another one made of it), or expiry (at most `within` seconds are waited); `pointer` to what was issued, `member` of the
    forms that present it, `active` where the answer tells, `lifetime` where the issuer says how many seconds it lives; `instead`, the
    test data that is presented where nothing is issued to us.
    """
    token, made = await issued(api, issue, pointer, instead)
    right = await valid_request(api, operation)
    control = await given(await changed(api, operation, right, {member: token}))
    if one_at(control.json(), active) is not True:
        raise Inconclusive(f"set-up: {operation.title} does not say that it is active", made, control)
    others = [made, control]
    if by == "revocation":
        ending = api.operation(revoke)
        others.append(await given(await changed(api, ending, await valid_request(api, ending), {member: token, **(changes or {})})))
    elif by == "expiry":
        left = left_of(made, control, lifetime)
        if left is None or left > within:
            raise NotTested(f"needs tokens that live no longer than {within:g} s")
        await wait(left + SLACK)
    presented = f"{token}x" if by == "alteration" else token
    seen = processed(operation, await send(await changed(api, operation, right, {member: presented})), *others)
    if one_at(seen.json(), active) is not False:
        observed, cause = repr(one_at(seen.json(), active)), f"still active: {by}"
        raise Nonconformity(f"false at {active} after {by}", observed, seen, *others, cause=cause, place=active)


async def _else_accepted(
    api: Api, operation: Operation, right: Request, refused: Exchange, control: Mapping[str, Any] | None
) -> tuple[Exchange, ...]:
    """Go on only where a refusal is a finding here: the control, if there is another request, is accepted; return what shows that.

    Raises:
        Inconclusive: it is refused as well; what that means is for `answers` to find out.
    """
    if control is not None:
        return (await given(await changed(api, operation, right, control)),)
    if f"{api.profile.name}/{operation.slug}.answers" in api.profile.by_id:
        raise Inconclusive(f"set-up: {refused.request.where} answered {refused.status}", refused, needs=operation.id)
    return ()


@check("answer-says", about="operation")
async def answer_says(
    api: Api, operation: Operation, expect: Mapping[str, Any] | None = None, changes: Mapping[str, Any] | None = None,
    holds: Sequence[str] = (), lacks: Sequence[str] = (), of_test_data: bool = False, where: Mapping[str, Any] | None = None,
    includes: Mapping[str, Sequence[Any]] | None = None, only: Mapping[str, Sequence[Any]] | None = None, never_forbidden: bool = False,
    control: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Sends a valid request, with other members if told so, and expects values in the answer.

    With: `changes`, members of the body that are replaced; `expect`, pointer -> value; `holds`, pointers at which there is something;
    `lacks`, pointers at which there is nothing; `includes`, pointer -> values each of which is among those there; `only`, pointer ->
    values of which each that is there is one; `of_test_data`, when a refusal may be because of the target's test data; `where`,
    pointer -> value that the answer must have for this to be looked at; `never_forbidden`, where 403 is no answer to what is asked,
    and the plain valid request shows that the caller is let in; `control`, members of the request that must be accepted for a refusal
    to be a finding (where there are `changes`: none, the plain valid one).
    """
    right = await valid_request(api, operation)
    seen = await send(await changed(api, operation, right, changes or {}), also=(403,) if never_forbidden else ())
    if never_forbidden and seen.status == 403:
        plain = await given(right)
        raise Nonconformity("an answer, whatever it says", seen.summary, seen, plain, cause=f"403 as an answer: {operation.title}")
    if of_test_data and 400 <= seen.status < 500:
        raise Inconclusive(f"needs test_data: {operation.title} refused what is there with {seen.refusal}", seen)
    control = control if control is not None else {} if changes else None
    accepted = await _else_accepted(api, operation, right, seen, control) if 400 <= seen.status < 500 else ()
    body = processed(operation, seen, *accepted).json()
    for place, value in (where or {}).items():
        if not same_value(one_at(body, place), value):
            raise Inconclusive(f"the answer does not say {value!r} at {place}, of which this is", seen)
    for place, value in (expect or {}).items():
        if not same_value(one_at(body, place), value):
            cause = f"{operation.title}: {place}"
            raise Nonconformity(f"{value!r} at {place}", repr(one_at(body, place)), seen, cause=cause, place=place)
    for place in holds:
        if not pick(body, place):
            raise Nonconformity(f"something at {place}", "nothing", seen, cause=f"{operation.title}: {place}", place=place)
    for place in lacks:
        if pick(body, place):
            raise Nonconformity(f"nothing at {place}", repr(one_at(body, place))[:200], seen, cause=f"{operation.title}: more than asked")
    for place, values in (includes or {}).items():
        for value in values:
            if not any(same_value(found, value) for found in pick(body, place)):
                raise Nonconformity(f"{value!r} at {place}", repr(pick(body, place))[:200], seen, cause=f"{operation.title}: {place}")
    for place, values in (only or {}).items():
        for found in pick(body, place):
            if not any(same_value(found, value) for value in values):
                raise Nonconformity(f"only {list(values)!r} at {place}", repr(found)[:200], seen, cause=f"{operation.title}: {place}")


@check("found-in-place", about="operation")
async def found_in_place(api: Api, operation: Operation) -> None:
    """Reads what may be found at several places at the first of them, where the standard says that it is."""
    place = api.places(operation)[0]
    seen = await send(api.request(operation, link=place))
    if not seen.success or "json" not in seen.media_type:
        observed = f"{seen.summary} {seen.media_type}".strip()
        raise Nonconformity(f"{operation.title} at {place}", observed, seen, cause=f"not in place: {operation.title}")


@check("scope-limited", about="operation")
async def scope_limited(api: Api, operation: Operation, scope: str = "{unique}") -> None:
    """Asks for a scope that nobody knows: it is refused, or the answer says which other scope was given.

    With: `scope`, what is asked for.
    """
    right = await valid_request(api, operation)
    unknown = str(api.fill(scope))
    seen = await send(await changed(api, operation, right, {"scope": unknown}))
    control = await given(right)
    if 400 <= seen.status < 500:
        return
    given_scope = one_at(processed(operation, seen, control).json(), "/scope")
    if not isinstance(given_scope, str):
        raise Nonconformity(
            "a refusal, or a scope member that tells what was given instead",
            "200 without scope",
            seen,
            control,
            cause="unknown scope given",
        )
    if unknown in given_scope.split():
        raise Nonconformity("a scope that the server knows", given_scope[:200], seen, control, cause="unknown scope given")


@check("registered-works", about="operation")
async def registered_works(api: Api, operation: Operation, issue: str, changes: Mapping[str, Any] | None = None) -> None:
    """Registers a client and asks as that client for something to be issued: its credentials must be known from then on.

    With: `issue`, the operation that issues to clients; `changes`, members of its form that are replaced.

    A refusal for another reason shows that the client is known where the same with a wrong secret is refused for the client's sake.
    """
    made = await given(await valid_request(api, operation))
    body = made.json()
    id, secret, method = (one_at(body, p) for p in ("/client_id", "/client_secret", "/token_endpoint_auth_method"))
    if not isinstance(id, str) or not isinstance(secret, str) or (isinstance(method, str) and method not in (BASIC, POST)):
        raise Inconclusive("the client was given no secret to send", made)
    client = Client(id=id, secret=secret, method=POST if method == POST else BASIC)
    issuing = api.operation(issue)
    asked = (await changed(api, issuing, await valid_request(api, issuing), changes or {})).with_(identity="none")
    seen = await send(proven(asked, client))
    if _unknown_client(seen):
        observed = f"{seen.summary} {one_at(seen.json(), '/error')}"
        raise Nonconformity("a client that the server knows", observed, seen, made, cause="registered client unknown")
    if not 400 <= seen.status < 500:
        processed(issuing, seen, made)
        return
    control = await send(proven(asked, replace(client, secret=f"wrong-{api.fresh()}")))
    if not _unknown_client(control):
        raise Inconclusive("a wrong secret is not refused for the client's sake, so this does not tell", seen, control, made)


#: Errors with which a client that is known is refused (RFC 6749 section 5.2).
_KNOWN = ("invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope")


def _unknown_client(seen: Exchange) -> bool:
    error = one_at(seen.json(), "/error") if 400 <= seen.status < 500 else ""
    return error == "invalid_client" or (seen.status in (401, 403) and error not in _KNOWN)


@check("issuer-agrees", about="operation")
async def issuer_agrees(api: Api, operation: Operation, suffix: str, pointer: str = "/issuer") -> None:
    """Reads metadata and expects them to name, to the letter, the issuer from whose URL their own URL is made.

    With: `suffix`, what is put behind the issuer, or between its host and its path; `pointer` to the issuer.

    An issuer that ends with a slash and one that does not lead to the same place, so both are taken.
    """
    seen = await given(await valid_request(api, operation))
    parts = urlsplit(seen.url)
    path = parts.path.removesuffix(suffix) if parts.path.endswith(suffix) else parts.path.removeprefix(suffix)
    wanted = urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), "", ""))
    found = one_at(seen.json(), pointer)
    if found not in (wanted, f"{wanted}/"):
        raise Nonconformity(f"{wanted} at {pointer}", repr(found), seen, cause="another issuer", place=pointer)


@check("links-absolute", about="operation")
async def links_absolute(api: Api, operation: Operation, pointers: Sequence[str]) -> None:
    """Reads something and expects each of the links in it to be an absolute URL without a fragment; https where it came by https.

    With: `pointers` to the links; those that are not there are not looked at.
    """
    seen = await given(await valid_request(api, operation))
    schemes = ("https",) if seen.url.startswith("https:") else ("http", "https")
    body = seen.json()
    for pointer in pointers:
        for link in pick(body, pointer):
            try:
                parts = urlsplit(link) if isinstance(link, str) else None
            except ValueError:
                parts = None
            if parts is None or parts.scheme not in schemes or not parts.hostname or parts.fragment:
                wanted = f"an absolute {' or '.join(schemes)} URL without a fragment at {pointer}"
                raise Nonconformity(wanted, repr(link)[:200], seen, cause=f"link at {pointer}")


@check("values-differ", about="operation")
async def values_differ(api: Api, operation: Operation, pointer: str) -> None:
    """Reads something and expects each value at a pointer to be there once.

    With: `pointer`, with `*` for the items of an array.
    """
    seen = await given(await valid_request(api, operation))
    values = [v for v in pick(seen.json(), pointer) if v is not None]
    twice = next((v for n, v in enumerate(values) if v in values[:n]), None)
    if twice is not None:
        raise Nonconformity(f"each value at {pointer} once", f"{twice!r} twice", seen, cause=f"twice at {pointer}")


@check("redirects-nowhere", about="operation")
async def redirects_nowhere(api: Api, operation: Operation, parameter: str, query: Mapping[str, Any] | None = None) -> None:
    """Sends a request that names an address to go back to which is not registered: the answer may not lead there.

    With: `parameter` of the query that names the address; `query`, other parameters of the request.
    """
    request = await valid_request(api, operation)
    if query:
        request = api.request(operation, link=api.addresses.get(operation.id, ""), query=query)
    wanted = parse_qs(urlsplit(request.link or request.target).query).get(parameter, [""])[0]
    if not wanted:
        raise NotApplicable(f"the request has no {parameter}")
    seen = await send(request, also=(401, 403))
    if seen.status in (404, 405, 501) or seen.status >= 500:
        raise Inconclusive(f"{operation.title} answered {seen.status}", seen)
    leads = seen.header("location") or ""
    if leads.startswith(wanted):
        raise Nonconformity(f"no redirect to {parameter}", f"{seen.status} to {leads[:200]}", seen, cause="open redirect")
