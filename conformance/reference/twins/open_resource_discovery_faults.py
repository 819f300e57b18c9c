"""Faults that only a provider of documents can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, success, with_header
from conformance.reference.faults.where import at, ids
from conformance.reference.message import split_target, write_json
from conformance.reference.places import put
from conformance.wire import WireResponse, header

STANDARD = "open-resource-discovery"
Body = dict[str, Any]


_configuration, at_documents = at("getConfiguration"), at("getDocument")


def _whole(profile: Profile) -> list[str]:
    return [""]


def changed(seen: Seen, name: str, change: Callable[[Body], Any]) -> WireResponse:
    """Return the answer with one of the documents changed."""
    path = split_target(seen.request.target)[0]
    return seen.edited(change) if path.endswith(f"/{name}") else seen.forward()


def holding(**members: Any) -> Callable[[Body], Body]:
    """Return what gives an object these members."""
    return lambda item: {**item, **members}


# -- the configuration -----------------------------------------------------------------------------------------------
@fault(
    profile=STANDARD, group="answer shape", sentence="The configuration lists no document.",
    applies=_configuration, expected=ids("configuration.lists-documents"),
)  # fmt: skip
def ord_no_documents_listed(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: put(body, "/openResourceDiscoveryV1/documents", []))


@fault(
    profile=STANDARD, group="answer shape", sentence="The configuration has no list of documents.",
    applies=_configuration, expected=ids("configuration.lists-documents"),
)  # fmt: skip
def ord_no_list_of_documents(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"openResourceDiscoveryV1": {}})


@fault(
    profile=STANDARD, group="answer shape", sentence="The configuration is that of a later version only.",
    applies=_configuration, expected=ids("get-configuration.answer"),
)  # fmt: skip
def ord_another_major_version(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"openResourceDiscoveryV2": body["openResourceDiscoveryV1"]})


@fault(
    profile=STANDARD, group="answer shape", sentence="The base URL of the configuration ends with a slash.",
    applies=_configuration, expected=ids("get-configuration.answer"),
)  # fmt: skip
def ord_base_with_slash(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"baseUrl": "https://twin.example/", **body})


@fault(
    profile=STANDARD, group="answer shape", sentence="A document is listed without the strategies of access to it.",
    applies=_configuration, expected=ids("get-configuration.answer"),
)  # fmt: skip
def ord_no_access_strategies(seen: Seen) -> WireResponse:
    return seen.edited(
        lambda body: put(body, "/openResourceDiscoveryV1/documents/0", {"url": "/open-resource-discovery/v1/documents/static"})
    )


@fault(
    profile=STANDARD, group="answer shape", sentence="A custom access strategy is not named.",
    applies=_configuration, expected=ids("configuration.access-strategies"),
)  # fmt: skip
def ord_unnamed_access_strategy(seen: Seen) -> WireResponse:
    return seen.edited(
        lambda body: put(body, "/openResourceDiscoveryV1/documents/0/accessStrategies", [{"type": "open"}, {"type": "custom"}])
    )


@fault(
    profile=STANDARD, group="value fidelity", sentence="The configuration lists a document that is not there.",
    applies=_configuration, expected=ids("documents.answered", "documents.open"),
)  # fmt: skip
def ord_listed_document_missing(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: put(body, "/openResourceDiscoveryV1/documents/1/url", "/open-resource-discovery/v1/documents/nowhere"))


@fault(
    profile=STANDARD, group="value fidelity", sentence="The configuration gives a document another perspective than it has.",
    applies=_configuration, expected=ids("documents.perspective-as-listed"),
)  # fmt: skip
def ord_another_perspective_listed(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: put(body, "/openResourceDiscoveryV1/documents/0/perspective", "system-instance"))


@fault(
    profile=STANDARD, group="query semantics", sentence="A selection is ignored: what is not there is answered with everything.",
    applies=at("getConfiguration"), expected=ids("selector.unknown"),
)  # fmt: skip
def ord_selection_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out("select")


@fault(
    profile=STANDARD, group="query semantics", sentence="The configuration lists, for a selection, a document that does not hold it.",
    applies=_configuration, expected=ids("selector.selects"),
)  # fmt: skip
def ord_wrong_selection(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if not success(answer) or not any(k == "select" for k, _ in seen.query):
        return answer
    return seen.asking(lambda query: [("select", f"{getattr(seen.twin, 'system', '')}:dataProduct:history:v1")])


# -- how documents come ----------------------------------------------------------------------------------------------
@fault(
    profile=STANDARD, group="status", sentence="Documents break the server.",
    applies=at_documents, expected=ids("documents.answered", "documents.open"),
)  # fmt: skip
def ord_documents_break(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    return WireResponse(status=500) if success(answer) else answer


@fault(
    profile=STANDARD, group="authentication", sentence="Documents that are listed as open ask for credentials.",
    applies=at_documents, expected=ids("documents.open"),
)  # fmt: skip
def ord_open_documents_closed(seen: Seen) -> WireResponse:
    if header(seen.request.headers, "authorization") is not None:
        return seen.forward()
    return WireResponse(status=401, headers=(("WWW-Authenticate", 'Basic realm="documents"'),))


@fault(
    profile=STANDARD, group="media type", sentence="Documents are labelled as text.",
    applies=at_documents, expected=ids("documents.media-type"),
)  # fmt: skip
def ord_documents_as_text(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "Content-Type", "text/plain; charset=utf-8") if success(answer) else answer


@fault(
    profile=STANDARD, group="media type", sentence="The media type does not say that documents are UTF-8.",
    applies=at("getConfiguration", "getDocument"),
    expected=lambda profile, place: ids("documents.charset" if place == "getDocument" else "configuration.charset")(profile, place),
)  # fmt: skip
def ord_charset_untold(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "Content-Type", "application/json") if success(answer) else answer


@fault(
    profile=STANDARD, group="answer shape", sentence="A document ends in the middle.",
    applies=at_documents, expected=ids("documents.answered", "documents.open"),
)  # fmt: skip
def ord_document_cut_off(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body[: len(answer.body) // 2]) if success(answer) else answer


@fault(
    profile=STANDARD, group="answer shape", sentence="A document is larger than two megabytes.",
    applies=at_documents, expected=ids("documents.size"),
)  # fmt: skip
def ord_document_too_large(seen: Seen) -> WireResponse:
    return changed(seen, "taxonomy", holding(description="x" * 2_200_000))


@fault(
    profile=STANDARD, group="status", sentence="A document that does not exist is answered with another one.",
    applies=at_documents, expected=ids("documents.unknown"),
)  # fmt: skip
def ord_unknown_document_found(seen: Seen) -> WireResponse:
    answer = seen.forward()
    path = split_target(seen.request.target)[0].rpartition("/")[0]
    return seen.forward(replace(seen.request, target=f"{path}/taxonomy")) if answer.status == 404 else answer


@fault(
    profile=STANDARD, group="error body", sentence="An error is a text instead of an error object.",
    applies=at_documents, expected=ids("documents.error-body"),
)  # fmt: skip
def ord_error_as_text(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=write_json({"error": "not found"})) if answer.status == 404 else answer


@fault(
    profile=STANDARD, group="headers", sentence="Answers come without Cache-Control.",
    applies=at("getConfiguration", "getDocument"),
    expected=lambda profile, place: ids("documents.cache-control" if place == "getDocument" else "configuration.cache-control")(profile, place),
)  # fmt: skip
def ord_no_cache_control(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "Cache-Control", None)


@fault(
    profile=STANDARD, group="headers", sentence="Answers come without an ETag.",
    applies=at("getConfiguration", "getDocument"),
    expected=lambda profile, place: ids("documents.etag" if place == "getDocument" else "configuration.etag")(profile, place),
)  # fmt: skip
def ord_untagged(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "ETag", None)


def _conditional(profile: Profile, place: str) -> frozenset[str]:
    return ids("documents.conditional-read" if place == "getDocument" else "configuration.conditional-read")(profile, place)


@fault(
    profile=STANDARD, group="concurrency and validators", sentence="What the client has is sent again.",
    applies=at("getConfiguration", "getDocument"), expected=_conditional,
)  # fmt: skip
def ord_sent_again(seen: Seen) -> WireResponse:
    kept = tuple((k, v) for k, v in seen.request.headers if k.lower() != "if-none-match")
    return seen.forward(replace(seen.request, headers=kept))


@fault(
    profile=STANDARD, group="concurrency and validators", sentence="Any tag is taken for the current one.",
    applies=at("getConfiguration", "getDocument"), expected=_conditional,
)  # fmt: skip
def ord_any_tag_is_current(seen: Seen) -> WireResponse:
    answer = seen.forward()
    asked = header(seen.request.headers, "if-none-match") is not None
    return WireResponse(status=304, headers=answer.headers) if asked and success(answer) else answer


@fault(
    profile=STANDARD, group="value fidelity", sentence="The files that documents name are not there.",
    applies=_whole, expected=ids("definitions.answered"),
)  # fmt: skip
def ord_definitions_missing(seen: Seen) -> WireResponse:
    return WireResponse(status=404) if "/definitions/" in seen.request.target else seen.forward()
