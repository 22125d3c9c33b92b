"""A session that ends while a page of the account changes something: on to the sign-in, and back."""

from urllib.parse import unquote

import pytest

from app.domain.errors import SessionEnded
from app.server.core.access import OwnAccess
from app.server.core.api_keys import APIKeys
from app.server.core.services import Services
from app.server.core.sessions import Sessions
from app.server.web.app import create_app
from tests.support import oauth
from tests.support.server import csrf_of

NEW = {"new": "four-random-words-1", "again": "four-random-words-1", "current": "not-real"}
CHANGES = {
    "/account/keys": (APIKeys, "create_key", {}, "/account/keys"),
    "/account/keys/delete": (APIKeys, "delete_key", {}, "/account/keys"),
    "/account/sessions": (OwnAccess, "end_others", {"others": "all"}, "/account/sessions"),
    "/account/password": (Sessions, "change_password", NEW, "/account/password"),
}


@pytest.mark.parametrize("path", CHANGES)
def test_a_session_that_ends_during_a_change_leads_to_the_sign_in(
    services: Services, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    use_case, method, form, place = CHANGES[path]

    def ended(*_: object, **__: object) -> None:
        raise SessionEnded("Token is invalid")

    monkeypatch.setattr(use_case, method, ended)
    browser = create_app(services, "http://127.0.0.1:1").test_client()
    oauth.sign_in(browser)
    token = csrf_of(browser.get("/account/keys").text)
    answer = browser.post(path, data={"csrf_token": token, **form})
    assert answer.status_code == 303
    assert unquote(answer.headers["Location"]) == f"/account/sign-in?next={place}"
