"""Profiles: the logins by name, and the one that this run uses."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.credentials import DEFAULT_PROFILE, Method, Provider
from app.domain.errors import LoopinError
from app.domain.inputs import read_profile
from app.domain.ports import AccountStore
from app.services.chainloop_session import ChainloopSession
from app.services.gumloop_session import GumloopSession


@dataclass(frozen=True, slots=True)
class Profile:
    """A named login. `about` describes it in a few words, empty when nothing is known of it."""

    provider: Provider
    name: str
    in_use: bool
    about: str = ""


class ProfileService:
    """Lists the profiles, and changes the one in use for this run. Nothing is written."""

    def __init__(self, accounts: AccountStore, gumloop: GumloopSession, chainloop: ChainloopSession) -> None:
        self._accounts = accounts
        self._gumloop = gumloop
        self._chainloop = chainloop

    async def list_profiles(self) -> Sequence[Profile]:
        """Return every stored profile, the default one and the one in use, provider by provider."""
        return [profile for provider in Provider for profile in await self._profiles_of(provider)]

    async def _profiles_of(self, provider: Provider) -> list[Profile]:
        used = (self._gumloop if provider is Provider.GUMLOOP else self._chainloop).target.profile
        try:
            stored = await self._accounts.profiles(provider.value)
        except LoopinError:
            # The default profile and the one in use are known without the file.
            stored = ()
        known = dict.fromkeys((DEFAULT_PROFILE, *stored, used))
        return [Profile(provider, name, name == used, await self._describe(provider, name)) for name in known]

    async def _describe(self, provider: Provider, name: str) -> str:
        try:
            facts = await self._accounts.facts(provider.value, name)
        except LoopinError:
            return ""
        methods = {method.value: method.title for method in Method}
        method = methods.get(facts.get("method", ""), "")
        return " · ".join(
            word for word in (facts.get("identity", ""), method, facts.get("endpoint", "")) if word
        )

    def use_profile(self, provider: Provider, name: str) -> str:
        """Use the profile `name` for the rest of this run; raise UsageError for an invalid name."""
        profile = read_profile(name, "the name")
        if provider is Provider.GUMLOOP:
            self._gumloop.target = self._gumloop.target._replace(profile=profile)
        else:
            self._chainloop.target = self._chainloop.target._replace(profile=profile)
        return profile
