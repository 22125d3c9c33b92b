"""The Gumloop account in use: calls the API, and renews the session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from app.domain.credentials import Credential, Endpoint, Method, Provider, Source, Standing
from app.domain.errors import (
    Failed,
    LoopinError,
    RateLimited,
    SessionEnded,
    Unreachable,
    UsageError,
    VaultError,
)
from app.domain.gumloop import GumloopTarget, same_issuer
from app.domain.rejection import rejected
from app.domain.text import clean
from app.services.accounts import GumloopAccount, GumloopAccounts
from app.services.credentials import CredentialResolver, CredentialSource, StoredCredential
from app.services.gumloop_refresh import GumloopRefresh

if TYPE_CHECKING:
    from app.domain.ports import Clock, GumloopAPI, GumloopAPIs, Loader
    from app.domain.secret import Secret

RENEW_BEFORE_END = timedelta(seconds=60)
TOKEN, KEY, USER = "GUMLOOP_ACCESS_TOKEN", "GUMLOOP_API_KEY", "GUMLOOP_USER_ID"
T = TypeVar("T")


class GumloopSession(CredentialResolver[GumloopTarget]):
    """Calls the API with the credential that is used; an OAuth session is renewed when it ends."""

    LOGIN_COMMAND = "loopin gumloop login"
    NOTHING_STRONGER = f"no credential in {TOKEN} or {KEY}"

    def __init__(
        self,
        target: GumloopTarget,
        load_apis: Loader[GumloopAPIs],
        refresh: GumloopRefresh,
        accounts: GumloopAccounts,
        clock: Clock,
    ) -> None:
        super().__init__(target)
        self._refresh = refresh
        self._accounts = accounts
        self._load_apis = load_apis
        self._clock = clock

    async def renewed_credential(self) -> Credential:
        """Return the credential that is used, renewed first when it is about to end.

        A renewal that fails for now (no network, 5xx) is skipped: the old access token may still be accepted.
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
        """Call the API; when it answers 401, renew the session and call once more."""
        answer, _ = await self.call_with(await self.credential(), ask)
        return answer

    async def call_with(
        self, credential: Credential, ask: Callable[[GumloopAPI], Awaitable[T]]
    ) -> tuple[T, Credential]:
        """The same with a credential that was read already.

        Return the credential that was accepted too: another one when the session was renewed.
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
        """The team named for this run, else the one chosen for the stored login, else empty."""
        return self.target.team_id or (await self.facts(credential)).team_id

    async def facts(self, credential: Credential) -> GumloopAccount:
        """What is known of this credential; nothing of one that is not stored."""
        if credential.source is not Source.KEYCHAIN:
            return GumloopAccount()
        return await self._accounts.read(credential.profile, credential.secret)

    async def _about_to_end(self, credential: Credential) -> bool:
        expires_at = (await self.facts(credential)).expires_at
        return expires_at is not None and expires_at - self._clock.now() <= RENEW_BEFORE_END

    # ── the sources of credentials ──

    def _given_sources(self, own: Endpoint | None) -> list[CredentialSource]:
        target = self.target
        token = CredentialSource(Source.ENVIRONMENT, TOKEN, Method.ACCESS_TOKEN, absent="not set")
        key = CredentialSource(Source.ENVIRONMENT, KEY, Method.API_KEY, absent="not set")
        if target.access_token is not None:
            token = replace(token, credential=self._given(Method.ACCESS_TOKEN, target.access_token, own))
        if target.api_key is not None and target.user_id:
            credential = self._given(Method.API_KEY, target.api_key, own)
            key = replace(key, credential=replace(credential, user_id=target.user_id))
        elif target.api_key is not None:
            hint, absent = target.api_key.hint, f"{USER} is not set"
            key = replace(key, hint=hint, absent=absent, standing=Standing.UNUSABLE)
        return [token, key]

    def _given(self, method: Method, secret: Secret, own: Endpoint | None) -> Credential:
        endpoint, profile = self._endpoint(own), self.target.profile
        return Credential(Provider.GUMLOOP, method, secret, Source.ENVIRONMENT, endpoint, profile)

    async def _read_stored(self) -> StoredCredential:
        try:
            stored = await self._refresh.read(self.target.profile)
        except VaultError as error:
            return StoredCredential(error=error)
        if (login := stored.login) is None:
            return StoredCredential(problem=stored.problem)
        credential = Credential(
            Provider.GUMLOOP,
            login.method,
            login.secret,
            Source.KEYCHAIN,
            login.endpoint,
            self.target.profile,
            login.user_id,
            login.refresh_token,
        )
        return StoredCredential(credential)

    async def _remembered_endpoint(self) -> Endpoint | None:
        return await self._accounts.endpoint(self.target.profile)

    def _issued_elsewhere(self, stored: Credential) -> tuple[str, str] | None:
        if same_issuer(stored.endpoint, self._endpoint(stored.endpoint)):
            return None
        return f"the stored login belongs to {stored.endpoint.address}", stored.secret.hint

    def _half_set(self) -> UsageError | None:
        target = self.target
        if target.access_token is not None or bool(target.user_id) == (target.api_key is not None):
            return None
        given, missing = (USER, KEY) if target.user_id else (KEY, USER)
        return UsageError(f"{given} is set without {missing}", hint=f"set both, or unset {given}")

    def _warnings(self, stored: StoredCredential) -> list[str]:
        target, warnings = self.target, []
        if target.api_key is not None and not target.user_id and target.access_token is not None:
            warnings.append(f"{KEY} is set without {USER}: it is not used; set both")
        if stored.problem:
            warnings.append(f"{stored.problem}: it is not used; sign in again")
        if (unsaved := self._refresh.problem) is not None:
            warnings.append(f"the renewed session could not be saved and ends with Loopin: {unsaved.message}")
        return warnings


def _renewable(credential: Credential) -> bool:
    return credential.source is Source.KEYCHAIN and credential.method is Method.OAUTH


async def organization_of(api: GumloopAPI) -> str:
    """The names of the organizations this credential may read; empty when it may not, or it fails."""
    try:
        return ", ".join(clean(name, 60) for name in await api.organizations())
    except LoopinError:
        return ""
