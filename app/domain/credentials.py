"""Credentials, where they come from, and which one is in effect.

A credential always travels with its source, and a stored one belongs to the endpoint that issued it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from app.domain.inputs import origin_of, url_origin
from app.domain.read_only import ReadOnlyMode
from app.domain.secret import Secret

if TYPE_CHECKING:
    from app.domain.errors import VaultError


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

    @property
    def tells_its_end(self) -> bool:
        """False for a Gumloop token: it does not say when it ends, and another program may have signed in."""
        return self not in {Method.OAUTH, Method.ACCESS_TOKEN}


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

    @property
    def host(self) -> str:
        """The host, with its port where one is named: by which a person knows servers."""
        return urlsplit(self.address).netloc if "://" in self.address else self.address

    @property
    def typed(self) -> str:
        """The address as a person types it: a control plane that speaks plain text has its scheme."""
        return f"http://{self.address}" if self.insecure and "://" not in self.address else self.address

    def same_origin(self, other: "Endpoint") -> bool:
        """True when a credential issued by `other` may be sent here, however the two are spelt."""
        mine = (self.provider, _origin(self), self.insecure)
        return mine == (other.provider, _origin(other), other.insecure)


def _origin(endpoint: Endpoint) -> object:
    chainloop = endpoint.provider is Provider.CHAINLOOP
    return origin_of(endpoint.address) if chainloop else url_origin(endpoint.address)


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


class Standing(Enum):
    """What became of a place where a credential could come from."""

    IN_EFFECT = "in effect"
    IGNORED = "ignored"
    """It would do, but something stronger is in effect."""
    UNUSABLE = "unusable"
    """Something is there that cannot be used here."""
    ABSENT = "absent"
    """Nothing is there, or it could not be read."""


class Candidate(NamedTuple):
    """One place where a credential could come from, and what became of it.

    `label` names it ("CHAINLOOP_TOKEN", "--token", "keychain"); `hint` shows at most the last four
    characters; `reason` says in words why it stands as it does.
    """

    source: Source
    label: str
    method: Method | None
    hint: str
    standing: Standing
    reason: str

    @property
    def in_effect(self) -> bool:
        """True for the one that is used."""
        return self.standing is Standing.IN_EFFECT

    @property
    def found(self) -> bool:
        """True when something is there, whether or not it is used."""
        return self.standing is not Standing.ABSENT

    @property
    def stored(self) -> bool:
        """True for a login in the keychain, whether or not it is used."""
        return self.source is Source.KEYCHAIN and self.found


class Resolution(NamedTuple):
    """The credential in effect, if any, every candidate in order of strength, and warnings.

    `endpoint` is that of the credential, else where a sign-in goes. `keychain` says why the keychain could
    not be read, where the answer is known without it.
    """

    credential: Credential | None
    candidates: tuple[Candidate, ...]
    endpoint: Endpoint
    warnings: tuple[str, ...] = ()
    keychain: "VaultError | None" = None

    @property
    def stored(self) -> bool:
        """True when a login is in the keychain."""
        return any(candidate.stored for candidate in self.candidates)

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """The warnings, and the keychain's."""
        broken = self.keychain
        return (*self.warnings, f"{broken.message}; {broken.hint}") if broken else self.warnings


DEFAULT_PROFILE = "default"


def profile_words(profile: str) -> tuple[str, str]:
    """What a sentence, and a command line, say of the profile: nothing of the default one."""
    if profile == DEFAULT_PROFILE:
        return "", ""
    from shlex import quote

    return f" with the profile {profile}", f" --profile {quote(profile)}"


class ChainloopTarget(NamedTuple):
    """What flags and environment say about Chainloop for this run.

    `endpoint` is None when neither names one: then the stored login's own endpoint counts, else
    `default`. `flag` is --token, `environment` CHAINLOOP_TOKEN. `organization` is the one named for this run,
    empty for that of the profile, and `organization_source` the flag, variable or file that names it.
    `read_only` says which profiles may change nothing.
    """

    default: Endpoint
    endpoint: Endpoint | None = None
    profile: str = DEFAULT_PROFILE
    organization: str = ""
    flag: Secret | None = None
    environment: Secret | None = None
    read_only: ReadOnlyMode = ReadOnlyMode()
    organization_source: str = ""
