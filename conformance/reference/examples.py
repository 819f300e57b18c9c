"""Bodies of other clients: the examples of the bindings with words of their own in the templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from conformance.profile import Profile, Resource
from conformance.reference.message import moment
from conformance.reference.sampling import chance

_TEMPLATE = re.compile(r"\{([a-z]+)(?:([+-]\d+)s|\.[A-Za-z0-9_-]+)?\}")


def filled(template: Any, word: str, now: float) -> Any:
    """Return an example with its templates filled from *word* and *now*."""
    if isinstance(template, Mapping):
        return {k: filled(v, word, now) for k, v in template.items()}
    if isinstance(template, list | tuple):
        return [filled(v, word, now) for v in template]
    if not isinstance(template, str):
        return template

    def value(match: re.Match[str]) -> str:
        if match[1] == "now":
            return moment(now + int(match[2] or 0))
        if match[1] == "uuid":
            bits = f"{chance(word).getrandbits(128):032x}"
            return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-8{bits[17:20]}-{bits[20:]}"
        return f"Aa1!{word}-secret" if match[1] == "secret" else word

    return _TEMPLATE.sub(value, template)


def creatable(profile: Profile) -> list[Resource]:
    """Return the resources at the top of the service that anybody can create from their example."""
    found = []
    for resource in profile.bindings.resources.values():
        operation = profile.contract.operations.get(resource.create)
        needs = any(word in str(resource.example) for word in ("{test_data.", "{id.", "{shown.", "{example."))
        if operation and not operation.path_parameters and isinstance(resource.example, Mapping) and not needs:
            found.append(resource)
    return found
