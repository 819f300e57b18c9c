"""Who gets in: nobody without credentials, no tenant at what is another's, nobody without the right."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Api, Subject
from conformance.checks.baseline.common import NO_STANDARD, control_of, prepared, protected_reads, protected_writes, standard, well
from conformance.checks.discovery import alike
from conformance.checks.expect import one_of
from conformance.checks.registry import check
from conformance.checks.subjects import changing_body, create, create_request, known_good
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested
from conformance.exchange import Exchange, Request, Trouble
from conformance.flow import given, send
from conformance.profile import Profile, Resource
from conformance.requirement import Requirement
from conformance.verdict import Effect

#: A method that no registry holds.
MADE_UP = "CONFORM"
LIMITED, OTHER = "limited", "other"


async def _anonymously(api: Api, operation: Operation) -> tuple[Exchange, Request]:
    right = await prepared(api, operation)
    return await send(right.with_(identity="none"), also=(401, 403)), right


@check("anonymous-refused", about="service", cases=protected_reads)
async def anonymous_refused(api: Api, case: str) -> None:
    """Sends each protected read without credentials, which must not be served; then with them, as control."""
    standard(api)
    await _refused_anonymously(api, api.operation(case))


@check("anonymous-write-refused", about="service", cases=protected_writes, writes=True)
async def anonymous_write_refused(api: Api, case: str) -> None:
    """Sends each protected write that can be taken back without credentials, which must not be done; then with them, as control."""
    standard(api)
    await _refused_anonymously(api, api.operation(case))


async def _refused_anonymously(api: Api, operation: Operation) -> None:
    seen, right = await _anonymously(api, operation)
    if seen.success:
        wanted = one_of(api.profile.bindings.authentication.missing)
        raise Nonconformity(f"{wanted} without credentials", f"{seen.summary}: served", seen, cause=f"open: {operation.title}")
    await control_of(operation, right)


@check("anonymous-status", about="service", cases=protected_reads)
async def anonymous_status(api: Api, case: str) -> None:
    """Sends each protected read without credentials and expects the status with which the target's standard refuses that."""
    wanted = standard(api).bindings.authentication.missing
    operation = api.operation(case)
    seen, right = await _anonymously(api, operation)
    if seen.success:
        raise NotApplicable(f"{operation.title} is served without credentials", seen)
    control = await control_of(operation, right)
    if seen.status not in wanted:
        raise Nonconformity(
            f"{one_of(wanted)} without credentials", seen.summary, seen, control, cause=f"status {seen.status} without credentials"
        )


@check("anonymous-challenged", about="service", cases=protected_reads)
async def anonymous_challenged(api: Api, case: str) -> None:
    """Sends each protected read without credentials and expects a 401 to say how to authenticate (WWW-Authenticate)."""
    standard(api)
    operation = api.operation(case)
    seen, right = await _anonymously(api, operation)
    if seen.status != 401:
        raise NotApplicable(f"{operation.title} answered {seen.status}", seen)
    control = await control_of(operation, right)
    if not (seen.header("www-authenticate") or "").strip():
        raise Nonconformity("a WWW-Authenticate header with the 401", "no such header", seen, control, cause="no challenge")


def _of_tenants(profile: Profile, requirement: Requirement) -> Sequence[tuple[str, str]]:
    """Pair resources that a run can make for itself with what another tenant may not do to them."""
    if profile.beside is None:
        return [(NO_STANDARD, "")]
    roles = requirement.arguments.get("roles", ("read",))
    bound = profile.bindings
    if not bound.authentication.required:
        return []
    return [
        (name, role)
        for name, resource in bound.resources.items()
        for role in roles
        if resource.create and resource.read and resource.example is not None and getattr(resource, role)
        and resource.read not in bound.authentication.anonymous
        and profile.operation(resource.create).effect is Effect.OWN
        and profile.operation(getattr(resource, role)).effect in (Effect.READ, Effect.OWN)
    ]  # fmt: skip


async def _belongs(api: Api, case: tuple[str, str]) -> tuple[Resource, Operation, Subject, Exchange]:
    """Return a resource, what the other tenant asks of it, one of ours, and the proof that the other's credentials are good."""
    standard(api)
    resource = api.resource(case[0])
    if case[0] in (shared if isinstance(shared := api.test_data.get("shared_resources"), list) else ()):
        raise NotApplicable(f"every tenant may see a {resource.name} (test_data shared_resources)")
    good = await _identity(api, OTHER)
    try:
        subject, _ = await create(api, resource)
    except Inconclusive as error:
        if error.evidence and error.evidence[-1].status in (404, 405, 501):
            raise NotApplicable(f"no {resource.name} can be made here", *error.evidence) from None
        raise
    return resource, api.operation(getattr(resource, case[1])), subject, good


