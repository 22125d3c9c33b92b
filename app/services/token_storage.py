"""Store the secret of a new API token: in the keychain as a profile of its own, or in a file."""

from app.domain.activity import Action
from app.domain.credentials import Method, Provider
from app.domain.errors import UsageError
from app.domain.inputs import read_profile
from app.domain.ports import AccountStore, PrivateFiles, Vault
from app.domain.secret import Secret
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.stored_logins import ChainloopVault, StoredLogin

MAX_SUGGESTIONS = 100


class TokenStorage:
    """Stores secrets. Neither a stored login nor a file is ever overwritten."""

    def __init__(
        self,
        session: ChainloopSession,
        vault: Vault,
        files: PrivateFiles,
        accounts: AccountStore,
        log: ActivityLog,
    ) -> None:
        self._session = session
        self._vault = vault
        self._files = files
        self._accounts = accounts
        self._log = log

    async def save_to_keychain(self, secret: Secret, profile: str) -> str:
        """Store the token as the login of a new profile, and return the name of the keychain.

        Raise UsageError when the profile's name is invalid or taken.
        """
        profile, logins = read_profile(profile, "the name"), ChainloopVault(self._vault)
        if await logins.read(profile) is not None:
            raise UsageError(f"there is a profile {profile} already", hint="choose another name")
        endpoint = (await self._session.credential()).endpoint
        await logins.write(profile, StoredLogin(secret, Method.API_TOKEN, endpoint))
        facts = {"endpoint": endpoint.address, "method": Method.API_TOKEN.value}
        await self._accounts.remember(Provider.CHAINLOOP.value, profile, facts)
        await self._log.add(
            Action.LOGIN,
            endpoint=endpoint.address,
            subject=f"profile {profile}",
            detail="a new API token, saved to the keychain",
        )
        return (await self._vault.probe()).label

    async def suggest_path(self, name: str) -> str:
        """Return a path for the token called `name` at which there is no file."""
        numbers = ("", *(f"-{number}" for number in range(2, MAX_SUGGESTIONS)))
        for path in (f"./{name}{number}.token" for number in numbers):
            if await self._files.is_free(path):
                return path
        return f"./{name}.token"

    async def write_file(self, secret: Secret, path: str) -> str:
        """Write a file that nobody else can read, and return its path; raise UsageError if it exists."""
        if not path.strip():
            raise UsageError("a file name is needed", hint="for example ./token")
        return await self._files.write(path.strip(), secret)
