"""The Chainloop account in use: which credential is in effect, and a gateway that speaks with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from app.domain.claims import method_of
from app.domain.credentials import (
    Candidate,
    ChainloopTarget,
    Credential,
    Endpoint,
    Method,
    Provider,
    Resolution,
    Source,
    Standing,
    profile_words,
)
from app.domain.errors import LoopinError, NotGranted, NotSignedIn, VaultError
from app.services.chainloop_vault import ChainloopVault

if TYPE_CHECKING:
    from collections.abc import Mapping

    # To look at what is stored here takes none of them.
    from app.domain.keyless import CIIdentities
    from app.domain.organizations import Identity
    from app.domain.ports import Claims, Gateway, Gateways, Vault
    from app.domain.secret import Secret
    from app.services.chainloop_vault import StoredLogin

SIGN_IN = "sign in with: loopin chainloop auth login"


class _Offer(NamedTuple):
    """A place where a credential could come from, before anyone won.

    `standing` is what becomes of one without a secret, and `absent` says why in words.
    """

    source: Source
    label: str
    secret: Secret | None
    absent: str
    method: Method | None = None
    endpoint: Endpoint | None = None
    standing: Standing = Standing.ABSENT


class ChainloopSession:
    """Decides which credential is in effect, and opens the gateway with it.

    | strongest first   | in effect when                                                     |
    |-------------------|--------------------------------------------------------------------|
    | `--token`         | given                                                              |
    | `CHAINLOOP_TOKEN` | set, and no `--token`                                              |
    | keychain          | stored for this profile, neither of the above, and the endpoint in |
    |                   | use is the one that issued it                                      |
    | CI identity       | none of the above, in a job that can prove who it is               |

    `target` may be replaced while the app runs: another profile, another organization.
    """

    def __init__(
        self,
        target: ChainloopTarget,
        vault: Vault,
        gateways: Gateways,
        claims: Claims,
        ci: CIIdentities | None = None,
    ) -> None:
        self.target = target
        self._ci = ci
        self._stored = ChainloopVault(vault)
        self._gateways = gateways
        self._claims = claims

    async def resolve(self) -> Resolution:
        """Look at every source; a keychain that fails is a warning when something stronger is set."""
        resolution, problem = await self.inspect()
        if problem is not None:
            raise problem
        return resolution

    async def inspect(self) -> tuple[Resolution, VaultError | None]:
        """The same, with the keychain's failure beside it when nothing stronger is set."""
        stored, problem = await self._read_stored()
        offers = self._offers(stored, problem)
        winner = next((offer for offer in offers if offer.secret is not None), None)
        # A CI job rarely has a keychain: there it is a warning too, whatever the identity is worth.
        if last := await self._ci_offer(winner):
            offers.append(last)
            winner = winner or (last if last.secret is not None else None)
        candidates = tuple(_candidate(offer, winner) for offer in offers)
        if winner is None and last is None and problem is not None:
            return Resolution(None, candidates), problem
        return Resolution(self._credential(winner) if winner else None, candidates, keychain=problem), None

    async def credential(self) -> Credential:
        """Return the credential in effect, or raise NotSignedIn.

        With one from outside the keychain is left alone: it may be slow, or not be there.
        """
        for offer in self._offers(None, None):
            if offer.secret is not None:
                return self._credential(offer)
        resolution = await self.resolve()
        if resolution.credential is not None:
            return resolution.credential
        where = self.endpoint(None).address
        elsewhere = [c.reason for c in resolution.candidates if c.stored or c.source is Source.CI]
        because = f": {elsewhere[0]}" if elsewhere else ""
        profile, option = profile_words(self.target.profile)
        raise NotSignedIn(f"not signed in at {where}{profile}{because}", hint=f"{SIGN_IN}{option}")

    async def gateway(self, credential: Credential | None = None, organization: str = "") -> Gateway:
        """Open the gateway with `credential`, or with the one in effect.

        `organization` empty means the one in use.
        """
        credential = credential or await self.credential()
        where = organization or self.target.organization
        gateway = self._gateways.open(credential.endpoint, credential, where)
        if why := self.why_no_changes():
            from app.services.read_only import ReadOnlyGateway

            return ReadOnlyGateway(gateway, why)
        return gateway

    def why_no_changes(self) -> str:
        """Say why nothing may be changed in this run, or with this profile; empty when it may."""
        return self.target.read_only.why(self.target.profile)

    def check_may_change(self) -> None:
        """Raise ReadOnly in read-only mode, before anything is asked or sent."""
        from app.services.read_only import check

        check(self.why_no_changes())

    async def identity(self, credential: Credential | None = None, organization: str = "") -> Identity:
        """Ask the server who we are; raise SessionEnded when it does not accept the credential."""
        from app.services.chainloop_identity import NOBODY, identify

        credential = credential or await self.credential()
        claims = self._claims(credential.secret)
        try:
            context = await (await self.gateway(credential, organization)).current()
        except NotGranted:
            # The server knows the API token and grants it other calls than this one.
            if method_of(claims) is not Method.API_TOKEN:
                raise
            context = NOBODY
        return replace(identify(context, claims), read_only=self.why_no_changes())

    def outside(self) -> str:
        """What signs one in whatever the keychain holds: a flag, a variable, a CI identity; else empty."""
        if self.target.flag is not None:
            return "--token"
        if self.target.environment is not None:
            return "CHAINLOOP_TOKEN"
        found = self._ci.look() if self._ci is not None else None
        return found.label if found is not None and found.here else ""

    def in_ci_job(self) -> bool:
        """True inside a job of a known CI system, whether or not it can prove who it is."""
        return self._ci is not None and self._ci.look().system is not None

    def endpoint(self, stored: StoredLogin | None) -> Endpoint:
        """The endpoint in use: named for this run, else the stored login's, else the default."""
        return self.target.endpoint or (stored.endpoint if stored else None) or self.target.default

    def claims(self, credential: Credential) -> Mapping[str, Any]:
        """What the credential says of itself, unverified."""
        return self._claims(credential.secret)

    async def _read_stored(self) -> tuple[StoredLogin | None, VaultError | None]:
        try:
            return await self._stored.read(self.target.profile), None
        except VaultError as error:
            return None, error

    def _offers(self, stored: StoredLogin | None, problem: VaultError | None) -> list[_Offer]:
        target = self.target
        return [
            _Offer(Source.FLAG, "--token", target.flag, "not given", self._kind(target.flag)),
            _Offer(
                Source.ENVIRONMENT,
                "CHAINLOOP_TOKEN",
                target.environment,
                "not set",
                self._kind(target.environment),
            ),
            self._keychain_offer(stored, problem),
        ]

    def _kind(self, secret: Secret | None) -> Method:
        """A variable holds whatever somebody put there: an API token, or a person's own."""
        return method_of(self._claims(secret)) if secret is not None else Method.API_TOKEN

    def _keychain_offer(self, stored: StoredLogin | None, problem: VaultError | None) -> _Offer:
        label = "keychain" if self.target.profile == "default" else f"keychain, profile {self.target.profile}"
        if stored is None:
            return _Offer(Source.KEYCHAIN, label, None, problem.message if problem else "nothing stored")
        endpoint = self.endpoint(stored)
        if not stored.endpoint.same_origin(endpoint):
            issued = (
                f"the stored login belongs to {stored.endpoint.address}{_mode(stored.endpoint, endpoint)}"
            )
            unusable = Standing.UNUSABLE
            return _Offer(Source.KEYCHAIN, label, None, issued, stored.method, stored.endpoint, unusable)
        # An authority named for this run replaces the stored one: it says whom to trust, not where to go.
        bound = replace(stored.endpoint, ca=endpoint.ca or stored.endpoint.ca)
        return _Offer(Source.KEYCHAIN, label, stored.secret, "", stored.method, bound)

    async def _ci_offer(self, winner: _Offer | None) -> _Offer | None:
        if self._ci is None or (found := self._ci.look()).system is None:
            return None
        offer = _Offer(Source.CI, found.label, None, found.why_not, Method.KEYLESS)
        if not found.here:
            return offer
        if winner is not None:
            return offer._replace(absent=_ignored(winner), standing=Standing.IGNORED)
        try:
            return offer._replace(secret=(await self._ci.token()).secret)
        except LoopinError as error:
            return offer._replace(absent=error.message, standing=Standing.UNUSABLE)

    def _credential(self, offer: _Offer) -> Credential:
        if offer.secret is None:
            raise ValueError("only an offer with a secret can win")
        method = offer.method or Method.API_TOKEN
        endpoint = offer.endpoint or self.endpoint(None)
        return Credential(
            Provider.CHAINLOOP, method, offer.secret, offer.source, endpoint, self.target.profile
        )


