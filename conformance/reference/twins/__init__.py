"""Twins of single standards, and the one door to all of them: `twin_for`."""

from __future__ import annotations

import importlib
import pkgutil

from conformance.errors import Problem, UsageError, did_you_mean
from conformance.profile import Profile
from conformance.reference.engine import Options, ResourceTwin

_FOUND: dict[str, type[ResourceTwin]] = {}
_FAMILIES: dict[str, type[ResourceTwin]] = {}


def special(profile: str, edition: str = "", like: str = "") -> type[ResourceTwin]:
    """Return the class of a profile's twin: of the module here that says it is its (or this edition's), else of its family, else the engine.

    Raises:
        UsageError: there is no such family.
    """
    if not _FOUND:
        for module in pkgutil.iter_modules(__path__):
            loaded = importlib.import_module(f"{__name__}.{module.name}")
            if hasattr(loaded, "FAMILY"):
                _FAMILIES[loaded.FAMILY] = loaded.TWIN
            if hasattr(loaded, "PROFILE"):
                _FOUND[f"{loaded.PROFILE}@{loaded.EDITION}" if hasattr(loaded, "EDITION") else loaded.PROFILE] = loaded.TWIN
    if like and like not in _FAMILIES:
        raise UsageError(
            Problem(file=f"{profile}/twin.yaml", place="like", problem=f"no family '{like}'", hint=did_you_mean(like, _FAMILIES))
        )
    return _FOUND.get(f"{profile}@{edition}") or _FOUND.get(profile) or _FAMILIES.get(like, ResourceTwin)


def twin_for(profile: Profile, options: Options | None = None) -> ResourceTwin:
    """Return a fresh twin of *profile*: its own where there is one, else one made of contract, bindings and `twin.yaml` alone."""
    return special(profile.name, profile.edition, profile.twin.like)(profile, options)
