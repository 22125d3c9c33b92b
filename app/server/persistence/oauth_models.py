"""The tables of the OAuth and Gumloop side. Codes, tokens and keys are stored as SHA-256 hashes only."""

# mypy: allow-subclassing-any
# Authlib carries no types; its client mixin is a plain class to the checker.

import secrets
from datetime import datetime
from uuid import UUID, uuid4

from authlib.integrations.sqla_oauth2 import OAuth2ClientMixin
from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.server.core import oauth_rules, opaque_tokens
from app.server.persistence.models import Base

_LIVE = text("ended_at IS NULL")
_LIVE_PERSONAL = text("ended_at IS NULL AND team_id IS NULL")


class OAuthClient(OAuth2ClientMixin, Base):
    """A program that may ask for access (RFC 6749 §2). `client_secret` is the hash of the secret, or null."""

    __tablename__ = "oauth_clients"
    client_id: Mapped[str] = mapped_column(String(48), primary_key=True)

    def get_default_redirect_uri(self) -> str | None:
        """None for loopback: nobody listens on a port that was not named."""
        uris = self.redirect_uris
        return uris[0] if len(uris) == 1 and not oauth_rules.is_loopback(uris[0]) else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What was asked for, all of the client's when nothing was, None when it is too much."""
        mine = self.scope.split()
        wanted = scope.split() if scope else mine
        return " ".join(dict.fromkeys(wanted)) if set(wanted) <= set(mine) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exact, except for the port of a loopback address (RFC 8252 §7.3)."""
        return any(oauth_rules.same_redirect(redirect_uri, registered) for registered in self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare with the stored hash."""
        stored = self.client_secret
        return bool(stored) and secrets.compare_digest(stored, opaque_tokens.digest(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """The registered method and no other, at every endpoint."""
        return bool(self.token_endpoint_auth_method == method)


class OAuthGrant(Base):
    """One consent of one person to one client, and the head of every code and token that came from it.

    `expires_at` is the end of the code until that is redeemed, then the end of every token: nothing moves it.
    """

    __tablename__ = "oauth_grants"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    client_id: Mapped[str] = mapped_column(
        ForeignKey("oauth_clients.client_id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None] = mapped_column(index=True)


class OAuthCode(Base):
    """An authorization code; kept after its use, so that a second one is noticed."""

    __tablename__ = "oauth_codes"
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_grants.id", ondelete="CASCADE"), index=True)
    redirect_uri: Mapped[str] = mapped_column(Text)
    code_challenge: Mapped[str] = mapped_column(String(128))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class OAuthToken(Base):
    """An access or a refresh token (`kind`). A refresh token that was used names its successor's hash."""

    __tablename__ = "oauth_tokens"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_grants.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    scope: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    rotated_at: Mapped[datetime | None]
    successor_hash: Mapped[str | None] = mapped_column(String(64))


class BrowserSession(Base):
    """A browser that is signed in; ends with the session it belongs to."""

    __tablename__ = "browser_sessions"
    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)


class Team(Base):
    """A team of an organization; every member of the organization is in it."""

    __tablename__ = "teams"
    __table_args__ = (Index("uq_teams_organization_id_name", "organization_id", "name", unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(63))
    created_at: Mapped[datetime]


class APIKey(Base):
    """A `gum_…` key of a person, or of a team. Each has one at a time; `hint` is its last four characters.

    Of a team's key `user_id` is who created it; empty once that person is removed, and for a key that the
    operator of the server created.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        Index(
            "uq_api_keys_live_of_person",
            "user_id",
            unique=True,
            sqlite_where=_LIVE_PERSONAL,
            postgresql_where=_LIVE_PERSONAL,
        ),
        Index(
            "uq_api_keys_live_of_team",
            "team_id",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    hint: Mapped[str] = mapped_column(String(4))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
