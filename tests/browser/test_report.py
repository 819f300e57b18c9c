"""The report in a real browser: accessible, readable narrow and wide, light and dark, and its script only helps."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.writers.html import write_html
from tests.writers.records import hostile, realistic

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-browser")
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the addresses of reports on disk, as a partner opens them."""
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for name, made in (("realistic", realistic()), ("hostile", hostile())):
        file = folder / f"{name}.html"
        file.write_text(write_html(*made), "utf-8")
        found[name] = file.as_uri()
    return found


def _axe() -> str:
    """Return the source of axe-core; it is used in tests alone and never embedded."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("axe-playwright-python is not installed")
    return (Path(next(iter(found.submodule_search_locations))) / "axe.min.js").read_text("utf-8")


def _open(browser: Any, address: str, **options: Any) -> Any:
    page = browser.new_context(offline=True, **options).new_page()
    page.troubles = []
    page.on("console", lambda message: page.troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("dialog", lambda dialog: page.troubles.append("dialog"))
    page.on("request", lambda request: page.troubles.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(address)
    return page


def _unfold(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["realistic", "hostile"])
def test_no_rule_of_axe_is_broken(browser: Any, pages: dict[str, str], name: str, width: int, scheme: str) -> None:
    """Folded and unfolded, everything meets WCAG 2.2 AA as far as axe can tell."""
    source = _axe()
    page = _open(browser, pages[name], color_scheme=scheme, viewport={"width": width, "height": 900})
    for unfold in (False, True):
        if unfold:
            _unfold(page)
        page.evaluate(source)
        found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        told = [f"{v['id']}: {v['help']}: {[n['html'][:160] for n in v['nodes'][:3]]}" for v in found["violations"]]
        assert told == []
    page.context.close()


@pytest.mark.parametrize("name", ["realistic", "hostile"])
def test_nothing_is_loaded_nothing_runs_but_our_script(browser: Any, pages: dict[str, str], name: str) -> None:
    page = _open(browser, pages[name])
    _unfold(page)
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.say')).borderLeftWidth") == "6px"
    assert page.locator("#filter").is_visible()
    assert page.troubles == []
    page.context.close()


@pytest.mark.parametrize("name", ["realistic", "hostile"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_the_page_never_scrolls_sideways(browser: Any, pages: dict[str, str], name: str, width: int) -> None:
    page = _open(browser, pages[name], viewport={"width": width, "height": 800})
    _unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_the_first_screen_says_the_conclusion(browser: Any, pages: dict[str, str]) -> None:
    for size in ({"width": 1280, "height": 720}, {"width": 400, "height": 640}):
        page = _open(browser, pages["realistic"], viewport=size)
        said = page.locator(".say").bounding_box()
        assert said["y"] + said["height"] < size["height"] / 2
        page.context.close()


def test_the_filter_finds_by_word_and_by_verdict_and_goes_away_again(browser: Any, pages: dict[str, str]) -> None:
    page = _open(browser, pages["realistic"])
    every = page.locator(".req").count()
    shown = page.locator(".req:not([hidden])")
    page.get_by_label("Filter").fill("lost-update")
    assert shown.count() == 1
    assert page.locator("#found").inner_text() == f"1 of {every} requirements"
    assert page.locator("#failed-musts").is_hidden()
    page.get_by_label("Filter").fill("")
    page.get_by_label("Verdict").select_option("pass")
    assert shown.count() == 8
    assert shown.first.is_visible()
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("document.querySelectorAll('.req[hidden]').length === 0")
    assert page.locator("#failed-musts").is_visible()
    assert page.locator("#found").inner_text() == ""
    page.context.close()


def test_a_link_to_a_requirement_unfolds_it(browser: Any, pages: dict[str, str]) -> None:
    page = _open(browser, pages["realistic"] + "#scim2/search.answer")
    assert page.locator("[id='scim2/search.answer']").is_visible()
    page.context.close()


def test_the_keyboard_alone_opens_a_requirement(browser: Any, pages: dict[str, str]) -> None:
    page = _open(browser, pages["realistic"])
    page.locator(".req > summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".req .body").first.is_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.context.close()


def test_without_script_the_page_is_complete(browser: Any, pages: dict[str, str]) -> None:
    page = _open(browser, pages["realistic"], java_script_enabled=False)
    assert page.locator("#filter").is_hidden()
    assert page.locator("#failed-musts .req").count() == 4
    page.locator("#passed > summary").click()
    assert page.locator("#passed .req").first.is_visible()
    page.context.close()
