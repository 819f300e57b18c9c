"""Faults that concern the whole service are looked at once, however many operations show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conformance.api import Api
from conformance.checks.contract import expect_media, provocations, provoke
from conformance.checks.expect import expect_schema, one_of
from conformance.checks.registry import check
from conformance.checks.subjects import valid_request
from conformance.contract import Operation
from conformance.ending import Ending, Inconclusive, Nonconformity, NotApplicable, NotTested
from conformance.exchange import Exchange
from conformance.flow import ending, given, send, together
from conformance.profile import Profile
from conformance.requirement import Requirement, pick


def tested_operations(profile: Profile, *, reads: bool) -> list[Operation]:
    """Return the operations that the profile has requirements for; only reads, or all but the disruptive and lasting."""
    ids = dict.fromkeys(r.on for r in profile.requirements if r.family == "answers" and r.feature == "core") or dict.fromkeys(
        r.on for r in profile.requirements if r.family == "answers"
    )
    wanted = [profile.operation(i) for i in ids]
    return [o for o in wanted if (o.effect == "read" if reads else o.effect in ("read", "own"))]


def protected_reads(profile: Profile) -> list[Operation]:
    """Return the safe reads that need credentials: those of the core, else those of every feature; the ones without input first."""
    ids = dict.fromkeys(r.on for r in profile.requirements if r.family == "answers")
    every = [o for o in (*tested_operations(profile, reads=True), *[profile.operation(i) for i in ids]) if o.safe and o.effect == "read"]
    core = {r.on for r in profile.requirements if r.family == "answers" and r.feature == "core"}
    wanted = [o for o in {o.id: o for o in every}.values() if o.id not in profile.bindings.authentication.anonymous]
    return sorted([o for o in wanted if o.id in core] or wanted, key=lambda o: len(o.path_parameters))


@check("service-authentication", about="service")
async def service_authentication(api: Api) -> None:
    """Sends several reads that need credentials without any: a service that serves them all has no authentication."""
    reads = protected_reads(api.profile)[:5]
    if not reads:
        raise NotApplicable("no read of the profile needs credentials")
    looks = await together(*[ending(_anonymously(api.branch(o.id), o)) for o in reads])
    seen = [x for x in looks if isinstance(x, Exchange)]
    if not seen:
        raise next((x for x in looks if isinstance(x, Ending)), Inconclusive("no read could be looked at"))
    if all(x.success for x in seen):
        wanted = one_of(api.profile.bindings.authentication.missing)
        raise Nonconformity(
            f"{wanted} without credentials",
            f"{len(seen)} of {len(seen)} protected reads are served without any",
            *seen[:3],
            cause="no authentication",
        )


async def _anonymously(api: Api, operation: Operation) -> Exchange:
    request = await valid_request(api, operation)
    seen = await send(request.with_(identity="none"), also=(401, 403))
    if not seen.success:
        await given(request)
    return seen


def _error_provocations(profile: Profile, requirement: Requirement) -> Sequence[tuple[str, str]]:
    """Pair operations with errors that can be provoked there: those named, those of the core, or of every feature where it has none."""
    if at := requirement.arguments.get("at"):
        return [(operation, kind) for operation, kinds in at.items() for kind in kinds]
    every = [profile.operation(i) for i in dict.fromkeys(r.on for r in profile.requirements if r.family == "answers")]
    for operations in (tested_operations(profile, reads=False), [o for o in every if o.effect in ("read", "own")]):
        found = [(o.id, kind) for o in operations for kind in provocations(profile, o)]
        if found:
            return found
    return ()


@check("service-error-format", about="service", cases=_error_provocations)
async def service_error_format(
    api: Api, case: tuple[str, str], statuses: Sequence[int] = (), apart_from: Sequence[int] = (), may_be_empty: bool = False,
    at: Mapping[str, Sequence[str]] | None = None,
) -> None:  # fmt: skip
    """Provokes an error at each operation and holds its body against the error format of the standard.

    With: `statuses`, the only ones that need the format; `apart_from`, those that are judged elsewhere; `may_be_empty`, where an
    error need not have a body; `at`, the operations to look at and the kinds of errors to provoke there: unknown-id, not-json,
    no-credentials, wrong-credentials.
    """
    operation, kind = api.operation(case[0]), case[1]
    if not api.allows(operation.effect):
        raise NotApplicable("reads only")
    try:
        seen, _ = await provoke(api, operation, kind)
    except (Inconclusive, NotTested) as error:
        if not error.evidence or (isinstance(error, Inconclusive) and error.needs):  # there is nothing to provoke an error at
            raise NotApplicable(f"no error could be provoked at {operation.title}: {error}") from None
        raise
    if seen.status < 400 or seen.status in apart_from or (statuses and seen.status not in statuses):
        raise NotApplicable(f"{operation.title} answered {seen.status}")
    if seen.status >= 500 and any(r.family == "errors" and r.on == operation.id for r in api.profile.requirements):
        raise NotApplicable(f"{operation.title} answered {seen.status}, which its errors find")
    if may_be_empty and not seen.body.strip():
        return
    expect_error(api, seen)


def expect_error(api: Api, seen: Exchange) -> None:
    """Expect an error body as the bindings say: media type, schema, and the status it repeats."""
    bound = api.profile.bindings.error
    if bound.media and seen.media_type not in bound.media:
        raise Nonconformity(
            f"an error of media type {' or '.join(bound.media)}", seen.header("content-type") or "no media type", seen, cause="error format"
        )
    if bound.schema:
        try:
            expect_schema(api, f"/components/schemas/{bound.schema}", seen)
        except Nonconformity as found:
            raise Nonconformity(f"an error body ({bound.schema})", found.observed, seen, cause="error format") from None
    if bound.status:
        told = [str(v) for v in pick(seen.json(), bound.status)]
        if told and told != [str(seen.status)]:
            raise Nonconformity(f"the status {seen.status} at {bound.status} of the error", told[0], seen, cause="error format: status")


def _media_operations(profile: Profile, requirement: Requirement) -> Sequence[str]:
    return [o.id for o in tested_operations(profile, reads=False) if any(a.media for s, a in o.answers.items() if s.startswith("2"))]


@check("service-media-type", about="service", cases=_media_operations)
async def service_media_type(api: Api, case: str) -> None:
    """Looks at the media type of a successful answer of each operation."""
    operation = api.operation(case)
    if not api.allows(operation.effect):
        raise NotApplicable("reads only")
    looked = await ending(_answered(api, operation))
    if isinstance(looked, Inconclusive) and looked.needs:
        raise NotApplicable(f"{operation.title} answered no success")
    if isinstance(looked, Exception):
        raise looked
    expect_media(api, operation, looked)


async def _answered(api: Api, operation: Operation) -> Exchange:
    return await given(await valid_request(api, operation))
