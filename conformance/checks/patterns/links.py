"""Links that a server gives lead to what they speak of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.api import Api, Subject
from conformance.checks.expect import ABSENT, one_of
from conformance.checks.patterns.lifecycle import reading, still_there
from conformance.checks.patterns.places import one_at
from conformance.checks.patterns.protocol import processed
from conformance.checks.registry import check
from conformance.checks.subjects import create_request, valid_request
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request
from conformance.flow import ending, given, send, together
from conformance.profile import Resource
from conformance.requirement import pick


@check("links-resolve", about="operation")
async def links_resolve(
    api: Api, operation: Operation, pointers: Sequence[str], dead: Sequence[int] = (404, 410), at_most: int = 50
) -> None:
    """Reads something, follows each link in it with GET, and expects none to be dead as long as the server still shows it.

    With: `pointers`, where the links are; `dead`, the statuses that a shown link may not be answered with; `at_most`, how many
    links are followed.
    """
    request = await valid_request(api, operation)
    shown = processed(await send(request))
    links = _links(shown.json(), pointers)[:at_most]
    if not links:
        raise NotApplicable(f"no link at {' or '.join(pointers)}")
    looks = await together(*[ending(_followed(link)) for link in links])
    seen = [x for x in looks if isinstance(x, Exchange)]
    for first in [x for x in seen if x.status in dead]:
        again = processed(await send(request))
        if first.request.link not in _links(again.json(), pointers):
            continue  # it went away meanwhile
        last = await _followed(first.request.link)
        if last.status in dead:
            raise Nonconformity(
                f"{first.request.link} leads to a resource", last.summary, last, again, cause=f"dead links in {operation.title}"
            )
    trouble = next((x for x in looks if isinstance(x, Exception)), None)
    if trouble:
        raise trouble


def _links(body: Any, pointers: Sequence[str]) -> list[str]:
    """Return the links at *pointers*, each once, without fragments."""
    found = [v.partition("#")[0] for pointer in pointers for v in pick(body, pointer) if isinstance(v, str)]
    return [link for link in dict.fromkeys(found) if link]


async def _followed(link: str) -> Exchange:
    """Follow a link; a refusal is no dead link."""
    return await send(Request(operation="", method="GET", link=link, headers=(("accept", "*/*"),)), also=(401, 403))


@check("location-resolves", roles=("create", "read"))
async def location_resolves(api: Api, resource: Resource, header: str = "Location", pointer: str = "", accepted: bool = False) -> None:
    """Creates one and reads it by the URI that the answer gives: it must be there and be the one that was created.

    With: `header`, where the answer holds the URI; `pointer`, where its body holds it as well; `accepted`, where 202 gives it too.
    """
    request, wanted, parent = await create_request(api, resource)
    made = await given(request)
    if made.status == 202 and not accepted:
        raise Inconclusive("it is created later (202), so the answer has no URI of it yet", made)
    location = made.header(header)
    if not location:
        raise Nonconformity(f"{made.status} with the header {header}", "no such header", made, cause=f"no {header} header")
    body = made.json() if made.body.strip() else None
    inside = one_at(body, pointer) if pointer and body is not None else None
    for link, place in ((location, header), (inside, pointer)):
        if isinstance(link, str) and link:
            await _leads_to(
                api, resource, Subject(parameters=parent.parameters if parent else {}, link=link, sent=wanted), made, body, place
            )


async def _leads_to(api: Api, resource: Resource, subject: Subject, made: Exchange, body: Any, place: str) -> None:
    """Expect the link of *subject* to lead to what *made* created: by its id or link where both show one, else by its marker."""
    seen = await reading(api, resource, subject)
    if not seen.success:
        if 300 <= seen.status < 400:
            raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
        id = one_at(body, resource.created_id or resource.id) if resource.parameter and (resource.created_id or resource.id) else ABSENT
        if id is not ABSENT and "/" not in str(id) and not place.startswith("/"):
            known = Subject(parameters={**subject.parameters, resource.parameter: str(id)})
            await still_there(api, resource, known, made)
        raise Nonconformity(
            f"{one_of(api.operation(resource.read).success)} at the URI of {place}",
            seen.summary,
            seen,
            made,
            cause=f"{place} leads nowhere: {resource.name}",
        )
    found = seen.json()
    sides = (
        (resource.created_id or resource.id, resource.id, body),
        (resource.link, resource.link, body),
        (resource.marker, resource.marker, subject.sent),
    )
    for ours, theirs, source in sides:
        told, shown = (pick(source, ours) if ours else []), (pick(found, theirs) if theirs else [])
        if told and shown:
            if str(told[0]).rstrip("/") != str(shown[0]).rstrip("/"):
                raise Nonconformity(
                    f"{told[0]!r} at the URI of {place}", repr(shown[0]), seen, made, cause=f"{place} leads elsewhere: {resource.name}"
                )
            return
