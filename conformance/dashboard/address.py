"""Addresses of pages, relative to the root of the site. A name that is not calm becomes one that is, and cannot collide."""

from __future__ import annotations

import hashlib
import re

_CALM = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,70}[a-z0-9])?")
OVERVIEW, PAIRS, LANDSCAPE, FEEDBACK, DEPENDENCIES, DISPOSITIONS = (
    "index.html", "pairs.html", "landscape.html", "feedback.html", "dependencies.html", "dispositions.html",
)  # fmt: skip


def slug(text: str) -> str:
    """Return *text* as a part of an address that every file system and every shell takes.

    >>> slug("scim2"), slug("Partner IdP 4.2")
    ('scim2', 'partner-idp-4.2-112453e2')
    """
    if _CALM.fullmatch(text) and ".." not in text:
        return text
    plain = re.sub(r"\.{2,}", ".", re.sub(r"[^a-z0-9._-]+", "-", text.lower()[:48])).strip("-._")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else f"odd-{digest}"


def partner(name: str) -> str:
    """Return the page of a partner."""
    return f"partners/{slug(name)}.html"


def system(name: str) -> str:
    """Return the page of a system."""
    return f"systems/{slug(name)}.html"


def cell(system: str, profile: str) -> str:
    """Return the page of a system's profile."""
    return f"systems/{slug(system)}/{slug(profile)}.html"


def run(system: str, profile: str, run_id: str, digest: str) -> str:
    """Return the page of a run; *digest* of its record tells runs of one id apart."""
    return f"runs/{slug(system)}/{slug(profile)}/{slug(run_id)}-{digest[:6]}.html"


def diff(system: str, profile: str) -> str:
    """Return the page of what changed between the latest two runs."""
    return f"diffs/{slug(system)}/{slug(profile)}.html"


def failure(system: str, profile: str, requirement: str) -> str:
    """Return the page of a cause, named after the first requirement that fails for it."""
    return f"failures/{slug(system)}/{slug(profile)}/{_tail(requirement, profile)}.html"


def profile(name: str) -> str:
    """Return the page of a profile."""
    return f"profiles/{slug(name)}.html"


def requirement(name: str, profile: str) -> str:
    """Return the page of a requirement."""
    return f"requirements/{slug(profile)}/{_tail(name, profile)}.html"


def pair(profile: str, a: str, b: str) -> str:
    """Return the page of a pair session."""
    return f"pairs/{slug(profile)}/{slug(a)}--{slug(b)}.html"


def _tail(requirement: str, profile: str) -> str:
    return slug(requirement.removeprefix(f"{profile}/"))
