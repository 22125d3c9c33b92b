"""The same promises on PostgreSQL, where many requests really write at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select

from app.server import opaque_tokens, sample_data
from app.server.core.api_keys import APIKeys
from app.server.core.principals import Person, SignedInBrowser
from app.server.core.services import Services
from app.server.persistence.models import APIKey, Base, OAuthGrant, OAuthToken, Team, User
from app.server.web.app import create_app
from tests.support.oauth import Proof, allow, code_request, refresh_request, sign_in
from tests.support.server import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)]

URL = "http://127.0.0.1:1"
Post = Callable[[dict[str, str]], Any]


@pytest.fixture
def post(services: Services) -> Post:
    """Send a token request from any thread; return status and JSON."""
    app = create_app(services, URL)

    def send(fields: dict[str, str]) -> Any:
        answer = app.test_client().post("/oauth/token", data=fields)
        return answer.status_code, answer.get_json()

    return send


def redeem(services: Services, proof: Proof) -> dict[str, str]:
    """Sign in and allow; the fields of the token request."""
    browser = create_app(services, URL).test_client()
    sign_in(browser)
    return code_request(allow(browser, proof), proof)


def test_twenty_refreshes_at_once_agree_on_one_successor(services: Services, post: Post) -> None:
    status, tokens = post(redeem(services, Proof()))
    assert status == 200
    fields = refresh_request(tokens["refresh_token"])
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(fields), range(20)))
    assert {status for status, _ in answers} == {200}
    assert len({body["refresh_token"] for _, body in answers}) == 1
    with services.database.read() as session:
        refresh = select(func.count()).select_from(OAuthToken).where(OAuthToken.kind == "refresh")
        assert session.scalar(refresh) == 2


def test_twenty_uses_of_one_code_at_once_give_tokens_once_and_then_end_them(
    services: Services, post: Post
) -> None:
    fields = redeem(services, Proof())
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(fields), range(20)))
    good = [body for status, body in answers if status == 200]
    assert len(good) == 1
    assert {body["error"] for status, body in answers if status != 200} == {"invalid_grant"}
    with services.database.read() as session:
        token = session.get_one(OAuthToken, opaque_tokens.hash_secret(good[0]["access_token"]))
        assert session.get_one(OAuthGrant, token.grant_id).ended_at is not None


@pytest.mark.parametrize("whose", ["person", "team"])
def test_twenty_keys_made_at_once_leave_one_that_works(services: Services, whose: str) -> None:
    with services.database.read() as session:
        person = Person.of(session.scalars(select(User).where(User.email == sample_data.OWNER)).one())
        team = (
            session.scalars(select(Team.id).where(Team.name == "growth")).one() if whose == "team" else None
        )
    jwt = services.sessions.sign_in(sample_data.OWNER, sample_data.PASSWORD, "")
    browser = SignedInBrowser(person, services.signer.verify_token(jwt.jwt).id)
    make = APIKeys(services.database, services.clock)
    with ThreadPoolExecutor(20) as pool:
        made = set(pool.map(lambda _: make.create_key(browser, team, ""), range(20)))
    assert len(made) == 20
    with services.database.read() as session:
        live = select(APIKey.key_hash).where(APIKey.ended_at.is_(None), APIKey.team_id == team)
        [left] = session.scalars(live).all()
    assert left in {opaque_tokens.hash_secret(key) for key in made}


def test_the_tables_are_what_the_models_say(services: Services) -> None:
    for path in ROOT.glob("app/server/**/*models.py"):
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    with services.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
