"""Profile, claim, consent and what the server says of itself become tests: what to look at, and why the rest is not looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from conformance.api import merged
from conformance.checks.registry import Check, Isolation
from conformance.claim import Claim, Support
from conformance.profile import Profile
from conformance.requirement import Question, Requirement
from conformance.verdict import Effect, Verdict

#: What the server answered to a question: yes, no, or None when we could not tell.
Answers = Mapping[Question, bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whether a feature is in scope and why; `probe`: not claimed, but what only reads is looked at all the same."""

    feature: str
    state: str  # in, out, planned, unclaimed
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One requirement as it will be looked at; `settled` is its verdict and reason when it will not be."""

    __test__ = False

    requirement: Requirement
    check: Check | None
    cases: Sequence[Any]
    effect: Effect
    isolation: Isolation
    settled: tuple[Verdict, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All tests of a run in their order, with the scope of each feature."""

    profile: Profile
    tests: tuple[Test, ...]
    scope: Mapping[str, Scope]

    @cached_property
    def by_id(self) -> Mapping[str, Test]:
        """Requirement id -> test."""
        return {t.requirement.id: t for t in self.tests}


def scopes(profile: Profile, claim: Claim, answers: Answers) -> dict[str, Scope]:
    """Decide each feature: claim yes is in, no is out, planned is a gap; silent asks the server, else it is out."""
    found = {}
    for name, feature in profile.features.items():
        said = claim.support(name)
        heard = answers.get(feature.discovered) if feature.discovered else None
        if said is Support.YES:
            found[name] = Scope(
                feature=name,
                state="in",
                reason="core" if name == "core" else "claimed" + (", though the server says it is not there" if heard is False else ""),
            )
        elif said is Support.NO:
            found[name] = Scope(
                feature=name, state="out", reason="the claim says no" + (", though the server says it is there" if heard else "")
            )
        elif said is Support.PLANNED:
            found[name] = Scope(feature=name, state="planned", reason="planned, not there yet")
        elif heard:
            found[name] = Scope(feature=name, state="in", reason="the server says it is there")
        else:
            why = (
                "the server says it is not there"
                if heard is False
                else "not claimed" + (", and the server could not be asked" if feature.discovered else "")
            )
            found[name] = Scope(feature=name, state="out", reason=why)
    return found


def questions_of(profile: Profile) -> tuple[Question, ...]:
    """Return every question of the profile, each once."""
    asked = [f.discovered for f in profile.features.values()] + [r.when for r in profile.requirements]
    found: list[Question] = []
    for question in asked:
        if question is not None and question not in found:
            found.append(question)
    return tuple(found)


def fitted(profile: Profile, test_data: Mapping[str, Any]) -> Profile:
    """Return *profile* with `NAME_example` of the target's test data merged into its examples: products ask for more than the standard."""
    resources = profile.bindings.resources
    told = {
        n: replace(r, example=merged(r.example, test_data[f"{n}_example"])) for n, r in resources.items() if f"{n}_example" in test_data
    }
    return replace(profile, bindings=replace(profile.bindings, resources={**resources, **told})) if told else profile


def make_plan(
    profile: Profile, claim: Claim, checks: Mapping[str, Check], *, allowed: frozenset[str], test_data: Mapping[str, Any], answers: Answers
) -> Plan:
    """Return the plan; requirements keep the order of the profile, `answers` first, so that a missing operation is found once."""
    scope = scopes(profile, claim, answers)
    tests = [_test(profile, r, scope[r.feature], checks, allowed, test_data, answers) for r in profile.requirements]
    rank = {"answers": 0, "answer": 1, "service": 2, "errors": 3, "authentication": 4, "pattern": 5, "refuses": 6}
    tests.sort(key=lambda t: rank[_family(t)])
    tests += [
        Test(
            requirement=r, check=None, cases=(), effect=Effect.READ, isolation="own",
            settled=_outside(scope[r.feature]) or (Verdict.NOT_TESTED, r.reason),
        )
        for r in profile.not_tested
    ]  # fmt: skip
    return Plan(profile=profile, tests=tuple(tests), scope=scope)


