"""A pair session in a unit's process: our twin of A originates through the relay, B answers, and both are judged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from conformance.claim import Claim
from conformance.cli.running import execute
from conformance.driving.campaign import SESSION_FILE, Order
from conformance.driving.relay import Relay
from conformance.driving.session import Options, Session
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.targets import as_claimed
from conformance.pairing import PairSession, Step, dialects, judged_steps, operation_at, whole
from conformance.reference.serving import serve
from conformance.run import Result
from conformance.target import Target
from conformance.verdict import Verdict

#: Requirements whose checks send what a client of the standard sends: each operation, with valid input.
ORIGINATING = ("answers", "answer")


def not_reached(results: Iterable[Result], known: Collection[str], sent: Collection[str]) -> tuple[Step, ...]:
    """Return those of the *known* operations that A would have sent, but that could not be tried: something before did not go well."""
    stuck = {r.on: r for r in results if r.verdict is Verdict.INCONCLUSIVE or r.blocked_by}
    return tuple(
        Step(step=operation, verdict="OT", detail=f"A did not come to it: {result.reason}"[:300])
        for operation, result in stuck.items()
        if operation in known and operation not in sent
    )


def hold_session(order: Order, target: Target, folder: Path, shelf: Shelf, told: Callable[[Result], None]) -> PairSession:
    """Hold a session and write it; `target` is B's, as A reaches it.

    What A sends is what the profile in A's edition sends to try each operation of the features that A claims; the run that comes of it is not kept, only what passed the relay.
    """
    assert order.partner_side is not None
    a, b = (as_claimed(load_profile(order.profile, shelf), claim, shelf) for claim in (order.claim, order.partner_side.claim))
    (folder / "exchanges.jsonl").unlink(missing_ok=True)
    relay = Relay(target, folder)
    with serve(relay) as url, tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
        through = replace(target, url=url, name=order.system, allow=("write",), connect_to="", proxy="")
        options = Options(seed=order.seed, selected="pair session", run_by="testbed", system=order.system)
        claim = Claim(features=order.claim.features)
        session = Session(f"{a.name}@{a.edition}", through, claim, Path(scratch), options, order.epoch, shelf, on_result=told)
        run = execute(session, only=tuple(r.id for r in a.requirements if r.family in ORIGINATING))
    sent = [one for one in relay.passed if operation_at(a.contract, one.request)]  # the first look's control path is ours, not A's
    steps = judged_steps(sent, a, b)
    steps += not_reached(run.results, a.contract.operations, {step.step for step in steps})
    held = PairSession(
        a=order.system, b=order.partner_side.system, profile=order.profile, dialects={"a": dialects(a), "b": dialects(b)}, steps=steps,
        verdict=whole(steps), at=order.epoch,
    )  # fmt: skip
    new = folder / f"{SESSION_FILE}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(held), indent=1) + b"\n")
    os.replace(new, folder / SESSION_FILE)
    return held
