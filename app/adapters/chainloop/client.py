"""The Chainloop control plane over gRPC.

gRPC itself is imported with the first call, in a thread: it takes a while, and the first frame must
not wait for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from app.adapters.http.header_values import sendable
from app.domain.credentials import Credential, Endpoint, Method, profile_words
from app.domain.errors import (
    Failed,
    InvalidInput,
    NotFound,
    OrganizationLost,
    PermissionDenied,
    SessionEnded,
    UsageError,
)
from app.domain.organizations import Context, Membership, Organization
from app.domain.rejection import name_of, rejected
from app.domain.server_info import SIGN_OUT, ServerInfo, is_page
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft

if TYPE_CHECKING:
    from app.adapters.chainloop.calls import Channels, Wire
    from app.domain.login import EndedThere

T = TypeVar("T")
_NO_PROJECT = "loopin-status"
"""Hardly the name of a project: the answer is NotFound, or a short list."""


class ChainloopGateways:
    """Opens gateways. One connection an endpoint, made by the first call, inside the running loop.

    `max_receive` is the largest answer in bytes, `timeout` how long one call may take in seconds.
    """

    def __init__(self, *, max_receive: int, timeout: float) -> None:
        self._max_receive = max_receive
        self._timeout = timeout
        self._channels: Channels | None = None

    def open(
        self, endpoint: Endpoint, credential: Credential | None, organization: str = ""
    ) -> "ChainloopGateway":
        """Return a gateway; nothing is connected yet.

        Raise NotSignedIn for a credential that cannot be sent.
        """
        return ChainloopGateway(self, endpoint, credential, organization)

    async def connect(self, endpoint: Endpoint) -> None:
        """Begin to connect, and send nothing; what is wrong is told by the first call."""
        with suppress(Exception):
            (await self.wire(endpoint)).connect()

    async def aclose(self) -> None:
        """Close all connections; calls that are under way end as cancelled."""
        channels, self._channels = self._channels, None
        if channels is not None:
            await channels.aclose()

    async def wire(self, endpoint: Endpoint) -> "Wire":
        """The connection to `endpoint`; for gateways."""
        if self._channels is None:
            module = await asyncio.to_thread(_load)
            # Another call may have been here while the thread worked.
            self._channels = self._channels or module.Channels(self._max_receive, self._timeout)
        return self._channels.wire(endpoint)


def _load() -> Any:
    from app.adapters.chainloop import calls

    return calls


class ChainloopGateway:
    """One control plane, seen with one credential in one organization."""

    def __init__(
        self,
        gateways: ChainloopGateways,
        endpoint: Endpoint,
        credential: Credential | None,
        organization: str,
    ) -> None:
        self._gateways = gateways
        self._endpoint = endpoint
        self._credential = credential
        self._organization = organization
        self._metadata = _metadata(credential, organization)

    def _check_organization(self) -> None:
        """A change without an organization would go to whichever the server has as the person's current one.

        Only for an API token does the server know the organization by itself.
        """
        if not self._organization and (
            self._credential is None or self._credential.method is not Method.API_TOKEN
        ):
            raise UsageError(
                "no organization is selected",
                hint="choose one: loopin chainloop organization set --name NAME",
            )

    async def server_info(self) -> ServerInfo:
        """StatusService.Infoz, which needs no credential."""
        return await self._call(lambda wire: wire.server_info())

    async def current(self) -> Context:
        """ContextService.Current."""
        return await self._call(lambda wire: wire.current(self._metadata))

    async def memberships(self) -> Sequence[Membership]:
        """UserService.ListMemberships; NotFound under an API token."""
        return await self._call(lambda wire: wire.memberships(self._metadata))

    async def select_membership(self, membership_id: str) -> Membership:
        """UserService.SetCurrentMembership."""
        return await self._call(lambda wire: wire.select_membership(self._metadata, membership_id))

    async def create_organization(self, name: str) -> Organization:
        """OrganizationService.Create; never repeated."""
        return await self._call(lambda wire: wire.create_organization(self._metadata, name))

    async def set_threshold(self, organization: str, days: int) -> Organization:
        """OrganizationService.Update with the threshold alone; every other setting is left as it is."""
        self._check_organization()
        return await self._call(lambda wire: wire.set_threshold(self._metadata, organization, days))

    async def list_tokens(
        self, status: StatusFilter, scope: ScopeFilter = ScopeFilter.ANY, project: str = ""
    ) -> Sequence[APIToken]:
        """APITokenService.List: all in one answer, oldest first."""
        return await self._call(lambda wire: wire.list_tokens(self._metadata, status, scope, project))

    async def probe(self) -> None:
        """APITokenService.List, the cheapest call that a suspension refuses; the answer is short."""
        with suppress(NotFound, PermissionDenied, InvalidInput):
            await self.list_tokens(StatusFilter.ACTIVE, project=_NO_PROJECT)

    async def create_token(self, draft: TokenDraft) -> CreatedToken:
        """APITokenService.Create; never repeated."""
        self._check_organization()
        return await self._call(lambda wire: wire.create_token(self._metadata, draft))

    async def revoke_token(self, token_id: str) -> None:
        """APITokenService.Revoke; never repeated."""
        self._check_organization()
        await self._call(lambda wire: wire.revoke_token(self._metadata, token_id))

    async def sign_out(self, *, everywhere: bool = False) -> "EndedThere | None":
        """POST /auth/logout beside the sign-in page; None where the server does not announce it."""
        if self._credential is None:
            return None
        info = await self.server_info()
        if SIGN_OUT not in info.capabilities:
            return None
        from app.adapters.chainloop.sign_out import log_out

        return await log_out(
            logout_address(info.login_url), self._credential.secret, self._endpoint, everywhere=everywhere
        )

    async def _call(self, call: Callable[["Wire"], Awaitable[T]]) -> T:
        """Make one call; a refusal of the credential is told by where the credential came from."""
        wire = await self._gateways.wire(self._endpoint)
        credential = self._credential
        try:
            return await call(wire)
        except SessionEnded as error:
            raise (error if credential is None else rejected(error, credential)) from None
        except OrganizationLost as error:
            if credential is not None and credential.method is Method.API_TOKEN:
                error.hint = f"the organization of {name_of(credential)} is gone: use another token"
            elif credential is not None:
                error.hint += profile_words(credential.profile)[1]
            raise


def logout_address(login_url: str) -> str:
    """The sign-out call lies at the sign-in page's origin; raise Failed when that is no web address."""
    if not is_page(login_url):
        raise Failed("the server names no sign-in page, so it cannot be told", hint="nothing was sent")
    parts = urlsplit(login_url)
    return urlunsplit((parts.scheme, parts.netloc, "/auth/logout", "", ""))


def _metadata(credential: Credential | None, organization: str) -> tuple[tuple[str, str], ...]:
    """The metadata that go with each call (names as the vendor's own client sends them)."""
    from app import __version__

    pairs = [("chainloop-cli-version", f"loopin-{__version__}")]
    if credential is not None:
        pairs.append(("authorization", f"Bearer {sendable(credential.secret, 'token', credential)}"))
    if organization:
        if not (organization.isascii() and organization.isprintable()):
            raise UsageError(
                f"{organization[:80]!r} cannot be an organization's name", hint="use the name as listed"
            )
        pairs.append(("chainloop-organization", organization))
    return tuple(pairs)
