"""Verification of ID tokens (OpenID Connect Core 1.0 §3.1.3.7, RFC 7519 §7.2, RFC 8725).

`Verifier` reads the issuer's published keys when it must, and remembers them. Every rule that a token can
break has its own sentence, and its own `code` for programs.
"""

import asyncio
import binascii
import json
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import (
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int, urlsafe_b64decode

from app.domain.errors import LoopinError, TokenRejected, Unreachable
from app.domain.json_text import read_json
from app.domain.keyless import AUDIENCE
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc.discovery import Fetch, read_keys

# Seconds. Keys are read again after LIFE; for an unknown key id at most every REFRESH; after a failure not
# before REST. So nobody can make this program ask an issuer again and again by sending made-up tokens.
LIFE, REFRESH, REST = 3600.0, 30.0, 10.0
# Keys that could not be read again are good for a day: an issuer may be down for a while.
STALE = 24 * 3600.0
MAX_TOKEN = 16 * 1024
SKEW = 60
_COPY = "check that it is whole and that it is the CI system's ID token"
# What each algorithm takes: the key type and the members that make the public key (RFC 7518 §6).
_KEY_MEMBERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "RS256": ("RSA", ("n", "e")),
    "ES256": ("EC", ("crv", "x", "y")),
}
ALGORITHMS = tuple(_KEY_MEMBERS)
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
PublicKey = RSAKey | ECKey


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """What a token says about its verification; `issuer` is only what it claims."""

    algorithm: str
    kid: str | None
    issuer: str


@dataclass(frozen=True, slots=True)
class _Known:
    """An issuer's keys as read at `read`; `asked` is the last try, and `problem` why that one failed."""

    keys: tuple[Mapping[str, Any], ...]
    read: float
    asked: float
    problem: LoopinError | None = None


