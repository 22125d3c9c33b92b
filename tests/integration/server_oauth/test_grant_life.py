"""A grant has an end that no refresh moves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.server.core import grants
from app.server.core.grants import GrantStore
from app.server.core.services import Services
from app.server.settings import ServerSettings
from app.server.web.app import create_app
from tests.support import oauth
from tests.support.databases import ON_BOTH
from tests.support.oauth import Proof

URL = "http://127.0.0.1:1"
START = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIFE = timedelta(days=2)
SECOND = timedelta(seconds=1)


class MovableTime:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> MovableTime:
    return MovableTime()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> ServerSettings:
    return ServerSettings(data=tmp_path, database_url=database_url, grant_life=LIFE)


@pytest.fixture
def client(services: Services) -> FlaskClient:
    return create_app(services, URL).test_client()


def allow(client: FlaskClient) -> Any:
    """Sign in, allow, and redeem the code: the token response."""
    proof = Proof()
    oauth.sign_in(client)
    fields = oauth.code_request(oauth.allow(client, proof), proof)
    return client.post("/oauth/token", data=fields).get_json()


def refresh(client: FlaskClient, token: str) -> tuple[int, Any]:
    answer = client.post("/oauth/token", data=oauth.refresh_request(token))
    return answer.status_code, answer.get_json()


def works(client: FlaskClient, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return client.get("/api/v1/models", headers=headers).status_code == 200


def expiry(services: Services, token: str, now: datetime) -> datetime:
    with services.database.read() as session:
        store = GrantStore(session, lambda: now, grants.SuccessorTokens(services.key_ring))
        found = store.find_token(token)
    assert found is not None
    return found.expires_at


@ON_BOTH
def test_refreshing_all_the_time_does_not_move_the_end_of_a_grant(
    services: Services, client: FlaskClient, clock: MovableTime
) -> None:
    tokens = allow(client)
    assert expiry(services, tokens["refresh_token"], clock.now) == START + LIFE
    while clock.now < START + LIFE - timedelta(minutes=30):
        clock.now += (
            timedelta(hours=1) if clock.now < START + LIFE - grants.ACCESS_LIFE else grants.ACCESS_LIFE / 2
        )
        status, tokens = refresh(client, tokens["refresh_token"])
        assert status == 200
        assert expiry(services, tokens["refresh_token"], clock.now) == START + LIFE
    assert tokens["expires_in"] == 1800
    clock.now = START + LIFE - SECOND
    assert works(client, tokens["access_token"])
    clock.now = START + LIFE
    assert not works(client, tokens["access_token"])
    status, answer = refresh(client, tokens["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")


@ON_BOTH
def test_a_repeat_within_ten_seconds_is_refused_after_the_end_too(
    client: FlaskClient, clock: MovableTime
) -> None:
    tokens = allow(client)
    clock.now = START + LIFE - SECOND
    assert refresh(client, tokens["refresh_token"])[0] == 200
    clock.now = START + LIFE
    status, answer = refresh(client, tokens["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")


@ON_BOTH
def test_what_a_host_of_the_version_before_renewed_ends_all_the_same(
    services: Services, client: FlaskClient, clock: MovableTime
) -> None:
    tokens = allow(client)
    late = START + timedelta(days=90)
    with services.database.write() as session:
        for table in ("oauth_grants", "oauth_tokens"):
            session.connection().exec_driver_sql(
                f"UPDATE {table} SET expires_at = '{late:%Y-%m-%d %H:%M:%S.%f}'"
            )
    clock.now = START + LIFE
    status, answer = refresh(client, tokens["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")


def test_without_an_option_a_grant_lives_thirty_days(tmp_path: Path) -> None:
    assert ServerSettings(data=tmp_path).check().grant_life == timedelta(days=30)
