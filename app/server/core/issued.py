"""Codes, tokens and people as Authlib's grants and endpoints want to see them."""

# mypy: allow-subclassing-any

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, TokenMixin

from app.server.persistence.models import User
from app.server.persistence.oauth_models import OAuthClient, OAuthGrant, OAuthToken


@dataclass(frozen=True, slots=True)
class Person:
    """The resource owner."""

    id: UUID
    email: str
    name: str

    @classmethod
    def of(cls, user: User) -> "Person":
        """From the row."""
        return cls(user.id, user.email, f"{user.first_name} {user.last_name}".strip())


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
    def live(self) -> bool:
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
