"""A real Chromium signs in and is sent back to the program that waits."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.server.callers import Caller
from tests.integration.server.conftest import Cast
from tests.support.chromium import contrast, fill_in, fits, waiting_program

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_browser_is_sent_back_with_the_token_and_the_state(
    people: Cast, page: tuple[Page, list[str]], host: str
) -> None:
    tab, problems = page
    with waiting_program(host) as (address, seen):
        callback = f"http://{address}/auth/callback?state=s%2Fkept"
        query = urlencode({"callback": callback, "long-lived": "true"})
        tab.goto(f"{people.server.http}/auth/login?{query}")
        assert address in tab.inner_text("main")
        fill_in(tab, *people.login)
        tab.wait_for_url(f"http://{address}/**")
        path = seen.get(timeout=60)
    values = parse_qs(urlsplit(path).query)
    assert values["state"] == ["s/kept"]
    assert Caller(people.server, values["t"][0]).current().current_user.email == people.login[0]
    assert problems == []


def test_a_wrong_password_keeps_the_address_and_the_way_back(
    people: Cast, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    with waiting_program("127.0.0.1") as (address, seen):
        query = urlencode({"callback": f"http://{address}/auth/callback?state=x"})
        tab.goto(f"{people.server.http}/auth/login?{query}")
        fill_in(tab, people.login[0], "wrong")
        assert tab.get_by_role("alert").inner_text() == "That e-mail address and password do not match."
        assert tab.get_by_label("E-mail address").input_value() == people.login[0]
        expect(tab.get_by_label("Password")).to_be_focused()
        tab.get_by_label("Password").fill(people.login[1])
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"http://{address}/**")
        assert seen.get(timeout=60).startswith("/auth/callback?state=x&t=ey")


def test_without_a_callback_the_token_can_be_copied(people: Cast, page: tuple[Page, list[str]]) -> None:
    tab, problems = page
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{people.server.http}/auth/login")
    fill_in(tab, *people.login)
    shown = tab.get_by_label("Token").input_value()
    tab.get_by_role("button", name="Copy token").click()
    tab.get_by_text("Copied.").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == shown
    assert Caller(people.server, shown).current().current_user.email == people.login[0]
    assert problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_fits_and_can_be_read(people: Cast, chromium: Browser, scheme: str, width: int) -> None:
    made = chromium.new_context(color_scheme="dark" if scheme == "dark" else "light")
    tab = made.new_page()
    tab.set_viewport_size({"width": width, "height": 700})
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{people.server.http}/auth/login")
    assert fits(tab, width)
    assert all(url.startswith(people.server.http) for url in asked)
    for selector in ("h1", ".lead", "label", "button", ".foot"):
        assert contrast(tab, selector) >= 4.5, selector
    made.close()
