"""The audit trail: written in the transaction of the act itself, so that it is neither lost nor twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.server.persistence.models import AuditEvent

LOGIN, LOGIN_FAILED, LOGOUT = "login", "login.failed", "logout"
TOKEN_CREATE, TOKEN_REVOKE, TOKEN_SWEEP = "api_token.create", "api_token.revoke", "api_token.auto_revoke"
ORGANIZATION_ADD, ORGANIZATION_UPDATE = "organization.add", "organization.update"
ORGANIZATION_REMOVE = "organization.remove"
SIGNING_KEY_ADD, SIGNING_KEY_ROTATE = "signing_key.add", "signing_key.rotate"
SIGNING_KEY_RETIRE = "signing_key.retire"


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: `kind` is person, api_token, ci_job, operator or system; `address` is where from."""

    kind: str
    id: UUID | None = None
    name: str = ""
    address: str = ""


SYSTEM = Who("system", name="sweep")


@dataclass(frozen=True, slots=True)
class What:
    """What was done to what."""

    action: str
    organization_id: UUID | None = None
    target_id: UUID | None = None
    target_name: str = ""
    details: dict[str, Any] | None = None


def record(session: Session, who: Who, acts: Iterable[What], at: datetime) -> None:
    """Add one event an act, in one statement."""
    rows = [
        {
            "at": at,
            "actor_kind": who.kind,
            "actor_id": who.id,
            "actor_name": who.name,
            "address": who.address[:64],
            "action": act.action,
            "organization_id": act.organization_id,
            "target_id": act.target_id,
            "target_name": act.target_name,
            "details": act.details or {},
        }
        for act in acts
    ]
    if rows:
        session.execute(insert(AuditEvent), rows)
