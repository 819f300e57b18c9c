"""A testbed: who takes part, with which systems, and what each system is said to do (`testbed.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from conformance.claim import Claim
from conformance.target import Target, origin

#: Products count as a partner's; references are others' implementations; twins are ours, mocks were made for tests, and neither counts.
Kind = Literal["product", "reference", "twin", "mock"]
KINDS: tuple[Kind, ...] = ("product", "reference", "twin", "mock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """Somebody who takes part."""

    name: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedTwin:
    """A twin that the campaign serves itself: of one profile, or of each that the system claims; faults and variants by name."""

    profile: str = ""
    faults: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    dialect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One implementation in the testbed: an endpoint, or a twin that is served; a claim for each profile it is held against."""

    name: str
    partner: str
    title: str = ""
    kind: Kind = "product"
    target: Target | None = None
    twin: ServedTwin | None = None
    claims: Mapping[str, Claim] = field(default_factory=dict)
    roles: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dialects(self) -> tuple[str, ...]:
        """What it is said to speak, where standards have several dialects."""
        said = {str(getattr(claim, "dialect", "")) for claim in self.claims.values()} | ({self.twin.dialect} if self.twin else set())
        return tuple(sorted(said - {""}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a campaign does at a time: one system against one profile."""

    system: System
    profile: str

    @property
    def name(self) -> str:
        """The unit in a line, which is also where its runs are below the campaign's folder."""
        return f"{self.system.name}/{self.profile}"

    @property
    def claim(self) -> Claim:
        """What is claimed of this profile."""
        return self.system.claims[self.profile]

    @property
    def lock(self) -> str:
        """What no two units may use at a time: the server under test; each unit has a twin of its own."""
        return origin(self.system.target.url) if self.system.target else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A session of two systems of one standard: `a` originates, `b` is the partner that answers."""

    a: System
    b: System
    profile: str

    @property
    def name(self) -> str:
        """The pair in a line, which is also where its sessions are below the campaign's folder."""
        return f"pairs/{self.a.name}__{self.b.name}/{self.profile}"

    @property
    def lock(self) -> str:
        """The server that answers; a served one is its own."""
        return Unit(system=self.b, profile=self.profile).lock if self.b.target else self.name

    @property
    def drivable(self) -> bool:
        """Whether we can make A originate: it is a twin of ours. Somebody else's has to be told by its owner."""
        return self.a.twin is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Testbed:
    """Everything that `testbed.yaml` says; `in_flight` units are tested at the same time."""

    __test__: ClassVar[bool] = False
    name: str
    partners: Mapping[str, Partner]
    systems: Mapping[str, System]
    in_flight: int = 4

    @property
    def units(self) -> tuple[Unit, ...]:
        """Every system against every profile it claims, in the order of the file."""
        return tuple(Unit(system=system, profile=profile) for system in self.systems.values() for profile in system.claims)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every system that originates against every other that is a partner, for each profile in which they have these roles."""
        return tuple(
            Pair(a=a, b=b, profile=profile)
            for a in self.systems.values()
            for profile in a.claims
            for b in self.systems.values()
            if a is not b and profile in b.claims and "originating" in a.roles.get(profile, ()) and "partner" in b.roles.get(profile, ())
        )

    def facts(self) -> dict[str, Any]:
        """Return what anybody may know of the testbed: no address, no credential, no test data."""
        return {
            "name": self.name,
            "partners": {p.name: {"title": p.title} for p in self.partners.values()},
            "systems": {
                s.name: {
                    "partner": s.partner,
                    "kind": s.kind,
                    "profiles": sorted(s.claims),
                    **({"title": s.title} if s.title else {}),
                    **({"dialects": s.dialects} if s.dialects else {}),
                    **({"roles": dict(s.roles)} if s.roles else {}),
                }
                for s in self.systems.values()
            },
        }