def _family(test: Test) -> str:
    if test.requirement.family:
        return test.requirement.family
    return "service" if test.requirement.check == "service-authentication" else "pattern"


def effect_of(profile: Profile, requirement: Requirement, check: Check) -> Effect:
    """Return the strongest effect that looking at *requirement* needs; set-up that only would be nice does not count."""
    operations = []
    if requirement.on in profile.contract.operations:
        operations.append(requirement.on)
    elif requirement.on in profile.bindings.resources:
        resource = profile.resource(requirement.on)
        operations += [getattr(resource, role) for role in check.roles if getattr(resource, role)]
    for value in requirement.arguments.values():
        if isinstance(value, str) and value in profile.contract.operations:
            operations.append(value)
    effects = (
        [profile.operation(o).effect for o in operations]
        + ([Effect.OWN] if check.writes else [])
        + ([Effect.DISRUPTIVE] if check.disrupts else [])
    )
    return max(effects, key=lambda e: e.weight, default=Effect.READ)


def _test(
    profile: Profile, requirement: Requirement, scope: Scope, checks: Mapping[str, Check], allowed: frozenset[str],
    test_data: Mapping[str, Any], answers: Answers,
) -> Test:  # fmt: skip
    check = checks.get(requirement.check)
    if check is None:
        return Test(
            requirement=requirement,
            check=None,
            cases=(),
            effect=Effect.READ,
            isolation="own",
            settled=(Verdict.NOT_TESTED, f"no check yet: {requirement.check}"),
        )
    effect = effect_of(profile, requirement, check)
    cases = tuple(check.cases(profile, requirement)) if check.cases else (None,)
    isolation: Isolation = "exclusive" if effect is Effect.DISRUPTIVE or requirement.alone else check.isolation
    return Test(
        requirement=requirement, check=check, cases=cases, effect=effect, isolation=isolation,
        settled=_settled(profile, requirement, check, scope, effect, cases, allowed, test_data, answers),
    )  # fmt: skip


def _outside(scope: Scope) -> tuple[Verdict, str] | None:
    """Return what a feature outside the scope settles."""
    if scope.state == "in":
        return None
    verdict = Verdict.NOT_APPLICABLE if scope.state == "out" else Verdict.NOT_TESTED
    return verdict, f"feature {scope.feature}: {scope.reason}"


def _settled(
    profile: Profile, requirement: Requirement, check: Check, scope: Scope, effect: Effect, cases: Sequence[Any], allowed: frozenset[str],
    test_data: Mapping[str, Any], answers: Answers,
) -> tuple[Verdict, str] | None:  # fmt: skip
    if outside := _outside(scope):
        return outside
    if requirement.when is not None and answers.get(requirement.when) is False:
        return Verdict.NOT_APPLICABLE, "its condition does not hold at this server"
    if requirement.when is not None and answers.get(requirement.when) is None:
        return Verdict.INCONCLUSIVE, "the server could not be asked whether its condition holds"
    if requirement.on in profile.bindings.resources:
        resource = profile.resource(requirement.on)
        lacking = [role for role in check.roles if not getattr(resource, role)]
        if lacking:
            return Verdict.NOT_TESTED, f"the bindings name no operation to {', '.join(lacking)} a {resource.name}"
    if effect.consent and effect.consent not in allowed:
        return Verdict.NOT_TESTED, f"needs --allow {effect.consent}"
    if requirement.on in profile.contract.operations:
        wanted = profile.operation(requirement.on).test_data
        if wanted and wanted not in test_data:
            return Verdict.NOT_TESTED, f"needs test_data {wanted}"
    if not cases:
        return Verdict.NOT_APPLICABLE, "there is no case of it"
    return None
