"""What the authorization server deletes, and when; and how often it reads a person."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from app.server import sample_data
from app.server.clock import Clock
from app.server.core import grants, sweep
from app.server.core.grants import GrantStore
from app.server.core.services import Services
from app.server.core.sweep import REUSE_KNOWN
from app.server.persistence.models import OAuthCode, OAuthGrant, OAuthToken, User
from tests.support.databases import ON_BOTH
from tests.support.oauth import CLIENT, REDIRECT

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - 2 * REUSE_KNOWN
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    return lambda: NOW


def ended(services: Services, count: int) -> None:
    """Grants that ended so long ago that nothing asks for them."""
    with services.database.write() as session:
        owner = session.scalars(select(User.id).where(User.email == sample_data.OWNER)).one()
        session.add_all(
            OAuthGrant(
                client_id=CLIENT, user_id=owner, scope="userinfo", created_at=LONG_AGO, expires_at=LONG_AGO
            )
            for _ in range(count)
        )


def add_ends(services: Services, ends: dict[str, timedelta]) -> None:
    """A code and a token for each name, with its end so long from now."""
    with services.database.write() as session:
        owner = session.scalars(select(User.id).where(User.email == sample_data.OWNER)).one()
        grant = OAuthGrant(
            client_id=CLIENT, user_id=owner, scope="userinfo", created_at=NOW, expires_at=NOW + SECOND
        )
        session.add(grant)
        session.flush()
        for name, end in ends.items():
            until = {"grant_id": grant.id, "expires_at": NOW + end}
            session.add(OAuthCode(code_hash=name, redirect_uri=REDIRECT, code_challenge="c", **until))
            session.add(OAuthToken(token_hash=name, kind="access", scope="userinfo", created_at=NOW, **until))


def left(services: Services) -> int:
    """How many of those grants there are."""
    with services.database.read() as session:
        grants = select(func.count()).select_from(OAuthGrant).where(OAuthGrant.expires_at == LONG_AGO)
        return session.scalars(grants).one()


@ON_BOTH
def test_tidying_deletes_what_ended_long_ago_and_nothing_else(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "CLEANUP_BATCH_SIZE", 2)
    add_ends(services, {"gone": -REUSE_KNOWN - SECOND, "known": -REUSE_KNOWN + SECOND, "alive": SECOND})
    ended(services, 5)
    services.cleanup.run()
    assert left(services) == 0
    with services.database.read() as session:
        assert set(session.scalars(select(OAuthToken.token_hash))) == {"known", "alive"}
        assert set(session.scalars(select(OAuthCode.code_hash))) == {"known", "alive"}


def test_one_request_reads_a_person_once(services: Services) -> None:
    asked: list[str] = []
    with services.database.read() as session:
        owner = session.scalars(select(User.id).where(User.email == sample_data.OWNER)).one()
    event.listen(services.database.engine, "before_cursor_execute", lambda *how: asked.append(how[2]))
    with services.database.read() as session:
        store = GrantStore(session, lambda: NOW, grants.SuccessorTokens(services.key_ring))
        people = [store.find_person(owner) for _ in range(3)]
    assert [person.email if person else "" for person in people] == [sample_data.OWNER] * 3
    assert len([text for text in asked if "FROM users" in text]) == 1


def test_a_stop_ends_it_after_the_batch_under_way(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is deleted by the next round."""
    monkeypatch.setattr(sweep, "CLEANUP_BATCH_SIZE", 2)
    ended(services, 6)
    asked: list[bool] = []

    def stopped() -> bool:
        asked.append(left(services) < 6)
        return asked[-1]

    services.cleanup.run(stopped)
    assert left(services) == 4
