"""What the profiles say under `with` is what the checks take, and they are used on what they are about."""

from __future__ import annotations

import inspect

import pytest

from conformance.checks.registry import known_checks
from conformance.loading.profiles import Shelf, load_profile

EDITIONS = [f"{name}@{edition}" for name, editions in Shelf.standard().profiles.items() for edition in editions]


@pytest.mark.parametrize("edition", EDITIONS)
def test_arguments_fit_their_checks(edition: str) -> None:
    profile, checks = load_profile(edition), known_checks()
    for requirement in profile.requirements:
        check = checks.get(requirement.check)
        if check is None:
            continue  # `coverage` lists it as having no check yet
        given = [None] * (1 + (check.about != "service") + (check.cases is not None) + (check.ready is not None))
        inspect.signature(check.run).bind(*given, **requirement.arguments)
        if check.about != "service":
            where = profile.bindings.resources if check.about == "resource" else profile.contract.operations
            assert requirement.on in where, requirement.id


def test_each_check_says_in_one_sentence_what_it_sends() -> None:
    assert not [name for name, check in known_checks().items() if len(check.sentence) < 20]
