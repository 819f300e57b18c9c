"""What a partner says its product does (ISO/IEC 9646: the implementation conformance statement)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Support(StrEnum):
    """What a claim says of a feature."""

    YES = "yes"
    NO = "no"
    PLANNED = "planned"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim; a feature it does not name is silent: discovery decides.

    `beside` (`NAME@EDITION`) is the standard that the product speaks, for a profile that asks something of every standard.
    """

    profile: str = ""
    edition: str = ""
    dialect: str = ""
    beside: str = ""
    product: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[str, Support] = field(default_factory=dict)

    def support(self, feature: str) -> Support:
        """Return what is said of *feature*; `core` is always claimed."""
        return Support.YES if feature == "core" else self.features.get(feature, Support.SILENT)
