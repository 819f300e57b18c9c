"""What one edition asks otherwise than another is told line by line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.contract import Contract, operations_of
from conformance.loading.profiles import load_profile
from conformance.planning.editions import changes
from conformance.profile import Bindings, Profile
from conformance.requirement import Requirement
from conformance.verdict import Level


def profile(paths: dict[str, Any], *requirements: Requirement, schemas: dict[str, Any] | None = None) -> Profile:
    """Return an edition with these operations and requirements."""
    document = {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas or {}}}
    contract = Contract(standard="notes", edition="1", document=document, operations=operations_of(document))
    return Profile(
        name="notes", edition="1", title="", interface=1, tier="basic", state="draft", features={}, requirements=requirements, not_tested=(),
        contract=contract, bindings=Bindings(probe="list", resources={}, parameters={}, test_data={}), cases={}, digests={},
    )  # fmt: skip


def operation(name: str, **more: Any) -> dict[str, Any]:
    """Return an operation that answers 200."""
    return {"operationId": name, "responses": {"200": {"description": "Done"}}, **more}


def body(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a request body."""
    return {"content": {"application/json": {"schema": schema}}}


def asks(slug: str, level: Level) -> Requirement:
    """Return a requirement."""
    return Requirement(id=f"notes/{slug}", level=level, clause="§1", sentence="", check="answer", on="", arguments={})


def test_a_path_that_moved_is_one_line_for_all_its_operations() -> None:
    """The segment that changed is named, with what is called there; what came and went is named by method and path."""
    old = profile(
        {"/my/notes": {"get": operation("list")}, "/my/notes/{id}": {"get": operation("read")}, "/tags": {"get": operation("tags")}}
    )
    new = profile({"/my/memos": {"get": operation("list")}, "/my/memos/{id}": {"get": operation("read"), "delete": operation("remove")}})
    assert changes(old, new) == (
        "/my/notes becomes /my/memos: list, read",
        "GET /tags is gone (tags)",
        "DELETE /my/memos/{id} is new (remove)",
    )


def test_members_words_and_strictness_of_a_body_are_told() -> None:
    """New, gone, required, other words, and that members which are not declared are refused now."""
    old = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}, "old": {}, "text": {}}}
    new = {
        "type": "object", "additionalProperties": False, "required": ["text"],
        "properties": {"kind": {"enum": ["a", "c"]}, "text": {}, "more": {"type": "object", "properties": {"deep": {}}}},
    }  # fmt: skip
    found = changes(
        profile({"/notes": {"post": operation("create", requestBody=body(old))}}),
        profile({"/notes": {"post": operation("create", requestBody=body(new))}}),
    )
    assert set(found) == {
        "create: body: /text is required",
        "create: body: /more is new",
        "create: body: /old is gone",
        "create: body: /kind is never b",
        "create: body: /kind may be c",
        "create: body: members that are not declared are refused",
    }


def test_what_only_one_branch_needs_is_not_required() -> None:
    """A member that one of several schemas requires may still be left out."""
    either = {"oneOf": [{"required": ["a"], "properties": {"a": {}}}, {"required": ["b"], "properties": {"b": {}}}]}
    found = changes(
        profile({"/notes": {"post": operation("create", requestBody=body({"properties": {"a": {}}}))}}),
        profile({"/notes": {"post": operation("create", requestBody=body(either))}}),
    )
    assert found == ("create: body: /b is new",)


def test_requirements_that_came_went_or_changed_their_level_are_told() -> None:
    """Each by its id."""
    paths = {"/notes": {"get": operation("list")}}
    old = profile(paths, asks("one", Level.MUST), asks("two", Level.MUST))
    new = profile(paths, replace(asks("one", Level.MUST), level=Level.SHOULD), asks("three", Level.MAY))
    assert changes(old, new) == (
        "asks for notes/three (MAY)",
        "does not ask for notes/two any more",
        "asks for notes/one as a SHOULD, was a MUST",
    )


def test_an_edition_changes_nothing_against_itself() -> None:
    """No line where there is no difference."""
    one = load_profile("camara-quality-on-demand@1.2.0-rc.3")
    assert changes(one, one) == ()


def test_the_release_candidate_moves_its_base_path_and_names_servers_by_a_list() -> None:
    """What separates the two editions of Quality on Demand."""
    found = changes(load_profile("camara-quality-on-demand@1.1.0"), load_profile("camara-quality-on-demand@1.2.0-rc.3"))
    assert found[0].startswith("/quality-on-demand/v1 becomes /quality-on-demand/v1rc3: createSession, ")
    assert "createSession: body: /applicationServer/ipAddresses is new" in found
    assert "createSession: body: /sinkCredential/credentialType is never PLAIN, REFRESHTOKEN" in found
    assert "asks for camara-quality-on-demand/body.undeclared (MUST)" in found
