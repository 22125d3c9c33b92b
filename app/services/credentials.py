"""Which credential is used, and where it comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from app.domain.credentials import (
    DEFAULT_PROFILE,
    Candidate,
    Credential,
    Endpoint,
    Method,
    Resolution,
    Source,
    Standing,
    profile_words,
)
from app.domain.errors import LoopinError, NotSignedIn, UsageError, VaultError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """A place where a credential can come from.

    Without a `credential`, `standing` says whether there is one that cannot be used, and `absent` why. `hint`
    is what is shown of the secret then.
    """

    source: Source
    label: str
    method: Method | None = None
    credential: Credential | None = None
    absent: str = ""
    hint: str = ""
    standing: Standing = Standing.ABSENT


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """The stored login of the profile, None for none.

    `problem` says why it cannot be used, and `error` why the keychain could not be read.
    """

    credential: Credential | None = None
    problem: str = ""
    error: VaultError | None = None


class Target(Protocol):
    """What flags and environment say for this run."""

    @property
    def default(self) -> Endpoint: ...
    @property
    def endpoint(self) -> Endpoint | None: ...
    @property
    def profile(self) -> str: ...


T = TypeVar("T", bound=Target)


class CredentialResolver(ABC, Generic[T]):
    """Decides which credential is used: the first source that has one.

    | source      | Gumloop                                  | Chainloop         | it has one when          |
    |-------------|------------------------------------------|-------------------|--------------------------|
    | flag        |                                          | `--token`         | given                    |
    | environment | `GUMLOOP_ACCESS_TOKEN`                   | `CHAINLOOP_TOKEN` | set                      |
    |             | `GUMLOOP_API_KEY` with `GUMLOOP_USER_ID` |                   | both are set             |
    | keychain    | the login of the profile                 | the same          | issued by the server in  |
    |             |                                          |                   | use                      |
    | CI identity |                                          | the job's token   | the job can prove it     |

    | exception                                              | then                                          |
    |--------------------------------------------------------|-----------------------------------------------|
    | one of two variables is set, and no access token       | an error; nothing weaker is used in its place |
    | the keychain cannot be read, a stronger source has one | a warning                                     |
    | the keychain cannot be read, in a CI job               | a warning                                     |
    | the keychain cannot be read, else                      | an error                                      |

    The fields of two sources are never mixed. The server in use is the one named for this run, else that of
    the profile's login, else the default. A stored credential is sent to the server that issued it, and to no
    other.
    """

    LOGIN_COMMAND: ClassVar[str]
    NOTHING_STRONGER: ClassVar[str]
    """Why the keychain is used."""

    def __init__(self, target: T) -> None:
        self.target: T = target
        """It may be replaced while the app runs."""

    async def resolve(self) -> Resolution:
        """Read every source; raise what `inspect` returns as an error."""
        resolution, error = await self.inspect()
        if error is not None:
            raise error
        return resolution

    async def inspect(self) -> tuple[Resolution, LoopinError | None]:
        """Read every source, and return the error of a half-set one or of the keychain beside the result."""
        stored, remembered = await self._read_stored(), await self._remembered_endpoint()
        half_set = self._half_set()
        keychain = self._keychain_source(stored)
        if half_set is not None and keychain.credential is not None:
            why = f"not used: {half_set.message}"
            keychain = replace(
                keychain,
                credential=None,
                absent=why,
                hint=keychain.credential.secret.hint,
                standing=Standing.IGNORED,
            )
        sources = [*self._given_sources(remembered), keychain]
        used = None if half_set else next((one for one in sources if one.credential is not None), None)
        if ci := await self._ci_source(used, remembered):
            sources.append(ci)
            used = used or (ci if ci.credential is not None else None)
        candidates = tuple(self._candidate(one, used) for one in sources)
        warnings = tuple(self._warnings(stored))
        if used is not None and used.credential is not None:
            credential = used.credential
            return Resolution(credential, candidates, credential.endpoint, warnings, stored.error), None
        endpoint = self._endpoint(stored.credential.endpoint if stored.credential else remembered)
        if half_set is not None or ci is None:
            return Resolution(None, candidates, endpoint, warnings), half_set or stored.error
        return Resolution(None, candidates, endpoint, warnings, stored.error), None

    async def credential(self) -> Credential:
        """Return the credential that is used; raise NotSignedIn for none, and what `resolve` raises.

        With a flag or variable the keychain is not read: it may be slow, or not be there.
        """
        remembered = await self._remembered_endpoint()
        for source in self._given_sources(remembered):
            if source.credential is not None:
                self._notify_of_other_server(source, remembered)
                return source.credential
        resolution = await self.resolve()
        if resolution.credential is not None:
            return resolution.credential
        reasons = [c.reason for c in resolution.candidates if c.stored or c.source is Source.CI]
        because = f": {reasons[0]}" if reasons else ""
        profile, option = profile_words(self.target.profile)
        raise NotSignedIn(
            f"not signed in at {resolution.endpoint.address}{profile}{because}",
            hint=f"sign in with: {self.LOGIN_COMMAND}{option}",
        )

    async def sign_in_endpoint(self) -> Endpoint:
        """Where a sign-in goes: named for this run, else the server of the stored login, else the default."""
        if self.target.endpoint is not None:
            return self.target.endpoint
        stored = (await self._read_stored()).credential
        return self._endpoint(stored.endpoint if stored else await self._remembered_endpoint())

    def _endpoint(self, own: Endpoint | None) -> Endpoint:
        """The endpoint in use: named for this run, else the profile's `own`, else the default."""
        return self.target.endpoint or own or self.target.default

    def _keychain_source(self, stored: StoredCredential) -> CredentialSource:
        profile = self.target.profile
        label = "keychain" if profile == DEFAULT_PROFILE else f"keychain, profile {profile}"
        source = CredentialSource(Source.KEYCHAIN, label)
        if stored.error is not None:
            return replace(source, absent=stored.error.message)
        if stored.problem:
            return replace(source, absent=stored.problem, hint="…", standing=Standing.UNUSABLE)
        if (credential := stored.credential) is None:
            return replace(source, absent="nothing stored")
        source = replace(source, method=credential.method)
        if unusable := self._issued_elsewhere(credential):
            reason, hint = unusable
            return replace(source, absent=reason, hint=hint, standing=Standing.UNUSABLE)
        return replace(source, credential=credential)

    def _candidate(self, source: CredentialSource, used: CredentialSource | None) -> Candidate:
        """What became of a source, `used` being the one whose credential is used."""
        standing, reason, hint = source.standing, source.absent, source.hint
        if source.credential is not None:
            hint = source.credential.secret.hint
            if source is used:
                standing, reason = Standing.IN_EFFECT, self._why(source)
            elif used is not None:
                standing, reason = Standing.IGNORED, ignored_while(used)
        return Candidate(source.source, source.label, source.method, hint, standing, reason)

    def _why(self, used: CredentialSource) -> str:
        match used.source:
            case Source.FLAG:
                return "in effect: a flag beats everything else"
            case Source.ENVIRONMENT:
                return "in effect: the environment beats the keychain"
            case Source.CI:
                return "in effect: this is a CI job, and nothing else is set"
            case _:
                return f"in effect: {self.NOTHING_STRONGER}"

    @abstractmethod
    def _given_sources(self, own: Endpoint | None) -> Sequence[CredentialSource]:
        """Flags and variables. A credential without an address goes to `own`, the profile's server."""

    @abstractmethod
    async def _read_stored(self) -> StoredCredential:
        """Read the login of the profile from the keychain."""

    @abstractmethod
    async def _remembered_endpoint(self) -> Endpoint | None:
        """The server of the profile's login, without the keychain where possible."""

    @abstractmethod
    def _issued_elsewhere(self, stored: Credential) -> tuple[str, str] | None:
        """Why a stored credential may not be sent to the endpoint in use, and what is shown of its secret."""

    def _half_set(self) -> UsageError | None:
        """The error of a credential of which only a part is set."""
        return None

    async def _ci_source(
        self, used: CredentialSource | None, own: Endpoint | None
    ) -> CredentialSource | None:
        """The identity of the CI job; None outside of one."""
        return None

    def _notify_of_other_server(self, source: CredentialSource, own: Endpoint | None) -> None:
        """Hear which given credential is about to be used, `own` being the profile's server."""

    def _warnings(self, stored: StoredCredential) -> Sequence[str]:
        return ()


def ignored_while(used: CredentialSource) -> str:
    """Say why a source is not used, `used` being the one that is."""
    how = {Source.FLAG: "given", Source.KEYCHAIN: "in use"}.get(used.source, "set")
    return f"ignored while {used.label} is {how}"
