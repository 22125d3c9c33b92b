"""The Gumloop half of the sample data: teams, and an API key that looks like what it is."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.server import sample_data
from app.server.core.api_keys import add_key
from app.server.core.services import Services
from app.server.persistence.models import APIKey, Organization, Team, User

API_KEY = "gum_demo_not_a_real_key_ada"
TEAMS = ((sample_data.ORGANIZATION, ("growth", "support")), (sample_data.OTHER_ORGANIZATION, ("research",)))


def add(parts: Services) -> None:
    """Add teams and the owner's key; nothing happens when the teams are already there."""
    now = parts.clock()
    with parts.database.write() as session:
        if session.scalar(select(Team.id).limit(1)):
            return
        for organization, names in TEAMS:
            found = session.scalar(select(Organization.id).where(Organization.name == organization))
            for name in names if found else ():
                session.add(Team(organization_id=found, name=name, created_at=now))
        owner = session.scalar(select(User.id).where(User.email == sample_data.OWNER))
        if owner and not session.scalar(select(APIKey.key_hash).where(APIKey.user_id == owner)):
            add_key(session, API_KEY, owner, None, now)


def logins(parts: Services) -> dict[str, Any]:
    """What the line at the start shows: user ID and key of the sample owner."""
    with parts.database.read() as session:
        owner: UUID = session.scalars(select(User.id).where(User.email == sample_data.OWNER)).one()
    return {"gumloop": {"user_id": str(owner), "api_key": API_KEY}}
