"""A real Chromium signs in to Loopin through a real identity provider that nobody here wrote."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page

from app.proto.controlplane.v1.organization_pb2 import MembershipRole
from tests.integration.server.callers import Caller
from tests.support import server as servers
from tests.support.canaille import DAN, NORA, OTTO, PASSWORD, UMA, Canaille, free_port
from tests.support.canaille import canaille as canaille
from tests.support.canaille import canaille_command as canaille_command
from tests.support.chromium import contrast, fits, waiting_program
from tests.support.oauth import Proof, answer_of, program_at, request_for
from tests.support.server import AccountServer

# It takes seconds to start, so one worker starts it.
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("canaille")]


def put_behind(canaille: Canaille, folder: Path, *flags: str) -> AccountServer:
    """Start an account server without passwords, behind Canaille."""
    folder.mkdir(exist_ok=True)
    port, secret = free_port(), folder / "secret"
    client_id, client_secret = canaille.register(f"http://127.0.0.1:{port}/auth/sso/callback")
    secret.touch(mode=0o600)
    secret.write_text(client_secret)
    return servers.start(
        folder / "data",
        *("--http-port", str(port), "--no-passwords"),
        *("--oidc-issuer", canaille.url, "--oidc-client-id", client_id),
        *("--oidc-client-secret-file", str(secret), *flags),
    )


@pytest.fixture(scope="module")
def behind(canaille: Canaille, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountServer]:
    """One that knows that Canaille's addresses are the team's."""
    domain = ("--oidc-trust-emails", "--oidc-allowed-domain", "acme.example")
    server = put_behind(canaille, tmp_path_factory.mktemp("behind"), *domain, "--oidc-join", "acme:viewer")
    yield server
    servers.release(server.process)


PATIENCE = 60_000


def at_canaille(tab: Page, canaille: Canaille, login: str, answer: str = "Accept") -> None:
    """Press our button, sign in over there, and answer what it asks."""
    tab.set_default_timeout(PATIENCE)
    tab.get_by_role("button", name=f"Continue with {canaille.url.removeprefix('http://')}").click()
    tab.locator("input[name=login]").fill(login)
    tab.keyboard.press("Enter")
    tab.locator("input[name=password]").fill(PASSWORD)
    tab.keyboard.press("Enter")
    tab.get_by_text("is requesting access").wait_for()
    tab.get_by_role("button", name=answer).click()


def test_a_person_signs_in_to_chainloop(
    behind: AccountServer, canaille: Canaille, page: tuple[Page, list[str]]
) -> None:
    tab, problems = page
    with waiting_program("127.0.0.1") as (address, seen):
        query = urlencode({"callback": f"http://{address}/auth/callback?state=s%2Fkept"})
        tab.goto(f"{behind.http}/auth/login?{query}")
        assert tab.get_by_label("Password").count() == 0
        at_canaille(tab, canaille, NORA[0])
        tab.wait_for_url(f"http://{address}/**")
        found = parse_qs(urlsplit(seen.get(timeout=60)).query)
    assert found["state"] == ["s/kept"]
    context = Caller(behind, found["t"][0]).current()
    assert (context.current_user.email, context.current_user.first_name) == (NORA[1], "Nora")
    assert context.current_membership.org.name == "acme"
    assert context.current_membership.role == MembershipRole.MEMBERSHIP_ROLE_ORG_VIEWER
    ours = [text for text in problems if behind.http in text]
    assert ours == []


def test_a_person_signs_in_to_gumloop_and_allows_the_program(
    behind: AccountServer, canaille: Canaille, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    proof = Proof()
    with waiting_program("127.0.0.1", "/callback") as (address, seen):
        redirect = f"http://{address}/callback"
        wanted = request_for(proof, redirect_uri=redirect)
        tab.goto(f"{behind.http}/oauth/authorize?{urlencode(wanted)}")
        tab.get_by_role("button", name="Continue with").click()
        tab.locator("input[name=login]").fill(NORA[0])
        tab.keyboard.press("Enter")
        tab.locator("input[name=password]").fill(PASSWORD)
        tab.keyboard.press("Enter")
        allow = tab.get_by_role("button", name="Allow")
        # It asks only once whether Loopin may know who somebody is.
        tab.get_by_role("button", name="Accept").or_(allow).wait_for()
        if tab.get_by_role("button", name="Accept").count():
            tab.get_by_role("button", name="Accept").click()
        allow.wait_for()
        assert NORA[1] in tab.inner_text("main")
        allow.click()
        tab.wait_for_url(f"http://{address}/**")
        code = answer_of(seen.get(timeout=60))["code"]
    with program_at(behind) as program:
        tokens = program.exchange(code, proof, redirect_uri=redirect).json()
        assert program.works(tokens["access_token"])


def test_a_person_of_another_domain_is_told_why(
    behind: AccountServer, canaille: Canaille, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    tab.goto(f"{behind.http}/account/sign-in")
    at_canaille(tab, canaille, OTTO[0])
    tab.get_by_role("heading", name="You cannot sign in here").wait_for()
    assert "Addresses of other.example are not let in here." in tab.inner_text("main")
    tab.get_by_role("link", name="Try again").click()
    tab.get_by_role("button", name="Continue with").wait_for()


def test_an_address_that_nobody_calls_verified_opens_nothing(
    canaille: Canaille, page: tuple[Page, list[str]], tmp_path: Path
) -> None:
    tab, _ = page
    strict = put_behind(canaille, tmp_path / "strict")
    try:
        tab.goto(f"{strict.http}/account/sign-in")
        at_canaille(tab, canaille, UMA[0])
        tab.get_by_role("heading", name="You cannot sign in here").wait_for()
        assert f"has not verified that {UMA[1]} is yours." in tab.inner_text("main")
    finally:
        servers.release(strict.process)


def test_a_person_may_decline(
    behind: AccountServer, canaille: Canaille, page: tuple[Page, list[str]]
) -> None:
    tab, _ = page
    tab.goto(f"{behind.http}/account/sign-in")
    at_canaille(tab, canaille, DAN[0], "Deny")
    tab.get_by_role("heading", name="You were not signed in").wait_for()
    assert "the sign-in was declined." in tab.inner_text("main")


def test_the_page_fits_and_can_be_read(behind: AccountServer, page: tuple[Page, list[str]]) -> None:
    tab, _ = page
    tab.goto(f"{behind.http}/auth/login")
    for scheme, width in product(SCHEMES, (320, 1280)):
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": 700})
        assert fits(tab, width)
        for selector in ("h1", ".lead", "button", ".foot"):
            assert contrast(tab, selector) >= 4.5, (selector, scheme)
