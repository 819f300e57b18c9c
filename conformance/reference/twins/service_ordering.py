"""A TMF641 server: orders and cancellations show where they are and in which state, and a cancellation moves its order."""

from __future__ import annotations

from typing import Any

from conformance.profile import Resource
from conformance.reference.engine import ResourceTwin
from conformance.reference.message import Call, moment
from conformance.reference.store import Instance, Parents

PROFILE = "tmf641-service-ordering"


class ServiceOrderingTwin(ResourceTwin):
    """Nothing is ever delivered: an order is acknowledged, until it is to be cancelled."""

    def completed(self, resource: Resource, parents: Parents, id: str, body: Any, now: float) -> Any:
        """Return an order or a cancellation with its link and its state."""
        owned: dict[str, dict[str, Any]] = {
            "order": {"href": self.href(resource, parents, id), "state": "acknowledged", "orderDate": moment(now)},
            "cancellation": {"href": self.href(resource, parents, id), "state": "accepted"},
        }
        return super().completed(resource, parents, id, {**owned.get(resource.name, {}), **body}, now)

    def stored(self, call: Call, resource: Resource, instance: Instance, before: Any) -> None:
        """Let an order wait for its cancellation."""
        order = self.store.shelf("order").get(instance.body["serviceOrder"]["id"]) if resource.name == "cancellation" else None
        if order is not None:
            order.body["state"] = "pendingCancellation"


TWIN = ServiceOrderingTwin
