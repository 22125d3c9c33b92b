"""Decides whether an ID token is valid (OpenID Connect Core 1.0 §3.1.3.7, RFC 7519 §7.2, RFC 8725).

Every rule that a token can break has its own sentence, and its own `code` for programs.
"""

import binascii
import json
from collections.abc import Collection, Mapping
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
from joserfc.util import urlsafe_b64decode

from app.domain.errors import TokenRejected
from app.domain.json_text import read_json
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc.keys import ALGORITHMS, PublicKey

MAX_TOKEN = 16 * 1024
SKEW = 60
_COPY = "check that it is whole and that it is the CI system's ID token"


@dataclass(frozen=True, slots=True)
class Outline:
    """What an unverified token says of how to verify it; `issuer` is only what it claims."""

    algorithm: str
    kid: str | None
    issuer: str


def outline(token: Secret) -> Outline:
    """Read what is needed to find the key, or raise TokenRejected: size, shape, algorithm."""
    value = token.reveal()
    if len(value) > MAX_TOKEN:
        raise _rejected(
            "too_large", f"the token is {len(value)} characters long, at most {MAX_TOKEN} are read", ""
        )
    segments = value.split(".")
    if len(segments) != 3:
        raise _rejected("malformed", "this is not a signed JWT", _COPY)
    header, claims = _object(segments[0]), _object(segments[1])
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise _wrong_algorithm(algorithm)
    kid, issuer = header.get("kid"), claims.get("iss")
    if not isinstance(issuer, str):
        raise _rejected("no_issuer", "the token does not say who issued it (iss)", _COPY)
    if kid is not None and not isinstance(kid, str):
        raise _rejected("malformed", "the token names its key (kid) in a way that cannot be read", _COPY)
    return Outline(algorithm, kid, issuer)


def check(
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
        raise _claim_problem(error, claims, issuer, audiences) from None
    return claims


def wrong_issuer(said: str, wanted: str) -> TokenRejected:
    """For a token that somebody else issued."""
    by = f"the token was issued by {clean(said, 120)}, not by {clean(wanted, 120)}"
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


def _object(segment: str) -> Mapping[str, Any]:
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


def _claim_problem(
    error: ClaimError, claims: Mapping[str, Any], issuer: str, audiences: Collection[str]
) -> TokenRejected:
    if isinstance(error, MissingClaimError):
        return _missing(str(error.claim))
    if isinstance(error, ExpiredTokenError):
        return _rejected(
            "expired",
            f"the token ended {_moment(claims['exp'])}",
            "a CI token lives as long as its job: start it again",
        )
    name = str(error.claim) if isinstance(error, InvalidClaimError) else ""
    if name == "iss":
        return wrong_issuer(str(claims.get("iss")), issuer)
    if name == "aud":
        wanted = " or ".join(sorted(audiences))
        said = clean(json.dumps(claims.get("aud")), 120)
        return _rejected(
            "wrong_audience", f"the token is for {said}, not for {wanted}", f"set aud: {wanted} in the job"
        )
    return _time_problem(name, claims)


def _time_problem(name: str, claims: Mapping[str, Any]) -> TokenRejected:
    value = claims.get(name)
    if name in {"nbf", "iat"} and isinstance(value, int | float) and not isinstance(value, bool):
        return _rejected(
            "not_yet_valid",
            f"the token is not valid yet: it begins {_moment(value)}",
            "check the clock of this machine",
        )
    return _rejected("malformed", f"the token's {clean(name, 20)} cannot be read", _COPY)


def _missing(names: str) -> TokenRejected:
    if "exp" in names.split(","):
        return _rejected("no_expiry", "the token does not say when it ends (exp)", _COPY)
    return _rejected("missing_claim", f"the token does not say {clean(names, 40)}", _COPY)


def _moment(value: Any) -> str:
    try:
        return f"at {datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError, TypeError):
        return "at a time that no calendar has"
