"""The two tokens this server issues, signed with HS256 (RFC 7519, RFC 7518 §3.2).

A person's token names a session, an API token's its row; both are looked up on each call, so that ending
either takes effect at once. No other algorithm is ever accepted (RFC 8725 §3.1).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import GuestProtocol, OctKey

from app.domain.errors import NotSignedIn, SessionEnded
from app.server.clock import Clock
from app.server.core.key_ring import KeyRing

PERSON_AUDIENCE = "user-auth.chainloop"
TOKEN_AUDIENCE = "api-token-auth.chainloop"
ISSUER = "loopin"
MISSING, EXPIRED, INVALID = "JWT token is missing", "JWT token has expired", "Token is invalid"
_ALGORITHMS = ["HS256"]
_MAX_LENGTH = 8192
_MAX_DECODED = 1000


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token with a good signature says: whose it is and the row it stands for."""

    audience: str
    id: UUID
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class APITokenClaims:
    """What an API token's JWT tells about itself; organization and project as (id, name)."""

    id: UUID
    name: str
    organization: tuple[UUID, str]
    project: tuple[UUID, str] | None
    expires_at: datetime | None


class TokenSigner:
    """Issues and verifies both kinds of token."""

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self._ring = ring
        self._clock = clock
        self._decoded: dict[bytes, dict[str, Any]] = {}
        self._decoded_with = ring.keys

    def sign_session_token(
        self, user_id: UUID, session_id: UUID, expires_at: datetime, issued_at: datetime | None = None
    ) -> str:
        """A person's token for one session, issued at its beginning or now."""
        return self._sign(
            {
                "aud": PERSON_AUDIENCE,
                "user_id": str(user_id),
                "jti": str(session_id),
                "iat": int((issued_at or self._clock()).timestamp()),
                "exp": int(expires_at.timestamp()),
            }
        )

    def sign_api_token(self, subject: APITokenClaims) -> str:
        """An API token's own JWT. It is never stored; the row's id is all that is needed to check it."""
        claims: dict[str, Any] = {
            "aud": TOKEN_AUDIENCE,
            "jti": str(subject.id),
            "org_id": str(subject.organization[0]),
            "org_name": subject.organization[1],
            "token_name": subject.name,
            "scope": "project" if subject.project else "organization",
        }
        if subject.project:
            claims |= {"project_id": str(subject.project[0]), "project_name": subject.project[1]}
        if subject.expires_at:
            # The row's end is finer, and is the one that counts.
            claims["exp"] = ceil(subject.expires_at.timestamp())
        return self._sign(claims)

    def verify_token(self, value: str) -> VerifiedToken:
        """Check signature, audience and life; raise NotSignedIn or SessionEnded with the wire's words."""
        if not value:
            raise NotSignedIn(MISSING)
        if len(value) > _MAX_LENGTH:
            raise NotSignedIn(INVALID)
        try:
            claims = self._decode(value)
            self._claims_registry(claims.get("aud")).validate(claims)
            return _read_claims(claims)
        except ExpiredTokenError as error:
            raise SessionEnded(EXPIRED) from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotSignedIn(INVALID) from error

    def _decode(self, value: str) -> dict[str, Any]:
        """The claims of a token with a good signature; `exp` is not checked yet.

        A program sends one token with each call. Its claims are remembered by its digest, for as long as the
        ring has the same keys.
        """
        keys = self._ring.keys
        if self._decoded_with is not keys or len(self._decoded) >= _MAX_DECODED:
            self._decoded, self._decoded_with = {}, keys
        digest, decoded = hashlib.sha256(value.encode()).digest(), self._decoded
        claims = decoded.get(digest)
        if claims is None:
            claims = jwt.decode(value, self._find_key, algorithms=_ALGORITHMS).claims
            # A ring that is read again meanwhile has begun another dictionary.
            decoded[digest] = claims
        return claims

    def _sign(self, claims: dict[str, Any]) -> str:
        key = self._ring.signing
        claims = {"iss": ISSUER, "iat": int(self._clock().timestamp())} | claims
        return jwt.encode({"alg": "HS256", "typ": "JWT", "kid": key.kid}, claims, key, algorithms=_ALGORITHMS)

    def _find_key(self, token: GuestProtocol) -> OctKey:
        headers = token.headers()
        key = self._ring.find(headers.get("kid"))
        # We never say that anything is critical; whoever does wants it understood (RFC 7515 §4.1.11).
        if key is None or "crit" in headers:
            raise InvalidKeyIdError("unknown key")
        return key

    def _claims_registry(self, audience: object) -> "_Claims":
        person = audience == PERSON_AUDIENCE
        return _Claims(
            now=lambda: int(self._clock().timestamp()),
            leeway=0,
            aud={"essential": True, "values": [PERSON_AUDIENCE, TOKEN_AUDIENCE]},
            iss={"value": ISSUER},
            exp={"essential": person},
            jti={"essential": True},
            user_id={"essential": person},
        )


class _Claims(jwt.JWTClaimsRegistry):
    """The checks of RFC 7519 §4.1, except that a token may look as if it was issued in the future.

    Another replica's clock may be ahead. Whether a token is good is in its row.
    """

    def validate_iat(self, value: object) -> None:
        """Nothing is decided by it."""


def _read_claims(claims: dict[str, Any]) -> VerifiedToken:
    audience = claims["aud"]
    if audience == PERSON_AUDIENCE:
        return VerifiedToken(audience, UUID(claims["jti"]), UUID(claims["user_id"]))
    if audience == TOKEN_AUDIENCE:
        return VerifiedToken(audience, UUID(claims["jti"]))
    raise ValueError("not one audience")
