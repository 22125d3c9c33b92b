"""The sources of Chainloop credentials."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.claims import method_of
from app.domain.credentials import (
    ChainloopTarget,
    Credential,
    Endpoint,
    Method,
    Provider,
    Source,
    Standing,
)
from app.domain.errors import LoopinError, VaultError
from app.services.credentials import (
    CredentialResolver,
    CredentialSource,
    StoredCredential,
    ignored_while,
)
from app.services.stored_logins import ChainloopVault

if TYPE_CHECKING:
    from collections.abc import Callable

    # Nothing of these is needed to read what is stored here.
    from app.domain.keyless import CIIdentities
    from app.domain.ports import Claims, Vault
    from app.domain.secret import Secret
    from app.services.accounts import ChainloopAccounts


class ChainloopCredentials(CredentialResolver[ChainloopTarget]):
    """The credentials of Chainloop. `notify` shows a sentence, before a token is sent to another server."""

    LOGIN_COMMAND = "loopin chainloop auth login"
    NOTHING_STRONGER = "no --token, CHAINLOOP_TOKEN not set"

    def __init__(
        self,
        target: ChainloopTarget,
        vault: Vault,
        claims: Claims,
        ci: CIIdentities | None,
        accounts: ChainloopAccounts,
        notify: Callable[[str], None],
    ) -> None:
        super().__init__(target)
        self.accounts = accounts
        self._vault = ChainloopVault(vault)
        self._claims = claims
        self._ci = ci
        self._notify = notify
        self._notified = False

    def overriding_source(self) -> str:
        """Return what is used instead of the keychain: a flag, a variable, a CI identity; empty for none."""
        if self.target.flag is not None:
            return "--token"
        if self.target.environment is not None:
            return "CHAINLOOP_TOKEN"
        ci = self._ci.availability() if self._ci is not None else None
        return ci.label if ci is not None and ci.here else ""

    def in_ci_job(self) -> bool:
        """Return whether this is a job of a known CI system, even if it cannot prove its identity."""
        return self._ci is not None and self._ci.availability().system is not None

    def _given_sources(self, own: Endpoint | None) -> list[CredentialSource]:
        target = self.target
        return [
            self._given(Source.FLAG, "--token", target.flag, "not given", own),
            self._given(Source.ENVIRONMENT, "CHAINLOOP_TOKEN", target.environment, "not set", own),
        ]

    def _given(
        self, source: Source, label: str, secret: Secret | None, absent: str, own: Endpoint | None
    ) -> CredentialSource:
        if secret is None:
            return CredentialSource(source, label, Method.API_TOKEN, absent=absent)
        # It is an API token, or the session of a person: its claims tell.
        method = method_of(self._claims(secret))
        return CredentialSource(
            source, label, method, self._build(method, secret, source, self._endpoint(own))
        )

    def _build(self, method: Method, secret: Secret, source: Source, endpoint: Endpoint) -> Credential:
        return Credential(Provider.CHAINLOOP, method, secret, source, endpoint, self.target.profile)

    async def _read_stored(self) -> StoredCredential:
        try:
            stored = await self._vault.read(self.target.profile)
        except VaultError as error:
            return StoredCredential(error=error)
        if stored is None:
            return StoredCredential()
        return StoredCredential(self._build(stored.method, stored.secret, Source.KEYCHAIN, stored.endpoint))

    def _keychain_source(self, stored: StoredCredential) -> CredentialSource:
        source = super()._keychain_source(stored)
        if (credential := source.credential) is None:
            return source
        return replace(
            source, credential=replace(credential, endpoint=self._with_authority(credential.endpoint))
        )

    def _with_authority(self, stored: Endpoint) -> Endpoint:
        """An authority named for this run replaces the stored one: it says whom to trust, not where to go."""
        named = self.target.endpoint or self.target.default
        return replace(stored, ca=named.ca or stored.ca)

    async def _remembered_endpoint(self) -> Endpoint | None:
        profile = self.target.profile
        if not await self.accounts.knows_transport(profile):
            stored = (await self._read_stored()).credential
            if stored is not None:
                return stored.endpoint
        return await self.accounts.endpoint(profile)

    def _issued_elsewhere(self, stored: Credential) -> tuple[str, str] | None:
        issuer, used = stored.endpoint, self._endpoint(stored.endpoint)
        if issuer.same_origin(used):
            return None
        mode = ""
        if issuer.insecure != used.insecure:
            # The addresses may be the same.
            mode = " in plain text" if issuer.insecure else " over TLS"
        return f"the stored login belongs to {issuer.address}{mode}", "…"

    async def _ci_source(
        self, used: CredentialSource | None, own: Endpoint | None
    ) -> CredentialSource | None:
        if self._ci is None or (ci := self._ci.availability()).system is None:
            return None
        source = CredentialSource(Source.CI, ci.label, Method.KEYLESS, absent=ci.why_not)
        if not ci.here:
            return source
        if used is not None:
            return replace(source, absent=ignored_while(used), standing=Standing.IGNORED)
        try:
            secret = (await self._ci.token()).secret
        except LoopinError as error:
            return replace(source, absent=error.message, standing=Standing.UNUSABLE)
        return replace(source, credential=self._build(Method.KEYLESS, secret, Source.CI, self._endpoint(own)))

    def _notify_of_other_server(self, source: CredentialSource, own: Endpoint | None) -> None:
        """Say once, before it is sent, that a token goes to another server than the profile's."""
        named = self.target.endpoint
        if named is None or own is None or named.same_origin(own) or self._notified:
            return
        self._notified = True
        self._notify(
            f"{source.label} is sent to {named.address};"
            f" the login of profile {self.target.profile} is of {own.address}"
        )
