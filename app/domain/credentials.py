"""Credentials, where they come from, and which one is in effect.

A credential always travels with its source, and a stored one belongs to the endpoint that issued it.
"""

from dataclasses import dataclass, field
from enum import Enum

from app.domain.read_only import ReadOnlyMode
from app.domain.secret import Secret


class Provider(Enum):
    """The two products."""

    GUMLOOP = "gumloop"
    CHAINLOOP = "chainloop"

    @property
    def title(self) -> str:
        """The name as written."""
        return self.value.capitalize()


class Source(Enum):
    """Where a credential came from, strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    KEYCHAIN = "keychain"
    CI = "ci"


class Method(Enum):
    """How one signs in."""

    OAUTH = "oauth"
    API_KEY = "api_key"
    ACCESS_TOKEN = "access_token"
    BROWSER = "browser"
    API_TOKEN = "api_token"
    KEYLESS = "keyless"

    @property
    def title(self) -> str:
        """The words a person reads."""
        return _METHOD_TITLES[self]


_METHOD_TITLES = {
    Method.OAUTH: "OAuth",
    Method.API_KEY: "API key",
    Method.ACCESS_TOKEN: "access token",
    Method.BROWSER: "browser login",
    Method.API_TOKEN: "API token",
    Method.KEYLESS: "CI identity",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is reached.

    `address` is a base URL for Gumloop, `host:port` for Chainloop. `insecure` means plain text.
    `ca` is a path, PEM text or base64 PEM of an extra authority; it does not name the endpoint.
    """

    provider: Provider
    address: str
    insecure: bool = False
    ca: str = ""

    def same_origin(self, other: "Endpoint") -> bool:
        """True when a credential issued by `other` may be sent here."""
        mine = (self.provider, self.address.rstrip("/").lower(), self.insecure)
        return mine == (other.provider, other.address.rstrip("/").lower(), other.insecure)


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret, its kind, its source, and the endpoint it belongs to.

    `user_id` goes with a Gumloop API key; `refresh_token` with Gumloop OAuth.
    """

    provider: Provider
    method: Method
    secret: Secret
    source: Source
    endpoint: Endpoint
    profile: str = "default"
    user_id: str = ""
    refresh_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place where a credential could come from, and what became of it.

    `label` names it ("CHAINLOOP_TOKEN", "--token", "keychain"); `hint` shows at most the last four
    characters; `reason` says why it is in effect, or why not.
    """

    source: Source
    label: str
    method: Method | None
    hint: str
    in_effect: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The credential in effect, if any, every candidate in order of strength, and warnings."""

    credential: Credential | None
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...] = ()


DEFAULT_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class ChainloopTarget:
    """What flags and environment say about Chainloop for this run.

    `endpoint` is None when neither names one: then the stored login's own endpoint counts, else
    `default`. `flag` is --token, `environment` CHAINLOOP_TOKEN. `organization` empty means the
    person's current one. `read_only` says which profiles may change nothing.
    """

    default: Endpoint
    endpoint: Endpoint | None = None
    profile: str = DEFAULT_PROFILE
    organization: str = ""
    flag: Secret | None = None
    environment: Secret | None = None
    read_only: ReadOnlyMode = field(default_factory=ReadOnlyMode)
