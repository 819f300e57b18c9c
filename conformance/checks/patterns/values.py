"""What becomes of values: secrets are shown nowhere, the case of letters is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.api import Api, merged
from conformance.checks.patterns.home import found_in, home, listing, make
from conformance.checks.patterns.places import empty, leaves, one_at, put, set_up
from conformance.checks.patterns.writing import settled, write_request
from conformance.checks.registry import check
from conformance.checks.subjects import fresh_example
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange
from conformance.flow import given
from conformance.profile import Resource


@check("write-only-hidden", roles=("create", "read"))
async def write_only_hidden(
    api: Api,
    resource: Resource,
    members: Mapping[str, Any],
    roles: Sequence[str] = ("create", "read"),
    beside: Mapping[str, Any] | None = None,
) -> None:
    """Writes secret members and looks for them in the answers: neither the member nor its value may be there.

    Args:
        members: the secret members, put into the body of the create, or of the replace where `roles` has no `create`.
        roles: the answers to look at, in this order: `create`, `replace`, `update`, `read`, `list`.
        beside: what is sent in the create beside them and may be shown.
    """
    at = await home(api, resource)
    plain = merged(await fresh_example(api, resource), api.fill(dict(beside or {})))
    first = merged(plain, api.fill(dict(members))) if "create" in roles else plain
    subject, made = await make(api, resource, at, first)
    if "create" in roles:
        _expect_hidden(resource, members, made, api.body_of(made), first, made)
    written, sent = made, first
    for role in [r for r in ("replace", "update") if r in roles]:
        secrets = api.fill(dict(members))
        sent = merged(api.changed(resource, plain), secrets) if role == "replace" else merged(api.fill(dict(resource.changes)), secrets)
        written = await given(await write_request(api, api.operation(getattr(resource, role)), subject, sent))
        _expect_hidden(resource, members, written, api.body_of(written), sent, written)
    if "read" in roles:
        seen = await settled(api, resource, subject, written, lambda found: True)
        set_up(seen)
        _expect_hidden(resource, members, seen, seen.json(), sent, written)
    if "list" in roles:
        page = await given(listing(api, resource, at))
        _expect_hidden(resource, members, page, found_in(api, resource, page, subject), sent, written)


def _expect_hidden(resource: Resource, members: Mapping[str, Any], seen: Exchange, shown: Any, sent: Any, written: Exchange) -> None:
    """Expect neither the members in *shown* nor their values, as sent or as the record keeps them, in the whole answer."""
    text = seen.body.decode("utf-8", "replace")
    for pointer in leaves(dict(members)):
        if not empty(one_at(shown, pointer)):
            raise Nonconformity(
                f"{pointer} is in no answer",
                f"the answer to {seen.request.operation} shows it",
                seen,
                written,
                cause=f"shows {pointer}: {resource.name}",
            )
        kept = one_at(_json_of(written), pointer)
        values = [v for v in (one_at(sent, pointer), kept) if isinstance(v, str) and len(v) >= 8]
        if any(value in text for value in values):
            raise Nonconformity(
                f"the value of {pointer} is in no answer",
                f"the answer to {seen.request.operation} shows it",
                seen,
                written,
                cause=f"shows {pointer}: {resource.name}",
            )


def _json_of(written: Exchange) -> Any:
    """Return the body that was sent as it is recorded, with placeholders for secrets."""
    return Exchange(request=written.request, status=200, body=written.request.body).json() if written.request.body else None


@check("case-preserved", roles=("create", "read"))
async def case_preserved(api: Api, resource: Resource, pointer: str, value: str) -> None:
    """Creates one with letters of both cases in a member and expects them as sent when it is read.

    Args:
        pointer: the member; where the server does not show it, this does not apply.
        value: a text with letters of both cases.
    """
    wanted = api.fill(value)
    at = await home(api, resource)
    subject, made = await make(api, resource, at, put(await fresh_example(api, resource), pointer, wanted))
    seen = await settled(api, resource, subject, made, lambda found: True)
    set_up(seen)
    shown = one_at(seen.json(), pointer)
    if empty(shown):
        raise NotApplicable(f"the server shows nothing at {pointer}")
    if shown == wanted:
        return
    if not isinstance(shown, str) or shown.casefold() != wanted.casefold():
        raise Inconclusive(f"{pointer} is another value altogether", seen, made)
    raise Nonconformity(f"{wanted!r} at {pointer}", repr(shown), seen, made, cause=f"case of {pointer}")
