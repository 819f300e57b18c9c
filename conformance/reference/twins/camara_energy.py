"""CAMARA Energy Footprint Notification: calculations that are asked for and whose one result goes to the sink of the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.profile import Profile
from conformance.reference import outgoing
from conformance.reference.engine import Options
from conformance.reference.message import Call, Refused, seconds
from conformance.reference.twins.camara import CamaraTwin
from conformance.wire import Outgoing, WireRequest, WireResponse

PROFILE = "camara-energy-footprint-notification"
EVENTS = "org.camaraproject.energy-footprint-notification.v1"
#: Seconds that a calculation takes.
CALCULATION = 0.4
#: Application instances: what each draws, in kW, and how long it has been running, in hours.
INSTANCES: Mapping[str, tuple[float, float]] = {
    "6f1c2a54-9a0e-4b3d-8d5c-0a1b2c3d4e01": (0.24, 96.0),
    "6f1c2a54-9a0e-4b3d-8d5c-0a1b2c3d4e02": (0.11, 30.0),
}
#: Tonnes of greenhouse gases for a kWh.
INTENSITY = 0.000_213


class EnergyFootprintTwin(CamaraTwin):
    """An operator with two running application instances, whose consumption is that of their time."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.options.etags = False
        self.options.strict_query = False
        first, second = INSTANCES
        self.test_data = {"app_instance": first, "other_app_instance": second}

    # -- calculations --------------------------------------------------------------------------------------------
    def op_calculateEnergyConsumption(self, call: Call) -> WireResponse:
        """Take a request for the energy in kWh."""
        return self.calculated(call, "energy", "energyConsumption", 1.0)

    def op_calculateCarbonFootprint(self, call: Call) -> WireResponse:
        """Take a request for the greenhouse gases in tonnes."""
        return self.calculated(call, "carbon-footprint", "carbonFootprint", INTENSITY)

    def calculated(self, call: Call, kind: str, member: str, factor: float) -> WireResponse:
        """Take a request and plan its result; the answer shows it with an identifier."""
        body = self.accepted(call)
        self.check(body)
        id = self.store.fresh_uuid("report")
        result = round(factor * sum(power * hours(body.get("timePeriod"), age, call.now) for power, age in self.instances(body)), 6)
        at = call.now + CALCULATION
        subscription = body["subscriptionRequest"]
        token = (subscription.get("sinkCredential") or {}).get("accessToken", "")
        data = {"requestId": id, member: result}
        source = f"{self.options.base}{call.operation.path}"
        event = outgoing.cloud_event(self.store.fresh_uuid("event"), source, f"{EVENTS}.{kind}", data, at, bearer=token)
        self.send(at, subscription["sink"], event)
        shown = {k: v for k, v in body.items() if k in ("service", "timePeriod")}
        shown |= {"subscriptionRequest": {k: v for k, v in subscription.items() if k != "sinkCredential"}, "requestId": id}
        return self.answer(call.operation, 201, shown, (("Location", f"{source}/{id}"),))

    def check(self, body: Mapping[str, Any]) -> None:
        """Refuse what the text of the document does not allow although its schema does."""
        subscription = body["subscriptionRequest"]
        if subscription["protocol"] != "HTTP":
            raise Refused(400, "only HTTP is supported")
        credential = subscription.get("sinkCredential")
        if credential is not None:
            if credential["credentialType"] != "ACCESSTOKEN":
                raise Refused(400, "only an access token is supported")
            if credential.get("accessTokenType") != "bearer" or not credential.get("accessToken"):
                raise Refused(400, "only a bearer token is supported")
        period = body.get("timePeriod")
        if period is not None and not isinstance(period, dict):
            raise Refused(400, "the period is no object")
        if period and "endDate" in period and seconds(period["endDate"]) < seconds(period["startDate"]):
            raise Refused(400, "the period ends before it begins", kind="OUT_OF_RANGE")

    def instances(self, body: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Return power and age of the instances of a service."""
        unknown = [one for one in body["service"] if one.lower() not in INSTANCES]
        if unknown:
            raise Refused(404, f"there is no application instance {unknown[0]}", kind="UNKNOWN_APPLICATION_IDENTIFIER")
        return [INSTANCES[one.lower()] for one in body["service"]]

    # -- what it sends by itself ---------------------------------------------------------------------------------
    def send(self, at: float, url: str, request: WireRequest) -> None:
        """Plan a delivery."""
        outgoing.plan(self.store, at, url, request)

    def due(self, now: float) -> list[Outgoing]:
        """Return what is sent until *now*."""
        return outgoing.take(self.store, now)


def hours(period: Mapping[str, str] | None, age: float, now: float) -> float:
    """Return how many hours an instance of this age was running in a period; without one, since it began.

    >>> hours({"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-01-01T02:00:00Z"}, 24.0, seconds("2026-01-01T01:00:00Z"))
    1.0
    """
    began = now - age * 3600
    start = seconds(period["startDate"]) if period else began
    end = min(now, seconds(period["endDate"])) if period and "endDate" in period else now
    return max(0.0, end - max(began, start)) / 3600


TWIN = EnergyFootprintTwin
