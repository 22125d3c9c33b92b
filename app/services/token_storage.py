"""Keep a new API token: in the keychain as a profile of its own, or in a file."""

from app.domain.activity import Action
from app.domain.credentials import Credential, Method, Provider
from app.domain.errors import UsageError
from app.domain.inputs import read_profile
from app.domain.ports import AccountStore, PrivateFiles, Vault
from app.domain.secret import Secret
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession
from app.services.chainloop_vault import ChainloopVault, StoredLogin

MOST_OFFERED = 100
"""So many files with the name of one token are more than anybody has."""


class SaveTokenAsProfile:
    """The token becomes a login of its own: `loopin --profile NAME` works with it."""

    def __init__(self, session: ChainloopSession, vault: Vault, accounts: AccountStore, trail: Trail) -> None:
        self._session = session
        self._probe = vault
        self._vault = ChainloopVault(vault)
        self._accounts = accounts
        self._trail = trail

    async def do(self, secret: Secret, profile: str) -> str:
        """Store it and return the keychain's name.

        Raise UsageError when the profile's name is bad or taken: another login is never overwritten.
        """
        profile = read_profile(profile, "the name")
        if await self._vault.read(profile) is not None:
            raise UsageError(f"there is a profile {profile} already", hint="choose another name")
        credential = await self._session.credential()
        login = StoredLogin(secret, Method.API_TOKEN, credential.endpoint)
        await self._vault.write(profile, login)
        await self._note(credential, profile)
        return (await self._probe.probe()).label

    async def _note(self, credential: Credential, profile: str) -> None:
        facts = {"endpoint": credential.endpoint.address, "method": Method.API_TOKEN.value}
        await self._accounts.remember(Provider.CHAINLOOP.value, profile, facts)
        await self._trail.add(
            Action.LOGIN,
            endpoint=credential.endpoint.address,
            subject=f"profile {profile}",
            detail="a new API token, saved to the keychain",
        )


class WriteTokenFile:
    """The token goes to a new file that nobody else can read."""

    def __init__(self, files: PrivateFiles) -> None:
        self._files = files

    async def offer(self, name: str) -> str:
        """A path for the token called `name` at which there is nothing yet."""
        numbers = ("", *(f"-{number}" for number in range(2, MOST_OFFERED)))
        for path in (f"./{name}{number}.token" for number in numbers):
            if await self._files.is_free(path):
                return path
        return f"./{name}.token"

    async def do(self, secret: Secret, path: str) -> str:
        """Write it and return the path; raise UsageError when something is there already."""
        if not path.strip():
            raise UsageError("a file name is needed", hint="for example ./token")
        return await self._files.write(path.strip(), secret)
