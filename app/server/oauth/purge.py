"""Dropping what nothing asks for any more, a bounded piece with a new code or token.

Nothing depends on it: what has ended is refused by its own dates, dropped or not.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, or_, select
from sqlalchemy.orm import Session

from app.server.database.oauth_models import OAuthCode, OAuthGrant, OAuthToken
from app.server.oauth import rules

EVERY = timedelta(minutes=1)
AT_ONCE = 100


class Purge:
    """Once in a while, and with every new code or token while there is more than one piece to drop.

    One for a server; two requests at the same moment may both do it.
    """

    def __init__(self) -> None:
        self._next: datetime | None = None

    def do(self, session: Session, now: datetime) -> None:
        """Drop up to AT_ONCE rows of each table, if it is time to."""
        if self._next is not None and now < self._next:
            return
        before = now - rules.KEPT
        dropped = (
            _drop(session, OAuthToken.token_hash, OAuthToken.expires_at < before),
            _drop(session, OAuthCode.code_hash, OAuthCode.expires_at < before),
            _drop(session, OAuthGrant.id, or_(OAuthGrant.expires_at < before, OAuthGrant.ended_at < before)),
        )
        self._next = now if max(dropped) >= AT_ONCE else now + EVERY


def _drop(session: Session, key: Any, old: ColumnElement[bool]) -> int:
    # Skip what another request is dropping: two that wait for each other help nobody.
    some = select(key).where(old).limit(AT_ONCE).with_for_update(skip_locked=True)
    drop = delete(key.class_).where(key.in_(some)).execution_options(synchronize_session=False)
    done = session.execute(drop)
    return done.rowcount if isinstance(done, CursorResult) else 0
