"""HTTP clients: through the proxy on the way, and for issuers within limits of size, time and address."""

import asyncio
import socket
import ssl
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from app.domain.errors import BadReply, Refused, TLSFailed, Unreachable
from app.domain.json_text import read_json
from app.domain.text import clean
from app.oidc.proxies import proxy_for, unusable
from app.oidc.url_policy import AGAIN, URLPolicy, check_url, explain_refusal

MAX_DOCUMENT = 1024 * 1024
MAX_REDIRECTS = 3
PATIENCE = 5.0
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "loopin"}
_REDIRECTS = {301, 302, 303, 307, 308}


T = TypeVar("T")


def create_client(kind: Callable[..., T], url: str, *, direct: bool = False, **options: Any) -> T:
    """Return `kind(**options)`, an httpx client or transport for the server of `url`.

    Raise Unreachable where the proxy on the way cannot be used. `direct` goes past all proxies.
    """
    proxy = None if direct else proxy_for(url)
    try:
        # httpx would read the variables while it is made, and fail over those that are not on the way.
        return kind(proxy=proxy.url if proxy else None, trust_env=False, **options)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise unusable(proxy.source if proxy else "the environment") from None


def authlib_client_class() -> Any:
    """Authlib's asynchronous client class; loaded on first use.

    Authlib takes httpx2 where that is installed, with exception classes of its own, and warns where it is
    not. Loopin speaks httpx everywhere, so httpx2 is hidden while Authlib looks, and that one warning is
    dropped.
    """
    from authlib.deprecate import AuthlibDeprecationWarning

    missing = object()
    seen = sys.modules.get("httpx2", missing)
    sys.modules["httpx2"] = None  # type: ignore[assignment]  # what makes `import httpx2` an ImportError
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*httpx.*", AuthlibDeprecationWarning)
            from authlib.integrations.httpx_client import AsyncOAuth2Client
    finally:
        if seen is missing:
            del sys.modules["httpx2"]
        else:
            sys.modules["httpx2"] = seen  # type: ignore[assignment]  # put back what was there
    return AsyncOAuth2Client


