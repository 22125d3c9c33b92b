"""An issuer's own description and its keys (OpenID Connect Discovery 1.0 §3 and §4, RFC 7517 §5)."""

import math
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.domain.errors import BadReply, LoopinError, Unreachable, UsageError
from app.domain.event_loop import run_to_end
from app.domain.text import clean
from app.oidc.url_policy import AGAIN, URLPolicy, check_url

PATH = "/.well-known/openid-configuration"
MAX_KEYS = 200
# Seconds. A description is read again after LIFE, and after a failure not before REST.
LIFE, REST = 3600.0, 10.0
# How long a thread without a description waits for another that reads it.
TURN = 15.0


class Fetch(Protocol):
    """Reads JSON objects; Fetcher is the real one."""

    @property
    def policy(self) -> URLPolicy: ...

    async def document(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Discovery:
    """What an issuer says of itself; `document` is all of it."""

    issuer: str
    jwks_uri: str
    document: Mapping[str, Any]


async def discover(issuer: str, fetch: Fetch) -> Discovery:
    """Read and check the description; raise BadReply where it is not that of `issuer`."""
    check_url(issuer, fetch.policy)
    document = await fetch.document(issuer.rstrip("/") + PATH)
    named = document.get("issuer")
    if named != issuer:
        name = repr(clean(named, 120)) if isinstance(named, str) else "nobody"
        raise BadReply(f"{clean(issuer, 120)} describes another issuer: {name}", hint="use the name it gives")
    jwks_uri = document.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise BadReply(f"{clean(issuer, 120)} does not say where its keys are", hint=AGAIN)
    _check_keys_address(issuer, jwks_uri, fetch.policy)
    return Discovery(issuer, jwks_uri, document)


def _check_keys_address(issuer: str, jwks_uri: str, policy: URLPolicy) -> None:
    try:
        scheme = check_url(jwks_uri, policy).scheme
    except UsageError as error:
        raise BadReply(
            f"{clean(issuer, 120)} names a place for its keys that is not asked: {error}", hint=AGAIN
        ) from None
    if issuer.startswith("https:") and scheme != "https":
        raise BadReply(f"{clean(issuer, 120)} keeps its keys where https does not protect them", hint=AGAIN)


async def read_keys(issuer: str, fetch: Fetch) -> tuple[Mapping[str, Any], ...]:
    """Every published key, as it is."""
    where = (await discover(issuer, fetch)).jwks_uri
    keys = (await fetch.document(where)).get("keys")
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise BadReply(f"{clean(issuer, 120)} publishes no set of keys", hint=AGAIN)
    return tuple(key for key in keys if isinstance(key, dict))


class DiscoveryCache:
    """One issuer's description, for the threads of a process.

    An issuer that does not answer is used as it was, for as long as that lasts. `read` reads the description
    and raises LoopinError for one that cannot be used. `ticks` is in seconds and never goes back.
    """

    def __init__(
        self,
        read: Callable[[], Coroutine[Any, Any, Discovery]],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._ticks = ticks
        self._turn = threading.Lock()
        self._found: Discovery | None = None
        self._read_at = self._asked_at = -math.inf
        self._problem: LoopinError | None = None

    def get(self) -> Discovery:
        """The description. Raises what `read` raises, and Unreachable while another thread waits for it."""
        found = self._found
        if found is not None and self._ticks() - self._read_at < LIFE:
            return found
        # One thread asks. With an old description at hand nobody waits for it.
        if not self._turn.acquire(timeout=0 if found else TURN):
            if found is None:
                raise Unreachable("the identity provider is being asked", hint="try again in a moment")
            return found
        try:
            return self._current()
        finally:
            self._turn.release()

    def _current(self) -> Discovery:
        if self._ticks() - self._read_at >= LIFE and self._ticks() - self._asked_at >= REST:
            self._ask()
        if self._problem is not None and (self._found is None or not isinstance(self._problem, Unreachable)):
            # A fresh one each time: raising the kept one would grow its traceback.
            raise type(self._problem)(self._problem.message, hint=self._problem.hint)
        assert self._found is not None
        return self._found

    def _ask(self) -> None:
        try:
            self._found, self._problem = run_to_end(self._read()), None
            self._read_at = self._ticks()
        except LoopinError as error:
            self._problem = error
            self._asked_at = self._ticks()
