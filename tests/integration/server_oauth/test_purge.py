"""What the authorization server drops, and when; and how often it reads a person."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from app.server import seed
from app.server.clock import Clock
from app.server.database.models import User
from app.server.database.oauth_models import OAuthGrant
from app.server.oauth import opaque, rules
from app.server.oauth.issued import Person
from app.server.oauth.purge import AT_ONCE, EVERY, Purge
from app.server.oauth.store import Consent, Store
from app.server.parts import Parts
from tests.support.databases import ON_BOTH
from tests.support.oauth import CLIENT, REDIRECT

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - 2 * rules.KEPT


@pytest.fixture
def clock() -> Clock:
    return lambda: NOW


def ended(parts: Parts, count: int) -> None:
    """Grants that ended so long ago that nothing asks for them."""
    with parts.database.write() as session:
        owner = session.scalars(select(User.id).where(User.email == seed.OWNER)).one()
        session.add_all(
            OAuthGrant(
                client_id=CLIENT, user_id=owner, scope="userinfo", created_at=LONG_AGO, expires_at=LONG_AGO
            )
            for _ in range(count)
        )


def next_code(parts: Parts, purge: Purge, now: datetime = NOW) -> int:
    """Make a code; return how many of those grants are left."""
    with parts.database.write() as session:
        owner = session.scalars(select(User).where(User.email == seed.OWNER)).one()
        consent = Consent(Person.of(owner), CLIENT, "userinfo", REDIRECT, "challenge")
        store = Store(session, lambda: now, opaque.Successors(parts.ring), purge)
        store.begin(consent, opaque.fresh(opaque.CODE_PREFIX))
        left = select(func.count()).select_from(OAuthGrant).where(OAuthGrant.expires_at == LONG_AGO)
        return session.scalars(left).one()


@ON_BOTH
def test_what_ended_long_ago_is_dropped_when_the_next_code_is_made(parts: Parts) -> None:
    ended(parts, 3)
    assert next_code(parts, Purge()) == 0


def test_it_is_looked_for_once_a_minute(parts: Parts) -> None:
    purge = Purge()
    next_code(parts, purge)
    ended(parts, 3)
    assert next_code(parts, purge, NOW + EVERY - timedelta(seconds=1)) == 3
    assert next_code(parts, purge, NOW + EVERY) == 0


@ON_BOTH
def test_where_there_is_much_to_drop_each_code_drops_a_piece(parts: Parts) -> None:
    purge = Purge()
    ended(parts, 2 * AT_ONCE + 1)
    assert [next_code(parts, purge) for _ in range(3)] == [AT_ONCE + 1, 1, 0]


def test_one_request_reads_a_person_once(parts: Parts) -> None:
    asked: list[str] = []
    with parts.database.read() as session:
        owner = session.scalars(select(User.id).where(User.email == seed.OWNER)).one()
    event.listen(parts.database.engine, "before_cursor_execute", lambda *how: asked.append(how[2]))
    with parts.database.read() as session:
        store = Store(session, lambda: NOW, opaque.Successors(parts.ring), Purge())
        people = [store.person(owner) for _ in range(3)]
    assert [person.email if person else "" for person in people] == [seed.OWNER] * 3
    assert len([text for text in asked if "FROM users" in text]) == 1