async def _identity(api: Api, identity: str) -> Exchange:
    """Show that the credentials of an identity are good.

    Raises:
        NotTested: the target file names none.
    """
    try:
        seen = await send((await known_good(api)).with_(identity=identity), also=(401, 403))
    except Inconclusive as error:
        if error.evidence and error.evidence[-1].trouble is Trouble.NO_CREDENTIALS:
            raise NotTested(f"needs credentials '{identity}' in the target file", *error.evidence) from None
        raise
    if seen.status == 401:
        raise Inconclusive(f"the credentials '{identity}' are refused", seen)
    return seen


@check("tenant-kept-out", about="service", cases=_of_tenants, writes=True)
async def tenant_kept_out(api: Api, case: tuple[str, str], roles: Sequence[str] = ("read",)) -> None:
    """Makes one of each resource and asks for it as another tenant, who must not be served; our own read is the control.

    With: `roles`, what the other tenant tries: read, replace, update, delete.
    """
    resource, operation, subject, good = await _belongs(api, case)
    body = changing_body(api, resource, operation, subject)
    seen = await send(api.request(operation, subject=subject, body=body).with_(identity=OTHER), also=(401, 403))
    if seen.success:
        observed = f"{seen.summary}: served"
        raise Nonconformity(
            f"403 or 404: the {resource.name} is another tenant's", observed, seen, good, cause=f"tenants not kept apart: {operation.title}"
        )
    await given(api.request(api.operation(resource.read), subject=subject))


@check("existence-hidden", about="service", cases=_of_tenants, writes=True)
async def existence_hidden(api: Api, case: tuple[str, str]) -> None:
    """Asks as another tenant for one of ours and for one that does not exist: the two refusals must be alike."""
    resource, operation, subject, good = await _belongs(api, case)
    right = api.request(operation, subject=subject)
    seen = await send(right.with_(identity=OTHER), also=(401, 403))
    if seen.success:
        raise NotApplicable(f"{operation.title} is served to another tenant", seen)
    await given(right)
    nowhere = api.request(operation, parameters={**subject.parameters, resource.parameter: api.unknown_id(resource)})
    absent = await send(nowhere.with_(identity=OTHER), also=(401, 403))
    if seen.status != absent.status or not alike(seen, absent):
        raise Nonconformity(
            "the same refusal for what exists and what does not", f"{seen.status} for ours, {absent.status} for one that does not exist",
            seen, absent, good, cause=f"existence shown: {operation.title}",
        )  # fmt: skip


def _makeable(profile: Profile, requirement: Requirement) -> Sequence[str]:
    if profile.beside is None:
        return [NO_STANDARD]
    found = [
        r
        for r in profile.bindings.resources.values()
        if r.create and r.example is not None and profile.operation(r.create).effect is Effect.OWN
    ]
    return [r.name for r in found] if profile.bindings.authentication.required else []


@check("rights-kept", about="service", cases=_makeable, writes=True)
async def rights_kept(api: Api, case: str) -> None:
    """Tries to make one of each resource with credentials that are valid but give no right to, which must be refused; ours are the control."""
    standard(api)
    resource = api.resource(case)
    good = await _identity(api, LIMITED)
    request = (await create_request(api, resource))[0]
    seen = await send(request.with_(identity=LIMITED), also=(401, 403))
    if seen.success:
        raise Nonconformity(
            "403: these credentials give no right to make anything", f"{seen.summary}: done", seen, good, cause=f"rights: {request.where}"
        )
    operation = api.operation(resource.create)
    await control_of(operation, (await create_request(api, resource))[0])


def _methods(profile: Profile, requirement: Requirement) -> Sequence[str]:
    return ("TRACE", MADE_UP)


@check("undeclared-method-refused", about="service", cases=_methods, writes=True)
async def undeclared_method_refused(api: Api, case: str) -> None:
    """Sends TRACE and a method that nobody knows to where a read is answered: neither may succeed."""
    good = await well(api)
    wrong = good.request.with_(method=case, body=b"", effect=Effect.OWN)  # what a method does that nobody knows, nobody knows
    seen = await send(wrong, also=(401, 403, 503))
    if seen.success:
        raise Nonconformity(f"405 or 501: {case} is not offered", seen.summary, seen, good, cause=f"method {case}")
