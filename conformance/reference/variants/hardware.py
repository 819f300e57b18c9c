"""Redfish services that do what cannot be done as a whole in another permitted way."""

from __future__ import annotations

from dataclasses import replace

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, success, with_header
from conformance.reference.message import write_json
from conformance.reference.variants import variant
from conformance.wire import WireResponse


def _has_accounts(profile: Profile) -> bool:
    return profile.name == "dmtf-redfish"


@variant(sentence="A PATCH with an unknown property is done as far as it can be, and the answer says so.", applies=_has_accounts)
def done_in_part(seen: Seen) -> WireResponse:
    sent = seen.sent_members
    known = {name: value for name, value in sent.items() if not name.startswith("Conformance")}
    if seen.operation is None or seen.operation.id != "updateAccount" or not known or known == sent:
        return seen.forward()
    answer = seen.sending(lambda body: known)
    if not success(answer):
        return answer
    told = [{"MessageId": "Base.1.19.PropertyUnknown", "Message": "The property is unknown.", "MessageArgs": [name]} for name in sent]
    body = {f"{name}@Message.ExtendedInfo": told for name in sent if name not in known}
    return replace(with_header(answer, "Content-Type", "application/json"), status=200, body=write_json(body))


@variant(sentence="A PATCH with nothing but annotations is answered with success.", applies=_has_accounts)
def annotations_are_no_change(seen: Seen) -> WireResponse:
    answer = seen.forward()
    only = bool(seen.sent_members) and all("@" in name for name in seen.sent_members)
    asked = seen.operation is not None and seen.operation.id == "updateAccount"
    empty = replace(with_header(answer, "Content-Type", None), status=204, body=b"")
    return empty if asked and only and answer.status == 400 else answer
