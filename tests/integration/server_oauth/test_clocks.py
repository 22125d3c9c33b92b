"""Replicas whose clocks are apart: the database's time says what may be used once, and until when."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.server import opaque_tokens, sample_data
from app.server.clock import utc_now
from app.server.core.services import Services, build_services
from app.server.persistence.models import OAuthCode, OAuthToken
from app.server.web.app import create_app
from tests.support.databases import ON_BOTH
from tests.support.oauth import Proof, allow, code_request, refresh_request, sign_in
from tests.support.server import csrf_of

pytestmark = [ON_BOTH, pytest.mark.slow]

URL = "http://127.0.0.1:1"
Replica = Callable[..., FlaskClient]
AHEAD, BEHIND = timedelta(minutes=30), timedelta(minutes=-30)


@pytest.fixture
def replica(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replica]:
    """Makes servers on that database, with a clock that is so far off."""
    with ExitStack() as stack:

        def make(off: timedelta = timedelta(0)) -> FlaskClient:
            with monkeypatch.context() as patch:
                patch.setattr("app.server.core.services.utc_now", lambda: utc_now() + off)
                made = build_services(services.settings)
            stack.callback(made.database.close)
            return create_app(made, URL).test_client()

        yield make


def code_at(browser: FlaskClient, proof: Proof) -> dict[str, str]:
    """Sign in and allow; the fields of the token request."""
    sign_in(browser)
    return code_request(allow(browser, proof), proof)


def refresh(at: FlaskClient, token: str) -> dict[str, str]:
    answer: dict[str, str] = at.post("/oauth/token", data=refresh_request(token)).get_json()
    return answer


@pytest.mark.parametrize("off", [AHEAD, BEHIND])
def test_a_code_is_good_for_a_minute_at_every_replica(
    services: Services, replica: Replica, off: timedelta
) -> None:
    right, wrong = replica(), replica(off)
    assert wrong.post("/oauth/token", data=code_at(right, Proof())).status_code == 200
    late = code_at(right, Proof())
    with services.database.write() as session:
        of_code = update(OAuthCode).where(OAuthCode.code_hash == opaque_tokens.hash_secret(late["code"]))
        session.execute(of_code.values(expires_at=utc_now() - timedelta(seconds=1)))
    answer = wrong.post("/oauth/token", data=late)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("off", [AHEAD, BEHIND])
def test_a_refresh_token_is_repeated_for_ten_seconds_at_every_replica(
    services: Services, replica: Replica, off: timedelta
) -> None:
    right, wrong = replica(), replica(off)
    token = right.post("/oauth/token", data=code_at(right, Proof())).get_json()["refresh_token"]
    first = refresh(right, token)
    assert refresh(wrong, token)["refresh_token"] == first["refresh_token"]
    with services.database.write() as session:
        used = update(OAuthToken).where(OAuthToken.token_hash == opaque_tokens.hash_secret(token))
        session.execute(used.values(rotated_at=utc_now() - timedelta(seconds=11)))
    assert refresh(wrong, token)["error"] == "invalid_grant"
    assert refresh(right, first["refresh_token"])["error"] == "invalid_grant"


def test_wrong_passwords_count_at_every_replica(replica: Replica) -> None:
    def tried(at: FlaskClient) -> int:
        form = {
            "csrf_token": csrf_of(at.get("/account/sign-in").text),
            "email": sample_data.VIEWER,
            "password": "x",
        }
        return at.post("/account/sign-in", data=form).status_code

    right = replica()
    assert [tried(right) for _ in range(10)] == [401] * 10
    assert [tried(replica(off)) for off in (AHEAD, BEHIND)] == [429] * 2
