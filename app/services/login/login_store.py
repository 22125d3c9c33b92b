"""What every sign-in begins and ends with: a keychain that is ready, and a login that the server accepted."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

from app.domain.credentials import Endpoint, Provider
from app.domain.errors import VaultLocked
from app.domain.login import SignedIn, Step
from app.domain.ports import Clock, Vault
from app.domain.text import clean
from app.services.changes import Changes
from app.services.credentials import CredentialResolver
from app.services.login.progress import Progress

SHOW_STORED = "loopin status shows whether the login was stored"
"""The next step after a sign-in whose end is not known."""

New = TypeVar("New")
Known = TypeVar("Known")
Login = TypeVar("Login")


@dataclass(frozen=True, slots=True)
class LoginTarget:
    """Where a sign-in goes, and a description of the stored login that it replaces; empty for none."""

    endpoint: Endpoint
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class EarlierLogin(Generic[Login]):
    """The login that a profile has before a sign-in. `identity` is empty where it is not known."""

    login: Login
    host: str
    identity: str = ""

    @property
    def words(self) -> str:
        """A description, ready to be shown."""
        of = f" of {clean(self.identity, 80)}" if self.identity else ""
        return f"the login{of} at {self.host}"


class LoginStore(ABC, Generic[New, Known, Login]):
    """Verifies logins and stores them. Nothing is stored that the server did not accept.

    `New` is a login with its endpoint before it is verified, `Known` what the server said of it, `Login` what
    the keychain holds. The session of a login that is replaced is ended at its server once the new one is
    stored; API tokens and keys are not.
    """

    PROVIDER: ClassVar[Provider]

    def __init__(
        self, credentials: CredentialResolver[Any], vault: Vault, changes: Changes, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._vault = vault
        self._clock = clock
        self._chosen: Endpoint | None = None
        self.changes = changes

    @property
    def doing(self) -> str:
        """What a sign-in is called while it is under way."""
        return f"signing in to {self.PROVIDER.title}"

    @property
    def profile(self) -> str:
        """The profile that is signed in."""
        profile: str = self._credentials.target.profile
        return profile

    def choose_server(self, typed: str) -> None:
        """Sign in at a server that was typed, empty for the usual one; raise UsageError for no address."""
        self._chosen = self.read_server(typed) if typed.strip() else None

    async def target(self) -> LoginTarget:
        """Return where a sign-in goes now, and which login of the profile it replaces."""
        endpoint, earlier = self._chosen or await self._credentials.sign_in_endpoint(), await self.earlier()
        return LoginTarget(endpoint, f"{earlier.words}, profile {self.profile}" if earlier else "")

    def keychain_open(self) -> AbstractContextManager[None]:
        """While inside, the keychain stays open: saving need not open it once more."""
        return self._vault.kept_open()

    async def prepare(self, progress: Progress) -> Endpoint:
        """Check that a login can be stored, and return where to sign in. A locked keychain is unlocked."""
        progress.start(Step.KEYCHAIN)
        status = await self._vault.probe()
        if status.may_ask or isinstance(status.error, VaultLocked):
            problem = status.error.message if status.error else f"{status.label} may be locked"
            progress.start(Step.KEYCHAIN, f"{problem}; answer its prompt")
            await self._vault.unlock()
            status = await self._vault.probe()
        if status.error is not None:
            raise status.error
        await self._check_storage()
        target = await self.target()
        progress.done(status.label, server=target.endpoint.host, replaces=target.replaces)
        return target.endpoint

    async def verify_and_save(self, new: New, progress: Progress) -> SignedIn:
        """Verify and save the login; the caller reports that the last step is done."""
        progress.start(Step.VERIFIED)
        known = await self._verify(new)
        progress.done(self._describe(known))
        progress.start(Step.SAVED)
        problem = await self.changes.run(self.doing, self._replace(new, known), hint=SHOW_STORED)
        endpoint, named = self._endpoint_of(new), self._credentials.target.endpoint
        if named is not None and not named.same_origin(endpoint):
            problem = f"this run names another server, {named.host}: the login is used without that"
        result = self._result(new, known, self._vault.label)
        if problem:
            result = replace(result, problem=f"{result.problem}; {problem}" if result.problem else problem)
        return result

    async def _replace(self, new: New, known: Known) -> str:
        """Store the login, then end the session that it replaces; return why that could not be ended."""
        earlier = await self.earlier()
        await self._save(new, known)
        return await self._end(earlier, new) if earlier else ""

    @abstractmethod
    def read_server(self, typed: str) -> Endpoint:
        """Read an address that a person typed; raise UsageError for no address."""

    @abstractmethod
    async def known_servers(self) -> Sequence[str]:
        """The default server and those of the profiles, as one types them."""

    @abstractmethod
    async def earlier(self) -> EarlierLogin[Login] | None:
        """The login that the profile has now; None for none, and for one that cannot be read."""

    @abstractmethod
    async def _end(self, earlier: EarlierLogin[Login], new: New) -> str:
        """End the session of a login that was replaced; return why it stays valid, empty when it does not."""

    @abstractmethod
    async def _check_storage(self) -> None:
        """Raise now what saving would raise, before anybody signs in; the keychain was checked."""

    @abstractmethod
    def _endpoint_of(self, new: New) -> Endpoint:
        """The server of a login."""

    @abstractmethod
    async def _verify(self, new: New) -> Known:
        """Ask the server; raise LoginFailed where it does not accept the login."""

    @abstractmethod
    def _describe(self, known: Known) -> str:
        """What the verified step shows."""

    @abstractmethod
    async def _save(self, new: New, known: Known) -> None:
        """Store the login, and record it in the activity log."""

    @abstractmethod
    def _result(self, new: New, known: Known, label: str) -> SignedIn:
        """The result; `label` names the keychain."""
