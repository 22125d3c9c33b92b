"""The Chainloop account in use: which credential is in effect, and a gateway that speaks with it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from app.domain.claims import latest_end_of, method_of
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
from app.domain.errors import (
    LoopinError,
    NoOrganization,
    NotGranted,
    NotSignedIn,
    OrganizationLost,
    PermissionDenied,
    UsageError,
    VaultError,
)
from app.domain.read_only import require_writable
from app.domain.request_context import NO_ORGANIZATION, OrganizationRef, RequestContext
from app.services.accounts import ChainloopAccounts
from app.services.stored_logins import ChainloopVault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    # To look at what is stored here takes none of them.
    from app.domain.keyless import CIIdentities
    from app.domain.login import EndedThere
    from app.domain.organizations import Identity
    from app.domain.ports import Claims, Gateway, Gateways, Loader, Vault
    from app.domain.secret import Secret
    from app.services.stored_logins import StoredLogin

SIGN_IN = "sign in with: loopin chainloop auth login"
NAMED_FOR_THIS_RUN = frozenset({"--org", "CHAINLOOP_ORGANIZATION"})
"""Sources of a name that was given for this run, and that an API token must not contradict."""


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

    The organization is named for this run (`--org`, `CHAINLOOP_ORGANIZATION`, config.toml), else the
    profile's own; an API token has its own. `target` may be replaced while the app runs: another profile.
    `notify` tells a person, in one sentence, what they should know before something is sent.
    """

    def __init__(
        self,
        target: ChainloopTarget,
        vault: Vault,
        load_gateways: Loader[Gateways],
        claims: Claims,
        ci: CIIdentities | None = None,
        accounts: ChainloopAccounts | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.target = target
        self.accounts = accounts or ChainloopAccounts()
        self._notify = notify
        self._said_elsewhere = False
        self._ci = ci
        self._stored = ChainloopVault(vault)
        self._load_gateways = load_gateways
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
        own = await self._remembered_endpoint()
        offers = self._offers(stored, problem, own)
        winner = next((offer for offer in offers if offer.secret is not None), None)
        # A CI job rarely has a keychain: there it is a warning too, whatever the identity is worth.
        if last := await self._ci_offer(winner, own):
            offers.append(last)
            winner = winner or (last if last.secret is not None else None)
        candidates = tuple(_candidate(offer, winner) for offer in offers)
        credential = self._credential(winner) if winner else None
        endpoint = credential.endpoint if credential else self._endpoint(stored.endpoint if stored else own)
        if winner is None and last is None and problem is not None:
            return Resolution(None, candidates, endpoint), problem
        return Resolution(credential, candidates, endpoint, keychain=problem), None

    async def credential(self) -> Credential:
        """Return the credential in effect, or raise NotSignedIn.

        With one from outside the keychain is left alone: it may be slow, or not be there.
        """
        remembered = await self._remembered_endpoint()
        for offer in self._offers(None, None, remembered):
            if offer.secret is not None:
                self._say_where(offer, remembered)
                return self._credential(offer)
        resolution = await self.resolve()
        if resolution.credential is not None:
            return resolution.credential
        where = resolution.endpoint.address
        elsewhere = [c.reason for c in resolution.candidates if c.stored or c.source is Source.CI]
        because = f": {elsewhere[0]}" if elsewhere else ""
        profile, option = profile_words(self.target.profile)
        raise NotSignedIn(f"not signed in at {where}{profile}{because}", hint=f"{SIGN_IN}{option}")

    async def _credential_while_connecting(self) -> Credential:
        """The same; where the keychain is asked, the connection to the login's server is made meanwhile."""
        endpoint = await self._login_endpoint()
        if endpoint is None:
            return await self.credential()
        connecting = asyncio.create_task(self._connect(endpoint))
        try:
            return await self.credential()
        finally:
            # Where it is not done by now, the first call does it.
            connecting.cancel()

    async def _connect(self, endpoint: Endpoint) -> None:
        await (await self._load_gateways()).connect(endpoint)

    async def _login_endpoint(self) -> Endpoint | None:
        """Where the stored login will be sent, as far as that is known without the keychain."""
        if self.outside():
            return None
        named, own = self.target.endpoint, await self.accounts.endpoint(self.target.profile)
        with suppress(LoopinError):
            if own is not None and (named is None or named.same_origin(own)):
                return self._trusting(own)
        return None

    async def gateway(self, credential: Credential | None = None) -> Gateway:
        """Open a gateway for calls that belong to no organization: Infoz, ListMemberships.

        The credential is the one in effect unless another is given.
        """
        credential = credential or await self.credential()
        return await self._open(credential, NO_ORGANIZATION)

    async def probe(self, context: RequestContext) -> None:
        """Raise OrganizationLost where the organization is suspended: `identify` does not tell that."""
        if context.organization.name:
            await (await self.gateway_in(context)).probe()

    async def gateway_in(self, context: RequestContext) -> Gateway:
        """Open a gateway whose calls name the organization of `context`, and carry its credential."""
        return await self._open(context.credential, context.organization)

    async def _open(self, credential: Credential, organization: OrganizationRef) -> Gateway:
        gateways = await self._load_gateways()
        return gateways.open(
            credential.endpoint, credential, organization.name, read_only=self.why_no_changes()
        )

    async def end_session(self, credential: Credential, *, everywhere: bool = False) -> EndedThere | None:
        """End a person's session at its server; None where the server has no such call.

        Raise ReadOnly in read-only mode, SessionEnded for a session that is over already.
        """
        gateway = await self._open(credential, NO_ORGANIZATION)
        return await gateway.sign_out(everywhere=everywhere)

    def why_no_changes(self) -> str:
        """Say why nothing may be changed in this run, or with this profile; empty when it may."""
        return self.target.read_only.why(self.target.profile)

    def check_may_change(self) -> None:
        """Raise ReadOnly in read-only mode, before anything is asked or sent."""
        require_writable(self.why_no_changes())

    async def identity(self, credential: Credential | None = None) -> Identity:
        """Ask the server who acts in the organization in use; raise like `identify`."""
        return (await self.identify(credential))[1]

    async def identify(self, credential: Credential | None = None) -> tuple[RequestContext, Identity]:
        """Ask the server who acts, in the organization in use, and return where with it.

        A profile without an organization asks for the person's current one, and keeps it from then on.
        Raise SessionEnded when the server does not accept the credential, UsageError when the organization
        named for this run is not that of the API token, OrganizationLost when the one in use is not the
        person's, or another one of the same name.
        """
        credential = credential or await self._credential_while_connecting()
        if credential.method is Method.API_TOKEN:
            return await self._identify_token(credential)
        named = await self.organization(credential)
        identity = await self.ask(credential, named)
        found = identity.organization_ref
        if not named.is_same(found) and named.name:
            raise replaced_organization(named.name)
        if not named.name and found.name and credential.method is not Method.KEYLESS:
            await self._adopt(credential, found)
        return RequestContext(credential, found, identity.principal), identity

    async def _identify_token(self, credential: Credential) -> tuple[RequestContext, Identity]:
        """The server knows no other organization for an API token than its own, whatever a call names."""
        claims = self._claims(credential.secret)
        own = OrganizationRef(str(claims.get("org_name", "")), str(claims.get("org_id", "")))
        await self._check_named(credential, own)
        identity = await self.ask(credential, own)
        return RequestContext(credential, own, identity.principal), identity

    async def _check_named(self, credential: Credential, own: OrganizationRef) -> None:
        target = self.target
        if not target.organization or target.organization_source not in NAMED_FOR_THIS_RUN:
            return
        if own.is_same(await self._with_id(credential, target.organization)):
            return
        whose = f"belongs to {own.name}" if own.name else "does not tell its organization"
        raise UsageError(
            f"{target.organization_source} is {target.organization}, and the API token in effect {whose}",
            hint=f"nothing was sent: leave {target.organization_source} out, or use another token",
        )

    async def organization(self, credential: Credential) -> OrganizationRef:
        """The organization in use for a person's credential: named for this run, else the profile's.

        Empty for a profile that has none yet.
        """
        if self.target.organization:
            return await self._with_id(credential, self.target.organization)
        return await self._stored_organization(credential) or NO_ORGANIZATION

    async def _stored_organization(self, credential: Credential) -> OrganizationRef | None:
        return await self.accounts.organization(credential.profile, credential.endpoint.address)

    async def _with_id(self, credential: Credential, name: str) -> OrganizationRef:
        """An organization by name, with its id where it is the one that the profile works in."""
        stored = await self._stored_organization(credential)
        return stored if stored and stored.name == name else OrganizationRef(name)

    async def _adopt(self, credential: Credential, organization: OrganizationRef) -> None:
        profile, endpoint = credential.profile, credential.endpoint.address
        self.accounts.use_organization(profile, endpoint, organization)
        if credential.source is Source.KEYCHAIN and not self.target.organization:
            self._notify(f"working in {organization.name} from now on, your current organization")
            # Not stored, it is asked for again in the next run; this run keeps to it.
            with suppress(LoopinError):
                await self.accounts.store_organization(profile, endpoint, organization)

    async def check_context(
        self, shown: RequestContext | None, check: Callable[[Credential], None] = lambda _: None
    ) -> tuple[RequestContext, Identity]:
        """Ask the server once more before a change: who acts, and whether the organization is the one shown.

        `shown` None stands for a change that nobody was shown a listing for: then it is the one in use. A
        session that was renewed by another sign-in of the same person does. Raise ReadOnly in read-only
        mode, and PermissionDenied or OrganizationLost when the change would hit something else than was
        shown; nothing was changed then. `check` may raise for the credential, before anything is sent.
        """
        self.check_may_change()
        if shown is None:
            credential = await self._credential_while_connecting()
            check(credential)
            context, identity = await self.identify(credential)
        else:
            check(shown.credential)
            context, identity = await self._confirm(shown)
        await self.check_organization(context, identity)
        return context, identity

    async def check_organization(self, context: RequestContext, identity: Identity) -> None:
        """Ask why a person works in no organization, and raise it; return where they work in one.

        Raise NoOrganization for a member of none, and PermissionDenied where one is to be chosen.
        """
        if context.organization.name or identity.is_token or identity.is_ci:
            return
        gateway = await self._open(context.credential, NO_ORGANIZATION)
        if await gateway.memberships():
            raise PermissionDenied(
                "no organization is selected",
                hint="choose one: loopin chainloop organization set --name NAME",
            )
        raise NoOrganization(may_create=not (await gateway.server_info()).restricted)

    async def _confirm(self, shown: RequestContext) -> tuple[RequestContext, Identity]:
        credential = await self._renewed(shown.credential)
        identity = await self.ask(credential, shown.organization)
        if identity.principal != shown.principal:
            raise PermissionDenied(
                f"{identity.name} is signed in now, who is not the one that was shown: nothing was changed",
                hint="list again, and look",
            )
        if not identity.is_token and not identity.organization_ref.is_same(shown.organization):
            raise replaced_organization(shown.organization.name)
        return shown._replace(credential=credential), identity

    async def _renewed(self, shown: Credential) -> Credential:
        """The stored login as it is now, when `shown` is an earlier one of the same profile and endpoint."""
        if shown.source is not Source.KEYCHAIN:
            return shown
        stored, _ = await self._read_stored()
        if stored is None or shown.profile != self.target.profile or stored.method is not shown.method:
            return shown
        same = stored.endpoint.same_origin(shown.endpoint)
        return replace(shown, secret=stored.secret) if same else shown

    async def ask(self, credential: Credential, organization: OrganizationRef) -> Identity:
        """Context.Current with these: who acts there; raise SessionEnded for a credential not accepted."""
        from app.services.chainloop_identity import NOBODY, identify

        claims = self._claims(credential.secret)
        try:
            context = await (await self._open(credential, organization)).current()
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

    async def sign_in_endpoint(self) -> Endpoint:
        """Where a sign-in goes: named for this run, else the server of the stored login, else the default."""
        if self.target.endpoint is not None:
            return self.target.endpoint
        stored, _ = await self._read_stored()
        return self._endpoint(stored.endpoint if stored else await self._remembered_endpoint())

    def _endpoint(self, own: Endpoint | None) -> Endpoint:
        """The endpoint in use: named for this run, else the profile's `own`, else the default."""
        return self.target.endpoint or own or self.target.default

    async def _remembered_endpoint(self) -> Endpoint | None:
        """The server of the profile's login; from the keychain only where nothing else tells it whole."""
        profile = self.target.profile
        if not await self.accounts.knows_transport(profile):
            stored, _ = await self._read_stored()
            if stored is not None:
                return stored.endpoint
        return await self.accounts.endpoint(profile)

    def _say_where(self, offer: _Offer, own: Endpoint | None) -> None:
        """Tell once, before it is sent, that a token goes to another server than the profile's."""
        named = self.target.endpoint
        if named is None or own is None or named.same_origin(own) or self._said_elsewhere:
            return
        self._said_elsewhere = True
        profile = self.target.profile
        self._notify(
            f"{offer.label} is sent to {named.address}; the login of profile {profile} is of {own.address}"
        )

    def claims(self, credential: Credential) -> Mapping[str, Any]:
        """What the credential says of itself, unverified."""
        return self._claims(credential.secret)

    def latest_end(self, credential: Credential) -> datetime | None:
        """When an API token that the credential creates ends at the latest; None for no limit."""
        return latest_end_of(self.claims(credential))

    async def _read_stored(self) -> tuple[StoredLogin | None, VaultError | None]:
        try:
            return await self._stored.read(self.target.profile), None
        except VaultError as error:
            return None, error

    def _offers(
        self, stored: StoredLogin | None, problem: VaultError | None, own: Endpoint | None
    ) -> list[_Offer]:
        """`own` is the server of the profile's login: a token without an address goes there."""
        target, endpoint = self.target, self._endpoint(own)
        return [
            _Offer(
                Source.FLAG,
                "--token",
                target.flag,
                "not given",
                self._kind(target.flag),
                endpoint if target.flag else None,
            ),
            _Offer(
                Source.ENVIRONMENT,
                "CHAINLOOP_TOKEN",
                target.environment,
                "not set",
                self._kind(target.environment),
                endpoint if target.environment else None,
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
        endpoint = self._endpoint(stored.endpoint)
        if not stored.endpoint.same_origin(endpoint):
            issued = (
                f"the stored login belongs to {stored.endpoint.address}{_mode(stored.endpoint, endpoint)}"
            )
            unusable = Standing.UNUSABLE
            return _Offer(Source.KEYCHAIN, label, None, issued, stored.method, stored.endpoint, unusable)
        bound = self._trusting(stored.endpoint)
        return _Offer(Source.KEYCHAIN, label, stored.secret, "", stored.method, bound)

    def _trusting(self, stored: Endpoint) -> Endpoint:
        """An authority named for this run replaces the stored one: it says whom to trust, not where to go."""
        named = self.target.endpoint or self.target.default
        return replace(stored, ca=named.ca or stored.ca)

    async def _ci_offer(self, winner: _Offer | None, own: Endpoint | None) -> _Offer | None:
        if self._ci is None or (found := self._ci.look()).system is None:
            return None
        offer = _Offer(Source.CI, found.label, None, found.why_not, Method.KEYLESS)
        if not found.here:
            return offer
        if winner is not None:
            return offer._replace(absent=_ignored(winner), standing=Standing.IGNORED)
        try:
            secret = (await self._ci.token()).secret
            return offer._replace(secret=secret, endpoint=self._endpoint(own))
        except LoopinError as error:
            return offer._replace(absent=error.message, standing=Standing.UNUSABLE)

    def _credential(self, offer: _Offer) -> Credential:
        if offer.secret is None:
            raise ValueError("only an offer with a secret can win")
        method = offer.method or Method.API_TOKEN
        endpoint = offer.endpoint or self._endpoint(None)
        return Credential(
            Provider.CHAINLOOP, method, offer.secret, offer.source, endpoint, self.target.profile
        )


def replaced_organization(name: str) -> OrganizationLost:
    """The error for a name that another organization has now."""
    return OrganizationLost(
        f"{name} is another organization than before: nothing was changed",
        hint="choose again: loopin chainloop organization set --name NAME",
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
