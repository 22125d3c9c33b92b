"""The front page: what the server is, and lines that sign in to it."""

import pytest
from playwright.sync_api import Page

from tests.support.oauth import Person
from tests.support.server import AccountServer

pytestmark = pytest.mark.slow


def lines(tab: Page, server: AccountServer) -> list[str]:
    """The lines to paste, as a click and a copy take them."""
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{server.http}/")
    found = []
    for line in tab.locator(".line").all():
        line.click()
        tab.keyboard.press("Control+c")
        found.append(str(tab.evaluate("navigator.clipboard.readText()")))
    return found


@pytest.mark.xdist_group("chromium: account pages")
def test_a_click_takes_a_whole_line_that_says_where_the_server_is(
    account_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, problems = page
    assert lines(tab, account_server) == [
        f"loopin gumloop login --method oauth --base-url {account_server.http}/api/v1",
        f"loopin chainloop auth login --control-plane {account_server.grpc} --insecure",
        f"export GUMLOOP_BASE_URL={account_server.http}/api/v1",
        f"export CHAINLOOP_CONTROL_PLANE_API={account_server.grpc}",
        "export CHAINLOOP_API_INSECURE=true",
    ]
    assert problems == []


@pytest.mark.parametrize("path", ["/account", "/account/"])
def test_the_account_leads_to_its_keys(ada: Person, path: str) -> None:
    answer = ada.http.get(path, follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/account/keys")
