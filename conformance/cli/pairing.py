"""A pair session in a unit's process: our twin of A originates through the relay, B answers, and both are judged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from conformance.claim import Claim
from conformance.cli.running import execute
from conformance.driving.campaign import SESSION_FILE, Order
from conformance.driving.relay import Relay
from conformance.driving.session import Options, Session
from conformance.loading.profiles import Shelf, load_profile
from conformance.pairing import PairSession, dialects, judged_steps, operation_at, whole
from conformance.profile import Profile
from conformance.reference.serving import serve
from conformance.run import Result
from conformance.target import Target

#: Requirements whose checks send what a client of the standard sends: each operation, with valid input.
ORIGINATING = ("answers", "answer")


def spoken(name: str, claim: Claim, shelf: Shelf) -> Profile:
    """Return the profile of one side, in the edition that it claims."""
    return load_profile(f"{name}@{claim.edition}" if claim.edition else name, shelf)


def hold_session(order: Order, target: Target, folder: Path, shelf: Shelf, told: Callable[[Result], None]) -> PairSession:
    """Hold a session and write it; `target` is B's, as A reaches it.

    What A sends is what the profile in A's edition sends to try each operation; the run that comes of it is not kept, only what passed the relay.
    """
    assert order.partner_side is not None
    a, b = spoken(order.profile, order.claim, shelf), spoken(order.profile, order.partner_side.claim, shelf)
    (folder / "exchanges.jsonl").unlink(missing_ok=True)
    relay = Relay(target, folder)
    with serve(relay) as url, tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
        through = replace(target, url=url, name=order.system, allow=("write",), connect_to="", proxy="")
        options = Options(seed=order.seed, selected="pair session", run_by="testbed", system=order.system)
        session = Session(f"{a.name}@{a.edition}", through, Claim(), Path(scratch), options, order.epoch, shelf, on_result=told)
        execute(session, only=tuple(r.id for r in a.requirements if r.family in ORIGINATING))
    sent = [one for one in relay.passed if operation_at(a.contract, one.request)]  # the first look's control path is ours, not A's
    steps = judged_steps(sent, a, b)
    held = PairSession(
        a=order.system, b=order.partner_side.system, profile=order.profile, dialects={"a": dialects(a), "b": dialects(b)}, steps=steps,
        verdict=whole(steps), at=order.epoch,
    )  # fmt: skip
    new = folder / f"{SESSION_FILE}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(held), indent=1) + b"\n")
    os.replace(new, folder / SESSION_FILE)
    return held