class Verifier:
    """One for a process, also for event loops in several threads.

    Of all calls that need the keys of one issuer, one reads them and the others wait for it. `ticks` is in
    seconds and never goes back.
    """

    def __init__(self, fetch: Fetch, ticks: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._ticks = ticks
        self._known: dict[str, _Known] = {}
        self._reads: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    async def verify(
        self, token: Secret, issuer: str, audiences: Collection[str] = (AUDIENCE,), *, now: datetime
    ) -> Mapping[str, Any]:
        """Return the claims of a valid token. `issuer` is trusted, and never taken from the token.

        Raises TokenRejected for the token, and what `fetch` raises for the issuer.
        """
        unverified = _inspect(token, issuer)
        key = self._find_key(issuer, unverified) or await self._read_or_stale(issuer, unverified)
        return check_token(token, key, issuer, audiences, now)

    async def _read_or_stale(self, issuer: str, unverified: UnverifiedToken) -> PublicKey:
        """The key as the issuer has it now, or as it had it while it cannot be asked."""
        stale = self._find_key(issuer, unverified, STALE)
        try:
            await self._read_once(issuer, wait=stale is None)
        except LoopinError:
            if stale is None:
                raise
            return stale
        return self._require_key(issuer, unverified)

    async def _read_once(self, issuer: str, wait: bool) -> None:
        """Read the keys, or `wait` for the call that reads them, in whichever thread that is."""
        with self._lock:
            read = self._reads.get(issuer)
            if first := read is None:
                read = self._reads[issuer] = Future()
        if first:
            # Another call may wait for it: it goes on when this one is cancelled.
            await asyncio.shield(asyncio.create_task(self._read(issuer, read)))
            return
        if not wait:
            raise Unreachable(
                f"{clean(issuer, 120)} is being asked for its keys", hint="try again in a moment"
            )
        await asyncio.shield(asyncio.wrap_future(read))
        self._was_read_recently(issuer)

    async def _read(self, issuer: str, read: "Future[None]") -> None:
        try:
            await self._refresh(issuer)
        finally:
            del self._reads[issuer]
            read.set_result(None)

    def _is_fresh(self, issuer: str, life: float = LIFE) -> bool:
        known = self._known.get(issuer)
        return known is not None and bool(known.keys) and self._ticks() - known.read < life

    def _find_key(self, issuer: str, unverified: UnverifiedToken, life: float = LIFE) -> PublicKey | None:
        if not self._is_fresh(issuer, life):
            return None
        return find_key(self._known[issuer].keys, unverified.algorithm, unverified.kid)

    def _require_key(self, issuer: str, unverified: UnverifiedToken) -> PublicKey:
        if key := self._find_key(issuer, unverified):
            return key
        which = (
            f"the key {clean(unverified.kid, 60)!r} for {unverified.algorithm}"
            if unverified.kid
            else "one clear key"
        )
        raise TokenRejected(
            f"{clean(issuer, 120)} does not publish {which}",
            hint="the token was signed by somebody else, or with a key that is gone",
            code="unknown_key",
        )

    def _was_read_recently(self, issuer: str) -> bool:
        """Whether the issuer was asked a moment ago. Raises what went wrong then."""
        known = self._known.get(issuer)
        if known is None or self._ticks() - known.asked >= (REST if known.problem else REFRESH):
            return False
        if known.problem is not None:
            # A fresh one each time: raising the kept one would grow its traceback.
            raise type(known.problem)(known.problem.message, hint=known.problem.hint)
        return True

    async def _refresh(self, issuer: str) -> None:
        if self._was_read_recently(issuer):
            return
        known, now = self._known.get(issuer), self._ticks()
        try:
            self._known[issuer] = _Known(await read_keys(issuer, self._fetch), now, now)
        except LoopinError as error:
            # Keys that are there stay good for their life: a made-up key id must not end them.
            found, read = (known.keys, known.read) if known else ((), now)
            self._known[issuer] = _Known(found, read, self._ticks(), error)
            raise


def _inspect(token: Secret, issuer: str) -> UnverifiedToken:
    unverified = inspect_token(token)
    # Before anyone is asked: a token of somebody else needs no key of ours.
    if unverified.issuer != issuer:
        raise _wrong_issuer(unverified.issuer, issuer)
    return unverified


def inspect_token(token: Secret) -> UnverifiedToken:
    """Read what is needed to find the key, or raise TokenRejected: size, shape, algorithm."""
    value = token.reveal()
    if len(value) > MAX_TOKEN:
        raise _rejected(
            "too_large", f"the token is {len(value)} characters long, at most {MAX_TOKEN} are read", ""
        )
    segments = value.split(".")
    if len(segments) != 3:
        raise _rejected("malformed", "this is not a signed JWT", _COPY)
    header, claims = _read_object(segments[0]), _read_object(segments[1])
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise _wrong_algorithm(algorithm)
    kid, issuer = header.get("kid"), claims.get("iss")
    if not isinstance(issuer, str):
        raise _rejected("no_issuer", "the token does not say who issued it (iss)", _COPY)
    if kid is not None and not isinstance(kid, str):
        raise _rejected("malformed", "the token names its key (kid) in a way that cannot be read", _COPY)
    return UnverifiedToken(algorithm, kid, issuer)


def check_token(
    token: Secret, key: PublicKey, issuer: str, audiences: Collection[str], now: datetime
) -> Mapping[str, Any]:
    """Verify signature and claims, 60 seconds of skew allowed; return the claims or raise TokenRejected."""
    claims = _signed_claims(token, key)
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=SKEW,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "values": list(audiences)},
        exp={"essential": True},
    )
    try:
        registry.validate(claims)
    except ClaimError as error:
        raise _explain_claim(error, claims, issuer, audiences) from None
    return claims


def _wrong_issuer(actual: str, expected: str) -> TokenRejected:
    by = f"the token was issued by {clean(actual, 120)}, not by {clean(expected, 120)}"
    return _rejected("wrong_issuer", by, _COPY)


def _signed_claims(token: Secret, key: PublicKey) -> dict[str, Any]:
    registry = jws.JWSRegistry(algorithms=list(ALGORITHMS))
    registry.max_header_length = MAX_TOKEN
    try:
        return jwt.decode(token.reveal(), key, algorithms=list(ALGORITHMS), registry=registry).claims
    except BadSignatureError:
        changed = "the signature does not fit: the token was changed, or somebody else signed it"
        raise _rejected("bad_signature", changed, _COPY) from None
    except (JoseError, ValueError, TypeError) as error:
        kind = error.error if isinstance(error, JoseError) else "unreadable"
        raise _rejected("malformed", f"the token cannot be verified ({clean(kind, 40)})", _COPY) from None


