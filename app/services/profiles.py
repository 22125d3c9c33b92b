"""Profiles: which logins there are by name, and which one this run works with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.domain.credentials import DEFAULT_PROFILE, Method, Provider
from app.domain.errors import LoopinError
from app.domain.inputs import read_profile
from app.domain.ports import AccountStore
from app.services.chainloop_session import ChainloopSession
from app.services.gumloop_session import GumloopSession

Session = TypeVar("Session", ChainloopSession, GumloopSession)


@dataclass(frozen=True, slots=True)
class Profile:
    """A named login. `about` says in a few words what is remembered of it, empty when nothing is."""

    provider: Provider
    name: str
    in_use: bool
    about: str = ""


class Choice(Protocol):
    """The profile of one provider, which can be changed while the app runs."""

    def __call__(self, name: str = "") -> str:
        """Work with the profile `name` from now on, unless it is empty; return the one in use."""


def choice_of(session: Callable[[], Session]) -> Choice:
    """The profile that a session works with; the session is made when somebody asks."""

    def choose(name: str = "") -> str:
        if name:
            session().target = session().target._replace(profile=name)
        return session().target.profile

    return choose


class Profiles:
    """Lists the profiles, and changes the one in use for this run. Nothing is written."""

    def __init__(self, accounts: AccountStore, choices: Mapping[Provider, Choice]) -> None:
        self._accounts = accounts
        self._choices = choices

    async def do(self) -> Sequence[Profile]:
        """Every profile that was stored here, the default one and the one in use, provider by provider."""
        return [profile for provider in self._choices for profile in await self._of(provider)]

    async def _of(self, provider: Provider) -> list[Profile]:
        used = self._choices[provider]()
        try:
            stored = await self._accounts.profiles(provider.value)
        except LoopinError:
            # A list of names that cannot be read leaves the names that are known anyway.
            stored = ()
        known = dict.fromkeys((DEFAULT_PROFILE, *stored, used))
        return [Profile(provider, name, name == used, await self._about(provider, name)) for name in known]

    async def _about(self, provider: Provider, name: str) -> str:
        try:
            facts = await self._accounts.facts(provider.value, name)
        except LoopinError:
            return ""
        methods = {method.value: method.title for method in Method}
        method = methods.get(facts.get("method", ""), "")
        return " · ".join(
            word for word in (facts.get("identity", ""), method, facts.get("endpoint", "")) if word
        )

    def use(self, provider: Provider, name: str) -> str:
        """Work with the profile `name` for the rest of this run; raise UsageError for an impossible name."""
        return self._choices[provider](read_profile(name, "the name"))
