"""CAMARA Simple Edge Discovery: the zone that is closest to a device, which the request names or the token stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.profile import Profile
from conformance.reference.engine import Options
from conformance.reference.message import Call, Refused
from conformance.reference.twins.camara import CamaraTwin, identified
from conformance.wire import WireResponse

PROFILE = "camara-simple-edge-discovery"
#: Devices by the identifiers that the network knows them by, and the zone that is closest to each.
DEVICES: Mapping[str, str] = {"+4915550001": "north", "+4915550002": "south", "2001:db8::1": "north", "203.0.113.7:59765": "south"}
ZONES: Mapping[str, tuple[str, str]] = {
    "north": ("8c0f3a52-6a1b-4d0e-9f57-1f2e3d4c5b01", "Twin North"),
    "south": ("8c0f3a52-6a1b-4d0e-9f57-1f2e3d4c5b02", "Twin South"),
}
#: Devices that the service is not offered to.
EXCLUDED = ("+4915550009",)


class SimpleEdgeDiscoveryTwin(CamaraTwin):
    """An operator with two zones; a token whose holder is written as a known phone number is a three-legged one."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.options.strict_query = False
        self.test_data = {
            "unknown_device": {"phoneNumber": "+4915559999"}, "mixed_device": {"phoneNumber": "+4915550001", "ipv6Address": "2001:db8::1"},
        }  # fmt: skip
        named = {"phoneNumber": "+4915550001"}
        self.test_data |= {"unneeded_device": named} if DEVICES.keys() & set(self.options.tokens.values()) else {"device": named}

    def op_readClosestEdgeCloudZone(self, call: Call) -> WireResponse:
        """Show the zone that is closest to the device."""
        body = self.accepted(call)
        shown: dict[str, Any] = {}
        if call.who in DEVICES:
            if "device" in body:
                raise Refused(422, "the token names the device already", kind="UNNECESSARY_IDENTIFIER")
            zone = DEVICES[call.who]
        else:
            zone, used = identified(body.get("device"), DEVICES, EXCLUDED)
            shown = {"device": used}
        id, name = ZONES[zone]
        found = {"edgeCloudZoneId": id, "edgeCloudZoneName": name, "edgeCloudProvider": "Twin Operator", **shown}
        return self.answer(call.operation, 200, found)


TWIN = SimpleEdgeDiscoveryTwin
