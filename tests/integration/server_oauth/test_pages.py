"""A real Chromium signs in, allows, denies, and is sent back to the program that waits."""

from itertools import product
from typing import Literal
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from tests.support.chromium import contrast, fill_in, fits, waiting_program
from tests.support.oauth import Program, Proof, answer_of, request_for, user_id_of
from tests.support.organizations import Organization
from tests.support.server import AccountServer, sign_in

# One browser for all of them.
pytestmark = [pytest.mark.xdist_group("chromium: account pages"), pytest.mark.slow]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_TEXTS = {
    "sign-in": ("h1", ".lead", "label", "button", ".foot"),
    "consent": (
        "h1",
        ".who strong",
        ".who .link",
        ".small",
        ".scopes span",
        ".quiet",
        ".place",
        ".note",
        ".foot",
    ),
    "keys": ("h1", "h2", ".small", "code", "summary", ".whole", ".foot"),
    "sessions": (
        "h1",
        "nav a",
        "nav [aria-current]",
        "h2",
        ".items span",
        ".items .small",
        "summary",
        ".foot",
    ),
    "password": ("h1", "nav a", "label", ".small", "button[type=submit]", ".foot"),
    "front": ("h1", ".lead", ".who strong", "h2", ".line", ".small", "li a", ".foot"),
    "problem": ("h1", ".lead", ".note"),
}


def consent_url(server: AccountServer, proof: Proof, address: str) -> str:
    wanted = request_for(proof, redirect_uri=f"http://{address}/callback", state="s/kept")
    return f"{server.http}/oauth/authorize?{urlencode(wanted)}"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_sign_in_and_allow_lead_to_the_program_with_code_state_and_issuer(
    account_server: AccountServer, program: Program, page: tuple[Page, list[str]], host: str
) -> None:
    tab, problems = page
    proof = Proof()
    with waiting_program(host, "/callback") as (address, seen):
        tab.goto(consent_url(account_server, proof, address))
        fill_in(tab, *account_server.owner)
        tab.get_by_role("heading", name="Allow Gumloop CLI to use your account?").wait_for()
        assert address in tab.inner_text("main")
        assert account_server.owner[0] in tab.inner_text("main")
        tab.get_by_role("button", name="Allow").click()
        tab.wait_for_url(f"http://{address}/**")
        answer = answer_of(seen.get(timeout=60))
    assert (answer["state"], answer["iss"]) == ("s/kept", account_server.http)
    tokens = program.exchange(answer["code"], proof, redirect_uri=f"http://{address}/callback").json()
    assert program.works(tokens["access_token"])
    assert problems == []


