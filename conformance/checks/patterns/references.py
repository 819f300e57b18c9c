"""Ids in the documents that an index lists: unique, alike where they must be, and leading to what another document holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.api import Api
from conformance.checks.patterns.documents import Document, bound_to, parts_of, read_all, told_in
from conformance.checks.registry import check
from conformance.checks.subjects import valid_request
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.flow import given, send
from conformance.requirement import pick


def _key(value: Any, fold: bool) -> Any:
    return value.casefold() if fold and isinstance(value, str) else value


def _values(documents: Sequence[Document], named: Sequence[Any]) -> Iterator[tuple[Document, str]]:
    """Yield the texts at places: a pointer, or {`items`, `value`, `when`}: of the items that show what `when` says (pointer -> value)."""
    for place in named:
        if isinstance(place, str):
            found = [(d, v) for d, _, v in parts_of(documents, [place])]
        else:
            held = [
                (d, i) for d, _, i in parts_of(documents, [place["items"]]) if all(value in pick(i, at) for at, value in place.get("when", {}).items())
            ]  # fmt: skip
            found = [(d, v) for d, item in held for v in pick(item, place["value"])]
        yield from ((d, v) for d, v in found if isinstance(v, str))


@check("references-resolve", about="operation")
async def references_resolve(
    api: Api, operation: Operation, named: Sequence[Any], among: Sequence[Any], fold: bool = False, within: bool = False
) -> None:
    """Reads every document that the index lists and expects each id that one names to stand where one of them defines it.

    With: `named` and `among`, places: a pointer, or {`items`, `value`, `when`}; `fold`, whether ids are the same in any case;
    `within`, whether the same document must define it.
    """
    reading = await read_all(api, operation)
    documents = told_in(reading)
    known = {(_key(v, fold), d.link if within else "") for d, v in _values(documents, among)}
    wanted = list(_values(documents, named))
    if not wanted:
        raise NotApplicable("no document names anything there")
    missing = [(d, v) for d, v in wanted if (_key(v, fold), d.link if within else "") not in known]
    if missing and reading.unread and not within:
        raise Inconclusive(f"{missing[0][1]} may stand in a document that was not looked at: {reading.unread[0]}", missing[0][0].seen)
    if missing:
        ids = list(dict.fromkeys(v for _, v in missing))
        seen = list({d.link: d.seen for d, _ in missing}.values())
        raise Nonconformity(
            f"what {', '.join(ids[:5])} names", f"nothing in {len(documents)} documents ({len(ids)} such ids)", *seen[:3], cause="broken references"
        )  # fmt: skip


@check("ids-unique", about="operation")
async def ids_unique(
    api: Api, operation: Operation, ids: Sequence[str], scope: Sequence[str] = (), fold: bool = False, pattern: str = ""
) -> None:
    """Reads every document that the index lists and expects no id to be defined twice, in one of them or in two of one scope.

    With: `ids`, where they are; `scope`, pointers in a document: only those with the same values there are of one scope; `fold`,
    whether ids are the same in any case; `pattern`, whose group is what must be unique of an id.
    """
    documents = told_in(await read_all(api, operation))
    seen: dict[tuple[Any, str], Document] = {}
    for document, _, value in parts_of(documents, ids):
        if not isinstance(value, str):
            continue
        part = re.search(pattern, value) if pattern else None
        if pattern and part is None:
            continue
        what = part[1] if part else value
        key = _key(what, fold), repr([pick(document.body, p) for p in scope])
        other = seen.get(key)
        if other is not None:
            where = f"in {other.link} and {document.link}" if other is not document else f"twice in {document.link}"
            evidence = [document.seen] + ([other.seen] if other is not document else [])
            raise Nonconformity(f"{what} once", where, *evidence, cause="duplicate ids")
        seen[key] = document
    if not seen:
        raise NotApplicable("no document has an id there")


@check("members-unique", about="operation")
async def members_unique(api: Api, operation: Operation, lists: Sequence[str], by: Sequence[Sequence[str]]) -> None:
    """Reads every document that the index lists and expects no two items of one list to have the same values in some members.

    With: `lists`, where they are; `by`, the members, each as pointers of which the first that is there counts.
    """
    documents = told_in(await read_all(api, operation))
    looked = 0
    for document, pointer, items in parts_of(documents, lists):
        keys: list[str] = []
        for item in items if isinstance(items, list) else ():
            looked += 1
            key = repr([next((v for p in pointers for v in pick(item, p)), None) for pointers in by])
            if key in keys:
                raise Nonconformity(
                    f"each item of {pointer} in {document.link} with other values",
                    f"{key} twice",
                    document.seen,
                    cause=f"twice in {pointer}",
                )
            keys.append(key)
    if not looked:
        raise NotApplicable(f"no document has a list at {' or '.join(lists)}")


@check("members-agree", about="operation")
async def members_agree(
    api: Api, operation: Operation, items: Sequence[str], one: Mapping[str, str], other: Mapping[str, str], needed: bool = False
) -> None:
    """Reads every document that the index lists and expects a value of an item to be among the values of another place in it.

    With: `items`, where they are; `one` and `other` {`pointer`, `pattern`}: the values, or the group of the pattern in them;
    `needed`, whether the other must be there.
    """
    documents = told_in(await read_all(api, operation))
    looked = 0
    for document, pointer, item in parts_of(documents, items):
        ours, theirs = _cut(item, one), _cut(item, other)
        if not ours or not (theirs or needed):
            continue
        looked += 1
        wrong = [v for v in ours if v not in theirs]
        if wrong:
            raise Nonconformity(
                f"{wrong[0]!r} ({one['pointer']} of an item of {pointer} in {document.link}) at {other['pointer']} as well",
                f"{', '.join(map(repr, theirs)) or 'nothing'}", document.seen, cause=f"{one['pointer']} and {other['pointer']} disagree",
            )  # fmt: skip
    if not looked:
        raise NotApplicable(f"nothing to compare at {' or '.join(items)}")


def _cut(item: Any, place: Mapping[str, str]) -> list[str]:
    """Return the texts at a place, or the groups of its pattern in them."""
    found = [v for v in pick(item, place["pointer"]) if isinstance(v, str)]
    pattern = place.get("pattern", "")
    return [m[1] for v in found if (m := re.search(pattern, v))] if pattern else found


@check("needs-noted", about="operation")
async def needs_noted(
    api: Api, operation: Operation, provides: Sequence[str], needs: Sequence[str], parts: str, targets: Sequence[str], id: str,
    version: str = "/version", at_least: str = "/minVersion", told: Mapping[str, str] | None = None, fold: bool = False,
) -> None:  # fmt: skip
    """Notes what the listed documents offer and what they need of others; what they offer themselves must not be older than they need.

    A need that nothing here offers is no failure: another provider may. With: `provides`, where the offers are; `needs`, where the
    needs are, `parts` in one of them, `targets` in a part (alternatives); `id`, `version` and `at_least`, the members; `told`, further
    members of a need that are noted; `fold`, whether ids are the same in any case.
    """
    documents = told_in(await read_all(api, operation))
    offered: dict[Any, str] = {}
    for _, _, offer in parts_of(documents, provides):
        for name in [v for v in pick(offer, id) if isinstance(v, str)]:
            offered[_key(name, fold)] = next((str(v) for v in pick(offer, version)), "")
            api.note("provides", name, version=offered[_key(name, fold)])
    found: list[tuple[Document, str, str, str]] = []
    for document, _, need in parts_of(documents, needs):
        who = next((str(v) for v in pick(need, id)), "")
        more = {name: _said(v) for name, pointer in (told or {}).items() for v in pick(need, pointer)[:1]}
        for number, part in enumerate(pick(need, f"{parts}/*")):
            for target in [t for place in targets for t in pick(part, place)]:
                wanted = next((v for v in pick(target, id) if isinstance(v, str)), "")
                least = next((str(v) for v in pick(target, at_least)), "")
                resolved = "here" if _key(wanted, fold) in offered else "not here"
                says = {k: _said(part[k]) for k in ("title", "mandatory") if isinstance(part, Mapping) and k in part}
                api.note(
                    "needs",
                    wanted,
                    who,
                    resolved=resolved,
                    at_least=least,
                    part=number,
                    **{f"part_{k}": v for k, v in says.items()},
                    **more,
                )
                found.append((document, who, wanted, least))
    if not found:
        raise NotApplicable("no document names anything that it needs")
    for document, who, wanted, least in found:
        offer_version = offered.get(_key(wanted, fold), "")
        if least and offer_version and _older(offer_version, least):
            raise Nonconformity(
                f"{wanted} in version {least} or later, as {who} needs it", offer_version, document.seen, cause="offered in an older version than needed"
            )  # fmt: skip


def _said(value: Any) -> str:
    """Return a value as JSON writes it, a text as it is."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _older(offered: str, least: str) -> bool:
    """Tell whether one version is older than another by its three numbers; anything else is not compared.

    >>> _older("1.9.0", "1.10.0")
    True
    """
    found = [re.match(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", v) for v in (offered, least)]
    if found[0] is None or found[1] is None:
        return False
    return [int(n) for n in found[0].groups()] < [int(n) for n in found[1].groups()]


@check("selection-honoured", about="operation")
async def selection_honoured(api: Api, operation: Operation, parameter: str, ids: Sequence[str], unknown: str = "") -> None:
    """Asks index and documents for one id that they hold: what comes back holds it; then for one that nothing holds: it does not.

    With: `parameter` of the query; `ids`, where they are; `unknown`, an id that does not exist, which the index must refuse with 404.
    """
    bound = bound_to(api)
    plain = await read_all(api, operation)
    held = next((v for _, _, v in parts_of(told_in(plain), ids) if isinstance(v, str)), "")
    if not held:
        raise NotApplicable("no document has an id there")
    naming = api.operation(bound.index)
    if unknown:
        wrong = await send(api.request(naming, query={parameter: api.fill(unknown)}), also=(401, 403))
        await given(await valid_request(api, naming))
        if wrong.status != 404:
            raise Nonconformity("404: nothing has this id", wrong.summary, wrong, plain.index, cause="selection of what is not there")
        return
    narrowed = await send(api.request(naming, query={parameter: held}))
    if not narrowed.success:
        raise Nonconformity(f"200 for {held}, which a document holds", narrowed.summary, narrowed, plain.index, cause="selection")
    listed = pick(narrowed.json(), bound.items)
    if not listed or not isinstance(listed[0], list) or not listed[0]:
        raise Nonconformity(f"the documents with {held}", "none", narrowed, plain.index, cause="selection")
    chosen = await read_all(api, operation, query={parameter: held}, index=narrowed)
    if chosen.answered and not chosen.documents:
        seen = next(e.seen for e in chosen.answered if e.seen is not None)
        raise Nonconformity(f"{held} in {seen.request.where}", seen.summary, seen, narrowed, cause="selection")
    for document in told_in(chosen):
        if held.casefold() not in [v.casefold() for _, _, v in parts_of([document], ids) if isinstance(v, str)]:
            raise Nonconformity(
                f"{held} in {document.link}, which is listed for it", "not there", document.seen, narrowed, cause="selection"
            )
