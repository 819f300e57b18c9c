"""The report in a real browser: accessible, readable narrow and wide, light and dark, and its script only helps."""

from typing import Any

import pytest

from conformance.writers.html import write_html
from tests.browser.opening import opened, unfold, violations
from tests.writers.records import hostile, realistic

pytestmark = pytest.mark.browser


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


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["realistic", "hostile"])
def test_no_rule_of_axe_is_broken(browser: Any, pages: dict[str, str], name: str, width: int) -> None:
    """Folded and unfolded, light and dark, everything meets WCAG 2.2 AA as far as axe can tell."""
    page = opened(browser, pages[name], viewport={"width": width, "height": 900})
    assert violations(page) == []
    unfold(page)
    assert violations(page) == []
    page.context.close()


@pytest.mark.parametrize("name", ["realistic", "hostile"])
def test_nothing_is_loaded_nothing_runs_but_our_script(browser: Any, pages: dict[str, str], name: str) -> None:
    page = opened(browser, pages[name])
    unfold(page)
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.say')).borderLeftWidth") == "6px"
    assert page.locator("#filter").is_visible()
    assert page.troubles == []
    page.context.close()


@pytest.mark.parametrize("name", ["realistic", "hostile"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_the_page_never_scrolls_sideways(browser: Any, pages: dict[str, str], name: str, width: int) -> None:
    page = opened(browser, pages[name], viewport={"width": width, "height": 800})
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_the_first_screen_says_the_conclusion(browser: Any, pages: dict[str, str]) -> None:
    for size in ({"width": 1280, "height": 720}, {"width": 400, "height": 640}):
        page = opened(browser, pages["realistic"], viewport=size)
        said = page.locator(".say").bounding_box()
        assert said["y"] + said["height"] < size["height"] / 2
        page.context.close()


def test_the_filter_finds_by_word_and_by_verdict_and_goes_away_again(browser: Any, pages: dict[str, str]) -> None:
    page = opened(browser, pages["realistic"])
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
    page = opened(browser, pages["realistic"] + "#scim2/search.answer")
    assert page.locator("[id='scim2/search.answer']").is_visible()
    page.context.close()


def test_the_keyboard_alone_opens_a_requirement(browser: Any, pages: dict[str, str]) -> None:
    page = opened(browser, pages["realistic"])
    page.locator(".req > summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".req .body").first.is_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.context.close()


def test_without_script_the_page_is_complete(browser: Any, pages: dict[str, str]) -> None:
    page = opened(browser, pages["realistic"], java_script_enabled=False)
    assert page.locator("#filter").is_hidden()
    assert page.locator("#failed-musts .req").count() == 4
    page.locator("#passed > summary").click()
    assert page.locator("#passed .req").first.is_visible()
    page.context.close()