def test_deny_leads_to_the_program_with_access_denied(
    account_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, problems = page
    with waiting_program("127.0.0.1", "/callback") as (address, seen):
        tab.goto(consent_url(account_server, Proof(), address))
        fill_in(tab, *account_server.owner)
        tab.get_by_role("button", name="Deny").click()
        tab.wait_for_url(f"http://{address}/**")
        answer = answer_of(seen.get(timeout=60))
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == ("s/kept", account_server.http)
    assert "code" not in answer
    assert problems == []


def test_not_you_lets_somebody_else_sign_in_and_allow(
    account_server: AccountServer, program: Program, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    proof = Proof()
    with waiting_program("127.0.0.1", "/callback") as (address, seen):
        tab.goto(consent_url(account_server, proof, address))
        fill_in(tab, *account_server.owner)
        tab.get_by_role("button", name="Not you?").click()
        fill_in(tab, *account_server.viewer)
        tab.get_by_text(account_server.viewer[0]).wait_for()
        tab.get_by_role("button", name="Allow").click()
        code = answer_of(seen.get(timeout=60))["code"]
    tokens = program.exchange(code, proof, redirect_uri=f"http://{address}/callback").json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert program.http.get("/oauth/userinfo", headers=headers).json()["email"] == account_server.viewer[0]


def test_enter_on_the_keyboard_denies_before_it_allows(
    account_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    tab.goto(consent_url(account_server, Proof(), "127.0.0.1:9"))
    fill_in(tab, *account_server.owner)
    tab.get_by_role("button", name="Allow").wait_for()
    tab.wait_for_load_state("load")
    reached = []
    for _step in range(3):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.innerText"))
    assert reached == ["Not you?", "Deny", "Allow"]


def test_a_key_is_replaced_in_two_steps_and_can_be_copied(
    organization: Organization, page: tuple[Page, list[str]]
) -> None:
    server, owner = organization.server, organization.owner
    tab, problems = page
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{server.http}/account/keys")
    fill_in(tab, *owner.login)
    tab.get_by_role("heading", name="User ID and API keys").wait_for()
    assert user_id_of(server, owner.email) in tab.inner_text("main")
    tab.get_by_role("button", name="Create a key").click()
    tab.get_by_label("New key").wait_for()
    tab.goto(f"{server.http}/account/keys")
    assert not tab.get_by_role("button", name="Replace it now").is_visible()
    tab.get_by_text("Replace the key…").click()
    tab.get_by_role("button", name="Replace it now").click()
    shown = tab.get_by_label("New key").input_value()
    assert shown.startswith("gum_")
    tab.get_by_role("button", name="Copy key").click()
    tab.get_by_text("Copied.").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == shown
    tab.goto(f"{server.http}/account/keys")
    assert shown not in tab.content()
    assert f"Ends in {shown[-4:]}" in tab.inner_text("main")
    assert problems == []


def test_the_keyboard_ends_a_session_and_changes_the_password(
    organization: Organization, page: tuple[Page, list[str]]
) -> None:
    server, owner = organization.server, organization.owner
    tab, problems = page
    sign_in(server, *owner.login)
    tab.goto(f"{server.http}/account/sessions")
    fill_in(tab, *owner.login)
    tab.get_by_role("heading", name="Sessions and programs").wait_for()
    tab.get_by_role("button", name="End the session from 127.0.0.1").focus()
    tab.keyboard.press("Enter")
    assert tab.get_by_role("status").inner_text() == "Ended: 1 session."
    tab.get_by_role("link", name="Password").click()
    new = "four-random-words-not-real"
    tab.get_by_label("Current password").fill(owner.password)
    tab.get_by_label("New password", exact=True).fill(new)
    tab.get_by_label("New password, once more").fill(new)
    tab.keyboard.press("Enter")
    tab.get_by_text("Your password is changed.").wait_for()
    tab.get_by_role("button", name="Sign out").click()
    fill_in(tab, owner.email, new)
    tab.get_by_role("heading", name="Sessions and programs").wait_for()
    assert problems == []


def test_the_front_page_leads_to_the_keys_and_out_again(
    account_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, problems = page
    tab.goto(account_server.http)
    tab.get_by_role("link", name="Your user ID and API keys").click()
    fill_in(tab, *account_server.owner)
    tab.get_by_role("heading", name="User ID and API keys").wait_for()
    tab.goto(account_server.http)
    assert account_server.owner[0] in tab.inner_text("main")
    tab.get_by_role("button", name="Sign out").click()
    tab.get_by_label("Password").wait_for()
    assert problems == []


def test_every_page_fits_can_be_read_and_asks_nobody_else(
    account_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))

    def check(name: str) -> None:
        for scheme, width in product(SCHEMES, (320, 1280)):
            tab.emulate_media(color_scheme=scheme)
            tab.set_viewport_size({"width": width, "height": 700})
            assert fits(tab, width), name
            for selector in _TEXTS[name]:
                assert contrast(tab, selector) >= 4.5, (name, selector, scheme)

    tab.goto(consent_url(account_server, Proof(), "127.0.0.1:9"))
    check("sign-in")
    fill_in(tab, *account_server.owner)
    tab.get_by_role("button", name="Allow").wait_for()
    check("consent")
    tab.goto(f"{account_server.http}/account/keys")
    check("keys")
    for name in ("sessions", "password"):
        tab.goto(f"{account_server.http}/account/{name}")
        check(name)
    tab.goto(account_server.http)
    check("front")
    tab.goto(f"{account_server.http}/oauth/authorize?client_id=unknown")
    assert "No program is registered here" in tab.inner_text("main")
    check("problem")
    assert all(url.startswith(account_server.http) for url in asked)
