"""Teams: which there are, and which one the stored login works in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.activity import Action
from app.domain.credentials import Provider, Source
from app.domain.errors import NotFound, UsageError
from app.domain.gumloop import Team
from app.domain.ports import GumloopAPI
from app.services.accounts import GumloopAccounts
from app.services.activity import ActivityLog
from app.services.gumloop_session import GumloopSession


@dataclass(frozen=True, slots=True)
class TeamList:
    """The teams, and the id of the one in use (empty = none: the personal workspace)."""

    teams: Sequence[Team]
    in_use: str


async def _read_teams(api: GumloopAPI) -> TeamList:
    return TeamList(await api.teams(), api.team_id)


class TeamService:
    """Lists the teams of the credential in effect, and stores the one in use with the login."""

    def __init__(self, session: GumloopSession, accounts: GumloopAccounts, log: ActivityLog) -> None:
        self._session = session
        self._accounts = accounts
        self._log = log

    async def list_teams(self) -> TeamList:
        """Ask the API."""
        return await self._session.call(_read_teams)

    async def choose_team(self, team_id: str) -> Team | None:
        """Use the team from now on, empty for none; a flag or variable still overrides it.

        Raise NotFound for a team that is not there.
        """
        team = await self._find(team_id) if team_id else None
        credential = await self._session.credential()
        if credential.source is not Source.KEYCHAIN:
            raise UsageError(
                "the credential comes from the environment, so the team does too",
                hint="name it in GUMLOOP_TEAM_ID or with --team-id",
            )
        facts = await self._session.facts(credential)
        chosen = replace(facts, team_id=team.id if team else "", team_name=team.name if team else "")
        await self._accounts.write(credential.profile, credential.secret, chosen)
        await self._log.add(
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
