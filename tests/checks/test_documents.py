"""Documents that an index lists: found by every kind of address, read, and held against what a profile asks of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from conformance.checks.patterns.documents import MOST, addresses
from conformance.run import Fact, Result
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse, header
from tests.checks.support import BASE, answer, authorised, profile_of, run_check

PATHS = {
    "/index": {
        "get": {"operationId": "getIndex", "responses": {"200": {"description": "", "content": {"application/json": {"schema": {}}}}}}
    },
    "/docs/{name}": {
        "get": {
            "operationId": "getDoc",
            "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {"200": {"description": "", "content": {"application/json": {"schema": {}}}}},
        }
    },
}
SCHEMAS = {
    "Thing": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "pattern": "^[a-z.]+:[a-z]+:v[0-9]+$"}}},
    "Problem": {"type": "object", "required": ["error"]},
}
BINDINGS = {
    "probe": "getIndex",
    "documents": {
        "index": "getIndex", "items": "/docs", "link": "/href", "base": "/base", "open": {"pointer": "/access", "values": ["open"]},
    },
}  # fmt: skip
PROFILE = profile_of({"info": {"title": "Shelf", "version": "1"}, "paths": PATHS, "components": {"schemas": SCHEMAS}}, BINDINGS)
ONE = {"things": [{"id": "a.b:thing:v1", "version": "1.2.0"}], "kind": "x"}
TWO = {"things": [{"id": "a.b:other:v2", "version": "2.0.0", "of": "a.b:thing:v1"}], "kind": "x"}
Change = Callable[[WireRequest, WireResponse], WireResponse]


class Shelf:
    """A server with an index and two documents, ETags included."""

    def __init__(
        self, docs: dict[str, Any] | None = None, entries: list[Any] | None = None, base: str = "", change: Change | None = None
    ) -> None:
        self.docs = {"/docs/one": ONE, "/docs/two": TWO} if docs is None else docs
        self.index: dict[str, Any] = {"docs": [{"href": p, "access": "open"} for p in self.docs] if entries is None else entries}
        if base:
            self.index["base"] = base
        self.change = change

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        path = request.target.partition("?")[0]
        body = self.index if path == "/index" else self.docs.get(path)
        seen = answer(404, {"error": "no"}) if body is None else self.told(request, body)
        return self.change(request, seen) if self.change else seen

    def told(self, request: WireRequest, body: Any) -> WireResponse:
        content = json.dumps(body).encode()
        tag = f'"{len(content)}"'
        if header(request.headers, "if-none-match") == tag:
            return WireResponse(status=304, headers=(("ETag", tag),))
        return answer(200, content, content_type="application/json;charset=UTF-8", etag=tag)


def verdict(name: str, shelf: Shelf, **arguments: Any) -> Verdict:
    return run_check(name, PROFILE, "getDoc", shelf.handle, **arguments).verdict


def only(path: str, instead: Callable[[WireRequest, WireResponse], WireResponse]) -> Change:
    return lambda request, seen: instead(request, seen) if request.target.startswith(path) else seen


CHECKS: list[tuple[str, dict[str, Any]]] = [
    ("documents-answered", {}), ("documents-answered", {"identity": "none"}), ("documents-match", {"schema": "Thing", "pointers": ["/things/*"]}),
    ("documents-sized", {"at_most": 1000}), ("documents-header", {"header": "content-type", "value": "application/json", "contains": "utf-8"}),
    ("documents-conditional", {}), ("documents-conditional", {"index": True}), ("documents-unknown", {}), ("documents-unknown", {"schema": "Problem"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), CHECKS)
@pytest.mark.parametrize(
    "entries",
    [
        [{"href": "/docs/one", "access": "open"}, {"href": "/docs/two", "access": "open"}],
        [{"href": f"{BASE}/docs/two", "access": "open"}, {"href": "docs/one", "access": "open"}],
        [{"href": "./docs/one", "access": "open", "more": 1}, {"href": "/docs/partners", "access": "secret"}],
        [{"href": "https://elsewhere.example/doc", "access": "open"}, {"href": "/docs/one", "access": "open"}],
    ],
    ids=["slash", "absolute and relative", "one is not open", "one is elsewhere"],
)
def test_documents_are_found_by_every_kind_of_address(name: str, arguments: dict[str, Any], entries: list[Any]) -> None:
    assert verdict(name, Shelf(entries=entries), **arguments) is Verdict.PASS


@pytest.mark.parametrize(("name", "arguments"), CHECKS)
def test_a_base_with_a_path_is_read_either_way(name: str, arguments: dict[str, Any]) -> None:
    entries = [{"href": "/docs/one", "access": "open"}]
    below = Shelf({"/api/docs/one": ONE}, entries, f"{BASE}/api")
    at_root = Shelf({"/docs/one": ONE}, entries, f"{BASE}/api")
    assert [verdict(name, one, **arguments) for one in (below, at_root)] == [Verdict.PASS, Verdict.PASS]


def test_what_is_elsewhere_or_not_open_is_never_asked_for_and_noted() -> None:
    asked: list[WireRequest] = []
    entries = [
        {"href": "https://elsewhere.example/doc", "access": "open"}, {"href": "/docs/secret", "access": "secret"}, {"access": "open"},
        {"href": "/docs/one", "access": "open"},
    ]  # fmt: skip
    result = run_check("documents-answered", PROFILE, "getDoc", Shelf(entries=entries).handle, requests=asked)
    assert result.verdict is Verdict.PASS
    assert [r.target for r in asked] == ["/index", "/docs/one"]
    assert [(f.value, f.more["looked"]) for f in result.facts] == [
        ("https://elsewhere.example/doc", "not looked at"), ("/docs/secret", "not looked at"), ("", "not looked at"), ("/docs/one", "read"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), CHECKS[:-4] + CHECKS[-2:])
@pytest.mark.parametrize(
    "entries", [[], [{"href": "https://elsewhere.example/doc", "access": "open"}], [{"href": "/docs/one", "access": "no"}]]
)
def test_nothing_to_read_proves_nothing(name: str, arguments: dict[str, Any], entries: list[Any]) -> None:
    none_open = arguments.get("identity") == "none" and [e["access"] for e in entries] == ["no"]
    assert verdict(name, Shelf(entries=entries), **arguments) is (Verdict.NOT_APPLICABLE if none_open else Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("status", [404, 500, 403])
def test_a_listed_document_must_be_there(status: int) -> None:
    shelf = Shelf(change=only("/docs/two", lambda request, seen: answer(status)))
    assert verdict("documents-answered", shelf) is (Verdict.INCONCLUSIVE if status == 403 else Verdict.FAIL)
    assert verdict("documents-answered", shelf, identity="none") is Verdict.FAIL


def test_a_listed_document_must_be_json_and_a_redirect_proves_nothing() -> None:
    assert verdict("documents-answered", Shelf(change=only("/docs/two", lambda request, seen: answer(200, b"<html>")))) is Verdict.FAIL
    assert verdict("documents-answered", Shelf(change=only("/docs/two", lambda request, seen: answer(302)))) is Verdict.INCONCLUSIVE


def test_an_open_document_needs_no_credentials() -> None:
    shelf = Shelf(change=only("/docs/", lambda request, seen: seen if authorised(request) else answer(401)))
    assert verdict("documents-answered", shelf) is Verdict.PASS
    assert verdict("documents-answered", shelf, identity="none") is Verdict.FAIL


def test_what_the_credentials_open_is_read_with_them() -> None:
    """Only where the target says which way in they are for, and never where no credentials may be needed."""
    bound = {**BINDINGS, "documents": {**BINDINGS["documents"], "agreed": "way_in"}}
    partners = profile_of({"info": {"title": "Shelf", "version": "1"}, "paths": PATHS, "components": {"schemas": SCHEMAS}}, bound)
    shelf = Shelf(
        entries=[{"href": "/docs/one", "access": "basic"}], change=only("/docs/", lambda r, seen: seen if authorised(r) else answer(401))
    )

    def seen(shelf: Shelf, test_data: dict[str, Any], **arguments: Any) -> Result:
        return run_check("documents-answered", partners, "getDoc", shelf.handle, test_data=test_data, **arguments)

    assert seen(shelf, {"way_in": "basic"}).verdict is Verdict.PASS
    assert seen(Shelf({}, shelf.index["docs"]), {"way_in": "basic"}).verdict is Verdict.FAIL
    assert seen(shelf, {"way_in": "basic"}, identity="none").verdict is Verdict.NOT_APPLICABLE
    assert seen(shelf, {"way_in": "token"}).verdict is Verdict.INCONCLUSIVE
    assert seen(shelf, {}).reason == "needs test_data way_in: no listed document could be read: /docs/one: not open: basic"


def test_a_part_that_breaks_the_schema_is_found_in_any_document() -> None:
    shelf = Shelf({"/docs/one": ONE, "/docs/two": {"things": [{"id": "Wrong"}]}})
    result = run_check("documents-match", PROFILE, "getDoc", shelf.handle, schema="Thing", pointers=["/things/*"])
    assert result.verdict is Verdict.FAIL
    assert "Wrong" in result.reason
    assert verdict("documents-match", shelf, schema="Thing", pointers=["/others/*"]) is Verdict.NOT_APPLICABLE


def test_sizes_and_headers() -> None:
    assert verdict("documents-sized", Shelf(), at_most=20) is Verdict.FAIL
    assert verdict("documents-header", Shelf(), header="Cache-Control") is Verdict.FAIL
    assert verdict("documents-header", Shelf(), header="Content-Type", value="text/plain") is Verdict.FAIL
    assert verdict("documents-header", Shelf(), header="Content-Type", contains="latin") is Verdict.FAIL


@pytest.mark.parametrize("index", [True, False])
def test_conditional_reads(index: bool) -> None:
    def asked(request: WireRequest) -> bool:
        return header(request.headers, "if-none-match") is not None

    always = Shelf(change=lambda request, seen: WireResponse(status=304) if asked(request) else seen)
    never = Shelf(change=lambda request, seen: Shelf().told(WireRequest(method="GET", target=""), ONE) if asked(request) else seen)
    bare = Shelf(
        change=lambda request, seen: WireResponse(status=seen.status, headers=(("content-type", "application/json"),), body=seen.body)
    )
    assert verdict("documents-conditional", always, index=index) is Verdict.FAIL
    assert verdict("documents-conditional", bare, index=index) is Verdict.INCONCLUSIVE
    if not index:
        assert verdict("documents-conditional", never, index=index) is Verdict.FAIL


def test_what_the_index_says_of_a_document_holds() -> None:
    def shelf(kind: Any) -> Shelf:
        return Shelf(entries=[{"href": "/docs/one", "access": "open", "kind": kind} if kind else {"href": "/docs/one", "access": "open"}])

    seen = [verdict("documents-as-listed", shelf(kind), members={"/kind": "/kind"}) for kind in ("x", "y", None)]
    assert seen == [Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE]


def test_a_document_that_does_not_exist_is_refused() -> None:
    found = Shelf(change=lambda request, seen: answer(200, ONE) if seen.status == 404 else seen)
    page = Shelf(change=lambda request, seen: answer(404, b"<html>", content_type="text/html") if seen.status == 404 else seen)
    assert [verdict("documents-unknown", s) for s in (found, page)] == [Verdict.FAIL, Verdict.PASS]
    assert [verdict("documents-unknown", s, schema="Problem") for s in (found, page)] == [Verdict.INCONCLUSIVE, Verdict.FAIL]


def test_links_in_documents_lead_somewhere() -> None:
    links = {"links": ["/files/*"], "url": "/at", "open": {"pointer": "/access", "values": ["open"]}, "base": "/base"}

    def shelf(*files: Any, **more: Any) -> Shelf:
        return Shelf(
            {"/docs/one": {"files": list(files), **more}, "/files/a": {}, "/docs/b": {}, "/api/c": {}},
            [{"href": "/docs/one", "access": "open"}],
        )

    good = [{"at": "/files/a"}, {"at": "b", "access": "open"}, {"at": "/gone", "access": "secret"}, {"at": "https://elsewhere.example/x"}]
    assert verdict("document-links-resolve", shelf(*good), **links) is Verdict.PASS
    assert verdict("document-links-resolve", shelf({"at": "/c"}, base=f"{BASE}/api"), **links) is Verdict.PASS
    assert verdict("document-links-resolve", shelf({"at": "/c"}), **links) is Verdict.FAIL
    hidden = shelf({"at": "/c", "seen": "private"}, {"at": "b"})
    assert verdict("document-links-resolve", hidden, **links, unless={"/seen": ["private"]}) is Verdict.PASS
    assert verdict("document-links-resolve", shelf({"at": "https://elsewhere.example/x"}), **links) is Verdict.INCONCLUSIVE
    assert verdict("document-links-resolve", shelf(), **links) is Verdict.NOT_APPLICABLE


def test_a_document_that_is_listed_twice_is_one() -> None:
    entries = [{"href": "/docs/one", "access": "open"}, {"href": f"{BASE}/docs/one", "access": "open"}]
    assert verdict("ids-unique", Shelf(entries=entries), ids=["/things/*/id"]) is Verdict.PASS


def test_what_stands_beside_a_document_at_the_root_is_nobodys() -> None:
    shelf = Shelf(
        {"/one": ONE}, [{"href": "/one", "access": "open"}], change=lambda request, seen: answer(200, ONE) if seen.status == 404 else seen
    )
    assert verdict("documents-unknown", shelf) is Verdict.INCONCLUSIVE
    closed = Shelf(change=lambda request, seen: answer(403) if seen.status == 404 else seen)
    assert verdict("documents-unknown", closed) is Verdict.INCONCLUSIVE


def test_a_longer_index_is_read_so_far() -> None:
    entries = [{"href": f"/docs/two?{n}", "access": "open"} for n in range(MOST)] + [{"href": "/docs/one", "access": "open"}]
    assert verdict("references-resolve", Shelf(entries=entries), **REFERENCES) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("link", ["http://[", "//elsewhere.example/x", "javascript:alert(1)", "?a", "#x", ""])
def test_hostile_links_are_addresses_or_nothing(link: str) -> None:
    assert all(isinstance(place, str) for place in addresses(link, BASE, f"{BASE}/index"))


@pytest.mark.parametrize("index", [[], {"docs": {}}, {"docs": "x"}, {"docs": [1, None, [], {"href": 7}]}, None])
def test_an_index_that_is_anything_breaks_nothing(index: Any) -> None:
    shelf = Shelf()
    shelf.index = index
    assert verdict("documents-answered", shelf) is Verdict.INCONCLUSIVE


# -- references ------------------------------------------------------------------------------------------------------
def docs(*things: Any, **more: Any) -> Shelf:
    return Shelf({"/docs/one": {"things": list(things), **more}, "/docs/two": TWO})


REFERENCES: dict[str, Any] = {"named": ["/things/*/of"], "among": ["/things/*/id"]}


def test_references_lead_to_what_some_document_holds() -> None:
    assert verdict("references-resolve", Shelf(), **REFERENCES) is Verdict.PASS
    assert verdict("references-resolve", docs({"id": "a.b:thing:v9"}), **REFERENCES) is Verdict.FAIL
    assert verdict("references-resolve", Shelf(), **REFERENCES, within=True) is Verdict.FAIL
    assert verdict("references-resolve", docs({"id": "A.B:Thing:v1"}), **REFERENCES) is Verdict.FAIL
    assert verdict("references-resolve", docs({"id": "A.B:Thing:v1"}), **REFERENCES, fold=True) is Verdict.PASS
    assert verdict("references-resolve", Shelf({"/docs/one": ONE}), **REFERENCES) is Verdict.NOT_APPLICABLE


def test_what_may_stand_in_a_document_that_was_not_read_is_no_broken_reference() -> None:
    entries = [{"href": "/docs/two", "access": "open"}, {"href": "/docs/one", "access": "secret"}]
    assert verdict("references-resolve", Shelf(entries=entries), **REFERENCES) is Verdict.INCONCLUSIVE


def test_only_items_that_show_something_may_be_meant() -> None:
    named = [{"items": "/things/*", "value": "/of", "when": {"/state": "over"}}]
    shelf = [docs({"id": "x", "of": "gone", "state": state}) for state in ("over", "on")]
    assert [verdict("references-resolve", s, named=named, among=["/things/*/id"]) for s in shelf] == [Verdict.FAIL, Verdict.NOT_APPLICABLE]


def test_ids_are_unique_in_their_scope() -> None:
    ids: dict[str, Any] = {"ids": ["/things/*/id"], "scope": ["/kind"]}
    assert verdict("ids-unique", Shelf(), **ids) is Verdict.PASS
    assert verdict("ids-unique", docs({"id": "a"}, {"id": "a"}), **ids) is Verdict.FAIL
    assert verdict("ids-unique", docs({"id": "a"}, {"id": "A"}), **ids) is Verdict.PASS
    assert verdict("ids-unique", docs({"id": "a"}, {"id": "A"}), **ids, fold=True) is Verdict.FAIL
    assert verdict("ids-unique", docs({"id": "a.b:other:v2"}, kind="x"), **ids) is Verdict.FAIL
    assert verdict("ids-unique", docs({"id": "a.b:other:v2"}, kind="y"), **ids) is Verdict.PASS
    assert verdict("ids-unique", docs({"id": "a:1"}, {"id": "a:2"}), ids=["/things/*/id"], pattern="^([^:]+):[0-9]") is Verdict.FAIL
    assert verdict("ids-unique", docs({"id": "a:1"}, {"id": "b:2"}), ids=["/things/*/id"], pattern="^([^:]+):[0-9]") is Verdict.PASS
    assert verdict("ids-unique", Shelf(), ids=["/nothing"]) is Verdict.NOT_APPLICABLE


def test_items_of_one_list_differ() -> None:
    by: dict[str, Any] = {"lists": ["/things"], "by": [["/other", "/id"], ["/v"]]}
    assert verdict("members-unique", docs({"id": "a"}, {"id": "a", "v": 1}, {"id": "a", "other": "b"}), **by) is Verdict.PASS
    assert verdict("members-unique", docs({"id": "a"}, {"id": "a"}), **by) is Verdict.FAIL
    assert verdict("members-unique", Shelf(), lists=["/none"], by=[["/id"]]) is Verdict.NOT_APPLICABLE


def test_members_agree() -> None:
    version: dict[str, Any] = {
        "items": ["/things/*"], "one": {"pointer": "/id", "pattern": ":v([0-9]+)$"}, "other": {"pointer": "/version", "pattern": "^([0-9]+)[.]"},
    }  # fmt: skip
    assert verdict("members-agree", Shelf(), **version) is Verdict.PASS
    assert verdict("members-agree", docs({"id": "a:v1", "version": "2.0.0"}), **version) is Verdict.FAIL
    assert verdict("members-agree", docs({"id": "a:v1"}), **version) is Verdict.PASS
    assert verdict("members-agree", docs({"id": "a:v1"}), **version, needed=True) is Verdict.FAIL
    assert verdict("members-agree", Shelf(), **{**version, "items": ["/nothing/*"]}) is Verdict.NOT_APPLICABLE


NEEDS: dict[str, Any] = {
    "provides": ["/things/*"], "needs": ["/needs/*"], "parts": "/parts", "targets": ["/any/*"], "id": "/id", "told": {"mandatory": "/mandatory"},
}  # fmt: skip


def need(id: str, least: str = "") -> dict[str, Any]:
    return {"id": "n", "mandatory": True, "parts": [{"title": "P", "any": [{"id": id, **({"minVersion": least} if least else {})}]}]}


def test_needs_are_noted_and_what_nobody_here_offers_is_no_failure() -> None:
    shelf = docs(needs=[need("a.b:other:v2", "1.9.0"), need("x.y:elsewhere:v1", "3.0.0")])
    result = run_check("needs-noted", PROFILE, "getDoc", shelf.handle, **NEEDS)
    assert result.verdict is Verdict.PASS
    assert result.facts[0] == Fact(kind="provides", value="a.b:other:v2", more={"version": "2.0.0"})
    told = [(f.value, f.about, f.more["resolved"], f.more["at_least"], f.more["mandatory"]) for f in result.facts[1:]]
    assert told == [("a.b:other:v2", "n", "here", "1.9.0", "true"), ("x.y:elsewhere:v1", "n", "not here", "3.0.0", "true")]


def test_what_is_offered_is_noted_where_nothing_is_needed() -> None:
    result = run_check("needs-noted", PROFILE, "getDoc", Shelf().handle, **NEEDS)
    assert (result.verdict, [f.kind for f in result.facts]) == (Verdict.NOT_APPLICABLE, ["provides", "provides"])


def test_an_offer_older_than_the_own_need_is_found() -> None:
    assert run_check("needs-noted", PROFILE, "getDoc", docs(needs=[need("a.b:other:v2", "2.10.0")]).handle, **NEEDS).verdict is Verdict.FAIL


class Selecting(Shelf):
    """Knows the parameter `only`."""

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        path, _, query = request.target.partition("?")
        wanted = query.removeprefix("only=").replace("%3A", ":")
        if not wanted or path != "/index":
            return super().handle(request, now)
        holding = [p for p, d in self.docs.items() if wanted in [t["id"] for t in d["things"]]]
        return answer(200, {"docs": [{"href": p, "access": "open"} for p in holding]}) if holding else answer(404, {"error": "no"})


def test_a_selection_holds_what_is_asked_for() -> None:
    asked: dict[str, Any] = {"parameter": "only", "ids": ["/things/*/id"]}
    other = Shelf({"/docs/one": ONE, "/docs/two": TWO}, change=None)
    for shelf, wanted in ((Selecting(), Verdict.PASS), (other, Verdict.FAIL)):
        assert verdict("selection-honoured", shelf, **asked) is wanted
        assert verdict("selection-honoured", shelf, **asked, unknown="x:{unique}:v1") is wanted
