"""A real Chromium signs in and is sent back to the program that waits.

Only a browser applies a content security policy; a policy that blocks the way back looks fine to every
other client.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from queue import SimpleQueue
from socket import AF_INET, AF_INET6
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.integration.server.callers import Caller
from tests.integration.server.conftest import Cast
from tests.support import require

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for this file."""
    program = require.tool("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A fresh page, and every console error on it."""
    context = chromium.new_context()
    page, problems = context.new_page(), list[str]()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page, problems
    context.close()


@contextmanager
def waiting_program(host: str) -> "Iterator[tuple[str, SimpleQueue[str]]]":
    """A listener like that of a command line; gives its address and the paths that reach it."""
    seen: SimpleQueue[str] = SimpleQueue()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/auth/callback"):
                seen.put(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>Back in the program</h1>")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        address_family = AF_INET6 if ip_address(host).version == 6 else AF_INET
        daemon_threads = True

    with Listener((host, 0), Answer) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        shown = f"[{host}]" if ":" in host else host
        yield f"{shown}:{listener.server_port}", seen
        listener.shutdown()


def fill_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


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
        fill_in(tab, *people.server.owner)
        tab.wait_for_url(f"http://{address}/**")
        path = seen.get(timeout=20)
    values = parse_qs(urlsplit(path).query)
    assert values["state"] == ["s/kept"]
    assert Caller(people.server, values["t"][0]).current().current_user.email == people.server.owner[0]
    assert problems == []


def test_a_wrong_password_keeps_the_address_and_the_way_back(
    people: Cast, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    with waiting_program("127.0.0.1") as (address, seen):
        query = urlencode({"callback": f"http://{address}/auth/callback?state=x"})
        tab.goto(f"{people.server.http}/auth/login?{query}")
        fill_in(tab, people.server.owner[0], "wrong")
        assert tab.get_by_role("alert").inner_text() == "That e-mail address and password do not match."
        assert tab.get_by_label("E-mail address").input_value() == people.server.owner[0]
        assert tab.evaluate("document.activeElement.id") == "password"
        tab.get_by_label("Password").fill(people.server.owner[1])
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"http://{address}/**")
        assert seen.get(timeout=20).startswith("/auth/callback?state=x&t=ey")


def test_without_a_callback_the_token_can_be_copied(people: Cast, page: tuple[Page, list[str]]) -> None:
    tab, problems = page
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{people.server.http}/auth/login")
    fill_in(tab, *people.server.owner)
    shown = tab.get_by_label("Token").input_value()
    tab.get_by_role("button", name="Copy token").click()
    tab.get_by_text("Copied.").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == shown
    assert Caller(people.server, shown).current().current_user.email == people.server.owner[0]
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
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert all(url.startswith(people.server.http) for url in asked)
    for selector in ("h1", ".lead", "label", "button", ".foot"):
        assert contrast(tab, selector) >= 4.5, selector
    made.close()


def contrast(tab: Page, selector: str) -> float:
    """The ratio of text and ground (WCAG 2.2 §1.4.3), the ground being the first opaque one around it."""
    colours = tab.evaluate(
        """selector => {
            let at = document.querySelector(selector);
            const text = getComputedStyle(at).color;
            while (at && getComputedStyle(at).backgroundColor === "rgba(0, 0, 0, 0)") at = at.parentElement;
            return [text, at ? getComputedStyle(at).backgroundColor : "rgb(255, 255, 255)"];
        }""",
        selector,
    )
    first, second = sorted((luminance(colour) for colour in colours), reverse=True)
    return (first + 0.05) / (second + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