def _read_object(segment: str) -> Mapping[str, Any]:
    try:
        found = read_json(urlsafe_b64decode(segment.encode("ascii")))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, dict):
        raise _rejected("malformed", "this is not a signed JWT", _COPY)
    return found


def _rejected(code: str, message: str, hint: str) -> TokenRejected:
    return TokenRejected(message, hint=hint, code=code)


def _wrong_algorithm(algorithm: object) -> TokenRejected:
    only = f"only {' and '.join(ALGORITHMS)} are accepted"
    if isinstance(algorithm, str) and algorithm.lower() == "none":
        return _rejected("algorithm", f"the token is not signed (alg none); {only}", _COPY)
    said = clean(algorithm, 20) if isinstance(algorithm, str) else "nothing"
    return _rejected("algorithm", f"the token is signed with {said}; {only}", _COPY)


def _explain_claim(
    error: ClaimError, claims: Mapping[str, Any], issuer: str, audiences: Collection[str]
) -> TokenRejected:
    if isinstance(error, MissingClaimError):
        return _missing_claim(str(error.claim))
    if isinstance(error, ExpiredTokenError):
        return _rejected(
            "expired",
            f"the token ended {_format_time(claims['exp'])}",
            "a CI token lives as long as its job: start it again",
        )
    name = str(error.claim) if isinstance(error, InvalidClaimError) else ""
    if name == "iss":
        return _wrong_issuer(str(claims.get("iss")), issuer)
    if name == "aud":
        wanted = " or ".join(sorted(audiences))
        said = clean(json.dumps(claims.get("aud")), 120)
        return _rejected(
            "wrong_audience", f"the token is for {said}, not for {wanted}", f"set aud: {wanted} in the job"
        )
    return _explain_time(name, claims)


def _explain_time(name: str, claims: Mapping[str, Any]) -> TokenRejected:
    value = claims.get(name)
    if name in {"nbf", "iat"} and isinstance(value, int | float) and not isinstance(value, bool):
        return _rejected(
            "not_yet_valid",
            f"the token is not valid yet: it begins {_format_time(value)}",
            "check the clock of this machine",
        )
    return _rejected("malformed", f"the token's {clean(name, 20)} cannot be read", _COPY)


def _missing_claim(names: str) -> TokenRejected:
    if "exp" in names.split(","):
        return _rejected("no_expiry", "the token does not say when it ends (exp)", _COPY)
    return _rejected("missing_claim", f"the token does not say {clean(names, 40)}", _COPY)


def _format_time(value: Any) -> str:
    try:
        return f"at {datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError, TypeError):
        return "at a time that no calendar has"


def find_key(keys: Iterable[Mapping[str, Any]], algorithm: str, kid: str | None) -> PublicKey | None:
    """The one usable key of that id; without an id, the only usable key there is."""
    usable = [key for key in keys if _is_usable(key, algorithm) and (kid is None or key.get("kid") == kid)]
    if not usable or (kid is None and len(usable) > 1):
        return None
    return _import_key(usable[0], algorithm)


def _is_usable(key: Mapping[str, Any], algorithm: str) -> bool:
    kind, members = _KEY_MEMBERS[algorithm]
    right_type = key.get("kty") == kind and key.get("alg", algorithm) == algorithm
    return right_type and key.get("use", "sig") == "sig" and all(isinstance(key.get(m), str) for m in members)


def _import_key(key: Mapping[str, Any], algorithm: str) -> PublicKey | None:
    kind, members = _KEY_MEMBERS[algorithm]
    public = {"kty": kind} | {member: str(key[member]) for member in members}
    try:
        return _import_rsa(public) if kind == "RSA" else _import_ec(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _import_rsa(public: dict[str, str]) -> RSAKey | None:
    # Four characters are three octets: a huge number is refused before anybody calculates with it.
    if len(public["n"]) > MAX_RSA_BITS // 6 + 4 or len(public["e"]) > 8:
        return None
    # The size before the import, which would warn about a short key on standard error.
    if not MIN_RSA_BITS <= base64_to_int(public["n"]).bit_length() <= MAX_RSA_BITS:
        return None
    return RSAKey.import_key(dict(public))


def _import_ec(public: dict[str, str]) -> ECKey | None:
    if public["crv"] != "P-256":
        return None
    return ECKey.import_key(dict(public))
