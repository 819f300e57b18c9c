"""The dashboard in a real browser, from files: every page opens, nothing leaves it, state is in the address, the keyboard is enough."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.dashboard import catches_of
from conformance.dashboard.build import build
from conformance.loading.dispositions import load_dispositions
from conformance.loading.profiles import Shelf
from tests.browser.opening import opened, unfold, violations
from tests.dashboard.campaigns import DISPOSITIONS, demo
from tests.dashboard.test_site import SHELF, hostile_campaign

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def campaign(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with real runs; made in a thread of its own, since the browser's driver keeps an event loop running in this one."""
    home = tmp_path_factory.mktemp("demo")
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(demo, home / "runs", home / "campaign").result()


@pytest.fixture(scope="module")
def sites(campaign: Path) -> dict[str, Path]:
    """Return sites of a campaign of real runs for three audiences, and one in which every text is hostile."""
    home = campaign.parent
    file = home / "dispositions.yaml"
    file.write_text(DISPOSITIONS)
    shelf = Shelf.standard()
    dispositions, catches = load_dispositions(file), catches_of(shelf)
    found = {}
    for name, audience in (("task-force", "task-force"), ("partner", "partner:nordwind"), ("public", "public")):
        found[name] = home / name
        build([campaign], found[name], shelf, audience=audience, dispositions=dispositions, catches=catches)
    nasty = hostile_campaign(home / "nasty")
    for name, audience in (("hostile", "task-force"), ("hostile-own", "partner:CON")):
        found[name] = home / name
        build([nasty], found[name], SHELF, audience=audience)
    return found


def every(site: Path, most: int = 0) -> list[str]:
    """Return the pages of a site; of each folder at most so many, spread."""
    found: dict[str, list[str]] = {}
    for file in sorted(site.rglob("*.html")):
        found.setdefault(file.relative_to(site).parts[0] if file.parent != site else "", []).append(str(file.relative_to(site)))
    return [
        p
        for pages in found.values()
        for p in (pages if not most or len(pages) <= most or "." in pages[0].split("/")[0] else pages[:: -(-len(pages) // most)])
    ]


@pytest.mark.parametrize("name", ["task-force", "partner", "public", "hostile", "hostile-own"])
def test_every_page_opens_and_nothing_leaves_it(browser: Any, sites: dict[str, Path], name: str) -> None:
    """No console message, no request but to files of the site, style and script in force, no sideways scrolling."""
    site = sites[name]
    page = opened(browser, viewport={"width": 400, "height": 800})
    for path in every(site, 0 if name == "task-force" else 12):
        page.goto((site / path).as_uri())
        assert page.evaluate("getComputedStyle(document.querySelector('.bar')).borderBottomWidth") == "1px", path
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, path
        assert page.locator("h1").count() == 1, path
        assert page.evaluate("window.alerted") is None
        assert page.troubles == [], path
    page.context.close()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["task-force", "partner", "hostile"])
def test_no_rule_of_axe_is_broken(browser: Any, sites: dict[str, Path], name: str, width: int) -> None:
    """Pages of every kind, unfolded, light and dark, meet WCAG 2.2 AA as far as axe can tell."""
    page = opened(browser, viewport={"width": width, "height": 900})
    for path in every(sites[name], 1):
        page.goto((sites[name] / path).as_uri())
        unfold(page)
        assert violations(page) == [], path
    page.context.close()


def shown(page: Any) -> int:
    return int(page.evaluate("[...document.querySelectorAll('[data-row]')].filter(r => !r.hidden).length"))


def test_filters_are_in_the_address_and_back_and_forward_keep_them(browser: Any, sites: dict[str, Path]) -> None:
    """What is filtered can be sent as a link; going to a cell and back finds it as it was."""
    page = opened(browser, viewport={"width": 1280, "height": 900})
    address = (sites["task-force"] / "index.html").as_uri()
    page.goto(address)
    rows = shown(page)
    page.locator("select[name=cell]").select_option("fail")
    failing = shown(page)
    assert 0 < failing < rows
    assert page.url == f"{address}#cell=fail"
    page.locator("select[name=interface]").select_option("8")
    both = shown(page)
    assert 0 < both < failing
    assert page.url.endswith("#interface=8&cell=fail")
    assert page.locator(".map thead th:visible").count() == 2
    page.go_back()
    assert shown(page) == failing
    assert page.locator("select[name=interface]").input_value() == ""
    page.go_forward()
    assert (shown(page), page.locator("select[name=interface]").input_value()) == (both, "8")
    page.locator(".map td:visible .c").first.click()
    page.wait_for_url("**/systems/**")
    page.go_back()
    assert (shown(page), page.locator("select[name=cell]").input_value()) == (both, "fail")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("!location.hash.includes('=')")
    assert shown(page) == rows
    page.goto("about:blank")
    page.goto(f"{address}#q=nordwind&kind=product")
    assert shown(page) == 2
    assert page.get_by_role("status").inner_text() == f"2 of {rows} systems"
    page.goto("about:blank")
    page.goto(f"{address}#stale=1")
    assert shown(page) == 1
    assert page.troubles == []
    page.context.close()


def test_a_figure_leads_to_what_it_counts(browser: Any, sites: dict[str, Path]) -> None:
    """The number of failing cells shows exactly so many."""
    page = opened(browser, viewport={"width": 1280, "height": 900})
    page.goto((sites["task-force"] / "index.html").as_uri())
    tile = page.locator("#totals a[href='#cell=fail']")
    wanted = int(tile.inner_text().split(" of ")[0])
    tile.click()
    visible = page.evaluate(
        "[...document.querySelectorAll('[data-row]:not([hidden]) .c.fail')].filter(c => !['twin','mock'].includes(c.closest('tr').dataset.kind)).length"
    )
    assert visible == wanted
    page.context.close()


def test_the_keyboard_alone_is_enough(browser: Any, sites: dict[str, Path]) -> None:
    """The skip link, arrows from cell to cell, Enter; what has the focus can be seen."""
    page = opened(browser, viewport={"width": 1280, "height": 900})
    page.goto((sites["task-force"] / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator(".map tbody th a").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.classList.contains('c')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    before = page.evaluate("document.activeElement.href")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.href") != before
    page.keyboard.press("Enter")
    page.wait_for_url("**/systems/**")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('summary').parentElement.open") is not None
    page.context.close()


def test_without_script_every_page_is_complete(browser: Any, sites: dict[str, Path]) -> None:
    """No filter, but all that it would filter."""
    page = opened(browser, java_script_enabled=False)
    page.goto((sites["task-force"] / "index.html").as_uri())
    assert page.locator("form").first.is_hidden()
    assert page.locator("tr[data-row]").count() == page.locator("tr[data-row]:visible").count() > 5
    page.context.close()
