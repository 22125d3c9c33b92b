"""What every sign-in begins and ends with: a keychain that takes a login, and a login the server accepted."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, Protocol, TypeVar

from app.domain.credentials import Endpoint, Provider
from app.domain.errors import VaultLocked
from app.domain.login import LoginStep, SignedIn, Step
from app.domain.ports import Vault
from app.domain.text import clean
from app.services.changes import Changes
from app.services.login.progress import STORED, Progress

New = TypeVar("New")
Known = TypeVar("Known")
Login = TypeVar("Login")


class Target(Protocol):
    """Which login is meant."""

    @property
    def profile(self) -> str:
        """Its name."""
        ...

    @property
    def endpoint(self) -> Endpoint | None:
        """The server that is named for this run."""
        ...


class Session(Protocol):
    """What a saver asks a session of either provider."""

    @property
    def target(self) -> Target:
        """Which login is meant; it may change while the app runs."""
        ...

    async def sign_in_endpoint(self) -> Endpoint:
        """Where a sign-in goes: named for this run, else the server of the stored login, else the default."""
        ...


@dataclass(frozen=True, slots=True)
class LoginTarget:
    """Where a sign-in goes, and in a few words which stored login it replaces; empty for none."""

    endpoint: Endpoint
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Earlier(Generic[Login]):
    """The login that a profile has before a sign-in. `who` is empty where it is not known."""

    login: Login
    host: str
    who: str = ""

    @property
    def words(self) -> str:
        """It in a few words, ready to be shown."""
        of = f" of {clean(self.who, 80)}" if self.who else ""
        return f"the login{of} at {self.host}"


class Saver(ABC, Generic[New, Known, Login]):
    """Verifies a login and stores it. Nothing is stored that the server did not accept.

    `New` is what a flow hands in, `Known` what the server said of it, `Login` what the keychain holds. The
    session of a login that is replaced is ended at its server once the new one is stored, API tokens and keys
    are not.
    """

    PROVIDER: ClassVar[Provider]

    def __init__(self, session: Session, vault: Vault, changes: Changes) -> None:
        self._where = session
        self._vault = vault
        self._endpoint: Endpoint | None = None
        self._chosen: Endpoint | None = None
        self.changes = changes

    @property
    def doing(self) -> str:
        """What a sign-in is called while it is under way."""
        return f"signing in to {self.PROVIDER.title}"

    @property
    def endpoint(self) -> Endpoint:
        """Where the sign-in happens; known once `keychain` was looked at."""
        assert self._endpoint is not None, "a sign-in begins with the keychain"
        return self._endpoint

    @property
    def profile(self) -> str:
        """The profile that is signed in."""
        return self._where.target.profile

    async def keychain(self, progress: Progress) -> AsyncIterator[LoginStep]:
        """First of all: without a keychain there is no sign-in."""
        yield progress.start(Step.KEYCHAIN)
        status = await self._vault.probe()
        if status.may_ask or isinstance(status.error, VaultLocked):
            problem = status.error.message if status.error else f"{status.label} may be locked"
            yield progress.start(Step.KEYCHAIN, f"{problem}; answer its prompt")
            await self._vault.unlock()
            status = await self._vault.probe()
        if status.error is not None:
            raise status.error
        await self._check_room()
        target = await self.target()
        self._endpoint = target.endpoint
        yield progress.done(status.label, server=target.endpoint.host, replaces=target.replaces)

    async def target(self) -> LoginTarget:
        """Where a sign-in goes now, and which login of the profile it replaces."""
        endpoint, earlier = self._chosen or await self._where.sign_in_endpoint(), await self.earlier()
        return LoginTarget(endpoint, f"{earlier.words}, profile {self.profile}" if earlier else "")

    def choose_server(self, typed: str) -> None:
        """Sign in at a server that was typed, empty for the usual one; raise UsageError for no address."""
        self._chosen = self.read_server(typed) if typed.strip() else None

    @abstractmethod
    def read_server(self, typed: str) -> Endpoint:
        """The endpoint for an address that a person typed; raise UsageError for no address."""

    @abstractmethod
    async def known_servers(self) -> Sequence[str]:
        """The default server and those of the profiles, as one types them."""

    def keychain_open(self) -> AbstractContextManager[None]:
        """While inside, what `keychain` has opened stays open: saving is spared the way there."""
        return self._vault.kept_open()

    async def finish(self, new: New, progress: Progress) -> AsyncIterator[LoginStep]:
        """Verify, then save; the last step carries the result."""
        yield progress.start(Step.VERIFIED)
        known = await self._verify(new)
        yield progress.done(self._told(known))
        yield progress.start(Step.SAVED)
        problem = await self.changes.run(self.doing, self._replace(new, known), hint=STORED)
        named = self._where.target.endpoint
        if named is not None and not named.same_origin(self.endpoint):
            problem = f"this run names another server, {named.host}: the login is used without that"
        label = self._vault.label
        result = self._result(new, known, label)
        if problem:
            result = replace(result, problem=f"{result.problem}; {problem}" if result.problem else problem)
        yield progress.done(label, result=result)

    async def _replace(self, new: New, known: Known) -> str:
        """Store the login, then end the session that it replaces; return why that could not be ended."""
        earlier = await self.earlier()
        await self._save(new, known)
        return await self._end(earlier, new) if earlier else ""

    @abstractmethod
    async def earlier(self) -> Earlier[Login] | None:
        """The login that the profile has now; None for none, and for one that cannot be read."""

    @abstractmethod
    async def _end(self, earlier: Earlier[Login], new: New) -> str:
        """End the session of a login that was replaced; return why it stays valid, empty when it does not."""

    @abstractmethod
    async def _check_room(self) -> None:
        """Raise now what saving would raise for want of a place here, before anybody signs in."""

    @abstractmethod
    async def _verify(self, new: New) -> Known:
        """Ask the server; raise LoginFailed where it does not accept the login."""

    @abstractmethod
    def _told(self, known: Known) -> str:
        """What the verified step says."""

    @abstractmethod
    async def _save(self, new: New, known: Known) -> None:
        """Store it, and write down that it happened."""

    @abstractmethod
    def _result(self, new: New, known: Known, label: str) -> SignedIn:
        """What the person is told; `label` names the keychain."""
