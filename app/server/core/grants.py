"""OAuth grants of the Gumloop side: consents, codes and tokens, and what Authlib needs to know of them.

A request to the authorization server is one transaction. Rows that decide are read for update: of two
requests with the same code or refresh token the second sees what the first did. SQLite has one writer anyway.
"""

# mypy: allow-subclassing-any
# Authlib carries no types.

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, TokenMixin
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from app.server.clock import Clock
from app.server.core import audit
from app.server.core.access import GRANT_END
from app.server.core.key_ring import KeyRing
from app.server.core.principals import Person, SignedInBrowser, lock_signed_in_user, with_lock
from app.server.opaque_tokens import REFRESH_PREFIX, hash_secret
from app.server.persistence.models import OAuthClient, OAuthCode, OAuthGrant, OAuthToken, User
from app.server.settings import GRANT_LIFE

CODE_LIFE = timedelta(seconds=60)
ACCESS_LIFE = timedelta(hours=1)
REFRESH_LIFE = timedelta(days=90)
# A client whose answer was lost, or that refreshes twice at the same time, may repeat the old token so long.
REPEAT_WINDOW = timedelta(seconds=10)

ACCESS, REFRESH = "access", "refresh"
API_SCOPE, USERINFO_SCOPE = "gumloop_api", "userinfo"
SCOPES = {
    API_SCOPE: "Use the Gumloop API as you: models, teams and organizations",
    USERINFO_SCOPE: "See your name, e-mail address and user ID",
}
GRANT_TYPES = ("authorization_code", "refresh_token")
RESPONSE_TYPES = ("code",)
AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")
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


@dataclass(frozen=True)
class IssuedCode(AuthorizationCodeMixin):
    """A code that may be redeemed once."""

    grant_id: UUID
    user_id: UUID
    scope: str
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        """The one of the authorization request; the token request must repeat it."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was agreed to."""
        return self.scope


@dataclass(frozen=True)
class IssuedToken(TokenMixin):
    """An access or refresh token at one moment. `value` is what the client holds; it is not stored."""

    value: str
    kind: str
    grant_id: UUID
    user_id: UUID
    client_id: str
    scope: str
    expires_at: datetime
    revoked: bool
    now: datetime

    @classmethod
    def of(cls, row: OAuthToken, grant: OAuthGrant, value: str, now: datetime) -> "IssuedToken":
        """From its row and its grant; what the grant lost, the token lost."""
        return cls(
            value=value,
            kind=row.kind,
            grant_id=grant.id,
            user_id=grant.user_id,
            client_id=grant.client_id,
            scope=row.scope,
            expires_at=row.expires_at,
            revoked=row.revoked_at is not None or grant.ended_at is not None,
            now=now,
        )

    def __repr__(self) -> str:
        return f"IssuedToken({self.kind}, …)"

    @property
    def is_active(self) -> bool:
        """True when it works now."""
        return not self.revoked and not self.is_expired()

    def check_client(self, client: OAuthClient) -> bool:
        """True when it was issued to `client`."""
        return bool(self.client_id == client.client_id)

    def get_scope(self) -> str:
        """The scopes, separated by spaces."""
        return self.scope

    def is_expired(self) -> bool:
        """True from its last second on."""
        return self.expires_at <= self.now

    def is_revoked(self) -> bool:
        """True when it or its grant was ended."""
        return self.revoked


class SuccessorTokens:
    """The refresh token that follows another.

    It is derived from its predecessor and a key of the server, so that a repeated request can be given the
    same one although only hashes are stored. Every key of the ring is tried for an old one.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def derive(self, token: str) -> str:
        """The successor of `token` under today's key."""
        return _derive(self._keys[0], token)

    def find(self, token: str, successor_hash: str | None) -> str | None:
        """The successor of `token` that has this hash, or None when its key is gone."""
        successors = (_derive(key, token) for key in self._keys)
        return next((value for value in successors if hash_secret(value) == successor_hash), None)

    @property
    def _keys(self) -> tuple[bytes, ...]:
        # Each time: keys may be rotated while we run.
        return self._ring.derive("oauth refresh successor")


