"""HTTP as a standard uses it: headers, HEAD, query parameters, entity tags, media types, and who may read without credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote_plus

from conformance.api import Api
from conformance.checks.expect import one_of
from conformance.checks.registry import check
from conformance.checks.service import expect_error, protected_reads
from conformance.checks.subjects import valid_request
from conformance.contract import Operation
from conformance.ending import Ending, Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request
from conformance.flow import given, send
from conformance.requirement import pick

#: A challenge begins with the name of a scheme (RFC 9110 sections 5.6.2 and 11.6.1).
_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def all_values(seen: Exchange, header: str) -> list[str]:
    """Return the value of each header called *header*, in the order in which they came."""
    return [value.strip() for name, value in seen.headers if name.lower() == header.lower()]


def processed(seen: Exchange) -> Exchange:
    """Return an answer of success.

    Raises:
        Inconclusive: it is none, so there is nothing to look at; the operation's own requirement speaks of that.
    """
    if not seen.success:
        raise Inconclusive(f"{seen.request.where} answered {seen.status}", seen, needs=seen.request.operation)
    return seen


def adding(request: Request, headers: Mapping[str, str | None]) -> Request:
    """Return *request* with some headers set, or left out (None)."""
    for name in headers:
        request = request.without_header(name)
    return request.with_(headers=(*request.headers, *((k.lower(), v) for k, v in headers.items() if v is not None)))


def asking(request: Request, parameter: str, value: str | None) -> Request:
    """Return *request* with a query parameter, in the place of one of that name; `$` stands as it is: a server need not take `%24` for it.

    >>> asking(Request(operation="list", method="GET", target="/a?b=1&c=2"), "b", "(").target
    '/a?c=2&b=%28'
    >>> asking(Request(operation="list", method="GET", target="/a?b=1"), "b", None).target
    '/a'
    """
    text = () if value is None else (f"{quote(parameter, safe='$')}={quote(value, safe='$')}",)
    place, _, fragment = (request.link or request.target).partition("#")
    path, _, query = place.partition("?")
    others = [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != parameter]
    query = "&".join([*others, *text])
    place = f"{path}{'?' if query else ''}{query}{'#' if fragment else ''}{fragment}"
    return request.with_(link=place) if request.link else request.with_(target=place)


@check("header-present", about="operation")
async def header_present(
    api: Api, operation: Operation, header: str, value: str = "", contains: str = "", headers: Mapping[str, str | None] | None = None,
    pattern: str = "", optional: bool = False, told: Mapping[str, str] | None = None, must_accept: bool = False,
) -> None:  # fmt: skip
    """Sends a valid request and looks for a header of its answer, and for what that header must say.

    With: `header`, its name; `value`, what it must equal (a media type without its parameters); `contains`, a part of it in any
    case; `pattern`, a regular expression that the whole of each such header matches; `optional`, whether it may be left out; `headers`,
    what the request carries besides (null: left out); `must_accept`, whether refusing it for those is a finding; `told`
    {`operation`, `pointer`}, a read that tells what stands for `{told}` in `value`.
    """
    if told:
        source = await given(await valid_request(api, api.operation(told["operation"])))
        found = [str(v) for v in pick(source.json(), told["pointer"])]
        if not found:
            raise Inconclusive(f"nothing at {told['pointer']}", source, needs=told["operation"])
        value = value.replace("{told}", found[0])
    right = await valid_request(api, operation)
    answered = await send(adding(right, headers or {}), also=(401, 403) if must_accept else ())
    if must_accept and not answered.success:
        await _refused_for(answered, right, headers or {})
    _expect_header(processed(answered), header, value=value, contains=contains, pattern=pattern, optional=optional)


async def _refused_for(seen: Exchange, right: Request, headers: Mapping[str, str | None]) -> None:
    """End the check with the finding that a request is refused for *headers* alone."""
    control = await given(right)
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    what = ", ".join(f"{k}: {v}" if v is not None else f"no {k}" for k, v in headers.items())
    cause = f"refused: {seen.request.operation} with {what}"
    raise Nonconformity(f"{control.status} as for the usual request, with {what}", seen.summary, seen, control, cause=cause)


def _expect_header(seen: Exchange, header: str, *, value: str, contains: str, pattern: str, optional: bool) -> None:
    found = all_values(seen, header)
    if not found:
        if optional:
            raise NotApplicable(f"no {header} header")
        raise Nonconformity(f"the header {header}", "no such header", seen, cause=f"no {header} header")
    if value and value not in found and not (header.lower() == "content-type" and value.lower() == seen.media_type):
        raise Nonconformity(f"{header}: {value}", ", ".join(found), seen, cause=f"value of {header}")
    if contains and contains.lower() not in ", ".join(found).lower():
        raise Nonconformity(f"{header} with {contains}", ", ".join(found), seen, cause=f"value of {header}")
    strange = next((text for text in found if pattern and not re.fullmatch(pattern, text)), None)
    if strange is not None:
        raise Nonconformity(f"{header} like {pattern}", strange, seen, cause=f"form of {header}")


@check("etag-agrees", about="operation")
async def etag_agrees(api: Api, operation: Operation, pointer: str, optional: bool = False) -> None:
    """Reads a resource and compares the ETag header with the entity tag in the body; weak and strong forms of one tag are the same.

    With: `pointer`, where the body holds the tag; `optional`, whether either may be left out.
    """
    seen = processed(await send(adding(await valid_request(api, operation), {"accept-encoding": "identity"})))
    header = seen.header("etag")
    member = next((v for v in pick(seen.json(), pointer) if isinstance(v, str)), None)
    if header is None or member is None:
        missing = "no ETag header" if header is None else f"nothing at {pointer}"
        if optional or (header is None and member is None):
            raise NotApplicable(missing)
        raise Nonconformity(f"an ETag header and the same tag at {pointer}", missing, seen, cause=f"entity tag: {missing}")
    if _bare(header) != _bare(member):
        raise Nonconformity(f"the entity tag {header.strip()} at {pointer}", member, seen, cause="entity tags differ")


def _bare(tag: str) -> str:
    """Return an entity tag without the mark of weakness, which a gateway may add."""
    return tag.strip().removeprefix("W/")


@check("head-agrees", about="operation")
async def head_agrees(api: Api, operation: Operation, optional: Sequence[int] = ()) -> None:
    """Sends GET, HEAD and GET again: HEAD must answer with the status of GET, without a body, and without contradicting its headers.

    With: `optional`, the statuses with which a server may say that it does not offer HEAD.
    """
    right = await valid_request(api, operation)
    before = await given(right)
    seen = await send(right.with_(method="HEAD"), also=(401, 403))
    if seen.status in optional:
        raise NotApplicable(f"HEAD is not offered ({seen.status})")
    after = await given(right)
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    if seen.status != before.status:
        raise Nonconformity(f"{before.status} as for GET", seen.summary, seen, before, cause="HEAD: status")
    if seen.body:
        raise Nonconformity("no body", f"{len(seen.body)} bytes", seen, cause="HEAD: body")
    if seen.media_type and before.media_type == after.media_type != "" and seen.media_type != before.media_type:
        raise Nonconformity(f"the media type {before.media_type} as for GET", seen.media_type, seen, before, cause="HEAD: media type")
    tag, first, last = seen.header("etag"), before.header("etag"), after.header("etag")
    if tag and first and first == last and _bare(tag) != _bare(first):
        raise Nonconformity(f"the ETag {first} as for GET", tag, seen, before, after, cause="HEAD: ETag")


@check("unknown-query-ignored", about="operation")
async def unknown_query_ignored(api: Api, operation: Operation, parameter: str = "", value: str = "1") -> None:
    """Sends a valid request, then the same with a query parameter that nobody knows: it must be answered as if that were not there.

    With: `parameter` and `value` of the query (a fresh name when left out).
    """
    right = await valid_request(api, operation)
    control = await given(right)
    seen = await send(asking(right, parameter or f"conformance-{api.fresh()}", value))
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    if not seen.success:
        raise Nonconformity(
            f"{control.status} as without the unknown query parameter", seen.summary, seen, control, cause=f"unknown query: {seen.status}"
        )
    if _members(seen) != _members(control) == _members(await given(right)):
        raise Nonconformity(
            "the same members as without the unknown query parameter", "others", seen, control, cause="unknown query: another answer"
        )


def _members(seen: Exchange) -> frozenset[str] | None:
    """Return the names of the members of a JSON object, or None for anything else."""
    body = seen.json() if "json" in seen.media_type and seen.body.strip() else None
    return frozenset(body) if isinstance(body, dict) else None


@check("unsupported-query-refused", about="operation")
async def unsupported_query_refused(
    api: Api, operation: Operation, parameter: str, statuses: Sequence[int], value: str = "1", error: bool = False
) -> None:
    """Sends a valid request, then the same with a query parameter that must be refused.

    With: `parameter` and `value` of the query; `statuses` of the refusal; `error`, to look at the body of a refusal instead.
    """
    right = await valid_request(api, operation)
    control = await given(right)
    seen = await send(asking(right, parameter, value))
    if seen.status in statuses:
        if error:
            expect_error(api, seen)
        return
    if error:
        raise NotApplicable(f"{seen.request.where} was not refused with {one_of(statuses)}")
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    raise Nonconformity(
        f"{one_of(statuses)} for the query parameter {parameter}", seen.summary, seen, control, cause=f"unsupported query: {seen.status}"
    )


@check("anonymous-allowed", about="operation")
async def anonymous_allowed(api: Api, operation: Operation) -> None:
    """Sends a valid request without credentials, and where that fails with credentials: it must be open to everyone."""
    right = await valid_request(api, operation)
    seen = await send(right.with_(identity="none"), also=(401, 403))
    if seen.success:
        return
    control = await given(right)
    if seen.status in (401, 403):
        raise Nonconformity(
            f"{one_of(operation.success)} without credentials", seen.summary, seen, control, cause=f"not anonymous: {operation.title}"
        )
    raise Inconclusive(f"{seen.request.where} answered {seen.status} without credentials", seen, control)


@check("challenge", about="service")
async def challenge(api: Api, unless: Mapping[str, Any] | None = None) -> None:
    """Reads something protected without credentials and looks for WWW-Authenticate in the answer 401.

    With: `unless`, what lets a server leave the challenge out: {`operation`: a read, `pointer`: a member, `in`: its values}.
    """
    refused = await _refused_anonymously(api)
    told = [v for v in all_values(refused, "www-authenticate") if v]
    if not told:
        if unless:
            await _not_excused(api, unless)
        raise Nonconformity("401 with WWW-Authenticate", "no such header", refused, cause="no WWW-Authenticate header")
    if not _SCHEME.match(told[0]):
        raise Nonconformity("WWW-Authenticate that begins with a scheme", told[0], refused, cause="value of WWW-Authenticate")


async def _refused_anonymously(api: Api) -> Exchange:
    """Return an answer 401 to a read that is processed with credentials."""
    troubles: list[Ending] = []
    others: list[int] = []
    for operation in protected_reads(api.profile)[:5]:
        try:
            right = await valid_request(api, operation)
            seen = await send(right.with_(identity="none"), also=(401, 403))
            if seen.status == 401:
                await given(right)
                return seen
            others.append(seen.status)
        except (Inconclusive, NotApplicable) as error:
            troubles.append(error)
    if others:
        raise NotApplicable(f"no read was refused with 401, but answered {one_of(others)}")
    raise next(iter(troubles), NotApplicable("no read of the profile needs credentials"))


async def _not_excused(api: Api, unless: Mapping[str, Any]) -> None:
    """End the check where the server says that it owes no challenge, or where we cannot ask it."""
    seen = await send(api.request(api.operation(unless["operation"])))
    if seen.success:
        said = next(iter(pick(seen.json(), unless["pointer"])), None)
        if said in unless["in"]:
            raise NotApplicable(f"{unless['pointer']} is {said}")
    elif seen.status != 404:
        raise Inconclusive(f"{seen.request.where} answered {seen.status}, so we cannot tell whether a challenge is owed", seen)


@check("media-negotiation", about="operation")
async def media_negotiation(api: Api, operation: Operation, statuses: Sequence[int], accept: str = "", content: str = "") -> None:
    """Sends a valid request, and the same with a media type that cannot be served or read: that one must be refused.

    With: `accept`, a media type for the Accept header, or `content`, one for the body; `statuses` of the refusal (406, 415). Only
    where a standard demands it: HTTP lets a server answer as if there were no Accept (RFC 9110 section 12.5.1).
    """
    right = await valid_request(api, operation)
    if content and not right.body:
        raise NotApplicable(f"{operation.title} takes no body")
    seen = await send(adding(right, {"content-type": content} if content else {"accept": accept}))
    if seen.success:
        raise Nonconformity(
            f"{one_of(statuses)} for {content or accept}", seen.summary, seen, cause=f"media type not refused: {operation.title}"
        )
    control = await given(right)
    if seen.status not in statuses:
        raise Nonconformity(f"{one_of(statuses)} for {content or accept}", seen.summary, seen, control, cause=f"media type: {seen.status}")
