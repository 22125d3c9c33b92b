"""The claims of a JWT (RFC 7519 §4), unverified: for showing, never for deciding trust."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.credentials import Method
from app.domain.json_text import read_json
from app.domain.secret import Secret

USER_AUDIENCE = "user-auth.chainloop"
CI_AUDIENCE = "chainloop"
MAX_LENGTH = 64 * 1024
ACCOUNT_SERVER = "loopin"
"""The issuer of the tokens of the account server."""


def read_claims(token: Secret) -> Mapping[str, Any]:
    """Return the claims of a signed JWT; empty for anything else, and for one over 64 KiB."""
    value = token.reveal()
    parts = value.split(".")
    if len(value) > MAX_LENGTH or len(parts) != 3:
        return {}
    try:
        # RFC 7515 §2: base64url without its padding.
        claims = read_json(
            base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars="-_", validate=True)
        )
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def method_of(claims: Mapping[str, Any]) -> Method:
    """Say from a token's own claims how it was obtained; what cannot be read counts as an API token."""
    audience = claims.get("aud", "")
    audiences = audience if isinstance(audience, list) else [audience]
    if USER_AUDIENCE in audiences:
        return Method.BROWSER
    return Method.KEYLESS if CI_AUDIENCE in audiences else Method.API_TOKEN


def latest_end_of(claims: Mapping[str, Any]) -> datetime | None:
    """The moment by which an API token has to end that this one creates; None for no such limit.

    The account server refuses a token that would end later than the API token which creates it; a stock
    control plane does not.
    """
    limited = claims.get("iss") == ACCOUNT_SERVER and method_of(claims) is Method.API_TOKEN
    return expiry_of(claims) if limited else None


def expiry_of(claims: Mapping[str, Any]) -> datetime | None:
    """The moment a token ends by its own word; None when it says nothing usable."""
    value = claims.get("exp")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
