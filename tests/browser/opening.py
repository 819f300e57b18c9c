"""A page in a real browser that notes what should not happen, and what axe-core says of it."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
#: Of the rules, those that look at colours: all that another colour scheme can change.
OF_COLOUR = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}


@contextmanager
def launched() -> Iterator[Any]:
    """Launch Debian's Chromium; its driver keeps an event loop running in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opened(browser: Any, address: str = "", **options: Any) -> Any:
    """Return a page whose `troubles` are what the console says, errors, dialogs, failed requests and requests for what is no file."""
    page = browser.new_context(offline=True, **options).new_page()
    page.troubles = []
    page.on("console", lambda message: page.troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("dialog", lambda dialog: page.troubles.append("dialog"))
    page.on("request", lambda request: page.troubles.append(request.url) if not request.url.startswith("file:") else None)
    page.on("requestfailed", lambda request: page.troubles.append(f"failed {request.url}"))
    if address:
        page.goto(address)
    return page


def unfold(page: Any) -> None:
    """Open everything that can be folded."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


def violations(page: Any) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA in the light scheme, and what of colours in the dark one."""
    page.evaluate(_axe())
    found = []
    for scheme, rules in (("light", RULES), ("dark", OF_COLOUR)):
        page.emulate_media(color_scheme=scheme)
        told = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", rules)
        found += [f"{scheme}: {v['id']}: {v['help']}: {[n['html'][:160] for n in v['nodes'][:3]]}" for v in told["violations"]]
    return found


def _axe() -> str:
    """Return the source of axe-core; it is used in tests alone and never embedded."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("axe-playwright-python is not installed")
    return (Path(next(iter(found.submodule_search_locations))) / "axe.min.js").read_text("utf-8")
