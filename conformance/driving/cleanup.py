"""Cleaning up: what this run made is removed and proven gone; what was sent and never answered is looked for in the lists."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conformance.api import Api, path_values
from conformance.checks.patterns.home import cut_short
from conformance.driving.driver import Driver
from conformance.driving.ledger import Entry
from conformance.ending import Ending
from conformance.exchange import Exchange, Request, Trouble
from conformance.profile import Resource
from conformance.requirement import pick
from conformance.run import Leftover

#: How often clean-up deletes what gives no answer.
DELETES = 5
#: Pauses before each look whether something is gone.
PROOFS = (0.0, 0.5, 2.0, 5.0)
#: Pauses before something that is in use is removed again.
IN_USE = (0.2, 1.0, 3.0, 6.0, 12.0)
#: Requirement id under which clean-up is recorded.
CLEAN_UP = "clean-up"
#: How many items of a list are read one by one, because the list does not show what they are known by; the last come first.
READ_AT_MOST = 100
NOWHERE = "sent, never answered, not found in the list"
UNLISTED = "sent, never answered; there is no list to find it in"
NAMELESS = "sent, never answered; nothing in it tells it from those of others"


async def clean_up(driver: Driver) -> list[Leftover]:
    """Remove what the ledger holds, prove each gone, and return what could not be removed with its last state."""
    driver.try_again()
    room = _CleanUp(driver)
    left = await room.remove_all([entry for entry in driver.ledger.open_entries() if entry.state != "intended"])
    for entry in driver.ledger.open_entries():  # now that the lists are short
        await room.find(entry)
    found = await room.remove_all(driver.ledger.open_entries())
    if found:  # what was in use may have been so by these
        in_use = [number for number, one in left.items() if one and one.state.startswith("409")]
        left |= await room.remove_all([driver.ledger.entries[number] for number in in_use])
    await driver.log_out()
    return [one for one in (left | found).values() if one]


class _CleanUp:
    """Removes and finds things of one target."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    async def remove_all(self, entries: Sequence[Entry]) -> dict[int, Leftover | None]:
        """Remove entries; what is refused as being in use (409) again, once what used it is gone. Return by number what is left."""
        left: dict[int, Leftover | None] = {}
        for pause in (*IN_USE, 0.0):
            ended = await asyncio.gather(*[self._remove(entry) for entry in entries])
            left.update(zip([entry.number for entry in entries], ended, strict=True))
            entries = [entry for entry, found in zip(entries, ended, strict=True) if found and found.state.startswith("409")]
            if not entries or not pause:
                break
            await asyncio.sleep(pause * self.driver.patience)
        return left

    async def _remove(self, entry: Entry) -> Leftover | None:
        number, api = entry.number, self.driver.tools("clean-up")
        resource = api.resource(entry.resource)
        if not entry.target and not entry.link:
            self.driver.ledger.update(entry, state="left", last=entry.last or "never answered")
            nameless = not (entry.marks or resource.marker)
            unknown = UNLISTED if not resource.list else NAMELESS if nameless else NOWHERE
            where = entry.at if entry.at and unknown != NOWHERE else f"marker {entry.marker}"
            return Leftover(resource=entry.resource, where=where, state=entry.last or unknown)
        operation = api.operation(resource.delete)
        look = self._look(resource, entry)
        proof = await self.driver.exchange(CLEAN_UP, (number, 2), look) if look and entry.state == "deleted" else None
        if proof is None or not self._over(resource, proof):
            request = Request(
                operation=operation.id, method=operation.method, target=entry.target, link=entry.link, effect=operation.effect,
                on=operation.test_data, headers=(("accept", "*/*"),),
            )  # fmt: skip
            for _ in range(DELETES):  # a delete that was not answered may be repeated: the second one changes nothing more
                proof = await self.driver.exchange(CLEAN_UP, (number, 0), request)
                if proof.trouble is not Trouble.CLOSED:
                    break
            assert proof is not None
            if proof.status in (412, 428) and look:  # the server wants to know which state is meant (RFC 6585 section 3)
                shown = await self.driver.exchange(CLEAN_UP, (number, 3), look)
                tag = shown.header("etag") or "*"
                proof = await self.driver.exchange(CLEAN_UP, (number, 4), request.with_(headers=(*request.headers, ("if-match", tag))))
            if look and (proof.success or proof.status in resource.gone):
                for pause in PROOFS[1:] if proof.status == 202 else PROOFS:  # what was only accepted takes its time
                    await asyncio.sleep(pause * self.driver.patience)
                    proof = await self.driver.exchange(CLEAN_UP, (number, 1), look)
                    if self._over(resource, proof):
                        break
        gone = proof.status in resource.gone or (look is None and proof.success)
        if gone:
            self.driver.ledger.update(entry, state="removed", last=str(proof.status))
            return None
        state = "expired" if self._over(resource, proof) else proof.summary
        self.driver.ledger.update(entry, state="removed" if state == "expired" else "left", last=state)
        if state == "expired" and resource.expired:
            state = f"{resource.expired.equals} (the standard cannot remove it)"
        elif resource.expired and self._expired(resource.expired, proof):
            state = f"still {resource.expired.equals}"
        return Leftover(resource=entry.resource, where=entry.link or entry.target, state=state)

    def _look(self, resource: Resource, entry: Entry) -> Request | None:
        """Return the read that shows whether an entry is gone, or None where there is none."""
        if not resource.read:
            return None
        api = self.driver.tools("clean-up")
        read = api.operation(resource.read)
        if entry.link:
            return Request(operation=read.id, method=read.method, link=entry.link, headers=(("accept", api.accept(read)),))
        try:
            return api.request(read, parameters=path_values(api.operation(resource.delete).path, entry.target))
        except Ending:
            return None

    def _over(self, resource: Resource, seen: Exchange) -> bool:
        """Tell whether a read shows that nothing more comes of removing: gone, or as the bindings say of what stays."""
        stays = resource.expired is not None and not resource.expired.passing
        return seen.status in resource.gone or (stays and self._expired(resource.expired, seen))

    def _expired(self, expired: Any, seen: Exchange) -> bool:
        if expired is None or not seen.success:
            return False
        try:
            return expired.equals in pick(seen.json(), expired.pointer)
        except Ending:
            return False

    async def find(self, entry: Entry) -> None:
        """Look for what was sent and never answered: by its name where we chose it, else in the list, by what only it can hold.

        Without a list, or where nothing in it tells it from those of others, it stays in the ledger as it is.
        """
        api = self.driver.tools("clean-up")
        resource = api.resource(entry.resource)
        create, delete = api.operation(resource.create), api.operation(resource.delete)
        try:
            if resource.parameter in path_values(create.path, entry.at) and create.path == delete.path:
                request = api.request(delete, link=entry.at)
                self.driver.ledger.update(entry, state="made", target=request.target, link=request.link)
                return
            known = {(e.target, e.link) for e in self.driver.ledger.entries.values() if e.state != "intended"}
            listed = await self._listed(api, resource, entry) if entry.marks or resource.marker else None
            if listed is None or not listed.success:
                return
            above = path_values(create.path, entry.at)
            unclear = cut_short(listed)
            for number, item in enumerate(reversed(api.items(resource, listed.json()))):
                subject = api.subject(resource, item)
                subject = replace(subject, parameters={**above, **subject.parameters})
                remove = api.request(delete, subject=subject)
                if (remove.target, remove.link) in known:
                    continue
                ours = _is(entry, resource, item)
                if ours is None and resource.read and number < READ_AT_MOST:
                    seen = await self.driver.exchange(
                        CLEAN_UP, (9_999, entry.number, number), api.request(api.operation(resource.read), subject=subject)
                    )
                    ours = _is(entry, resource, seen.json()) if seen.success else None
                if ours:
                    self.driver.ledger.update(entry, state="made", target=remove.target, link=remove.link)
                    return
                unclear = unclear or ours is None
            if not unclear:
                self.driver.ledger.update(entry, state="removed", last="not in the list")
        except (Ending, ValueError):
            return

    async def _listed(self, api: Api, resource: Resource, entry: Entry) -> Exchange | None:
        """Return the list in which something should be: where it was sent to, if that can be read."""
        if not resource.list:
            return None
        listing = api.operation(resource.list)
        link = entry.at if listing.path == api.operation(resource.create).path else ""
        if not link and listing.path_parameters:
            return None
        return await self.driver.exchange(CLEAN_UP, (9_999, entry.number), api.request(listing, link=link))


def _is(entry: Entry, resource: Resource, shown: Any) -> bool | None:
    """Tell whether *shown* is what an entry speaks of; None where it does not show what that is known by."""
    if not entry.marks:  # what was sent was not made from the example, or takes no word of ours
        return any(str(v).startswith(entry.marker) for v in pick(shown, resource.marker)) if resource.marker else None
    found = [(pick(shown, pointer), text) for pointer, text in entry.marks.items()]
    if any(texts and texts != [text] for texts, text in found):
        return False
    return True if any(texts == [text] for texts, text in found) else None
