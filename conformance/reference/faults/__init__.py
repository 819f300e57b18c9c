"""What can be wrong with an implementation: `planted(profile)` returns each fault at each place; see `planting`."""

from __future__ import annotations

from conformance.reference.faults.planting import Fault, Planted, Seen, fault, known_faults, planted

__all__ = ["Fault", "Planted", "Seen", "fault", "known_faults", "planted"]
