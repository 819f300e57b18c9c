"""Twins of single standards, and the one door to all of them: `twin_for`."""

from __future__ import annotations

import importlib
import pkgutil

from conformance.profile import Profile
from conformance.reference.engine import Options, ResourceTwin

_FOUND: dict[str, type[ResourceTwin]] = {}


def special(profile: str, edition: str = "") -> type[ResourceTwin]:
    """Return the class of a profile's twin: that of the module here that says it is its (or this edition's), else the engine itself."""
    if not _FOUND:
        for module in pkgutil.iter_modules(__path__):
            loaded = importlib.import_module(f"{__name__}.{module.name}")
            if hasattr(loaded, "PROFILE"):
                _FOUND[f"{loaded.PROFILE}@{loaded.EDITION}" if hasattr(loaded, "EDITION") else loaded.PROFILE] = loaded.TWIN
    return _FOUND.get(f"{profile}@{edition}") or _FOUND.get(profile, ResourceTwin)


def twin_for(profile: Profile, options: Options | None = None) -> ResourceTwin:
    """Return a fresh twin of *profile*: its own where there is one, else one made of contract and bindings alone."""
    return special(profile.name, profile.edition)(profile, options)