def _mode(stored: Endpoint, used: Endpoint) -> str:
    """Name the TLS mode where nothing else tells the two endpoints apart."""
    if stored.insecure == used.insecure:
        return ""
    return " in plain text" if stored.insecure else " over TLS"


def _candidate(offer: _Offer, winner: _Offer | None) -> Candidate:
    hint = offer.secret.hint if offer.secret else ("…" if offer.endpoint else "")
    standing, reason = offer.standing, offer.absent
    if offer is winner:
        standing, reason = Standing.IN_EFFECT, _why(offer)
    elif offer.secret is not None and winner is not None:
        standing, reason = Standing.IGNORED, _ignored(winner)
    return Candidate(offer.source, offer.label, offer.method, hint, standing, reason)


def _ignored(winner: _Offer) -> str:
    how = {Source.FLAG: "given", Source.KEYCHAIN: "in use"}.get(winner.source, "set")
    return f"ignored while {winner.label} is {how}"


def _why(winner: _Offer) -> str:
    match winner.source:
        case Source.FLAG:
            return "in effect: a flag beats everything else"
        case Source.ENVIRONMENT:
            return "in effect: the environment beats the keychain"
        case Source.CI:
            return "in effect: this is a CI job, and nothing else is set"
        case _:
            return "in effect: no --token, CHAINLOOP_TOKEN not set"
