"""Gumloop: where it is, what flags and environment say about it, and what a login there consists of."""

from dataclasses import dataclass
from typing import NamedTuple

from app.domain import inputs
from app.domain.credentials import DEFAULT_PROFILE, Endpoint, Method, Provider
from app.domain.errors import UsageError
from app.domain.loopback import is_loopback_host
from app.domain.read_only import ReadOnlyMode
from app.domain.secret import Secret
from app.domain.text import clean

BASE_URL = "https://api.gumloop.com/api/v1"
API_PATH = "/api/v1"
CLIENT_ID = "gumloop_cli"
SCOPE = "gumloop_api userinfo"
CALLBACK_PORT = 8765
CALLBACK_PATH = "/callback"
API_KEY_PAGE = "https://www.gumloop.com/personal/connectors"
USER_ID_PAGE = "https://www.gumloop.com/settings/profile/general"


class GumloopTarget(NamedTuple):
    """What flags and environment say about Gumloop for this run.

    `endpoint` is None when neither names one: then the stored login's own counts, else `default`.
    `access_token`, `api_key` and `user_id` come from the environment. `team_id` empty means: the team
    remembered for the stored login, if any. `read_only` says whether anything may be changed.
    """

    default: Endpoint
    endpoint: Endpoint | None = None
    profile: str = DEFAULT_PROFILE
    team_id: str = ""
    access_token: Secret | None = None
    api_key: Secret | None = None
    user_id: str = ""
    read_only: ReadOnlyMode = ReadOnlyMode()


class GumloopLogin(NamedTuple):
    """A login as the keychain holds it. `user_id` goes with an API key, `refresh_token` with OAuth."""

    method: Method
    secret: Secret
    endpoint: Endpoint
    user_id: str = ""
    refresh_token: Secret | None = None


class GumloopTokens(NamedTuple):
    """The token response (RFC 6749 §5.1). `expires_in` is in seconds, None when it was not sent."""

    access_token: Secret
    refresh_token: Secret | None = None
    expires_in: float | None = None


class AuthorizationRequest(NamedTuple):
    """One authorization request (RFC 6749 §4.1.1) and the secrets that belong to it.

    `url` is the page to open; `state` comes back with the answer; `verifier` proves at the token
    endpoint that the request was ours (RFC 7636).
    """

    url: str
    redirect_uri: str
    state: str
    verifier: Secret


class IssuerFacts(NamedTuple):
    """The authorization server metadata (RFC 8414); every field may be empty.

    `names_itself` means that each authorization answer carries `iss` (RFC 9207).
    """

    issuer: str = ""
    names_itself: bool = False
    userinfo_url: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """A team that requests can be scoped to. `name` comes from the server uncleaned."""

    id: str
    name: str


def endpoint_of(base_url: str, source: str = "the base URL") -> Endpoint:
    """Return the endpoint for a base URL, or raise UsageError for one that no credential may go to."""
    url = inputs.read_text(base_url, source)
    parts = inputs.split_url(url) if url.isascii() else None
    if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
        raise UsageError(
            f"{source} {clean(url, 100)!r} is not a base URL", hint=f"write it whole, for example {BASE_URL}"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            f"{source} has a user name, a query or a fragment, which a base URL has not",
            hint=f"write it like {BASE_URL}",
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise UsageError(
            f"{source} {clean(url, 100)} is plain http: your credential would travel in the clear",
            hint="use https; plain http is for this machine only (127.0.0.1)",
        )
    return Endpoint(Provider.GUMLOOP, url.rstrip("/"), insecure=parts.scheme == "http")


def stored_endpoint(base_url: str) -> Endpoint:
    """The endpoint of a stored login, as it is: whether anything may be sent there is checked when it is."""
    url = base_url.strip().rstrip("/")
    return Endpoint(Provider.GUMLOOP, url, insecure=url.lower().startswith("http://"))


def root_of(base_url: str) -> str:
    """The address that the OAuth endpoints hang under: the base URL without a final /api/v1."""
    return base_url.rstrip("/").removesuffix(API_PATH)


def same_issuer(one: Endpoint, other: Endpoint) -> bool:
    """True when a credential issued by one may be sent to the other.

    Scheme, host, port and the path before /api/v1 must be the same; spelling does not count.
    """
    return _issuer(one.address) == _issuer(other.address)


def same_origin(one: str, other: str) -> bool:
    """True when both addresses have the same scheme, host and port."""
    return _issuer(one)[:3] == _issuer(other)[:3]


def is_loopback(url: str) -> bool:
    """True for an address on this machine."""
    parts = inputs.split_url(url)
    return parts is not None and is_loopback_host(parts.hostname or "")


def _issuer(address: str) -> tuple[str, str, int, str]:
    return inputs.url_origin(root_of(address.strip()))
