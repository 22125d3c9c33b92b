"""The variables that hand the credentials in effect to another program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.claims import expiry_of
from app.domain.credentials import Credential, Method, Provider
from app.domain.errors import LoopinError, NotSignedIn, SessionEnded, UsageError
from app.domain.ports import Clock
from app.domain.rejection import rejected
from app.domain.secret import Secret
from app.services.chainloop_session import ChainloopSession
from app.services.gumloop_session import KEY, TOKEN, USER, GumloopSession

TEAM, BASE_URL = "GUMLOOP_TEAM_ID", "GUMLOOP_BASE_URL"
CHAINLOOP = (
    "CHAINLOOP_TOKEN",
    "CHAINLOOP_CONTROL_PLANE_API",
    "CHAINLOOP_CONTROL_PLANE_API_CA",
    "CHAINLOOP_API_INSECURE",
    "CHAINLOOP_ORGANIZATION",
)


@dataclass(frozen=True, slots=True)
class Variables:
    """`values` by name: a secret, a plain text, or None for one that must not be set.

    The vendors' programs fill gaps from their own stored login, so everything that belongs to the
    credential is set, and everything that does not is taken away.
    """

    values: Mapping[str, Secret | str | None]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be shown."""
        return tuple(value for value in self.values.values() if isinstance(value, Secret))

    def over(self, environment: Mapping[str, str]) -> dict[str, str]:
        """`environment` with these in it. The secrets leave here: only a child process may get it."""
        others = {name: value for name, value in environment.items() if name not in self.values}
        return others | {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self.values.items()
            if value is not None
        }


class RunEnvironment:
    """Reads the variables of the providers that are signed in."""

    def __init__(self, gumloop: GumloopSession, chainloop: ChainloopSession, clock: Clock) -> None:
        self._gumloop = gumloop
        self._chainloop = chainloop
        self._clock = clock

    async def read_variables(self, providers: Sequence[Provider]) -> Variables:
        """Return the variables of `providers`, which must be signed in; for none, of those that are."""
        if providers:
            parts = [await self._of(provider) for provider in providers]
        else:
            parts = await self._of_signed_in()
        return Variables({name: value for part in parts for name, value in part.items()})

    async def _of_signed_in(self) -> list[Mapping[str, Secret | str | None]]:
        variables, problems = [], []
        for provider in Provider:
            try:
                variables.append(await self._of(provider))
            except (UsageError, SessionEnded):
                # A source that is half set, or over: whoever has it did not mean the other provider alone.
                raise
            except LoopinError as problem:
                problems.append(problem)
        if not variables:
            errors = [problem for problem in problems if not isinstance(problem, NotSignedIn)]
            raise (
                errors[0]
                if errors
                else NotSignedIn(
                    "not signed in anywhere",
                    hint="sign in with: loopin gumloop login, or loopin chainloop auth login",
                )
            )
        return variables

    async def _of(self, provider: Provider) -> Mapping[str, Secret | str | None]:
        if provider is Provider.GUMLOOP:
            credential = await self._gumloop.renewed_credential()
            return _gumloop(credential, await self._gumloop.team_id(credential))
        credential = await self._chainloop.credential()
        end = expiry_of(self._chainloop.claims(credential))
        if end is not None and end <= self._clock.now():
            raise rejected(SessionEnded("expired"), credential)
        # An API token has its own; that of a person is named for this run, or stored with the profile.
        is_token = credential.method is Method.API_TOKEN
        organization = "" if is_token else (await self._chainloop.organization(credential)).name
        return _chainloop(credential, organization)


def _gumloop(credential: Credential, team_id: str) -> Mapping[str, Secret | str | None]:
    is_key = credential.method is Method.API_KEY
    return {
        TOKEN: None if is_key else credential.secret,
        KEY: credential.secret if is_key else None,
        USER: credential.user_id if is_key else None,
        BASE_URL: credential.endpoint.address,
        TEAM: team_id or None,
    }


def _chainloop(credential: Credential, organization: str) -> Mapping[str, Secret | str | None]:
    endpoint = credential.endpoint
    values = (
        credential.secret,
        endpoint.address,
        endpoint.ca or None,
        "true" if endpoint.insecure else None,
        organization or None,
    )
    return dict(zip(CHAINLOOP, values, strict=True))
