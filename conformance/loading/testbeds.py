"""Load a testbed, and all that its systems name: every problem of every file at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.claim import Claim
from conformance.errors import Problem, UsageError, did_you_mean
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.targets import as_claimed, check_claim, claim_in, target_of
from conformance.loading.validation import problems_of
from conformance.profile import Profile
from conformance.target import Target
from conformance.testbed import Partner, ServedTwin, System, Testbed

#: Profile -> the names of its twin's faults, and of its variants.
Known = Callable[[Profile], tuple[set[str], set[str]]]


def load_testbed(file: Path, shelf: Shelf, known: Known) -> Testbed:
    """Return the testbed that a file describes.

    Args:
        known: what a twin of a profile can be made to do.

    Raises:
        UsageError: all problems of the file, of the target and claim files it names, and of what is claimed.
    """
    raw = read_yaml(file)
    problems = problems_of(raw, "testbed", str(file))
    if not isinstance(raw, dict) or not isinstance(raw.get("systems"), dict) or not isinstance(raw.get("partners"), dict):
        raise UsageError(*problems)
    partners = {
        name: Partner(name=name, title=str((said or {}).get("title", name)) if isinstance(said, dict) else name)
        for name, said in raw["partners"].items()
    }
    reader = _Reader(file, shelf, known, partners)
    systems = {name: reader.system(name, said) for name, said in raw["systems"].items() if isinstance(said, dict)}
    problems += reader.problems
    if problems:
        raise UsageError(*problems[:50])
    return Testbed(name=raw["name"], partners=partners, systems=systems, in_flight=raw.get("in_flight", 4))


class _Reader:
    """Reads the systems of one file and gathers what is wrong with them."""

    def __init__(self, file: Path, shelf: Shelf, known: Known, partners: Mapping[str, Partner]) -> None:
        self.file, self.shelf, self.known, self.partners = file, shelf, known, partners
        self.problems: list[Problem] = []

    def wrong(self, place: str, problem: str, hint: str = "") -> None:
        self.problems.append(Problem(file=str(self.file), place=place, problem=problem, hint=hint))

    def system(self, name: str, said: Mapping[str, Any]) -> System:
        """Return one system."""
        here = f"systems.{name}"
        partner = str(said.get("partner", ""))
        if partner and partner not in self.partners:
            self.wrong(f"{here}.partner", f"'{partner}' is not a partner", did_you_mean(partner, self.partners))
        twin = self._twin(said)
        kind = said.get("kind", "twin" if twin else "product")
        if twin and kind not in ("twin", "mock"):
            self.wrong(f"{here}.kind", f"what we serve ourselves is a twin or a mock, never a {kind}")
        if (twin is None) == ("target" not in said):
            self.wrong(here, "a system has a target, or it is a twin", "target: FILE, or twin: {profile: …}")
        named = said.get("claims") if isinstance(said.get("claims"), dict) else {}
        claims = {p: self._claim(f"{here}.claims.{p}", p, c, twin) for p, c in (named or {}).items()}
        if twin and twin.profile and not claims:
            claims = {twin.profile: self._claim(f"{here}.twin.profile", twin.profile, {}, twin)}
        if not claims:
            self.wrong(here, "nothing is claimed, so there is nothing to test", "claims: {PROFILE: {}}")
        if twin and twin.profile and set(claims) != {twin.profile}:
            self.wrong(f"{here}.claims", f"a twin of {twin.profile} can be held against {twin.profile} only", "leave twin.profile out")
        if twin:
            self._twin_words(f"{here}.twin", twin, claims)
            claims = {p: self._spoken(f"{here}.twin.dialect", p, c, twin.dialect) for p, c in claims.items()}
        roles = said.get("roles") if isinstance(said.get("roles"), dict) else {}
        target = self._target(f"{here}.target", said["target"]) if "target" in said else None
        title = str(said.get("title", ""))
        return System(
            name=name, partner=partner, title=title, kind=kind, target=target, twin=twin, claims=claims, roles=roles or {}
        )  # fmt: skip

    @staticmethod
    def _twin(said: Mapping[str, Any]) -> ServedTwin | None:
        raw = said.get("twin")
        if not isinstance(raw, dict):
            return None
        return ServedTwin(
            profile=str(raw.get("profile", "")), faults=tuple(map(str, raw.get("faults") or ())),
            variants=tuple(map(str, raw.get("variants") or ())), dialect=str(raw.get("dialect", "")),
        )  # fmt: skip

    def _twin_words(self, here: str, twin: ServedTwin, claims: Mapping[str, Claim]) -> None:
        """Hold the names of faults and variants against those of the profiles; each must fit at least one."""
        faults: set[str] = set()
        variants: set[str] = set()
        for name, claim in claims.items():
            if name in self.shelf.profiles:
                more = self.known(as_claimed(load_profile(name, self.shelf), claim, self.shelf))
                faults, variants = faults | more[0], variants | more[1]
        for member, words, there in (("faults", twin.faults, faults), ("variants", twin.variants, variants)):
            for number, word in enumerate(words):
                if word not in there:
                    self.wrong(f"{here}.{member}[{number}]", f"'{word}' is not one of its {member}", did_you_mean(word, there))

    def _spoken(self, here: str, name: str, claim: Claim, dialect: str) -> Claim:
        """Return the claim with the newest edition that is written in a twin's dialect, where the claim leaves the edition open."""
        if not dialect or claim.edition or name not in self.shelf.profiles:
            return claim
        editions = load_profile(name, self.shelf).editions
        found = {str(getattr(load_profile(f"{name}@{edition}", self.shelf), "dialect", "")): edition for edition in editions}
        if dialect not in found:
            self.wrong(here, f"'{dialect}' is not a dialect of {name}", did_you_mean(dialect, filter(None, found)))
        return replace(claim, edition=found.get(dialect, ""))

    def _target(self, here: str, said: Any) -> Target:
        try:
            if isinstance(said, str):
                path = self.file.parent / said
                return target_of(read_yaml(path), str(path))
            return target_of(said, f"{self.file}: {here}")
        except UsageError as error:
            self.problems += error.problems
            return Target(url="http://unread.invalid")

    def _claim(self, here: str, name: str, said: Any, twin: ServedTwin | None) -> Claim:
        if name not in self.shelf.profiles:
            self.wrong(here, f"'{name}' is not a profile", did_you_mean(name, self.shelf.profiles))
            return Claim()
        try:
            file, told = f"{self.file}: {here}", said
            if isinstance(said, str):
                file = str(self.file.parent / said)
                told = read_yaml(self.file.parent / said)
            elif isinstance(said, dict):
                told = {"profile": name, **said}
            claim = claim_in(told, file)
            check_claim(claim, as_claimed(load_profile(name, self.shelf), claim, self.shelf), file)
            return claim
        except UsageError as error:
            self.problems += error.problems
            return Claim()
