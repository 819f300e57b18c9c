"""Which edition a server speaks: what it says of itself, or which edition's read it knows."""

from __future__ import annotations

from collections.abc import Callable

from conformance.api import Api
from conformance.checks.discovery import editions_known, which_edition
from conformance.driving.live import Live
from conformance.flow import drive
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile


async def edition_spoken(profile: Profile, shelf: Shelf | None, tools: Callable[[Profile], Api], live: Live) -> tuple[str, str]:
    """Return what the server says or shows of its edition, and the edition of ours that this is ('' when it cannot be told)."""
    identify = profile.bindings.identify
    if identify is None:
        return "", ""
    if not identify.reads:
        return await drive(which_edition(tools(profile), identify), live)
    profiles = {e: load_profile(f"{profile.name}@{e}", shelf) for e in identify.reads}
    known = await drive(editions_known({e: tools(one) for e, one in profiles.items()}, identify.reads), live)
    spoken = [e for e, there in known.items() if there]
    shown = [f"{e} (it knows {profiles[e].operation(identify.reads[e]).title})" for e in spoken]
    return " and ".join(shown), spoken[0] if len(spoken) == 1 else ""


def edition_notes(profile: Profile, declared: str, found: str, says: str, *, asked: bool) -> list[str]:
    """Return what a report has to say of the edition that was taken."""
    if declared and found and declared != found:
        return [f"declared edition {declared}, but the server says {says!r}, which is edition {found}"]
    if asked and not found and profile.bindings.identify:
        taken = "as declared" if declared else "the default"
        return [f"no read tells which edition the server speaks: looked at as {profile.edition}, {taken}"]
    return []
