"""The eight domains of the Collaborative Security Framework: which requirement is about which, what none is about, what several are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.run import Result
from conformance.scoring import Tally, tally

#: The profile whose ids begin with a domain.
BASELINE = "security-baseline"
#: What a table of domains may be taken for, and no more.
EVIDENCE = "Supporting evidence: what was seen from outside, once."
DOMAINS: Mapping[str, str] = {
    "iam": "Identity and access",
    "network": "Network and data",
    "application": "Application and device",
    "secops": "Security operations and monitoring",
    "grc": "Governance, risk and compliance",
    "resilience": "Resilience and availability",
    "privacy": "Privacy and user control",
    "future": "Future threats",
}
#: Checks of any profile that are about security, and their domain.
ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(
        ("authentication", "service-authentication", "anonymous-allowed", "challenge", "other-client-refused", "other-client-not-listed",
         "issued-shown", "issued-ends", "scope-limited", "issuer-agrees", "session-token", "callback-credential"), "iam",
    ),
    "redirects-nowhere": "application",
    "service-error-format": "application",
    "errors": "application",
    "refuses": "application",
    "write-only-hidden": "network",
}  # fmt: skip


def domain_of(profile: str, requirement: str, check: str) -> str:
    """Return the domain that a requirement is about, or ''.

    >>> domain_of("security-baseline", "security-baseline/grc.components-listed", "components-listed")
    'grc'
    """
    if profile != BASELINE:
        return ELSEWHERE.get(check, "")
    first = requirement.partition("/")[2].partition(".")[0]
    return first if first in DOMAINS else ""


def by_domain(profile: str, results: Iterable[Result]) -> list[tuple[str, Tally]]:
    """Return title and counts of each domain in a run of the baseline, also of those that nothing is asked about; of any other run nothing."""
    if profile != BASELINE:
        return []
    found: dict[str, list[Result]] = {name: [] for name in DOMAINS}
    for result in results:
        if (name := domain_of(profile, result.requirement, result.check)) in found:
            found[name].append(result)
    return [(DOMAINS[name], tally(group)) for name, group in found.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What is known of one domain: `checked` requirements by profile, `unchecked` ones that no request can show."""

    name: str
    title: str
    checked: Mapping[str, Sequence[str]]
    unchecked: Sequence[str]

    @property
    def state(self) -> str:
        """`gap` when nothing is looked at, `overlap` when several profiles look, else `one`."""
        return "gap" if not self.checked else "overlap" if len(self.checked) > 1 else "one"


def domains(profiles: Iterable[Profile], checks: Iterable[str]) -> list[Domain]:
    """Return every domain with the requirements of *profiles* that are about it."""
    known = set(checks)
    checked: dict[str, dict[str, list[str]]] = {name: {} for name in DOMAINS}
    unchecked: dict[str, list[str]] = {name: [] for name in DOMAINS}
    for profile in profiles:
        for one in (*profile.requirements, *profile.not_tested):
            name = domain_of(profile.name, one.id, one.check)
            if name and _looked_at(one, known):
                checked[name].setdefault(profile.name, []).append(one.id)
            elif name:
                unchecked[name].append(one.id)
    return [Domain(name=n, title=title, checked=checked[n], unchecked=unchecked[n]) for n, title in DOMAINS.items()]


def _looked_at(requirement: Requirement, known: set[str]) -> bool:
    return not requirement.reason and requirement.check in known
