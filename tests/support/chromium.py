"""A real Chromium, and a program on this computer that waits for it.

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

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import require

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a file."""
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
def waiting_program(host: str, path: str = "/auth/callback") -> "Iterator[tuple[str, SimpleQueue[str]]]":
    """A listener like that of a command line; gives its address and the paths that reach it."""
    seen: SimpleQueue[str] = SimpleQueue()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith(path):
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
    """Sign in on any page with the form."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def fits(tab: Page, width: int) -> bool:
    """Whether the page needs no more than `width` pixels across."""
    _dressed(tab)
    return bool(tab.evaluate("document.documentElement.scrollWidth") <= width)


def contrast(tab: Page, selector: str) -> float:
    """The ratio of text and ground (WCAG 2.2 §1.4.3), the ground being the first opaque one around it."""
    _dressed(tab)
    colours = tab.evaluate(
        """selector => {
            let at = document.querySelector(selector);
            const text = getComputedStyle(at).color;
            while (at && getComputedStyle(at).backgroundColor === "rgba(0, 0, 0, 0)") at = at.parentElement;
            return [text, at ? getComputedStyle(at).backgroundColor : "rgb(255, 255, 255)"];
        }""",
        selector,
    )
    first, second = sorted((_luminance(colour) for colour in colours), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _dressed(tab: Page) -> None:
    """Wait for the style sheets: elements are there, and can be measured, before their colours are."""
    tab.wait_for_load_state("load")


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
