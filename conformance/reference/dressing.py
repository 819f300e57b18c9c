"""A twin with faults and variants by name: what testbeds and `serve-reference` ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from conformance.profile import Profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.faults import Planted, planted
from conformance.reference.twins import twin_for
from conformance.reference.variants import VariantTwin, variants_for
from conformance.wire import Twin


def names(profile: Profile) -> tuple[set[str], set[str]]:
    """Return what a twin of *profile* can be made to do: faults (with and without their place) and variants, by name."""
    return set(_faults(profile)), {v.name for v in variants_for(profile)}


def dressed(profile: Profile, faults: Iterable[str] = (), variants: Iterable[str] = ()) -> Twin:
    """Return a twin of *profile* with these faults and variants; names that do not fit this profile are passed over.

    A fault without its place (`delete-is-soft`, not `delete-is-soft@deleteUser`) is planted at the first place it has.
    """
    base = twin_for(profile)
    twin: Any = base
    permitted = {v.name: v for v in variants_for(profile)}
    for name in variants:
        if name in permitted:
            if prepare := permitted[name].prepare:
                prepare(base)
            twin = VariantTwin(cast(ResourceTwin, twin), permitted[name])
    known = _faults(profile)
    for name in faults:
        if name in known:
            twin = known[name].twin(cast(ResourceTwin, twin))
    return cast(Twin, twin)


def _faults(profile: Profile) -> dict[str, Planted]:
    found: dict[str, Planted] = {}
    for one in planted(profile):
        found[one.name] = one
        found.setdefault(one.fault.name, one)
    return found
