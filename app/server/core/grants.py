"""What one request to the authorization server reads and writes, in one transaction.

Rows that decide are read for update: of two requests with the same code or refresh token the second sees
what the first did. SQLite has one writer anyway.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from app.server.clock import Clock
from app.server.core import audit, oauth_rules, opaque_tokens
from app.server.core.access import GRANT_END
from app.server.core.issued import IssuedCode, IssuedToken, Person
from app.server.core.recheck import locked, recheck_session
from app.server.persistence.models import User
from app.server.persistence.oauth_models import OAuthClient, OAuthCode, OAuthGrant, OAuthToken

GRANTED, REPLAYED = "oauth.grant", "oauth.replay"
_CLIENT_ID = re.compile(r"[!-~]{1,48}")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to."""

    person: Person
    client_id: str
    scope: str
    redirect_uri: str
    challenge: str


class Store:
    """Grants, codes and tokens over one session.

    `address` is where the request came from, `life` how long a grant lives from the consent on.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        successors: opaque_tokens.Successors,
        address: str = "",
        life: timedelta = oauth_rules.GRANT_LIFE,
    ) -> None:
        self._session = session
        self._clock = clock
        self._now = clock()
        self._successors = successors
        # The session forgets a row that nobody holds, and would read it again.
        self._people: dict[UUID, User | None] = {}
        self._address = address
        self._life = life

    def client(self, client_id: str) -> OAuthClient | None:
        """The registered client, if there is one."""
        # Nothing else can be a client's id, and PostgreSQL refuses to be asked for NUL.
        return self._session.get(OAuthClient, client_id) if _CLIENT_ID.fullmatch(client_id) else None

    def recheck(self, user_id: UUID, session_id: UUID) -> None:
        """Hold the person and the browser's session. Raises SessionEnded where either has ended since."""
        self._people[user_id] = recheck_session(self._session, user_id, session_id, self._clock)
        self._now = self._clock()

    def begin(self, consent: Consent, code: str) -> None:
        """Write down a consent and the code that stands for it."""
        until = self._now + oauth_rules.CODE_LIFE
        grant = OAuthGrant(
            client_id=consent.client_id,
            user_id=consent.person.id,
            scope=consent.scope,
            created_at=self._now,
            expires_at=until,
        )
        self._session.add(grant)
        self._session.flush()
        self._session.add(
            OAuthCode(
                code_hash=opaque_tokens.digest(code),
                grant_id=grant.id,
                redirect_uri=consent.redirect_uri,
                code_challenge=consent.challenge,
                expires_at=until,
            )
        )
        self._record(GRANTED, grant)

    def find_code(self, code: str, client_id: str) -> IssuedCode | None:
        """A code that may be redeemed. A second use ends everything the first gave (RFC 6749 §4.1.2)."""
        key = opaque_tokens.digest(code)
        grant = self._hold(select(OAuthCode.grant_id).where(OAuthCode.code_hash == key))
        row = self._session.get(OAuthCode, key, with_for_update=True)
        if row is None or grant is None:
            return None
        if row.used_at is not None:
            self._end(grant, REPLAYED)
            return None
        if row.expires_at <= self._now or grant.ended_at is not None or grant.client_id != client_id:
            return None
        return IssuedCode(grant.id, grant.user_id, grant.scope, row.redirect_uri, row.code_challenge)

    def use_code(self, code: str) -> None:
        """From now on it is spent."""
        spent = update(OAuthCode).where(OAuthCode.code_hash == opaque_tokens.digest(code))
        self._session.execute(spent.values(used_at=self._now))

    def find_refresh(self, value: str) -> IssuedToken | None:
        """A refresh token that may be used. Reuse after the window ends its family (RFC 9700 §4.14.2)."""
        key = opaque_tokens.digest(value)
        grant = self._hold(select(OAuthToken.grant_id).where(OAuthToken.token_hash == key))
        row = self._session.get(OAuthToken, key, with_for_update=True)
        if (
            row is None
            or grant is None
            or row.kind != oauth_rules.REFRESH
            or self._end_of(grant) <= self._now
        ):
            return None
        token = self._issued(row, value)
        if token is None or not token.live:
            return None
        if row.rotated_at is not None and self._now - row.rotated_at > oauth_rules.REPEAT_WINDOW:
            self._end(grant, REPLAYED)
            return None
        return token if self.person(token.user_id) else None

    def find_token(self, value: str) -> IssuedToken | None:
        """Any token by its value, live or not."""
        row = self._session.get(OAuthToken, opaque_tokens.digest(value))
        return self._issued(row, value) if row else None

    def add_first(self, grant_id: UUID, token: dict[str, Any]) -> None:
        """Store what a code gives. From now on the grant lives as long as that may be renewed."""
        grant, refresh = self._session.get_one(OAuthGrant, grant_id), token.get("refresh_token")
        end = grant.created_at + self._life
        grant.expires_at = end if refresh else min(self._now + oauth_rules.ACCESS_LIFE, end)
        self.add_access(grant_id, token)
        if refresh:
            self._add_refresh(grant, refresh, token.get("scope", ""))

    def add_access(self, grant_id: UUID, token: dict[str, Any]) -> None:
        """Store the access token of a token response, and say in it how long it lives."""
        grant = self._session.get_one(OAuthGrant, grant_id)
        until = min(self._now + oauth_rules.ACCESS_LIFE, self._end_of(grant))
        token["expires_in"] = int((until - self._now).total_seconds())
        self._add(grant_id, oauth_rules.ACCESS, token["access_token"], token.get("scope", ""), until)

    def rotate(self, token: IssuedToken) -> str | None:
        """The successor of a refresh token: made the first time, the same one for a repeat."""
        row = self._session.get_one(OAuthToken, opaque_tokens.digest(token.value))
        if row.rotated_at is not None:
            return self._successors.find(token.value, row.successor_hash)
        successor = self._successors.make(token.value)
        row.rotated_at, row.successor_hash = self._now, opaque_tokens.digest(successor)
        grant = self._session.get_one(OAuthGrant, row.grant_id)
        grant.expires_at = self._end_of(grant)
        self._add_refresh(grant, successor, row.scope)
        return successor

    def revoke(self, token: IssuedToken) -> None:
        """End one access token, or with a refresh token all that its grant gave (RFC 7009 §2.1)."""
        if token.kind == oauth_rules.ACCESS:
            one = update(OAuthToken).where(OAuthToken.token_hash == opaque_tokens.digest(token.value))
            self._session.execute(one.values(revoked_at=self._now))
            return
        grant = self._session.get(OAuthGrant, token.grant_id, with_for_update=True, populate_existing=True)
        if grant is not None:
            self._end(grant, GRANT_END)

    def person(self, user_id: UUID) -> Person | None:
        """The person, unless disabled."""
        user = self._user(user_id)
        return Person.of(user) if user and user.disabled_at is None else None

    def _hold(self, grant_id: Select[Any]) -> OAuthGrant | None:
        """The grant, read again while its person is held: a reset or a disabling came before, or waits."""
        found = self._session.scalar(grant_id)
        grant = self._session.get(OAuthGrant, found) if found else None
        if grant is None:
            return None
        held = locked(select(User).where(User.id == grant.user_id))
        person = self._session.scalar(held.execution_options(populate_existing=True))
        if person is None:
            # Removed meanwhile, and the grant with them.
            return None
        self._people[grant.user_id] = person
        self._session.refresh(grant)
        self._now = self._clock()
        return grant

    def _end_of(self, grant: OAuthGrant) -> datetime:
        # A host of the version before makes it later at each refresh, so it is worked out, too.
        return min(grant.expires_at, grant.created_at + self._life)

    def _user(self, user_id: UUID) -> User | None:
        if user_id not in self._people:
            self._people[user_id] = self._session.get(User, user_id)
        return self._people[user_id]

    def _issued(self, row: OAuthToken, value: str) -> IssuedToken | None:
        grant = self._session.get(OAuthGrant, row.grant_id)
        return IssuedToken.of(row, grant, value, self._now) if grant else None

    def _add_refresh(self, grant: OAuthGrant, value: str, scope: str) -> None:
        until = min(self._now + oauth_rules.REFRESH_LIFE, self._end_of(grant))
        self._add(grant.id, oauth_rules.REFRESH, value, scope, until)

    def _add(self, grant_id: UUID, kind: str, value: str, scope: str, until: datetime) -> None:
        self._session.add(
            OAuthToken(
                token_hash=opaque_tokens.digest(value),
                grant_id=grant_id,
                kind=kind,
                scope=scope,
                created_at=self._now,
                expires_at=until,
            )
        )
        self._session.flush()

    def _end(self, grant: OAuthGrant, why: str) -> None:
        if grant.ended_at is None:
            grant.ended_at = self._now
            self._record(why, grant)

    def _record(self, action: str, grant: OAuthGrant) -> None:
        user = self._user(grant.user_id)
        who = audit.Who("person", grant.user_id, user.email if user else "", self._address)
        what = audit.What(action, target_id=grant.id, target_name=grant.client_id)
        audit.record(self._session, who, [what], self._now)
