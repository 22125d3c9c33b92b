"""A real Chromium signs in, allows, denies, and is sent back to the program that waits."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import contrast, fill_in, fits, waiting_program
from tests.support.oauth import Program, Proof, answer_of, request_for
from tests.support.server import AccountServer, ServerFactory

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
    "front": ("h1", ".lead", ".who strong", "h2", ".line", ".small", "li a", ".foot"),
    "problem": ("h1", ".lead", ".note"),
}


def consent_url(server: AccountServer, proof: Proof, address: str) -> str:
    wanted = request_for(proof, redirect_uri=f"http://{address}/callback", state="s/kept")
    return f"{server.http}/oauth/authorize?{urlencode(wanted)}"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_sign_in_and_allow_lead_to_the_program_with_code_state_and_issuer(
    oauth_server: AccountServer, program: Program, page: tuple[Page, list[str]], host: str
) -> None:
    tab, problems = page
    proof = Proof()
    with waiting_program(host, "/callback") as (address, seen):
        tab.goto(consent_url(oauth_server, proof, address))
        fill_in(tab, *oauth_server.owner)
        tab.get_by_role("heading", name="Allow Gumloop CLI to use your account?").wait_for()
        assert address in tab.inner_text("main")
        assert oauth_server.owner[0] in tab.inner_text("main")
        tab.get_by_role("button", name="Allow").click()
        tab.wait_for_url(f"http://{address}/**")
        answer = answer_of(seen.get(timeout=20))
    assert (answer["state"], answer["iss"]) == ("s/kept", oauth_server.http)
    tokens = program.exchange(answer["code"], proof, redirect_uri=f"http://{address}/callback").json()
    assert program.works(tokens["access_token"])
    assert problems == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_deny_leads_to_the_program_with_access_denied(
    oauth_server: AccountServer, page: tuple[Page, list[str]], host: str
) -> None:
    tab, problems = page
    with waiting_program(host, "/callback") as (address, seen):
        tab.goto(consent_url(oauth_server, Proof(), address))
        fill_in(tab, *oauth_server.owner)
        tab.get_by_role("button", name="Deny").click()
        tab.wait_for_url(f"http://{address}/**")
        answer = answer_of(seen.get(timeout=20))
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == ("s/kept", oauth_server.http)
    assert "code" not in answer
    assert problems == []


def test_not_you_lets_somebody_else_sign_in_and_allow(
    oauth_server: AccountServer, program: Program, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    proof = Proof()
    with waiting_program("127.0.0.1", "/callback") as (address, seen):
        tab.goto(consent_url(oauth_server, proof, address))
        fill_in(tab, *oauth_server.owner)
        tab.get_by_role("button", name="Not you?").click()
        fill_in(tab, *oauth_server.viewer)
        tab.get_by_text(oauth_server.viewer[0]).wait_for()
        tab.get_by_role("button", name="Allow").click()
        code = answer_of(seen.get(timeout=20))["code"]
    tokens = program.exchange(code, proof, redirect_uri=f"http://{address}/callback").json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert program.http.get("/oauth/userinfo", headers=headers).json()["email"] == oauth_server.viewer[0]


def test_enter_on_the_keyboard_denies_before_it_allows(
    oauth_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    tab.goto(consent_url(oauth_server, Proof(), "127.0.0.1:9"))
    fill_in(tab, *oauth_server.owner)
    tab.get_by_role("button", name="Allow").wait_for()
    tab.wait_for_load_state("load")
    reached = []
    for _step in range(3):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.innerText"))
    assert reached == ["Not you?", "Deny", "Allow"]


def test_a_key_is_replaced_in_two_steps_and_can_be_copied(
    fresh_server: ServerFactory, program: Program, page: tuple[Page, list[str]]
) -> None:
    server = fresh_server()
    tab, problems = page
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{server.http}/account/keys")
    fill_in(tab, *server.owner)
    assert server.seed["gumloop"]["user_id"] in tab.inner_text("main")
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


def test_the_front_page_leads_to_the_keys_and_out_again(
    oauth_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, problems = page
    tab.goto(oauth_server.http)
    tab.get_by_role("link", name="Your user ID and API keys").click()
    fill_in(tab, *oauth_server.owner)
    tab.get_by_role("heading", name="User ID and API keys").wait_for()
    tab.goto(oauth_server.http)
    assert oauth_server.owner[0] in tab.inner_text("main")
    tab.get_by_role("button", name="Sign out").click()
    tab.get_by_label("Password").wait_for()
    assert problems == []


@pytest.fixture(params=[("light", 320), ("dark", 320), ("light", 1280), ("dark", 1280)], ids=str)
def window(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[tuple[Page, int]]:
    scheme, width = request.param
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 700})
    yield context.new_page(), width
    context.close()


def test_every_page_fits_can_be_read_and_asks_nobody_else(
    oauth_server: AccountServer, window: tuple[Page, int]
) -> None:
    tab, width = window
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))

    def check(name: str) -> None:
        assert fits(tab, width), name
        for selector in _TEXTS[name]:
            assert contrast(tab, selector) >= 4.5, (name, selector)

    tab.goto(consent_url(oauth_server, Proof(), "127.0.0.1:9"))
    check("sign-in")
    fill_in(tab, *oauth_server.owner)
    tab.get_by_role("button", name="Allow").wait_for()
    check("consent")
    tab.goto(f"{oauth_server.http}/account/keys")
    check("keys")
    tab.goto(oauth_server.http)
    check("front")
    tab.goto(f"{oauth_server.http}/oauth/authorize?client_id=unknown")
    assert "No program is registered here" in tab.inner_text("main")
    check("problem")
    assert all(url.startswith(oauth_server.http) for url in asked)
