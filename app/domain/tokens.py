"""API tokens as an administrator sees them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from app.domain import names
from app.domain.errors import UsageError
from app.domain.secret import Secret


class TokenState(Enum):
    """What can be done with a token now."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class StatusFilter(Enum):
    """Which tokens to list. ACTIVE means not revoked: expired ones are among them."""

    ACTIVE = "active"
    REVOKED = "revoked"
    ALL = "all"


class ScopeFilter(Enum):
    """Which scopes to list."""

    ANY = "any"
    PROJECT = "project"
    GLOBAL = "global"


GLOBAL = "global"
"""The scope of a token that works in the whole organization."""


def scope_of(project: str) -> str:
    """Return the scope of a token in `project`, or in the whole organization for an empty name.

    A project may have any name, "global" too: the prefix tells the two apart.
    """
    return f"project/{project}" if project else GLOBAL


@dataclass(frozen=True, slots=True)
class Project:
    """A project that a token is limited to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class APIToken:
    """One API token, without its secret. Times are aware; names come from the server uncleaned.

    `parent_id` is the API token that created it; empty where a person did, or the server does not tell.
    """

    id: str
    name: str
    description: str
    organization_id: str
    organization_name: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    project: Project | None = None
    permissions: tuple[str, ...] = ()
    parent_id: str = ""

    @property
    def scope(self) -> str:
        """Where it works, as the vendor's command line prints it: "global" or "project/NAME"."""
        return scope_of(self.project.name if self.project else "")

    def state(self, now: datetime) -> TokenState:
        """Revoked beats expired."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return TokenState.EXPIRED
        return TokenState.ACTIVE


class TokenDraft(NamedTuple):
    """What a person asks for. `expires_in` None means never; `project` empty means the organization."""

    name: str
    description: str = ""
    expires_in: timedelta | None = None
    project: str = ""
    permissions: tuple[str, ...] = ()

    def check(self) -> "TokenDraft":
        """Return self, or raise UsageError for what no server would take."""
        names.check(self.name)
        if self.expires_in is not None and self.expires_in <= timedelta(0):
            raise UsageError("the expiry lies in the past", hint="choose a later date, or never")
        return self


class CreatedToken(NamedTuple):
    """A new token and its secret, which no server sends again."""

    token: APIToken
    secret: Secret
