"""Set-up that checks share: an instance to look at, and a valid request of any operation. All of it is `given`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.api import LEFT_OUT, Api, Subject, path_values, spoken_of
from conformance.content import sent_body, with_members
from conformance.contract import Address, Operation
from conformance.ending import Ending, Inconclusive, NotApplicable, NotTested
from conformance.exchange import Exchange, Request
from conformance.flow import given, send, wait
from conformance.profile import Resource
from conformance.requirement import pick
from conformance.verdict import Effect


async def parents(api: Api, operation: Operation, *, own: str = "") -> Subject | None:
    """Return what the path of *operation* hangs under (without the resource's own id), the same for all of a case; or None."""
    subject: Subject | None = None
    owners = api.profile.bindings.owners
    for name in reversed(operation.path_parameters):  # the innermost brings those that it hangs under
        if name == own or name not in owners or (subject and name in subject.parameters):
            continue
        owner = owners[name]
        if owner.name not in api.homes:
            api.homes[owner.name] = await existing(api, owner)
        found = api.homes[owner.name]
        subject = replace(subject, parameters={**found.parameters, **subject.parameters}) if subject else found
    return subject


async def collection(api: Api, resource: Resource) -> tuple[str, Subject | None]:
    """Return the link to the collection, where clients must follow one, and the instance it hangs under.

    Raises:
        NotApplicable: the server shows no such link, so it offers no such collection.
    """
    place = resource.found_at
    if place is None:
        operation = api.operation(resource.list or resource.create or resource.read)
        return "", await parents(api, operation, own=resource.parameter)
    if place.operation:
        shown, subject = (await given(api.request(api.operation(place.operation)))).json(), None
    else:
        owner = api.resource(place.resource)
        subject = await existing(api, owner)
        shown = (await given(api.request(api.operation(owner.read), subject=subject))).json()
    link = next((v for v in pick(shown, place.pointer) if isinstance(v, str) and v), "")
    if not link:
        raise NotApplicable(f"the server shows no link at {place.pointer}")
    return link, subject


async def located(api: Api, operation: Operation) -> str:
    """Return the link to an operation whose address the server tells, or '' where its path is the contract's.

    Raises:
        NotApplicable: the server shows no address of it.
        Inconclusive: what would show it cannot be read.
    """
    address = operation.address
    if address is None:
        return ""
    if operation.id not in api.addresses:
        found = await _shown_address(api, operation, address) if address.shown else await _first_place(api, operation)
        api.addresses[operation.id] = found
    return api.addresses[operation.id]


async def _first_place(api: Api, operation: Operation) -> str:
    """Return the first place at which a read is answered with JSON; the first of all where none is."""
    places = api.places(operation)
    for place in places if len(places) > 1 else ():
        seen = await send(api.request(operation, link=place), also=(401, 403), silence=True)
        if seen.success and "json" in seen.media_type:
            return place
    return places[0]


async def _shown_address(api: Api, operation: Operation, address: Address) -> str:
    """Return what the first of the operations that show the address has there."""
    answered = False
    for name in address.shown:
        shown = api.operation(name)
        seen = await send(api.request(shown, link=await located(api, shown)), also=(401, 403))
        if not seen.success or (address.places and "json" not in seen.media_type):
            continue
        answered = True
        link = next((v for v in pick(replace(seen, set_up=True).json(), address.pointer) if isinstance(v, str) and v), "")
        if link:
            return link
    if address.places:
        return api.places(operation)[0]
    if answered:
        raise NotApplicable(f"the server shows no {address.pointer}")
    raise Inconclusive(f"nothing shows the address of {operation.title}", needs=address.shown[0])


async def filled(api: Api, template: Any) -> Any:
    """Return *template* filled in: `{id.NAME}` is the id of an instance made or found for it, `{example.NAME}` a body that creates one.

    `{shown.NAME/pointer}` is what the server shows of an instance.
    """
    others = {}
    for word in spoken_of(template):
        kind, _, name = word.partition(".")
        name, slash, pointer = name.partition("/")
        resource = api.resource(name)
        if kind == "shown":
            others[word] = await _shown_of_one(api, resource, slash + pointer)
        else:
            others[word] = await fresh_example(api, resource) if kind == "example" else await _id_of_one(api, resource)
    return api.fill(template, others)


async def _shown_of_one(api: Api, resource: Resource, pointer: str) -> Any:
    """Return what the server shows at *pointer* of an instance of *resource*.

    Where it shows nothing, `pointer|text` is the text, and for `pointer?` the member or item is left out.
    """
    pointer, bar, instead = pointer.partition("|")
    optional, pointer = pointer.endswith("?") and not bar, pointer.removesuffix("?") if not bar else pointer
    subject = api.homes.get(resource.name) or await existing(api, resource)
    if _holds_others(api, resource):
        api.homes[resource.name] = subject  # what else is spoken of may have to hang under it
    found = pick(subject.shown, pointer)
    if not found and resource.read:
        read = api.operation(resource.read)
        whole = await parents(api, read) if resource.name in api.homes else subject
        found = pick((await given(api.request(read, subject=whole))).json(), pointer)
    if not found and optional:
        return LEFT_OUT
    if not found and not bar:
        raise Inconclusive(f"the server shows nothing at {pointer} of a {resource.name}")
    return found[0] if found else instead


async def fresh_example(api: Api, resource: Resource) -> Any:
    """Return a fresh body that creates a *resource*, with what it speaks of made before."""
    return await filled(api, resource.example) if spoken_of(resource.example) else api.example(resource)


async def _id_of_one(api: Api, resource: Resource) -> str:
    """Return the id of an instance of *resource*: what the target's test data names, else one that we make, else the first listed."""
    if resource.name in api.test_data:
        return str(api.test_data[resource.name])
    subject = api.homes.get(resource.name) or await existing(api, resource)
    if _holds_others(api, resource):
        api.homes[resource.name] = subject  # what else is spoken of may have to hang under it
    known = subject.parameters.get(resource.parameter) if resource.parameter else None
    found = next((str(v) for v in pick(subject.shown, resource.id) if v is not None), known) if resource.id else known
    if not (known or found):
        raise Inconclusive(f"no id of a {resource.name} to speak of: needs test_data {resource.name}")
    return str(known or found)


def _holds_others(api: Api, resource: Resource) -> bool:
    """Tell whether paths of other things name an instance of *resource*."""
    operations = api.profile.contract.operations.values()
    return any(resource.parameter in (o.path_parameters[:-1] if resource.role(o.id) else o.path_parameters) for o in operations)


async def create_request(api: Api, resource: Resource, body: Any = None) -> tuple[Request, Any, Subject | None]:
    """Return a valid request that creates a *resource*, the body it sends, and the instance it hangs under."""
    link, parent = await collection(api, resource)
    wanted = await fresh_example(api, resource) if body is None else body
    operation = api.operation(resource.create)
    return api.request(operation, subject=parent, link=link, body=wanted), wanted, parent


async def create(api: Api, resource: Resource, body: Any = None) -> tuple[Subject, Exchange]:
    """Create a *resource* as set-up and return it, ready to be worked with, with the exchange that made it."""
    request, wanted, parent = await create_request(api, resource, body)
    made = await given(request)
    subject = created(api, resource, made, wanted, parent)
    await until_ready(api, resource, subject)
    return subject, made


async def until_ready(api: Api, resource: Resource, subject: Subject) -> None:
    """Read what was just written until it shows that it may be worked with, where the bindings say how it tells.

    What the server does not show is not waited for, and that it cannot be read is for others to find.

    Raises:
        Inconclusive: it is not ready in time, or failed.
    """
    bound = resource.ready
    if bound is None or not resource.read:
        return
    request = api.request(api.operation(resource.read), subject=subject)
    seen = await send(request)
    began, pause = seen.started_s, 0.2
    while True:
        shown = pick(replace(seen, set_up=True).json(), bound.pointer) if seen.success else []
        late = seen.ended_s - began >= (bound.within if seen.success else resource.within)
        if any(value in bound.values for value in shown) or (seen.success and not shown) or (not seen.success and late):
            return
        if seen.success and (late or any(value in bound.failed for value in shown)):
            raise Inconclusive(f"set-up: the {resource.name} is {shown[0]!r} after {seen.ended_s - began:.0f} s", seen)
        await wait(pause)
        pause = min(2 * pause, 5.0)
        seen = await send(request)


def renamed(api: Api, resource: Resource, request: Request) -> Request:
    """Return a create with a fresh id where the client chooses it in the body; what it speaks of stays the same."""
    pointer = resource.chosen.get(resource.parameter, "")
    named, body = pick(resource.example, pointer) if pointer else [], sent_body(request)
    if not named or not isinstance(body, dict):
        return request
    above, _, last = pointer.rpartition("/")
    for holder in pick(body, above):
        holder[last] = api.fill(named[0])
    return with_members(request, body)


def created(api: Api, resource: Resource, made: Exchange, sent: Any, parent: Subject | None) -> Subject:
    """Return the instance that a create answer speaks of."""
    location, target = made.header("location") or "", made.request.target or made.request.link
    return api.subject(resource, api.body_of(made), parent=parent, location=location, sent=sent, target=target)


async def discard(api: Api, resource: Resource, made: Exchange) -> None:
    """Delete at once what should never have been made, so that it is in nobody's way; where that fails the ledger tries again."""
    if not resource.delete:
        return
    try:
        above = path_values(api.operation(resource.create).path, made.request.target or made.request.link)
        home = Subject(parameters={k: v for k, v in above.items() if k != resource.parameter}) if above else None
        subject = created(api, resource, made, sent_body(made.request) or {}, home)
        await send(api.request(api.operation(resource.delete), subject=subject))
    except Ending:
        return


async def existing(api: Api, resource: Resource) -> Subject:
    """Return an instance of *resource*: a fresh one where we may create, else the first listed, else the target's test data.

    Raises:
        Inconclusive: there is none to look at.
    """
    trouble: Inconclusive | NotTested | None = None
    if resource.name in api.test_data:
        value = str(api.test_data[resource.name])
        return Subject(
            parameters={resource.parameter: value} if resource.parameter else {},
            link=value if resource.link and value.startswith("/") else "",
        )
    if resource.create and resource.example is not None and api.allows(api.operation(resource.create).effect):
        try:
            return (await create(api, resource))[0]
        except Inconclusive as error:
            trouble = error
    if resource.list:
        link, parent = await collection(api, resource)
        try:
            listed = await given(api.request(api.operation(resource.list), subject=parent, link=link))
        except Inconclusive as error:
            raise trouble or error from None
        items = api.items(resource, listed.json())
        if items:
            return api.subject(resource, items[0], parent=parent)
    if resource.read and not resource.parameter:  # there is one of it, or one under each of what it hangs under
        link, parent = await collection(api, resource)
        return replace(parent or Subject(), link=link)
    raise trouble or Inconclusive(f"no {resource.name} to look at: needs test_data {resource.name}")


async def ours(api: Api, resource: Resource) -> Subject:
    """Return an instance that this run made, so that it may be changed.

    Raises:
        NotTested: we may not create one.
    """
    if not resource.create:
        raise NotTested(f"only a {resource.name} of our own may be changed, and the profile has no way to create one")
    return (await create(api, resource))[0]


async def named(api: Api, operation: Operation) -> Subject:
    """Return the instance that the target's owner named for a disruptive operation."""
    value = str(api.datum(operation.test_data))
    names = operation.path_parameters
    link = value if value.startswith("/") else ""
    return Subject(parameters={names[-1]: value.rstrip("/").rsplit("/", 1)[-1]} if names else {}, link=link)


async def valid_request(api: Api, operation: Operation, body: Any = None) -> Request:
    """Return a request of *operation* that a conforming server processes, after whatever set-up it takes."""
    resource = api.profile.bindings.resource_of(operation.id)
    role = resource.role(operation.id) if resource else ""
    if operation.test_data:
        subject = await named(api, operation)
        request = api.request(operation, subject=subject, body=await filled(api, operation.body) if body is None else body)
        return await guarded(api, resource, subject, request) if resource else request
    if resource is None:
        subject_or_none, link = await _acted_on(api, operation), await located(api, operation)
        return api.request(operation, subject=subject_or_none, link=link, body=await filled(api, operation.body) if body is None else body)
    if role == "create":
        return (await create_request(api, resource, body))[0]
    if role == "list":
        link, parent = await collection(api, resource)
        return api.request(operation, subject=parent, link=link)
    subject = await (_to_read(api, resource) if role == "read" else ours(api, resource))
    if body is None:
        body = changing_body(api, resource, operation, subject)
    link = await located(api, operation)
    return await guarded(api, resource, subject, api.request(operation, subject=subject, link=link, body=body))


async def known_good(api: Api) -> Request:
    """Return the request that a healthy server answers with success: the probe; where that is no read, a valid request of it."""
    probe = api.operation(api.profile.bindings.probe)
    if probe.effect is not Effect.READ:
        return await valid_request(api, probe)
    return api.request(probe, subject=await parents(api, probe))


async def _to_read(api: Api, resource: Resource) -> Subject:
    """Return an instance to read, the same for all of a case where others hang under it."""
    subject = api.homes.get(resource.name) or await existing(api, resource)
    if _holds_others(api, resource):
        api.homes[resource.name] = subject
    return subject


async def _acted_on(api: Api, operation: Operation) -> Subject | None:
    """Return what the path of an operation without a role names; a write acts on something of our own, never on the first listed."""
    owner = api.profile.bindings.owners.get(operation.path_parameters[-1]) if operation.path_parameters else None
    if owner and owner.create and operation.effect is not Effect.READ and owner.name not in {*api.homes, *api.test_data}:
        api.homes[owner.name] = await ours(api, owner)
    return await parents(api, operation)


async def guarded(api: Api, resource: Resource, subject: Subject, request: Request) -> Request:
    """Return a replace, update or delete of *subject* with If-Match, where the bindings say so and a read shows an ETag.

    A weak tag never matches there (RFC 9110 section 13.1.1), so `*` stands for it. Call it right before sending: a write changes the tag.
    """
    if not (resource.if_match and resource.read and request.operation in (resource.replace, resource.update, resource.delete)):
        return request
    tag = (await given(api.request(api.operation(resource.read), subject=subject))).header("etag")
    if not tag:
        return request
    return request.with_(headers=(*request.without_header("if-match").headers, ("if-match", "*" if tag.startswith("W/") else tag)))


def changing_body(api: Api, resource: Resource, operation: Operation, subject: Subject) -> Any:
    """Return the body of a valid replace or update of *subject*; None for a read or delete."""
    if operation.body is not None:
        return api.fill(operation.body)
    if operation.id == resource.replace:
        return api.changed(resource, subject.sent)
    if operation.id == resource.update:
        return api.fill(dict(resource.changes))
    return None
