"""The token endpoint, when it answers something else than tokens."""

import pytest

from app.domain.errors import Failed, LoginFailed, RateLimited
from app.services.login.browser import BrowserOptions
from tests.support.gumloop import Desk, follow, result_of, told
from tests.support.gumloop_stub import Fault, Gumloop, patience_with
from tests.support.login_steps import browser_steps


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault(400, '{"error": "invalid_grant"}'), "the code is used up, expired or not ours"),
        (Fault(400, '{"error": "invalid_scope", "error_description": "\\u001b[1mno\\u0007"}'), "says: "),
        (Fault(401, '{"error": "invalid_client"}'), "says: invalid client"),
        (Fault(429, "slow down", "text/plain"), "too many requests: "),
        (Fault(500, "<h1>Oops</h1>", "text/html"), "answered HTTP 500"),
        (Fault(200, "<h1>Hotel</h1>", "text/html"), "answered with a web page instead of JSON"),
        (Fault(200, '{"access_token": "half'), "instead of JSON"),
        (Fault(200, ""), "answered with nothing instead of JSON"),
        (Fault(200, "[]"), "answered without an access token"),
        (Fault(200, '{"token_type": "Bearer"}'), "answered without an access token"),
        (Fault(200, '{"access_token": "bad\\nheader"}'), "answered without an access token"),
        (Fault(200, '{"access_token": "a", "token_type": "mac"}'), "of a kind that is not known"),
        (Fault(200, '{"access_token": "a", "expires_in": "soon"}'), "of a kind that is not known"),
        (Fault(200, '{"access_token": "a"}', cut=True), "broke off in the middle"),
        (Fault(silent=True), "did not answer within 1 s"),
    ],
)
async def test_each_bad_answer_has_its_own_sentence_and_can_be_retried(
    desk: Desk, gumloop: Gumloop, fault: Fault, sentence: str
) -> None:
    gumloop.fail("/oauth/token", fault)
    async with desk.loopin(LOOPIN_REQUEST_TIMEOUT=patience_with(fault)) as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(0)))
        gumloop.released.set()
    assert sentence in told(steps)
    assert told(steps).isprintable()
    assert desk.vault.entries() == {}
    assert "You are not signed in" in desk.browser.pages[-1]
    async with desk.loopin() as loopin:
        result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(0))))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(400, "invalid_grant", LoginFailed), (401, "invalid_client", Failed), (429, "slow", RateLimited)],
)
async def test_the_kind_of_error_says_what_to_do_next(
    desk: Desk, gumloop: Gumloop, status: int, code: str, kind: type[Exception]
) -> None:
    gumloop.fail("/oauth/token", Fault(status, f'{{"error": "{code}"}}'))
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(0)))
    assert type(steps[-1].error) is kind


async def test_tokens_without_a_refresh_token_are_a_login_too(desk: Desk, gumloop: Gumloop) -> None:
    gumloop.gives_refresh, gumloop.lives = False, None
    async with desk.loopin() as loopin:
        result = result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(0))))
    assert result.expires_at is None
    assert set(desk.vault.entries()) == {"access_token", "base_url"}