class PolicyTransport(httpx.AsyncBaseTransport):
    """Connects to addresses that `policy` allows, and reads whole answers of 1 MiB at most, not compressed.

    `ca` is the path of an extra authority. Raises Unreachable, TLSFailed, BadReply, Refused for an address
    that it refuses, UsageError for one that is none.
    """

    def __init__(self, policy: URLPolicy, ca: str = "") -> None:
        self._policy = policy
        self._ca = ca
        self._context: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, and return the answer with its body."""
        url = str(request.url)
        parts = check_url(url, self._policy)
        # A proxy would resolve the name by itself.
        pinned = self._policy.pinned
        addresses = await self._addresses(parts) if pinned else [parts.hostname or ""]
        async with create_client(
            httpx.AsyncHTTPTransport, url, direct=pinned, verify=self._tls()
        ) as transport:
            return await _read(await _send(transport, request, addresses), parts.netloc)

    async def _addresses(self, parts: SplitResult) -> list[str]:
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Unreachable(
                f"there is no host {clean(host, 80)}", hint="check the issuer's address"
            ) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if why := explain_refusal(address, self._policy):
                raise Refused(
                    f"{clean(host, 80)} is not asked: {why}", hint="issuers live at public addresses"
                )
        return addresses

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            try:
                context = httpx.create_ssl_context()
            # It reads SSL_CERT_FILE and SSL_CERT_DIR.
            except OSError as error:
                why = error.strerror if type(error) is not ssl.SSLError else "it holds no certificate"
                raise TLSFailed(
                    f"SSL_CERT_FILE cannot be used: {why}", hint="correct it, or unset it"
                ) from None
            if self._ca:
                _trust(context, self._ca)
            self._context = context
        return self._context


class Fetcher:
    """Asks through a PolicyTransport, for at most `patience` seconds; raises what that raises.

    Redirects are followed on the same origin only.
    """

    def __init__(self, policy: URLPolicy, patience: float = PATIENCE, ca: str = "") -> None:
        self.policy = policy
        self.transport = PolicyTransport(policy, ca)
        self.patience = patience

    async def document(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """The JSON object at `url`."""
        host = check_url(url, self.policy).netloc
        async with (
            self.bounded(host),
            httpx.AsyncClient(
                transport=self.transport, timeout=self.patience, trust_env=False, headers=HEADERS
            ) as client,
        ):
            response = await _follow(client, url, headers or {})
        return _parsed(_accepted(response, host), host)

    @asynccontextmanager
    async def bounded(self, host: str) -> AsyncIterator[None]:
        """A limit on all that is asked of `host` inside; raises errors of the domain for those of httpx."""
        try:
            async with asyncio.timeout(self.patience):
                yield
        except (TimeoutError, httpx.TimeoutException):
            raise Unreachable(
                f"{host} did not answer within {self.patience:g} s", hint="try again in a moment"
            ) from None
        except httpx.TransportError as error:
            raise _translated(error, host) from None
        except httpx.HTTPError as error:
            raise BadReply(f"{host} answered with something that is not HTTP", hint=AGAIN) from error


async def _follow(client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> httpx.Response:
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.get(url, headers=headers)
        if response.status_code not in _REDIRECTS:
            return response
        target = urljoin(url, response.headers.get("Location", ""))
        if _origin(urlsplit(target)) != _origin(urlsplit(url)):
            elsewhere = clean(urlsplit(target).netloc, 80)
            raise BadReply(
                f"{urlsplit(url).netloc} sends us on to another host, {elsewhere}",
                hint="name the issuer by its own address",
            )
        url = target
    raise BadReply(f"{urlsplit(url).netloc} sends us in circles", hint=AGAIN)


async def _send(
    transport: httpx.AsyncBaseTransport, request: httpx.Request, addresses: Sequence[str]
) -> httpx.Response:
    """Connect to the first address that answers; the certificate is still that of the name."""
    url = request.url
    request.extensions = {**request.extensions, "sni_hostname": url.host}
    for number, address in enumerate(addresses, 1):
        request.url = url.copy_with(host=address)
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if number == len(addresses):
                raise
    raise Unreachable(f"there is no host {clean(url.host, 80)}", hint="check the issuer's address")


async def _read(response: httpx.Response, host: str) -> httpx.Response:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BadReply(f"{host} compresses its answer although it was asked not to", hint=AGAIN)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_DOCUMENT:
            raise BadReply(f"{host} answered with more than 1 MiB", hint=AGAIN)
    return httpx.Response(response.status_code, headers=response.headers, content=bytes(body))


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise TLSFailed(
            f"the certificate authority in {clean(path, 120)} cannot be read",
            hint="check CI_SERVER_TLS_CA_FILE",
        ) from error


def _accepted(response: httpx.Response, host: str) -> bytes:
    status = response.status_code
    if status == 200:
        return response.content
    if status >= 500 or status == 429:
        raise Unreachable(f"{host} is out of order: it answered {status}", hint="try again in a moment")
    raise BadReply(f"{host} answered {status}", hint="check the issuer's address")


def _parsed(body: bytes, host: str) -> Mapping[str, Any]:
    try:
        found = read_json(body)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise BadReply(
        f"{host} answered with something that is not a JSON object", hint="check the issuer's address"
    )


def _translated(error: httpx.TransportError, host: str) -> Unreachable | BadReply:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return TLSFailed(f"{host} cannot prove who it is: {_reason(cause)}", hint="check its certificate")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.RemoteProtocolError):
        return BadReply(f"{host} answered with something that is not HTTP, or broke off", hint=AGAIN)
    return Unreachable(f"{host} cannot be reached", hint="check the address and the network")


def _reason(error: ssl.SSLError) -> str:
    detail = getattr(error, "verify_message", "") or (error.reason or "TLS failed").lower().replace("_", " ")
    return clean(str(detail), 120)


def _origin(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, parts.netloc.lower()
