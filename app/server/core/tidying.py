"""Deletes rows that nothing asks for any more: what has ended is refused by its own dates, deleted or not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, or_, select
from sqlalchemy.orm import Session

from app.server.core import rate_limit
from app.server.persistence.engine import Database
from app.server.persistence.models import LoginAttempt, LoginSession
from app.server.persistence.oauth_models import OAuthCode, OAuthGrant, OAuthToken

# How long codes and tokens stay after their end, so that a second use is recognised.
REUSE_KNOWN = timedelta(days=1)
# Rows in a transaction.
BATCH_SIZE = 500


class TidyUp:
    """One round; any number of processes may run one at once. The time is the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The time that decides what has ended."""
        with self._database.read() as session:
            return self._database.now(session)

    def run(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Delete what has ended, in small transactions, until `stopped` says yes."""
        now = self.now()
        before = now - REUSE_KNOWN
        for key, ended in (
            (LoginAttempt.id, LoginAttempt.at < now - 2 * rate_limit.WINDOW),
            (LoginSession.id, LoginSession.expires_at < now),
            (OAuthToken.token_hash, OAuthToken.expires_at < before),
            (OAuthCode.code_hash, OAuthCode.expires_at < before),
            (OAuthGrant.id, or_(OAuthGrant.expires_at < before, OAuthGrant.ended_at < before)),
        ):
            deleted = BATCH_SIZE
            while deleted == BATCH_SIZE and not stopped():
                with self._database.write() as session:
                    deleted = _delete(session, key, ended)


def _delete(session: Session, key: Any, ended: ColumnElement[bool]) -> int:
    # Skip what another process is deleting: two that wait for each other would deadlock.
    some = select(key).where(ended).limit(BATCH_SIZE).with_for_update(skip_locked=True)
    statement = delete(key.class_).where(key.in_(some)).execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
