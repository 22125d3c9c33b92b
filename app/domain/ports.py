"""What the services need from outside, as Protocols. Adapters satisfy them by shape.

Every method that can fail raises a LoopinError of `errors.py` and nothing else. Values are imported for
the types alone: who names a port does not load the whole domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import datetime
    from types import TracebackType

    from app.domain.activity import ActivityEntry
    from app.domain.credentials import Credential, Endpoint
    from app.domain.gumloop import AuthorizationRequest, GumloopTokens, IssuerFacts, Team
    from app.domain.login import BrowserPage, EndedThere
    from app.domain.organizations import Context, Membership, Organization
    from app.domain.secret import Secret
    from app.domain.server_info import ServerInfo
    from app.domain.status import VaultStatus
    from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft

T_co = TypeVar("T_co", covariant=True)


class Loader(Protocol[T_co]):
    """Returns an adapter. The first call imports its libraries, in a thread: the screen goes on."""

    async def __call__(self) -> T_co: ...


class Clock(Protocol):
    """Time. Tests bring their own."""

    def now(self) -> datetime:
        """The current moment, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Vault(Protocol):
    """Where secrets are stored: (service, account) to one secret."""

    @property
    def label(self) -> str:
        """Its real name ("GNOME Keyring"), once something was read or probed."""

    async def probe(self) -> VaultStatus:
        """Find out whether secrets can be stored, without storing any; never raises."""

    async def unlock(self) -> None:
        """Ask a person to unlock it, and wait for that; raise VaultLocked when it stays locked."""

    async def read(self, service: str, account: str) -> Secret | None:
        """Return the entry, or None."""

    async def read_all(self, service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
        """Return the entries, one after the other in the given order; an account may be named twice."""

    async def write(self, service: str, account: str, secret: Secret) -> None:
        """Create or replace the entry."""

    async def delete(self, service: str, account: str) -> None:
        """Remove the entry; one that is not there is fine."""

    def kept_open(self) -> AbstractContextManager[None]:
        """While inside, the way to it stays open from one change to the next; `probe` opens it already."""


class Browser(Protocol):
    """Opens a page for a person."""

    async def open(self, url: str) -> str:
        """Open `url` and return the browser's name; raise BrowserUnavailable."""


class Callback(Protocol):
    """One request that arrived at the callback address."""

    @property
    def params(self) -> Mapping[str, str]:
        """The query parameters, first value of each."""

    async def answer(self, page: BrowserPage) -> None:
        """Show `page` in the browser, at an address that carries no secret."""


class Listener(Protocol):
    """A loopback HTTP listener for one sign-in (RFC 8252 §7.3). Leaving the context frees the port."""

    @property
    def address(self) -> str:
        """The callback address, for example http://127.0.0.1:8765/callback."""

    async def next(self) -> Callback:
        """Wait for the next request to the callback path; stray requests are answered elsewhere."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Listeners(Protocol):
    """Makes listeners."""

    async def listen(self, port: int, path: str) -> Listener:
        """Bind 127.0.0.1:`port` (0 = any free one) before anything else happens; raise PortBusy."""

    async def aclose(self) -> None:
        """Wait, a moment at most, until browsers have fetched the last page of each sign-in."""


class Claims(Protocol):
    """Reads what a JWT says, without verifying it: for showing, never for deciding trust."""

    def __call__(self, token: Secret) -> Mapping[str, Any]:
        """Return the claims; empty when it is not a JWT."""


class Gateway(Protocol):
    """The Chainloop control plane, seen with one credential in one organization."""

    async def server_info(self) -> ServerInfo:
        """Where to sign in, and what the server can do; needs no credential."""

    async def current(self) -> Context:
        """Who the credential is, and in which organization."""

    async def memberships(self) -> Sequence[Membership]:
        """The person's organizations; raise NotFound for an API token."""

    async def select_membership(self, membership_id: str) -> Membership:
        """Work in that organization from now on, at every client."""

    async def create_organization(self, name: str) -> Organization:
        """Make an organization that the person owns; raise AlreadyExists for a taken name."""

    async def set_threshold(self, organization: str, days: int) -> Organization:
        """Set the auto-revoke threshold of the organization in use; 0 turns it off."""

    async def list_tokens(
        self, status: StatusFilter, scope: ScopeFilter = ..., project: str = ""
    ) -> Sequence[APIToken]:
        """All tokens this credential may see, oldest first."""

    async def probe(self) -> None:
        """Raise OrganizationLost where the organization is suspended, which `current` does not show."""

    async def create_token(self, draft: TokenDraft) -> CreatedToken:
        """Create a token; its secret is sent only here. Raise AlreadyExists for a taken name."""

    async def revoke_token(self, token_id: str) -> None:
        """End a token for good; raise NotFound for one that is revoked already."""

    async def sign_out(self, *, everywhere: bool = False) -> EndedThere | None:
        """End the session at the server, or all that the person began; None where it has no such call."""


class Gateways(Protocol):
    """Opens gateways; connections are reused and closed together."""

    def open(
        self,
        endpoint: Endpoint,
        credential: Credential | None,
        organization: str = "",
        *,
        read_only: str = "",
    ) -> Gateway:
        """The gateway of a credential, in `organization` or where the server last put the person.

        `read_only` says why nothing may be changed: what changes something then raises ReadOnly.
        """

    async def connect(self, endpoint: Endpoint) -> None:
        """Begin to connect, and send nothing; the first call raises what is wrong."""

    async def aclose(self) -> None:
        """Close every connection."""


class GumloopAPI(Protocol):
    """The Gumloop API, seen with one credential in one team (or none).

    A credential that the server does not accept raises SessionEnded.
    """

    @property
    def team_id(self) -> str:
        """The team that every request is scoped to; empty for none."""

    async def verify(self) -> None:
        """Make the lightest call there is (GET models); it returns when the credential is good."""

    async def teams(self) -> Sequence[Team]:
        """The login's teams."""

    async def organizations(self) -> Sequence[str]:
        """Names of the organizations; raise Refused under a team key."""


class GumloopAPIs(Protocol):
    """Opens the API; connections are reused and closed together."""

    def open(self, credential: Credential, team_id: str = "") -> GumloopAPI:
        """The API with a credential, in a team or in the personal workspace."""

    async def aclose(self) -> None:
        """Close every connection."""


class GumloopOAuth(Protocol):
    """The OAuth endpoints of a Gumloop server, for the public client (no secret, PKCE S256)."""

    def authorization(self, endpoint: Endpoint, redirect_uri: str) -> AuthorizationRequest:
        """Make a fresh request with its own state and verifier; nothing is sent."""

    async def discover(self, endpoint: Endpoint) -> IssuerFacts:
        """What the server publishes about itself; empty facts when it publishes nothing. Never raises."""

    async def serves_api(self, endpoint: Endpoint) -> bool:
        """False when the server says that the base URL leads to no API. Never raises."""

    async def exchange(self, endpoint: Endpoint, request: AuthorizationRequest, code: str) -> GumloopTokens:
        """Turn a code into tokens; raise LoginFailed for a code that is used, expired or not ours."""

    async def refresh(self, endpoint: Endpoint, refresh_token: Secret) -> GumloopTokens:
        """Get new tokens; raise SessionEnded only when the server says `invalid_grant`."""

    async def revoke(self, endpoint: Endpoint, token: Secret) -> None:
        """End the token at the server (RFC 7009)."""

    async def person(self, endpoint: Endpoint, facts: IssuerFacts, access_token: Secret) -> str:
        """Who signed in, if the server supports it; else empty. Never raises."""


class ProcessLock(Protocol):
    """One at a time, across all Loopin processes of this person."""

    def hold(self, name: str) -> AbstractAsyncContextManager[None]:
        """Wait for the lock called `name`; raise Failed when its holder does not let go in time, and
        LockUnavailable where no lock can be made."""


class ActivityStore(Protocol):
    """The append-only activity log."""

    async def append(self, entry: ActivityEntry) -> None:
        """Add an entry at the end."""

    async def entries(self) -> Sequence[ActivityEntry]:
        """All entries, oldest first; lines that cannot be read are skipped."""

    async def operations(self) -> Sequence[ActivityEntry]:
        """Of these, the ones that are part of an operation."""


class KnownTokens(Protocol):
    """Which tokens of an organization lived when they were last listed."""

    async def read(self, endpoint: str, organization: str) -> frozenset[str] | None:
        """Their ids; None when they were never listed here."""

    async def write(self, endpoint: str, organization: str, ids: Collection[str]) -> None:
        """Keep these ids instead."""


class AccountStore(Protocol):
    """What is remembered about logins and is not secret."""

    async def profiles(self, provider: str) -> Sequence[str]:
        """Names of the profiles that were ever stored here, "default" first."""

    async def remember(self, provider: str, profile: str, facts: Mapping[str, str]) -> None:
        """Put `facts` in the place of what was known of the profile."""

    async def update(self, provider: str, profile: str, facts: Mapping[str, str]) -> None:
        """Add `facts` to what is known of the profile, in the place of those with the same names."""

    async def facts(self, provider: str, profile: str) -> Mapping[str, str]:
        """What is known of the profile; empty when nothing is."""

    async def forget(self, provider: str, profile: str) -> None:
        """Know nothing of the profile any more; fine when nothing was known."""


class Preferences(Protocol):
    """What a person chose in the app (the theme) and wants to find again."""

    async def remember(self, name: str, value: str) -> None:
        """Keep `value` for the setting `name`; raise Failed."""


class FilterStore(Protocol):
    """Filters that a person saved by name. Each method raises Failed when the file cannot be used."""

    async def all(self) -> Mapping[str, str]:
        """Name → filter as it was typed, in the order of the file."""

    async def save(self, name: str, text: str) -> None:
        """Keep `text` under `name`, in the place of an earlier one."""

    async def delete(self, name: str) -> None:
        """Forget it; one that is not there is fine."""


class Clipboard(Protocol):
    """A way to the clipboard."""

    async def copy(self, text: str) -> str:
        """Hand `text` over and say in a few words what is known: "copied with wl-copy", "sent to the
        terminal's clipboard (cannot be confirmed)". Raise Failed when nothing took it."""


class PrivateFiles(Protocol):
    """Writes new files that only their owner can read, where a person asked for one."""

    async def is_free(self, path: str) -> bool:
        """True when nothing is at `path`."""

    async def write_text(self, path: str, text: str) -> str:
        """Write `text` to the new file `path`; like `write`."""

    async def write(self, path: str, secret: Secret) -> str:
        """Write `secret` to the new file `path`, readable by its owner alone, and return the path as
        shown. Raise UsageError when something is there already, Failed when it cannot be written."""
