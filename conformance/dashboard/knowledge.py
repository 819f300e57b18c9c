"""What the shelf knows of the profiles in the records: titles, sentences, the words of their contracts, where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from conformance.dashboard.audience import words
from conformance.dashboard.summary import judged_by
from conformance.errors import UsageError
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.sources import contracts_on, read_source
from conformance.profile import Profile
from conformance.source import Source
from conformance.verdict import Level

#: The nine functional interfaces of the reference architecture.
INTERFACES = {
    1: "Service Orchestration – Application", 2: "Platform – Service Orchestration", 3: "Federation", 4: "Virtualisation – Platform",
    5: "Management – Platform", 6: "Physical resources – Virtualisation", 7: "Service Orchestration – Telco networks", 8: "Security",
    9: "Sustainability",
}  # fmt: skip
NO_INTERFACE = "of no interface"


@dataclass(frozen=True, kw_only=True)
class Known:
    """One edition of a profile on the shelf."""

    profile: Profile
    source: Source | None

    @cached_property
    def judged_by(self) -> str:
        """What a run by this edition as it is now has as its key."""
        return judged_by(self.profile.digests)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words of what is published: contract, requirements, corpus titles."""
        text = json.dumps(self.profile.contract.document, ensure_ascii=False, default=str)
        asked = " ".join(f"{r.id} {r.sentence} {r.clause} {r.feature} {r.on} {r.check}" for r in self.profile.by_id.values())
        bound = str(self.profile.bindings)
        cases = " ".join(f"{c.scenario} {c.pointer}" for group in self.profile.cases.values() for c in group)
        return frozenset(words(" ".join((text, asked, bound, cases))))

    @property
    def depth(self) -> dict[str, int]:
        """How deep we look: requirements by level, drafts apart, what no request can show, frozen inputs."""
        counted = [r for r in self.profile.requirements if not r.draft]
        return {
            **{level.value: sum(r.level is level for r in counted) for level in Level},
            "drafts": sum(r.draft for r in self.profile.requirements),
            "not_tested": len(self.profile.not_tested),
            "inputs": sum(len(c) for c in self.profile.cases.values()),
        }


@dataclass(kw_only=True)
class Knowledge:
    """The shelf as the pages need it; `catches` are sentences of faults that each requirement is known to turn red for."""

    known: Mapping[tuple[str, str], Known] = field(default_factory=dict)
    catches: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, profile: str, edition: str) -> Known | None:
        """Return an edition of a profile, if it is on the shelf."""
        return self.known.get((profile, edition))

    def vocabulary(self, profile: str, edition: str) -> frozenset[str]:
        """Return the public words of an edition."""
        known = self.of(profile, edition)
        return known.vocabulary if known else frozenset()

    def sources(self) -> list[tuple[Source, list[Known]]]:
        """Return each contract with the editions of profiles that rest on it."""
        found: dict[str, tuple[Source, list[Known]]] = {}
        for known in self.known.values():
            if known.source:
                found.setdefault(known.source.name, (known.source, []))[1].append(known)
        return [found[name] for name in sorted(found)]


def know(shelf: Shelf, catches: Mapping[str, Sequence[str]] | None = None, only: Iterable[str] | None = None) -> Knowledge:
    """Return what the shelf knows; a profile that cannot be loaded is left out, its runs are shown with their own words.

    Args:
        only: names of profiles; None for all.
    """
    wanted = None if only is None else set(only)
    contracts = contracts_on(shelf)
    found: dict[tuple[str, str], Known] = {}
    for name, editions in sorted(shelf.profiles.items()):
        for edition in editions if wanted is None or name in wanted else ():
            try:
                profile = load_profile(f"{name}@{edition}", shelf)
                folder = contracts.get(f"{profile.contract.standard}/{profile.contract.edition}")
                file = folder / "source.yaml" if folder else None
                source = read_source(file) if file and file.is_file() else None
            except UsageError:
                continue
            found[name, edition] = Known(profile=profile, source=source)
    return Knowledge(known=found, catches=catches or {})
