"""What opens something in a person's name, as they see and end it themselves in a browser."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.server.clock import Clock
from app.server.core import access, audit
from app.server.core.access import Ended, GrantRow, SessionRow
from app.server.core.browser_sessions import SignedInBrowser
from app.server.core.recheck import recheck_session
from app.server.persistence.engine import Database
from app.server.persistence.models import User
from app.server.persistence.oauth_models import APIKey

_Work = Callable[[Session, User, datetime], list[audit.What]]


@dataclass(frozen=True, slots=True)
class Overview:
    """What is open. `here` is the session of the browser that asks, None if it has just ended."""

    here: SessionRow | None
    others: Sequence[SessionRow]
    grants: Sequence[GrantRow]
    has_key: bool


class OwnAccess:
    """Reads and ends. What is ended is the person's own, or NotFound is raised; SessionEnded for a browser
    that is not signed in any more.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def read(self, browser: SignedInBrowser) -> Overview:
        """What is open now."""
        person_id, now = browser.person.id, self._clock()
        with self._database.read() as session:
            sessions = access.read_sessions(session, person_id, now)
            key = select(APIKey.key_hash).where(access.own_key(person_id), APIKey.ended_at.is_(None))
            return Overview(
                next((row for row in sessions if row.id == browser.session_id), None),
                [row for row in sessions if row.id != browser.session_id],
                access.read_grants(session, person_id, now),
                session.scalar(key) is not None,
            )

    def end_session(self, browser: SignedInBrowser, session_id: UUID, address: str) -> None:
        """End one session, this one or another."""

        def work(session: Session, user: User, now: datetime) -> list[audit.What]:
            ended = access.end_sessions(session, user.id, now, only=session_id)
            return access.sessions_ended(ended, user.email)

        self._end(browser, address, work)

    def end_grant(self, browser: SignedInBrowser, grant_id: UUID, address: str) -> None:
        """End what the person allowed one program, with all of its tokens."""

        def work(session: Session, user: User, now: datetime) -> list[audit.What]:
            return access.grants_ended(access.end_grants(session, user.id, now, only=grant_id))

        self._end(browser, address, work)

    def end_others(self, browser: SignedInBrowser, address: str, keys: bool) -> Ended:
        """End all sessions but this one and all programs; with `keys` delete the own API key, too."""

        def work(session: Session) -> Ended:
            user, now = self._hold(session, browser), self._clock()
            ended = Ended(
                len(access.end_sessions(session, user.id, now, keep=browser.session_id)),
                len(access.end_grants(session, user.id, now)),
                access.end_keys(session, now, access.own_key(user.id)) if keys else 0,
            )
            details = {"others": True, **ended.counts}
            what = audit.What(audit.LOGOUT, target_id=browser.session_id, details=details)
            audit.record(session, _who(user, address), [what], now)
            return ended

        return self._database.transact(work)

    def _end(self, browser: SignedInBrowser, address: str, work: _Work) -> None:
        def end(session: Session) -> None:
            user, now = self._hold(session, browser), self._clock()
            acts = work(session, user, now)
            if not acts:
                raise NotFound("it has ended already")
            audit.record(session, _who(user, address), acts, now)

        self._database.transact(end)

    def _hold(self, session: Session, browser: SignedInBrowser) -> User:
        return recheck_session(session, browser.person.id, browser.session_id, self._clock, writes_user=True)


def _who(user: User, address: str) -> audit.Who:
    return audit.Who("person", user.id, user.email, address)
