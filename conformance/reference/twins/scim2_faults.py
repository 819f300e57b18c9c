"""Faults that only a SCIM service provider can have."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, edited, fault, json_of, success
from conformance.reference.faults.where import at, ids
from conformance.reference.message import NotJson, Refused, read_json, write_json
from conformance.reference.twins.scim_filter import InvalidFilter, parse
from conformance.wire import WireResponse


def _filter(seen: Seen, change: Callable[[str], str]) -> WireResponse:
    return seen.asking(lambda query: [(k, change(v) if k == "filter" else v) for k, v in query])


# -- bulk ------------------------------------------------------------------------------------------------------------
def _results(seen: Seen, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> WireResponse:
    return seen.edited(lambda body: {**body, "Operations": change(body["Operations"])})


@fault(
    profile="scim2", group="bulk", sentence="A bulk request stops at the first failing operation.",
    applies=at("bulk"), expected=ids("bulk.continues"),
)  # fmt: skip
def bulk_stops_at_a_failure(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {**body, "failOnErrors": 1} if isinstance(body, dict) else body)


@fault(
    profile="scim2", group="bulk", sentence="The results of a bulk request do not repeat the bulkId.",
    applies=at("bulk"), expected=ids("bulk.per-item", "bulk.continues"),
)  # fmt: skip
def bulk_id_missing(seen: Seen) -> WireResponse:
    return _results(seen, lambda results: [{k: v for k, v in r.items() if k != "bulkId"} for r in results])


@fault(
    profile="scim2", group="bulk", sentence="A failing operation of a bulk request is told as done.",
    applies=at("bulk"), expected=ids("bulk.continues"),
)  # fmt: skip
def bulk_failure_hidden(seen: Seen) -> WireResponse:
    return _results(seen, lambda results: [{**r, "status": "204"} if r["status"] >= "400" else r for r in results])


@fault(
    profile="scim2", group="bulk", sentence="A bulk request is answered, and nothing is done.",
    applies=at("bulk"), expected=ids("bulk.per-item", "bulk.continues"),
)  # fmt: skip
def bulk_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


# -- filters ---------------------------------------------------------------------------------------------------------
@fault(
    profile="scim2", group="query semantics", sentence="Filters mind the case of values.",
    applies=at("listUsers"), expected=ids("filter.equal-ignores-case"),
)  # fmt: skip
def filter_minds_case(seen: Seen) -> WireResponse:
    wanted = next((m[1] for k, v in seen.query if k == "filter" and (m := re.search(r'userName eq "([^"]*)"$', v))), None)
    if wanted is None:
        return seen.forward()

    def exact(body: Any) -> Any:
        found = [r for r in body.get("Resources", []) if r.get("userName", wanted) == wanted]
        return {**body, "Resources": found, "totalResults": len(found), "itemsPerPage": len(found)}

    return seen.edited(exact)


@fault(
    profile="scim2", group="query semantics", sentence="Filters do not know attribute names in another case.",
    applies=at("listUsers"), expected=ids("filter.names-ignore-case"),
)  # fmt: skip
def filter_minds_names(seen: Seen) -> WireResponse:
    strange = any(k == "filter" and "USERNAME" in v for k, v in seen.query)
    return _filter(seen, lambda text: 'id eq "nobody"') if strange else seen.forward()


@fault(
    profile="scim2", group="query semantics", sentence="Filters do not know attributes with their schema in front.",
    applies=at("listUsers"), expected=ids("filter.qualified-name"),
)  # fmt: skip
def filter_minds_schemas(seen: Seen) -> WireResponse:
    return _filter(seen, lambda text: 'id eq "nobody"' if text.startswith("urn:") else text)


@fault(
    profile="scim2", group="query semantics", sentence="Of two conditions joined by and one is enough.",
    applies=at("listUsers"), expected=ids("filter.and-nothing", "filter.and"),
)  # fmt: skip
def and_is_or(seen: Seen) -> WireResponse:
    return _filter(seen, lambda text: text.replace(" and ", " or "))


@fault(
    profile="scim2", group="query semantics", sentence="sw finds what has the text anywhere, co what begins with it.",
    applies=at("listUsers"), expected=ids("filter.contains"),
)  # fmt: skip
def contains_is_starts(seen: Seen) -> WireResponse:
    return _filter(seen, lambda text: text.replace(" co ", " sw "))


@fault(
    profile="scim2", group="query semantics", sentence="A search with POST ignores its filter.",
    applies=at("search"), expected=ids("search.finds"),
)  # fmt: skip
def search_ignores_filter(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {k: v for k, v in body.items() if k != "filter"} if isinstance(body, dict) else body)


@fault(
    profile="scim2", group="query semantics", sentence="Without sortOrder the order is descending.",
    applies=at("listUsers"), expected=ids("sort.default-ascending"),
)  # fmt: skip
def descending_by_default(seen: Seen) -> WireResponse:
    named = {k for k, _ in seen.query}
    return seen.asking(lambda query: [*query, ("sortOrder", "descending")] if "sortBy" in named and "sortOrder" not in named else query)


@fault(
    profile="scim2", group="paging", sentence="A startIndex below 1 is refused.",
    applies=at("listUsers"), expected=ids("user.first-index"),
)  # fmt: skip
def index_below_one_refused(seen: Seen) -> WireResponse:
    return _refused(seen) if any(k == "startIndex" and v.startswith(("0", "-")) for k, v in seen.query) else seen.forward()


@fault(
    profile="scim2", group="paging", sentence="A negative count is refused.",
    applies=at("listUsers"), expected=ids("user.negative-count"),
)  # fmt: skip
def negative_count_refused(seen: Seen) -> WireResponse:
    return _refused(seen) if any(k == "count" and v.startswith("-") for k, v in seen.query) else seen.forward()


def _refused(seen: Seen, kind: str = "invalidValue") -> WireResponse:
    return seen.twin.refusal(Refused(400, "not taken", kind=kind), seen.operation)


@fault(
    profile="scim2", group="query semantics", sentence="excludedAttributes takes the id away.",
    applies=at("getUser"), expected=ids("user.id-always-shown"),
)  # fmt: skip
def id_can_be_excluded(seen: Seen) -> WireResponse:
    excluded = any(k == "excludedAttributes" and "id" in v.split(",") for k, v in seen.query)
    return seen.edited(lambda body: {k: v for k, v in body.items() if k != "id"}) if excluded else seen.forward()


# -- discovery -------------------------------------------------------------------------------------------------------
def _discovery(profile: Profile, place: str, what: str) -> frozenset[str]:
    return ids(f"discovery.{'resource-types' if place == 'listResourceTypes' else 'schemas'}-{what}")(profile, place)


@fault(
    profile="scim2", group="query semantics", sentence="A filter on the discovery is ignored.",
    applies=at("listResourceTypes", "listSchemas"),
    expected=lambda profile, place: _discovery(profile, place, "filter"),
)  # fmt: skip
def discovery_filter_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out("filter")


@fault(
    profile="scim2", group="paging", sentence="The discovery is cut into pages.",
    applies=at("listResourceTypes", "listSchemas"),
    expected=lambda profile, place: _discovery(profile, place, "unpaged"),
)  # fmt: skip
def discovery_paged(seen: Seen) -> WireResponse:
    count = next((int(v) for k, v in seen.query if k == "count" and v.isdigit()), None)
    return seen.edited(lambda body: {**body, "Resources": body["Resources"][: count or None]})


@fault(
    profile="scim2", group="answer shape", sentence="A resource type names a schema that is not described.",
    applies=at("listSchemas"), expected=ids("discovery.schemas-described"),
)  # fmt: skip
def schema_not_described(seen: Seen) -> WireResponse:
    def edit(body: Any) -> Any:
        rest = [s for s in body["Resources"] if not s["id"].endswith(":User")]
        return {**body, "Resources": rest, "totalResults": len(rest), "itemsPerPage": len(rest)}

    return seen.edited(edit)


# -- resources -------------------------------------------------------------------------------------------------------
@fault(
    profile="scim2", group="answer shape", sentence="meta does not say when a user was created.",
    applies=at("getUser"), expected=ids("user.meta"),
)  # fmt: skip
def no_created(seen: Seen) -> WireResponse:
    return _meta(seen, lambda meta: {k: v for k, v in meta.items() if k != "created"})


@fault(
    profile="scim2", group="headers", sentence="meta.location leads to another place than Location.",
    applies=at("createUser", "createGroup"), expected=lambda profile, place: ids(f"{place[6:].lower()}.location")(profile, place),
)  # fmt: skip
def locations_differ(seen: Seen) -> WireResponse:
    return _meta(seen, lambda meta: {**meta, "location": meta["location"] + "/elsewhere"})


def _meta(seen: Seen, change: Callable[[Any], Any]) -> WireResponse:
    return seen.edited(lambda body: {**body, "meta": change(body["meta"])} if "meta" in body else body)


@fault(
    profile="scim2", group="state", sentence="User names that differ only in case are two names.",
    applies=at("createUser"), expected=ids("user.unique-name-ignores-case"),
)  # fmt: skip
def names_mind_case(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status != 409:
        return answer
    names = [u.body["userName"] for u in seen.twin.store.everywhere("user")]
    aside: dict[str, str] = {}

    def exact(body: Any) -> Any:
        same = next((n for n in names if n.casefold() == str(body.get("userName", "")).casefold()), "")
        if same and same != body["userName"]:
            aside["name"] = body["userName"]
            return {**body, "userName": f"{body['userName']}.x"}
        return body

    second = seen.sending(exact)
    return edited(second, lambda body: {**body, "userName": aside["name"]}) if aside and success(second) else answer


# -- PATCH -----------------------------------------------------------------------------------------------------------
def _operations(seen: Seen) -> list[dict[str, Any]]:
    try:
        body = read_json(seen.request.body)
    except NotJson:
        return []
    found = body.get("Operations") if isinstance(body, dict) else None
    return [o for o in found if isinstance(o, dict)] if isinstance(found, list) else []


def _only(seen: Seen, keep: Callable[[dict[str, Any]], bool]) -> WireResponse:
    """Do the operations that *keep* says, and answer as if all were done."""
    rest = [o for o in _operations(seen) if keep(o)]
    pretended = seen.pretend()
    if not success(pretended):
        return seen.forward()
    if rest:
        return seen.sending(lambda body: {**body, "Operations": rest})
    return WireResponse(status=204)


@fault(
    profile="scim2", group="state", sentence="PATCH remove is accepted and ignored.",
    applies=at("updateUser"), expected=ids("patch.remove"),
)  # fmt: skip
def remove_ignored(seen: Seen) -> WireResponse:
    return _only(seen, lambda operation: operation.get("op") != "remove")


@fault(
    profile="scim2", group="state", sentence="PATCH add is accepted and ignored.",
    applies=at("updateUser", "updateGroup"),
    expected=lambda profile, place: ids("patch.add" if place == "updateUser" else "group.patch-add-member")(profile, place),
)  # fmt: skip
def add_ignored(seen: Seen) -> WireResponse:
    return _only(seen, lambda operation: operation.get("op") != "add")


def _with_each(seen: Seen, change: Callable[[dict[str, Any]], dict[str, Any]]) -> WireResponse:
    if not success(seen.pretend()):
        return seen.forward()
    return seen.sending(lambda body: {**body, "Operations": [change(o) for o in _operations(seen)]})


@fault(
    profile="scim2", group="state", sentence="PATCH add puts the new members of a group in the place of those it has.",
    applies=at("updateGroup"), expected=ids("group.patch-add-keeps"),
)  # fmt: skip
def members_replaced(seen: Seen) -> WireResponse:
    return _with_each(seen, lambda o: {**o, "op": "replace"} if (o.get("op"), o.get("path")) == ("add", "members") else o)


@fault(
    profile="scim2", group="state", sentence="PATCH remove with a filter over values is accepted and ignored.",
    applies=at("updateGroup"), expected=ids("group.patch-remove-member"),
)  # fmt: skip
def filtered_removal_ignored(seen: Seen) -> WireResponse:
    return _only(seen, lambda o: not (o.get("op") == "remove" and "[" in str(o.get("path", ""))))


@fault(
    profile="scim2", group="state", sentence="PATCH remove with a filter over values takes all values.",
    applies=at("updateGroup"), expected=ids("group.patch-remove-member"),
)  # fmt: skip
def filtered_removal_takes_all(seen: Seen) -> WireResponse:
    return _with_each(seen, lambda o: {**o, "path": str(o.get("path", "")).partition("[")[0]} if o.get("op") == "remove" else o)


@fault(
    profile="scim2", group="state", sentence="PATCH without a path is accepted and ignored.",
    applies=at("updateUser"), expected=ids("patch.replace-without-path"),
)  # fmt: skip
def pathless_ignored(seen: Seen) -> WireResponse:
    return _only(seen, lambda operation: bool(operation.get("path")))


@fault(
    profile="scim2", group="state", sentence="Names in a path of PATCH are known in one case only.",
    applies=at("updateUser"), expected=ids("patch.path-ignores-case"),
)  # fmt: skip
def path_minds_case(seen: Seen) -> WireResponse:
    return _only(seen, lambda operation: not str(operation.get("path", "")).isupper())


@fault(
    profile="scim2", group="state", sentence="A PATCH that fails in its middle has changed something.",
    applies=at("updateUser"), expected=ids("patch.atomic"),
)  # fmt: skip
def patch_half_done(seen: Seen) -> WireResponse:
    answer = seen.forward()
    operations = _operations(seen)
    if answer.status == 400 and len(operations) > 1:
        seen.sending(lambda body: {**body, "Operations": operations[:1]})
    return answer


@fault(
    profile="scim2", group="input validation", sentence="A PATCH whose filter finds no value is answered with success.",
    applies=at("updateUser"), expected=ids("patch.no-match"),
)  # fmt: skip
def no_match_accepted(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = json_of(answer)
    return (
        WireResponse(status=204) if answer.status == 400 and body and body.get("scimType") == "noTarget" and _has_filter(seen) else answer
    )


def _has_filter(seen: Seen) -> bool:
    return any("[" in str(o.get("path", "")) for o in _operations(seen))


@fault(
    profile="scim2", group="error body", sentence="The refusal of a filter does not say invalidFilter.",
    applies=at("listUsers"), expected=ids("filter.unknown-operator", "filter.broken-syntax", "filter.boolean-order"),
)  # fmt: skip
def filter_errors_unnamed(seen: Seen) -> WireResponse:
    answer = seen.forward()
    text = next((v for k, v in seen.query if k == "filter"), None)
    try:
        if text is not None:
            parse(text)
        return answer
    except InvalidFilter:
        body = json_of(answer)
        return replace(answer, body=write_json({k: v for k, v in body.items() if k != "scimType"})) if body else answer
