"""Teams: which there are, and which one the stored login works in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.activity import Action
from app.domain.credentials import Provider, Source
from app.domain.errors import NotFound, UsageError
from app.domain.gumloop import Team
from app.domain.ports import GumloopAPI
from app.services.activity import Trail
from app.services.gumloop_accounts import GumloopMemory
from app.services.gumloop_session import GumloopSession


@dataclass(frozen=True, slots=True)
class TeamList:
    """The teams, and the id of the one in use (empty = none: the personal workspace)."""

    teams: Sequence[Team]
    in_use: str


class ListTeams:
    """Asks for the teams of the credential in effect."""

    def __init__(self, session: GumloopSession) -> None:
        self._session = session

    async def do(self) -> TeamList:
        """GET teams."""
        return await self._session.call(_list)


async def _list(api: GumloopAPI) -> TeamList:
    return TeamList(await api.teams(), api.team_id)


class ChooseTeam:
    """Remembers a team for the stored login; a flag or variable still beats it."""

    def __init__(self, session: GumloopSession, memory: GumloopMemory, trail: Trail) -> None:
        self._session = session
        self._memory = memory
        self._trail = trail

    async def do(self, team_id: str) -> Team | None:
        """Work in the team from now on; empty means in none. Raise NotFound for one that is not there."""
        team = await self._find(team_id) if team_id else None
        credential = await self._session.credential()
        if credential.source is not Source.KEYCHAIN:
            raise UsageError(
                "the credential comes from the environment, so the team does too",
                hint="name it in GUMLOOP_TEAM_ID or with --team-id",
            )
        facts = await self._session.facts(credential)
        chosen = replace(facts, team_id=team.id if team else "", team_name=team.name if team else "")
        await self._memory.remember(credential.profile, credential.secret, chosen)
        await self._trail.add(
            Action.SWITCH,
            provider=Provider.GUMLOOP,
            endpoint=credential.endpoint.address,
            subject=team.name if team else "no team",
            subject_id=team.id if team else "",
        )
        return team

    async def _find(self, team_id: str) -> Team:
        teams = await self._session.call(lambda api: api.teams())
        team = next((team for team in teams if team.id == team_id), None)
        if team is None:
            raise NotFound(f"there is no team {team_id[:80]!r} for you", hint="see: loopin gumloop teams")
        return team