def _derive(key: bytes, token: str) -> str:
    return REFRESH_PREFIX + hmac.digest(key, token.encode("utf-8", "replace"), hashlib.sha256).hex()


class GrantStore:
    """Grants, codes and tokens over one session.

    `address` is where the request came from, `life` how long a grant lives from the consent on.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        successors: SuccessorTokens,
        address: str = "",
        life: timedelta = GRANT_LIFE,
    ) -> None:
        self._session = session
        self._clock = clock
        self._now = clock()
        self._successors = successors
        # The session forgets a row that nobody refers to, and would read it again.
        self._users: dict[UUID, User | None] = {}
        self._address = address
        self._life = life

    def find_client(self, client_id: str) -> OAuthClient | None:
        """The registered client, if there is one."""
        # Nothing else can be a client's id, and PostgreSQL refuses to be asked for NUL.
        return self._session.get(OAuthClient, client_id) if _CLIENT_ID.fullmatch(client_id) else None

    def lock_user(self, browser: SignedInBrowser) -> None:
        """Lock the person and the browser's session. Raises SessionEnded where either has ended since."""
        self._users[browser.person.id] = lock_signed_in_user(self._session, browser, self._clock)
        self._now = self._clock()

    def add_consent(self, consent: Consent, code: str) -> None:
        """Add a consent and the code that stands for it."""
        until = self._now + CODE_LIFE
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
                code_hash=hash_secret(code),
                grant_id=grant.id,
                redirect_uri=consent.redirect_uri,
                code_challenge=consent.challenge,
                expires_at=until,
            )
        )
        self._record(GRANTED, grant)

    def find_code(self, code: str, client_id: str) -> IssuedCode | None:
        """A code that may be redeemed. A second use ends everything the first gave (RFC 6749 §4.1.2)."""
        key = hash_secret(code)
        grant = self._lock_grant(select(OAuthCode.grant_id).where(OAuthCode.code_hash == key))
        row = self._session.get(OAuthCode, key, with_for_update=True)
        if row is None or grant is None:
            return None
        if row.used_at is not None:
            self._end(grant, REPLAYED)
            return None
        if row.expires_at <= self._now or grant.ended_at is not None or grant.client_id != client_id:
            return None
        return IssuedCode(grant.id, grant.user_id, grant.scope, row.redirect_uri, row.code_challenge)

    def spend_code(self, code: str) -> None:
        """From now on it is spent."""
        spent = update(OAuthCode).where(OAuthCode.code_hash == hash_secret(code))
        self._session.execute(spent.values(used_at=self._now))

    def find_refresh_token(self, value: str) -> IssuedToken | None:
        """A refresh token that may be used. Reuse after the window ends its family (RFC 9700 §4.14.2)."""
        key = hash_secret(value)
        grant = self._lock_grant(select(OAuthToken.grant_id).where(OAuthToken.token_hash == key))
        row = self._session.get(OAuthToken, key, with_for_update=True)
        if row is None or grant is None or row.kind != REFRESH or self._grant_end(grant) <= self._now:
            return None
        token = self._describe(row, value)
        if token is None or not token.is_active:
            return None
        if row.rotated_at is not None and self._now - row.rotated_at > REPEAT_WINDOW:
            self._end(grant, REPLAYED)
            return None
        return token if self.find_person(token.user_id) else None

    def find_token(self, value: str) -> IssuedToken | None:
        """Any token by its value, live or not."""
        row = self._session.get(OAuthToken, hash_secret(value))
        return self._describe(row, value) if row else None

    def add_first_tokens(self, grant_id: UUID, token: dict[str, Any]) -> None:
        """Store what a code gives. From now on the grant lives as long as that may be renewed."""
        grant, refresh = self._session.get_one(OAuthGrant, grant_id), token.get("refresh_token")
        end = grant.created_at + self._life
        grant.expires_at = end if refresh else min(self._now + ACCESS_LIFE, end)
        self.add_access_token(grant_id, token)
        if refresh:
            self._add_refresh(grant, refresh, token.get("scope", ""))

    def add_access_token(self, grant_id: UUID, token: dict[str, Any]) -> None:
        """Store the access token of a token response, and say in it how long it lives."""
        grant = self._session.get_one(OAuthGrant, grant_id)
        until = min(self._now + ACCESS_LIFE, self._grant_end(grant))
        token["expires_in"] = int((until - self._now).total_seconds())
        self._add(grant_id, ACCESS, token["access_token"], token.get("scope", ""), until)

    def rotate_refresh_token(self, token: IssuedToken) -> str | None:
        """The successor of a refresh token: new the first time, the same one for a repeat."""
        row = self._session.get_one(OAuthToken, hash_secret(token.value))
        if row.rotated_at is not None:
            return self._successors.find(token.value, row.successor_hash)
        successor = self._successors.derive(token.value)
        row.rotated_at, row.successor_hash = self._now, hash_secret(successor)
        grant = self._session.get_one(OAuthGrant, row.grant_id)
        grant.expires_at = self._grant_end(grant)
        self._add_refresh(grant, successor, row.scope)
        return successor

    def revoke_token(self, token: IssuedToken) -> None:
        """End one access token, or with a refresh token all that its grant gave (RFC 7009 §2.1)."""
        if token.kind == ACCESS:
            one = update(OAuthToken).where(OAuthToken.token_hash == hash_secret(token.value))
            self._session.execute(one.values(revoked_at=self._now))
            return
        grant = self._session.get(OAuthGrant, token.grant_id, with_for_update=True, populate_existing=True)
        if grant is not None:
            self._end(grant, GRANT_END)

    def find_person(self, user_id: UUID) -> Person | None:
        """The person, unless disabled."""
        user = self._read_user(user_id)
        return Person.of(user) if user and user.disabled_at is None else None

    def _lock_grant(self, grant_id: Select[Any]) -> OAuthGrant | None:
        """The grant, read again while its user is locked: a reset or a disabling came before, or waits."""
        id = self._session.scalar(grant_id)
        grant = self._session.get(OAuthGrant, id) if id else None
        if grant is None:
            return None
        query = with_lock(select(User).where(User.id == grant.user_id))
        user = self._session.scalar(query.execution_options(populate_existing=True))
        if user is None:
            # Removed meanwhile, and the grant with them.
            return None
        self._users[grant.user_id] = user
        self._session.refresh(grant)
        self._now = self._clock()
        return grant

    def _grant_end(self, grant: OAuthGrant) -> datetime:
        # A host of the version before makes it later at each refresh, so it is computed, too.
        return min(grant.expires_at, grant.created_at + self._life)

    def _read_user(self, user_id: UUID) -> User | None:
        if user_id not in self._users:
            self._users[user_id] = self._session.get(User, user_id)
        return self._users[user_id]

    def _describe(self, row: OAuthToken, value: str) -> IssuedToken | None:
        grant = self._session.get(OAuthGrant, row.grant_id)
        return IssuedToken.of(row, grant, value, self._now) if grant else None

    def _add_refresh(self, grant: OAuthGrant, value: str, scope: str) -> None:
        until = min(self._now + REFRESH_LIFE, self._grant_end(grant))
        self._add(grant.id, REFRESH, value, scope, until)

    def _add(self, grant_id: UUID, kind: str, value: str, scope: str, until: datetime) -> None:
        self._session.add(
            OAuthToken(
                token_hash=hash_secret(value),
                grant_id=grant_id,
                kind=kind,
                scope=scope,
                created_at=self._now,
                expires_at=until,
            )
        )
        self._session.flush()

    def _end(self, grant: OAuthGrant, action: str) -> None:
        if grant.ended_at is None:
            grant.ended_at = self._now
            self._record(action, grant)

    def _record(self, action: str, grant: OAuthGrant) -> None:
        user = self._read_user(grant.user_id)
        actor = audit.Actor("person", grant.user_id, user.email if user else "", self._address)
        event = audit.Event(action, target_id=grant.id, target_name=grant.client_id)
        audit.record(self._session, actor, self._now, event)


def origin_of(uri: str) -> str:
    """Scheme, host and port of a redirect URI that was checked before."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
