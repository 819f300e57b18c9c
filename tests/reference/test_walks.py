"""Every twin answers as its contract documents, whatever it is asked; every variant does too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.reference import faults, twins
from conformance.reference.engine import ResourceTwin
from conformance.reference.faults import known_faults, planted
from conformance.reference.faults.planting import GROUPS
from conformance.reference.twins import twin_for
from conformance.reference.variants import known_variants, variants_for
from conformance.wire import WireResponse, header
from tests.reference.walking import PROFILES, Walk, json_of, problems, profile


def outline(answer: WireResponse) -> object:
    return (answer.status, sorted((k.lower(), v) for k, v in answer.headers), answer.body)


@pytest.mark.parametrize("name", PROFILES)
def test_each_answer_of_a_twin_is_as_documented(name: str) -> None:
    walk = Walk(profile(name), twin_for(profile(name)))
    walk.whole()
    assert [p for s in walk.steps for p in problems(profile(name), s)] == []
    used = {s.operation.id for s in walk.steps if s.operation and s.answer.status < 300}
    assert set(profile(name).contract.operations) - used <= {"getMe", "resetSystem"}


@pytest.mark.parametrize("name", PROFILES)
def test_the_engine_alone_answers_as_documented(name: str) -> None:
    walk = Walk(profile(name), ResourceTwin(profile(name)))
    walk.whole()
    wrong = [p for s in walk.steps for p in problems(profile(name), s)]
    assert [w for w in wrong if not w.startswith("createSession: no header X-Auth-Token")] == []


@pytest.mark.parametrize("name", PROFILES)
def test_each_error_of_a_twin_follows_the_error_format(name: str) -> None:
    bound = profile(name).bindings.error
    pointer = f"/components/schemas/{bound.schema}"
    walk = Walk(profile(name), twin_for(profile(name)))
    errors = [s for s in walk.whole() if s.answer.status >= 400 and s.answer.body]
    assert errors
    for step in errors:
        assert profile(name).contract.responses.is_valid(pointer, json_of(step.answer)), step
        assert header(step.answer.headers, "content-type") in bound.media


@pytest.mark.parametrize("name", PROFILES)
def test_a_twin_does_the_same_again(name: str) -> None:
    one, two = (Walk(profile(name), twin_for(profile(name))).whole() for _ in range(2))
    assert [outline(s.answer) for s in one] == [outline(s.answer) for s in two]


@pytest.mark.parametrize("name", PROFILES)
def test_a_forked_twin_goes_its_own_way(name: str) -> None:
    twin = twin_for(profile(name))
    before = [outline(s.answer) for s in Walk(profile(name), twin.fork()).whole()]
    assert [outline(s.answer) for s in Walk(profile(name), twin).whole()] == before


# -- variants --------------------------------------------------------------------------------------------------------
def variant_cases() -> Iterator[tuple[str, str]]:
    for name in PROFILES:
        yield from ((name, v.name) for v in variants_for(profile(name)))


@pytest.mark.parametrize(("name", "variant"), list(variant_cases()))
def test_each_variant_answers_as_documented(name: str, variant: str) -> None:
    one = known_variants()[variant]
    walk = Walk(profile(name), one.twin(twin_for(profile(name))))
    assert [p for s in walk.whole() for p in problems(profile(name), s)] == []


#: Variants of what a server sends by itself: no walk sees that, the tests of the standards with callbacks do.
CALLING = {name for name, one in known_variants().items() if one.prepare and one.prepare.__module__.endswith(".calling")}
#: The standards that are walked here; what applies to none of them is looked at by the tests of its own standard.
WALKED = ("scim2", "dmtf-redfish", "alertmanager-v2")


@pytest.mark.parametrize("variant", sorted({v.name for name in WALKED for v in variants_for(profile(name))} - CALLING))
def test_each_variant_is_another_behaviour_somewhere(variant: str) -> None:
    for name in WALKED:
        if not known_variants()[variant].applies(profile(name)):
            continue
        plain = [outline(s.answer) for s in Walk(profile(name), twin_for(profile(name))).whole()]
        other = Walk(profile(name), known_variants()[variant].twin(twin_for(profile(name))))
        if plain != [outline(s.answer) for s in other.whole()] or other.now != Walk(profile(name), other.twin).now:
            return
    pytest.fail("nobody can tell it from the twin itself")


# -- faults ----------------------------------------------------------------------------------------------------------
def test_every_group_of_faults_that_is_used_is_known() -> None:
    assert {f.group for f in known_faults().values()} <= set(GROUPS)
    assert len(known_faults()) > 80


def test_what_a_fault_must_turn_red_are_requirements_of_the_profile() -> None:
    for name in PROFILES:
        for one in planted(profile(name)):
            assert one.expected <= set(profile(name).by_id), one.name


def test_a_fault_that_is_one_function_in_one_file_is_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_a_partner.py").write_text(
        "from conformance.reference.faults import fault\n"
        "from conformance.reference.faults.where import operations, turns\n"
        "@fault(group='status', sentence='Everything is a teapot.', applies=operations(), expected=turns('answers'))\n"
        "def always_a_teapot(seen):\n"
        "    from conformance.wire import WireResponse\n"
        "    return WireResponse(status=418)\n",
        "utf-8",
    )
    monkeypatch.setattr(faults, "__path__", [*faults.__path__, str(tmp_path)])
    monkeypatch.setattr("conformance.reference.faults.planting._REGISTRY", dict(known_faults()))
    assert "always-a-teapot" in known_faults()
    here = [p for p in planted(profile("scim2")) if p.fault.name == "always-a-teapot"]
    assert len(here) == len(profile("scim2").contract.operations)
    assert here[0].expected == {f"scim2/{profile('scim2').operation(here[0].place).slug}.answers"}


def test_twins_are_found_by_profile() -> None:
    assert twins.special("scim2").__name__ == "ScimTwin"
    assert twins.special("nobody-has-written-this") is ResourceTwin
