"""A grant has an end that no refresh moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.server import parts as server_parts
from app.server import seed, seed_gumloop
from app.server.http.factory import make_app
from app.server.oauth import opaque, rules
from app.server.oauth.purge import Purge
from app.server.oauth.store import Store
from app.server.parts import Parts
from app.server.settings import ServerSettings
from tests.support.databases import ON_BOTH
from tests.support.oauth import CLIENT, REDIRECT, Proof, answer_of, request_for
from tests.support.server import csrf_of

URL = "http://127.0.0.1:1"
START = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIFE = timedelta(days=2)
SECOND = timedelta(seconds=1)


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def parts(
    request: pytest.FixtureRequest, tmp_path: Path, database_kind: str, hands: Hands
) -> Iterator[Parts]:
    shared = request.getfixturevalue("postgres_url") if database_kind == "postgresql" else ""
    settings = ServerSettings(data=tmp_path, database_url=shared, grant_life=LIFE)
    made = server_parts.build(settings, hands)
    seed.seed(made)
    seed_gumloop.add(made)
    yield made
    made.database.close()


@pytest.fixture
def client(parts: Parts) -> FlaskClient:
    return make_app(parts, URL).test_client()


def allow(client: FlaskClient) -> Any:
    """Sign in, allow, and redeem the code: the token response."""
    proof = Proof()
    form = {"csrf_token": csrf_of(client.get("/account/sign-in").text)}
    client.post("/account/sign-in", data=form | {"email": seed.OWNER, "password": seed.PASSWORD})
    page = client.get("/oauth/authorize", query_string=request_for(proof)).text
    account = page.partition('name="account" value="')[2].partition('"')[0]
    form = {"csrf_token": csrf_of(page), "decision": "allow", "account": account}
    answer = client.post("/oauth/authorize", query_string=request_for(proof), data=form)
    fields = {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "code": answer_of(answer.headers["Location"])["code"],
        "redirect_uri": REDIRECT,
        "code_verifier": proof.verifier,
    }
    return client.post("/oauth/token", data=fields).get_json()


def refresh(client: FlaskClient, token: str) -> tuple[int, Any]:
    fields = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": token}
    answer = client.post("/oauth/token", data=fields)
    return answer.status_code, answer.get_json()


def works(client: FlaskClient, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return client.get("/api/v1/models", headers=headers).status_code == 200


def expiry(parts: Parts, token: str, now: datetime) -> datetime:
    with parts.database.read() as session:
        store = Store(session, lambda: now, opaque.Successors(parts.ring), Purge())
        found = store.find_token(token)
    assert found is not None
    assert found.get_expires_in() == int((found.expires_at - found.created_at).total_seconds())
    return found.expires_at


@ON_BOTH
def test_refreshing_all_the_time_does_not_move_the_end_of_a_grant(
    parts: Parts, client: FlaskClient, hands: Hands
) -> None:
    tokens = allow(client)
    assert expiry(parts, tokens["refresh_token"], hands.now) == START + LIFE
    while hands.now < START + LIFE - timedelta(minutes=30):
        hands.now += (
            timedelta(hours=1) if hands.now < START + LIFE - rules.ACCESS_LIFE else rules.ACCESS_LIFE / 2
        )
        status, tokens = refresh(client, tokens["refresh_token"])
        assert status == 200
        assert expiry(parts, tokens["refresh_token"], hands.now) == START + LIFE
    assert tokens["expires_in"] == 1800
    hands.now = START + LIFE - SECOND
    assert works(client, tokens["access_token"])
    hands.now = START + LIFE
    assert not works(client, tokens["access_token"])
    status, answer = refresh(client, tokens["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")


@ON_BOTH
def test_a_repeat_within_ten_seconds_is_refused_after_the_end_too(client: FlaskClient, hands: Hands) -> None:
    tokens = allow(client)
    hands.now = START + LIFE - SECOND
    assert refresh(client, tokens["refresh_token"])[0] == 200
    hands.now = START + LIFE
    status, answer = refresh(client, tokens["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")


@ON_BOTH
def test_what_a_host_of_the_version_before_renewed_ends_all_the_same(
    parts: Parts, client: FlaskClient, hands: Hands
) -> None:
    tokens = allow(client)
    late = START + timedelta(days=90)
    with parts.database.write() as session:
        for table in ("oauth_grants", "oauth_tokens"):
            session.connection().exec_driver_sql(
                f"UPDATE {table} SET expires_at = '{late:%Y-%m-%d %H:%M:%S.%f}'"
            )
    hands.now = START + LIFE
    status, answer = refresh(client, tokens["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")


def test_without_an_option_a_grant_lives_thirty_days(tmp_path: Path) -> None:
    assert ServerSettings(data=tmp_path).check().grant_life == timedelta(days=30)
