"""The Gumloop account in use: which credential is in effect, and the API with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from app.domain.credentials import (
    Candidate,
    Credential,
    Endpoint,
    Method,
    Provider,
    Resolution,
    Source,
    Standing,
    profile_words,
)
from app.domain.errors import (
    Failed,
    LoopinError,
    NotSignedIn,
    RateLimited,
    SessionEnded,
    Unreachable,
    UsageError,
    VaultError,
)
from app.domain.gumloop import GumloopLogin, GumloopTarget, same_issuer
from app.domain.rejection import rejected
from app.domain.text import clean
from app.services.accounts import GumloopAccount, GumloopAccounts
from app.services.gumloop_refresh import GumloopRefresh, sign_in
from app.services.stored_logins import StoredGumloop

if TYPE_CHECKING:
    from app.domain.ports import Clock, GumloopAPI, GumloopAPIs, Loader

ABOUT_TO_END = timedelta(seconds=60)
TOKEN, KEY, USER = "GUMLOOP_ACCESS_TOKEN", "GUMLOOP_API_KEY", "GUMLOOP_USER_ID"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Offer:
    """A place where a credential could come from, before anyone won. `login` None: it cannot win.

    `standing` is what becomes of one that cannot, and `absent` says why in words.
    """

    source: Source
    label: str
    absent: str
    method: Method | None = None
    login: GumloopLogin | None = None
    hint: str = ""
    standing: Standing = Standing.ABSENT


class GumloopSession:
    """Decides which credential is in effect, and calls the API with it.

    | strongest first        | in effect when                                                        |
    |------------------------|-----------------------------------------------------------------------|
    | `GUMLOOP_ACCESS_TOKEN` | set                                                                   |
    | `GUMLOOP_API_KEY`      | set together with `GUMLOOP_USER_ID`, and no access token is set       |
    | keychain               | stored for this profile, neither of the above, and the base URL in    |
    |                        | use is of the server that issued it                                   |

    A credential is whole or it does not count: no field of one source is ever used with another's.
    `target` may be replaced while the app runs: another profile, another team.
    """

    def __init__(
        self,
        target: GumloopTarget,
        load_apis: Loader[GumloopAPIs],
        refresh: GumloopRefresh,
        accounts: GumloopAccounts,
        clock: Clock,
    ) -> None:
        self.target = target
        self._load_apis = load_apis
        self._refresh = refresh
        self._accounts = accounts
        self._clock = clock

    async def resolve(self) -> Resolution:
        """Look at every source; a keychain that fails is a warning when something stronger is set."""
        resolution, problem = await self.inspect()
        if problem is not None:
            raise problem
        return resolution

    async def inspect(self) -> tuple[Resolution, LoopinError | None]:
        """The same, with what makes it unusable beside it: a half-set source, or the keychain's failure when
        nothing stronger is set."""
        stored, problem = await self._read_stored()
        remembered = await self._remembered_endpoint()
        own = stored.login.endpoint if stored.login else remembered
        offers = [*self._environment(remembered), self._keychain_offer(stored, problem)]
        winner = next((offer for offer in offers if offer.login is not None), None)
        warnings = tuple(self._warnings(stored))
        if half := self._half_set():
            offers[-1] = _passed_over(offers[-1], half.message)
            candidates = tuple(_candidate(offer, None) for offer in offers)
            return Resolution(None, candidates, self._endpoint(own), warnings), half
        candidates = tuple(_candidate(offer, winner) for offer in offers)
        if winner is None:
            return Resolution(None, candidates, self._endpoint(own), warnings), problem
        credential = self._credential(winner)
        return Resolution(credential, candidates, credential.endpoint, warnings, problem), None

    async def credential(self) -> Credential:
        """Return the credential in effect, or raise NotSignedIn.

        With one from the environment the keychain is left alone: it may be slow, or not be there.
        """
        for offer in self._environment(await self._remembered_endpoint()):
            if offer.login is not None:
                return self._credential(offer)
        resolution, problem = await self.inspect()
        if resolution.credential is not None:
            return resolution.credential
        if isinstance(problem, UsageError):
            raise problem
        reasons = [c.reason for c in resolution.candidates if c.found]
        if problem is not None and not reasons:
            raise problem
        because = f": {reasons[-1]}" if reasons else ""
        where, profile = resolution.endpoint.address, self.target.profile
        named = profile_words(profile)[0]
        raise NotSignedIn(f"not signed in at {where}{named}{because}", hint=sign_in(profile))

    async def fresh(self) -> Credential:
        """The credential in effect, renewed first when it is about to end.

        A renewal that fails for now (no network, 5xx) is put off: the old one may still do.
        """
        return await self._renewed(await self.credential())

    async def _renewed(self, credential: Credential) -> Credential:
        if not _renewable(credential) or not await self._about_to_end(credential):
            return credential
        try:
            return await self._refresh.refresh(credential)
        except (Unreachable, Failed, RateLimited):
            return credential

    async def call(self, ask: Callable[[GumloopAPI], Awaitable[T]]) -> T:
        """Ask the API; when it answers 401, renew the session and ask once more."""
        answer, _ = await self.call_with(await self.credential(), ask)
        return answer

    async def call_with(
        self, credential: Credential, ask: Callable[[GumloopAPI], Awaitable[T]]
    ) -> tuple[T, Credential]:
        """The same for one who knows the credential in effect, without another look at the keychain.

        Return the credential with which it worked too: another one when the session was renewed.
        """
        used = await self._renewed(credential)
        try:
            return await ask(await self.api(used)), used
        except SessionEnded as error:
            if not _renewable(used):
                raise rejected(error, used) from None
            used = await self._refresh.refresh(used)
            return await ask(await self.api(used)), used

    async def api(self, credential: Credential) -> GumloopAPI:
        """Open the API with `credential`, scoped to the team in use."""
        apis = await self._load_apis()
        return apis.open(credential, await self.team_id(credential))

    async def team_id(self, credential: Credential) -> str:
        """The team named for this run, else the one remembered for the stored login, else empty."""
        return self.target.team_id or (await self.facts(credential)).team_id

    async def facts(self, credential: Credential) -> GumloopAccount:
        """What is remembered of this credential; nothing of one that is not stored."""
        if credential.source is not Source.KEYCHAIN:
            return GumloopAccount()
        return await self._accounts.read(credential.profile, credential.secret)

    async def sign_in_endpoint(self) -> Endpoint:
        """Where a sign-in goes: named for this run, else the server of the stored login, else the default."""
        if self.target.endpoint is not None:
            return self.target.endpoint
        stored, _ = await self._read_stored()
        return self._endpoint(stored.login.endpoint if stored.login else await self._remembered_endpoint())

    def _endpoint(self, own: Endpoint | None) -> Endpoint:
        """The endpoint in use: named for this run, else the profile's `own`, else the default."""
        return self.target.endpoint or own or self.target.default

    async def _remembered_endpoint(self) -> Endpoint | None:
        """The server of the profile's login, as far as it is known without the keychain."""
        return await self._accounts.endpoint(self.target.profile)

    async def _about_to_end(self, credential: Credential) -> bool:
        expires_at = (await self.facts(credential)).expires_at
        return expires_at is not None and expires_at - self._clock.now() <= ABOUT_TO_END

    async def _read_stored(self) -> tuple[StoredGumloop, VaultError | None]:
        try:
            return await self._refresh.read(self.target.profile), None
        except VaultError as error:
            return StoredGumloop(), error

    def _environment(self, own: Endpoint | None) -> list[_Offer]:
        """`own` is the server of the profile's login: a credential without an address goes there."""
        target, endpoint = self.target, self._endpoint(own)
        token = _Offer(Source.ENVIRONMENT, TOKEN, "not set", Method.ACCESS_TOKEN)
        key = _Offer(Source.ENVIRONMENT, KEY, "not set", Method.API_KEY)
        if target.access_token is not None:
            login = GumloopLogin(Method.ACCESS_TOKEN, target.access_token, endpoint)
            token = replace(token, login=login, hint=target.access_token.hint)
        if target.api_key is not None:
            login = GumloopLogin(Method.API_KEY, target.api_key, endpoint, target.user_id)
            usable = login if target.user_id else None
            absent = f"{USER} is not set"
            key = replace(
                key, login=usable, hint=target.api_key.hint, absent=absent, standing=Standing.UNUSABLE
            )
        return [token, key]

    def _keychain_offer(self, stored: StoredGumloop, problem: VaultError | None) -> _Offer:
        profile = self.target.profile
        label = "keychain" if profile == "default" else f"keychain, profile {profile}"
        if problem is not None:
            return _Offer(Source.KEYCHAIN, label, problem.message)
        if stored.problem:
            return _Offer(Source.KEYCHAIN, label, stored.problem, hint="…", standing=Standing.UNUSABLE)
        if stored.login is None:
            return _Offer(Source.KEYCHAIN, label, "nothing stored")
        login = stored.login
        offer = _Offer(Source.KEYCHAIN, label, "", login.method, login, login.secret.hint)
        if not same_issuer(login.endpoint, self._endpoint(login.endpoint)):
            issued = f"the stored login belongs to {login.endpoint.address}"
            return replace(offer, login=None, absent=issued, standing=Standing.UNUSABLE)
        return offer

    def _half_set(self) -> UsageError | None:
        """One variable of two means an account that cannot be told: another one is not used in its place."""
        target = self.target
        if target.access_token is not None or bool(target.user_id) == (target.api_key is not None):
            return None
        given, missing = (USER, KEY) if target.user_id else (KEY, USER)
        return UsageError(f"{given} is set without {missing}", hint=f"set both, or unset {given}")

    def _warnings(self, stored: StoredGumloop) -> list[str]:
        target, warnings = self.target, []
        if target.api_key is not None and not target.user_id and target.access_token is not None:
            warnings.append(f"{KEY} is set without {USER}: it is not used; set both")
        if stored.problem:
            warnings.append(f"{stored.problem}: it is not used; sign in again")
        if (unsaved := self._refresh.problem) is not None:
            warnings.append(f"the renewed session could not be saved and ends with Loopin: {unsaved.message}")
        return warnings

    def _credential(self, offer: _Offer) -> Credential:
        login = offer.login
        if login is None:
            raise ValueError("only an offer with a login can win")
        return Credential(
            Provider.GUMLOOP,
            login.method,
            login.secret,
            offer.source,
            login.endpoint,
            self.target.profile,
            login.user_id,
            login.refresh_token,
        )


def _renewable(credential: Credential) -> bool:
    return credential.source is Source.KEYCHAIN and credential.method is Method.OAUTH


async def organization_of(api: GumloopAPI) -> str:
    """The names of the organizations this credential may read; empty when it may not, or it fails."""
    try:
        return ", ".join(clean(name, 60) for name in await api.organizations())
    except LoopinError:
        return ""


def _passed_over(offer: _Offer, why: str) -> _Offer:
    """A stored login is not used in the place of a source that is only half set."""
    if offer.login is None:
        return offer
    return replace(offer, login=None, absent=f"not used: {why}", standing=Standing.IGNORED)


def _candidate(offer: _Offer, winner: _Offer | None) -> Candidate:
    standing, reason = offer.standing, offer.absent
    if offer is winner:
        standing, reason = Standing.IN_EFFECT, _why(offer)
    elif offer.login is not None and winner is not None:
        standing, reason = Standing.IGNORED, f"ignored while {winner.label} is set"
    return Candidate(offer.source, offer.label, offer.method, offer.hint, standing, reason)


def _why(winner: _Offer) -> str:
    if winner.source is Source.ENVIRONMENT:
        return "in effect: the environment beats the keychain"
    return f"in effect: no credential in {TOKEN} or {KEY}"
