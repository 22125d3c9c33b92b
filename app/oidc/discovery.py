"""An issuer's own description and its keys (OpenID Connect Discovery 1.0 §3 and §4, RFC 7517 §5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.domain.errors import BadReply, UsageError
from app.domain.text import clean
from app.oidc.addresses import AGAIN, Reach, check_url

PATH = "/.well-known/openid-configuration"
MAX_KEYS = 200


class Fetch(Protocol):
    """Reads JSON objects; Fetcher is the real one."""

    @property
    def reach(self) -> Reach: ...

    async def document(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Discovery:
    """What an issuer says of itself; `document` is all of it."""

    issuer: str
    jwks_uri: str
    document: Mapping[str, Any]


async def discover(issuer: str, fetch: Fetch) -> Discovery:
    """Read and check the description; raise BadReply where it is not that of `issuer`."""
    check_url(issuer, fetch.reach)
    document = await fetch.document(issuer.rstrip("/") + PATH)
    named = document.get("issuer")
    if named != issuer:
        said = repr(clean(named, 120)) if isinstance(named, str) else "nobody"
        raise BadReply(f"{clean(issuer, 120)} describes another issuer: {said}", hint="use the name it gives")
    jwks_uri = document.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise BadReply(f"{clean(issuer, 120)} does not say where its keys are", hint=AGAIN)
    _check_keys_address(issuer, jwks_uri, fetch.reach)
    return Discovery(issuer, jwks_uri, document)


def _check_keys_address(issuer: str, jwks_uri: str, reach: Reach) -> None:
    try:
        scheme = check_url(jwks_uri, reach).scheme
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
