"""Documents whose addresses an index tells: found, read, held against schemas, headers, sizes and what the index says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from conformance.api import Api
from conformance.checks.contract import json_or_none
from conformance.checks.expect import expect_schema, one_of
from conformance.checks.patterns.protocol import all_values
from conformance.checks.registry import check
from conformance.checks.subjects import valid_request
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request, Trouble
from conformance.flow import ending, given, send, together
from conformance.profile import Published
from conformance.requirement import pick

#: Documents of one index that are read; a longer index is read so far.
MOST = 100
#: Statuses that say that nothing is at an address.
NOWHERE = (404, 410)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an index: what it says, its address as written, and what came back; or why it was not looked at."""

    said: Any
    link: str
    seen: Exchange | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One document that was read."""

    said: Any
    link: str
    seen: Exchange
    body: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """An index and what became of its entries."""

    index: Exchange
    base: str
    entries: tuple[Entry, ...]

    @property
    def answered(self) -> list[Entry]:
        """The entries whose address was answered."""
        return [e for e in self.entries if e.seen is not None and e.seen.status]

    @property
    def documents(self) -> list[Document]:
        """The documents that can be read: answered with success, in JSON; one that is listed twice is one."""
        found = [(e, e.seen, json_or_none(e.seen)) for e in self.entries if e.seen is not None and e.seen.success]
        read = [Document(e.said, e.link, seen, body) for e, seen, body in found if isinstance(body, dict | list)]
        return list({d.seen.url: d for d in reversed(read)}.values())[::-1]

    @property
    def unread(self) -> list[str]:
        """The addresses of the entries that are not among the documents."""
        read = [d.seen.url for d in self.documents]
        return [e.link for e in self.entries if e.seen is None or e.seen.url not in read]


def bound_to(api: Api) -> Published:
    """Return how the bindings say that an index lists documents."""
    bound = api.profile.bindings.documents
    if bound is None:
        raise Inconclusive("the bindings name no index of documents")
    return bound


async def read_all(
    api: Api, operation: Operation, *, identity: str = "default", query: Mapping[str, Any] | None = None, index: Exchange | None = None
) -> Reading:
    """Read the index, unless it is given, and every document that it lists for everybody.

    Raises:
        Inconclusive: the index cannot be read, or lists nothing.
    """
    bound = bound_to(api)
    naming = api.operation(bound.index)
    index = index or await given(await valid_request(api, naming))
    body = index.json()
    found = pick(body, bound.items)
    if not found or not isinstance(found[0], list) or not found[0]:
        raise Inconclusive("the index lists no document", index, needs=bound.index)
    asked = (index.request.target or index.request.link).partition("?")[0]
    base = (text_at(body, bound.base) if bound.base else "") or index.url.partition("?")[0].removesuffix(asked)
    looks = [_entry(api, operation, bound, index.url, base, said, identity, query or {}) for said in found[0][:MOST]]
    rest = [Entry(said, text_at(said, bound.link), why=f"one of more than {MOST}") for said in found[0][MOST:]]
    return Reading(index, base, (*await together(*looks), *rest))


async def _entry(
    api: Api, operation: Operation, bound: Published, at: str, base: str, said: Any, identity: str, query: Mapping[str, Any]
) -> Entry:
    """Read what one entry names, where it is open to everybody, or to the credentials that ask."""
    link = text_at(said, bound.link)
    if not link:
        return Entry(said, "", why="it names no address")
    says = pick(said, bound.open.pointer) if bound.open else []
    agreed = api.test_data.get(bound.agreed) if identity != "none" else None
    if bound.open is not None and not any(v in bound.open.values or v == agreed for v in says):
        needs = f"needs test_data {bound.agreed}: " if bound.agreed and identity != "none" else ""
        return Entry(said, link, why=f"{needs}not open: {', '.join(str(v) for v in says)[:100]}")
    more = "&".join(f"{k}={v}" for k, v in query.items())
    places = [
        f"{place}{'&' if '?' in place else '?'}{more}" if more else place for place in addresses(link, base, f"{base.rstrip('/')}/", at)
    ]
    return await followed(operation, said, link, places, identity)


async def followed(operation: Operation, said: Any, link: str, places: Sequence[str], identity: str = "default") -> Entry:
    """Ask for a link at the places that it may mean, one after the other, until something is there."""
    last: Entry | None = None
    for place in places:
        request = Request(
            operation=operation.id, method="GET", link=place, headers=(("accept", "application/json, */*;q=0.5"),), identity=identity
        )
        seen = await ending(send(request, also=(401, 403), silence=True))
        if isinstance(seen, Exception):
            if not isinstance(seen, Inconclusive):
                raise seen
            last = last or Entry(said, link, why=str(seen))
            continue
        last = Entry(said, link, seen, "" if seen.status else seen.detail or str(seen.trouble))
        if seen.status not in NOWHERE:
            return last
    return last or Entry(said, link, why="no address")


def addresses(link: str, base: str, *relative: str) -> list[str]:
    """Return what a link may mean, the likeliest first: readers differ in what a leading slash stands below.

    Args:
        base: what a link with a leading slash is appended to.
        relative: the URLs against which any other relative link may be resolved.

    >>> addresses("/a", "https://host/api", "https://host/api/x/doc")
    ['https://host/api/a', 'https://host/a']
    >>> addresses("../b", "https://host/api", "https://host/api/x/doc")
    ['https://host/api/b']
    """
    try:
        if urlsplit(link).scheme or link.startswith("//"):
            found = [urljoin(base, link)]
        elif link.startswith("/"):
            found = [base.rstrip("/") + link, urljoin(base, link)]
        else:
            found = [urljoin(at, link) for at in relative]
    except ValueError:
        found = [link]
    return list(dict.fromkeys(place.partition("#")[0] for place in found))


def text_at(body: Any, pointer: str) -> str:
    """Return the first text at *pointer*, or ''."""
    for value in pick(body, pointer):
        if isinstance(value, str):
            return value
    return ""


def told_in(reading: Reading) -> list[Document]:
    """Return the documents of a reading.

    Raises:
        Inconclusive: none could be read.
    """
    if reading.documents:
        return reading.documents
    why = next((e.why or (e.seen.summary if e.seen else "") for e in reading.entries), "")
    needs, why = (f"{why.partition(': ')[0]}: ", why.partition(": ")[2]) if why.startswith("needs ") else ("", why)
    raise Inconclusive(f"{needs}no listed document could be read: {reading.entries[0].link}: {why}", reading.index, *_evidence(reading))


def _evidence(reading: Reading) -> list[Exchange]:
    return [e.seen for e in reading.entries if e.seen is not None][:3]


def parts_of(documents: Sequence[Document], pointers: Sequence[str]) -> Iterator[tuple[Document, str, Any]]:
    """Yield every part of the documents at the pointers."""
    for document in documents:
        for pointer in pointers:
            for part in pick(document.body, pointer):
                yield document, pointer, part


@check("documents-answered", about="operation")
async def documents_answered(api: Api, operation: Operation, identity: str = "default") -> None:
    """Reads the index and each document that it lists for everybody: answered with success, in JSON; notes what was not looked at.

    With: `identity` that asks; `none` where no credentials may be needed.
    """
    reading = await read_all(api, operation, identity=identity)
    for entry in reading.entries if identity == "default" else ():
        looked = "read" if entry.seen is not None and entry.seen.success else "not looked at" if entry.seen is None else "not read"
        api.note("document", entry.link, looked=looked, why=entry.why or (entry.seen.summary if entry.seen else ""))
    for entry in reading.answered:
        seen = entry.seen
        assert seen is not None
        if 300 <= seen.status < 400:
            raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
        if seen.status in (401, 403) and identity == "default":
            raise Inconclusive(f"credentials refused: {seen.request.where} answered {seen.status}", seen)
        if not seen.success:
            raise Nonconformity(
                f"{one_of(operation.success)} for {entry.link}, which the index lists", seen.summary, seen, reading.index, cause=f"{seen.status}: listed document"
            )  # fmt: skip
        seen.json()
    if not reading.answered:
        if identity == "none" and all(e.why.startswith("not open") for e in reading.entries):
            raise NotApplicable("no document is listed as open")
        told_in(reading)


@check("documents-match", about="operation")
async def documents_match(api: Api, operation: Operation, schema: str, pointers: Sequence[str] = ("",)) -> None:
    """Reads every document that the index lists and holds parts of it against a schema of the contract.

    With: `schema`, the name of the component; `pointers` to the parts (the whole document); where there are none, nothing applies.
    """
    documents = told_in(await read_all(api, operation))
    looked = 0
    for document, pointer, part in parts_of(documents, pointers):
        looked += 1
        found = [
            v for _, v in zip(range(3), api.profile.contract.responses.violations(f"/components/schemas/{schema}", part), strict=False)
        ]
        if found:
            told = "; ".join(f"{pointer}{v.pointer}: {v.problem}" for v in found)
            raise Nonconformity(f"{schema} in {document.link}", f"{_name(part)}{told}", document.seen, cause=found[0].cause)
    if not looked:
        raise NotApplicable(f"no document has anything at {' or '.join(pointers)}")


def _name(part: Any) -> str:
    """Return what names a part, for people."""
    found = (
        next((str(part[k]) for k in part if k.lower().endswith("id") and isinstance(part[k], str)), "") if isinstance(part, dict) else ""
    )
    return f"{found}: " if found else ""


@check("documents-sized", about="operation")
async def documents_sized(api: Api, operation: Operation, at_most: int) -> None:
    """Reads every document that the index lists and looks at its size.

    With: `at_most` bytes.
    """
    reading = await read_all(api, operation)
    looked = 0
    for entry in reading.entries:
        seen = entry.seen
        if seen is None:
            continue
        if seen.trouble is Trouble.TOO_BIG or len(seen.body) > at_most:
            size = seen.detail or str(seen.trouble) if seen.trouble else f"{len(seen.body)} bytes"
            raise Nonconformity(f"at most {at_most} bytes in {entry.link}", size, seen, cause="size of a document")
        looked += seen.success
    if not looked:
        told_in(reading)


@check("documents-header", about="operation")
async def documents_header(api: Api, operation: Operation, header: str, value: str = "", contains: str = "") -> None:
    """Reads every document that the index lists and looks for a header of its answer, and for what that header must say.

    With: `header`, its name; `value`, what it must equal (a media type without its parameters); `contains`, a part of it in any case.
    """
    reading = await read_all(api, operation)
    looked = [e.seen for e in reading.answered if e.seen is not None and e.seen.success]
    if not looked:
        told_in(reading)
    for seen in looked:
        found = all_values(seen, header)
        if not found:
            raise Nonconformity(f"the header {header}", "no such header", seen, cause=f"no {header} header: documents")
        if value and value not in found and not (header.lower() == "content-type" and value.lower() == seen.media_type):
            raise Nonconformity(f"{header}: {value}", ", ".join(found), seen, cause=f"value of {header}: documents")
        if contains and contains.lower() not in ", ".join(found).lower():
            raise Nonconformity(f"{header} with {contains}", ", ".join(found), seen, cause=f"value of {header}: documents")


@check("documents-conditional", about="operation")
async def documents_conditional(api: Api, operation: Operation, index: bool = False, at_most: int = 5) -> None:
    """Reads documents again with the ETag that they came with, which must be answered 304, and with an invented one as control.

    With: `index`, whether the index itself is asked instead; `at_most` documents; what comes without an ETag is not asked.
    """
    reading = await read_all(api, operation)
    answers = [reading.index] if index else [d.seen for d in told_in(reading)]
    tagged = [(seen, tag) for seen in answers if (tag := seen.header("etag"))]
    if not tagged:
        raise Inconclusive("nothing comes with an ETag", *answers[:3])
    for before, tag in tagged[:at_most]:
        request = before.request
        seen = await send(request.with_(headers=(*request.headers, ("if-none-match", tag))))
        if seen.success and seen.header("etag") not in (None, tag):
            raise Inconclusive("it changed between two reads", seen, before)
        if seen.status != 304:
            raise Nonconformity("304: nothing has changed", seen.summary, seen, before, cause=f"conditional read: {request.operation}")
        if seen.body:
            raise Nonconformity("304 without a body", f"{len(seen.body)} bytes", seen, before, cause="304 with a body")
        other = await send(request.with_(headers=(*request.headers, ("if-none-match", f'"conformance-{api.fresh()}"'))))
        if other.status == 304:
            raise Nonconformity(
                "200: this tag is not the current one", other.summary, other, seen, before, cause=f"conditional read: {request.operation}"
            )
        if not other.success:
            raise Inconclusive(f"no control: another tag is answered with {other.status}", other, seen)


@check("documents-as-listed", about="operation")
async def documents_as_listed(api: Api, operation: Operation, members: Mapping[str, str]) -> None:
    """Reads every document that the index lists and compares what both say of it, where both say something.

    With: `members`, pointer in the entry -> pointer in the document.
    """
    reading = await read_all(api, operation)
    looked = 0
    for document in told_in(reading):
        for ours, theirs in members.items():
            said, shown = pick(document.said, ours), pick(document.body, theirs)
            looked += bool(said and shown)
            if said and shown and said[0] != shown[0]:
                raise Nonconformity(
                    f"{said[0]!r} at {theirs} of {document.link}, as the index says", repr(shown[0]), document.seen, reading.index,
                    cause=f"not as listed: {theirs}",
                )  # fmt: skip
    if not looked:
        raise NotApplicable("nothing is said of a document in both places")


@check("documents-unknown", about="operation")
async def documents_unknown(api: Api, operation: Operation, status: Sequence[int] = (404,), schema: str = "") -> None:
    """Asks for a document beside a listed one that does not exist, which must be refused; the listed one is the control.

    With: `status` of the refusal; `schema` of its body, where that is looked at and not the status.
    """
    document = told_in(await read_all(api, operation))[0]
    request = document.seen.request
    above = request.link.partition("?")[0].rstrip("/").rpartition("/")[0]
    if not urlsplit(above).path.strip("/"):
        raise Inconclusive(f"what stands beside {document.link} need not be a place of documents", document.seen)
    seen = await send(request.with_(link=f"{above}/conformance-{api.fresh()}"), also=(401, 403))
    if 300 <= seen.status < 400 or seen.status in (401, 403):
        raise Inconclusive(f"{seen.request.where} answered {seen.status}", seen, document.seen)
    if schema:
        if seen.success:
            raise Inconclusive("what does not exist is answered with success", seen)
        return expect_schema(api, f"/components/schemas/{schema}", seen)
    if seen.status not in status:
        raise Nonconformity(f"{one_of(status)}: there is no such document", seen.summary, seen, document.seen, cause="unknown document")
    return None


@check("document-links-resolve", about="operation")
async def document_links_resolve(
    api: Api, operation: Operation, links: Sequence[str], url: str, open: Mapping[str, Any], base: str = "",
    unless: Mapping[str, Sequence[Any]] | None = None, at_most: int = 50,
) -> None:  # fmt: skip
    """Follows links in the documents that the index lists, with GET: none that is open to everybody may be dead.

    With: `links`, where the objects with a link are; `url`, where it is in them; `open` {`pointer`, `values`}, which are open (one
    that says nothing is as open as its document); `base`, where a document tells what a leading slash stands below; `unless`, pointer
    -> values of objects that are left out; `at_most` links.
    """
    reading = await read_all(api, operation)
    documents = told_in(reading)
    wanted = []
    for document, _, holder in parts_of(documents, links):
        link = text_at(holder, url)
        says = pick(holder, open["pointer"])
        hidden = any(v in values for place, values in (unless or {}).items() for v in pick(holder, place))
        if link and not hidden and (not says or any(v in open["values"] for v in says)):
            below = text_at(document.body, base) if base else ""
            wanted.append((document, link, tuple(addresses(link, below or reading.base, document.seen.url))))
    wanted = list({places: (document, link, places) for document, link, places in wanted}.values())[:at_most]
    if not wanted:
        raise NotApplicable("no document has an open link there")
    looks = await together(*[followed(operation, document, link, places) for document, link, places in wanted])
    for look in looks:
        if look.seen is not None and look.seen.status in NOWHERE:
            raise Nonconformity(
                f"{look.link} leads to something", look.seen.summary, look.seen, look.said.seen, cause="dead links in documents"
            )
    if not any(look.seen is not None and look.seen.status for look in looks):
        raise Inconclusive(f"no link could be followed: {looks[0].link}: {looks[0].why}", *[x.seen for x in looks[:3] if x.seen])
